"""`assetflow show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from assetflow.cli.asking import split_partition
from assetflow.cli.columns import Cell, columns, cut, printable, printable_lines
from assetflow.cli.commands.history import history_text
from assetflow.cli.commands.list import note_problems, verdict_cell
from assetflow.cli.determinism import difference_words
from assetflow.cli.growth_text import column_cells, growth_cells, skipped_words
from assetflow.cli.options import Command, environment_option
from assetflow.cli.plan_text import accepted_words
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.values import plain, result_text
from assetflow.cli.words import amount, duration, freshness_words, moment, partitions_text, size
from assetflow.executor.undeclared.findings import found_words
from assetflow.model.keys import show
from assetflow.model.plan import Verdict
from assetflow.project.accept import ACCEPTED
from assetflow.project.details import PREVIEW_CHARACTERS, AssetDetails, asset_details
from assetflow.project.facts import fact_text

_LONGEST_NAME = 40
"""Columns that the name of a fact takes at most, so that its value is in sight."""


@click.command("show", cls=Command, short_help=COMMANDS["show"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option(
    "--statistics", is_flag=True, help="Statistics of the columns of a large table too, which reads all of it."
)
@environment_option
@click.pass_obj
def command(session: Session, asset: str, environment: str | None, statistics: bool) -> None:
    """Show one asset: how it is declared, whether it is fresh and why not, its value in figures, its history."""
    key, partition = split_partition(asset)
    with session.project(session.settings(environment=environment)) as project:
        details = asset_details(project, key, partition, large_statistics=statistics)
        verified = project.determinism(asset=key) if project.settings.catalog_root.is_dir() else []
        zone = project.settings.timezone
    screen = session.screen
    if session.json:
        screen.document(plain({**details.to_json(), "determinism": verified}))
        return
    note_problems(session, [details.listing])
    screen.data("\n\n".join(part for part in _parts(screen, details, zone, verified) if part))


def _parts(screen: Screen, details: AssetDetails, zone: str, verified: list[dict[str, Any]]) -> Iterator[str]:
    spec = details.spec
    verdict = ("outside the definition", "yellow") if details.is_outside else verdict_cell(details.listing)
    title = screen.style(show(spec.key, details.partition), "bold")
    yield f"{title}  {screen.style(*verdict) if isinstance(verdict, tuple) else verdict}"
    yield spec.description.strip()
    yield columns(
        screen,
        [
            *_declared(details, zone),
            *_causes(details),
            *_published(details, zone),
            *growth_cells(details),
            *_verified(verified),
        ],
    )
    if details.current is not None and details.current.schema:
        header, types = column_cells(details)
        text = columns(screen, types, header=header, right={2, 3})
        skipped = skipped_words(details)
        yield f"{text}\n{screen.style(f'no statistics {skipped}', 'dim')}" if skipped else text
    if details.rows is not None and details.rows.rows:
        place = (
            "" if details.current is None or details.current.partition is None else f" of {details.current.partition}"
        )
        yield screen.style(f"first rows{place}", "dim") + "\n" + result_text(screen, details.rows)
    elif details.text:
        more = "\n…" if len(details.text) == PREVIEW_CHARACTERS else ""
        yield printable_lines(details.text.rstrip()) + more
    if details.history:
        text = history_text(screen, list(details.history), zone)
        rest = details.made - len(details.history)
        yield f"{text}\nand {rest:,} more: `assetflow history {spec.key}`" if rest else text


def _declared(details: AssetDetails, zone: str) -> Iterator[list[Cell]]:
    spec = details.spec
    partitions = "" if spec.partitions is None else spec.partitions.describe()
    if details.listing.partitions is not None and details.partition is None:
        there, made = details.listing.partitions
        partitions += f": {made:,} of {there:,} materialized"
    if details.listing.outside and details.partition is None:
        kept = f"{amount(details.listing.outside, 'partition')} outside the definition kept"
        partitions = f"{partitions}, {kept}" if partitions else kept
    policies = []
    if spec.freshness is not None:
        policies.append(f"freshness {spec.freshness.describe()}")
    if spec.automation is not None:
        policies.append(f"automation {spec.automation.describe()}")
    if spec.retry is not None:
        policies.append(amount(spec.retry.max_retries, "retry").replace("retrys", "retries"))
    flags = [name for name in ("pure", "side_effect", "unordered") if getattr(spec, name)]
    facts = (
        ("declared", f"{spec.location or ''}"),
        ("kind", f"{spec.kind}, group {spec.group}"),
        ("reads", ", ".join(spec.upstreams)),
        ("read by", ", ".join(details.downstream)),
        ("partitions", partitions),
        ("policies", ", ".join([*policies, *flags])),
        ("row key", ", ".join(spec.row_key)),
        ("freshness", freshness_words(details.listing.freshness, zone)),
        ("tags", ", ".join(f"{name}={value}" if value else name for name, value in spec.tags)),
        ("owners", ", ".join(spec.owners)),
    )
    for name, text in facts:
        if text:
            yield [(name, "dim"), text]


def _causes(details: AssetDetails) -> Iterator[list[Cell]]:
    if details.is_outside:
        yield [("kept", "dim"), "its definition does not have this partition: nothing reads or rebuilds it"]
        return
    if details.verdict is None:
        for seen in details.observations[:1] if details.partition is None else details.observations:
            yield [("observed", "dim"), seen.error or seen.data_version]
        return
    groups = [group for group in details.verdict.groups if group.verdict is not Verdict.FRESH]
    for group in groups:
        which = partitions_text(group.partitions)
        causes = "; ".join(cause.describe() for cause in group.causes)
        yield [("because", "dim"), f"{which}: {causes}" if which and details.partition is None else causes]


def _published(details: AssetDetails, zone: str) -> Iterator[list[Cell]]:
    row = details.current
    if row is None:
        return
    which = f"{row.partition}, " if row.partition is not None and details.partition is None else ""
    amounts = [] if row.rows is None else [amount(row.rows, "row")]
    amounts += [] if row.bytes is None else [size(row.bytes)]
    yield [
        ("materialized", "dim"),
        f"{which}{moment(row.materialized_at, zone)} in {duration(row.seconds)}, run {row.run_id}",
    ]
    yield [("value", "dim"), ", ".join([row.format, *amounts])]
    yield [("data version", "dim"), row.data_version]
    if row.undeclared:
        found = found_words([(read["kind"], read["name"]) for read in row.undeclared], most=None)
        yield [("undeclared", "dim"), f"it read {found}, which no version covers"]
    if details.unreadable is not None:
        yield [("damaged", "red"), f"the stored value cannot be read: {details.unreadable}"]
    if details.path is not None:
        yield [("stored at", "dim"), details.path]
    for name, value in row.metadata.items():
        yield [
            (cut(printable(name), _LONGEST_NAME), "dim"),
            accepted_words(value) if name == ACCEPTED and isinstance(value, dict) else fact_text(value),
        ]


def _verified(findings: list[dict[str, Any]]) -> Iterator[list[Cell]]:
    """What is known of its determinism: what differed, or that nothing did."""
    differing = [finding for finding in findings if not finding["deterministic"]]
    for finding in differing[:3]:
        which = "" if finding["partition"] is None else f"{finding['partition']} "
        yield [("determinism", "dim"), which + difference_words(finding)]
    if findings and not differing:
        yield [("determinism", "dim"), f"made equal twice, run {findings[-1]['run_id']}"]
