"""`assetflow lineage`."""

from __future__ import annotations

import click

from assetflow.catalog.rows import LineageEdge
from assetflow.cli.asking import split_partition
from assetflow.cli.lineage_text import lineage_text
from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS


@click.command("lineage", cls=Command, short_help=COMMANDS["lineage"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="At most N levels up and down.")
@environment_option
@click.pass_obj
def command(session: Session, asset: str, depth: int | None, environment: str | None) -> None:
    """Show what the published value was made from, and what was made from it, as recorded."""
    key, partition = split_partition(asset)
    with session.project(session.settings(environment=environment)) as project:
        found = project.lineage(key, partition, depth=depth)
        materialization = found.materialization
        if materialization is None:
            records = project.snapshot().current.get(key, {})
            record = records.get(partition) if partition is not None or None in records else None
            materialization = None if record is None else record.materialization
    screen = session.screen
    if session.json:
        screen.document(
            {
                "asset": key,
                "partition": partition,
                "materialization": materialization,
                "upstream": [_edge(edge) for edge in found.upstream],
                "downstream": [_edge(edge) for edge in found.downstream],
            }
        )
        return
    screen.data(lineage_text(screen, found, materialization))


def _edge(edge: LineageEdge) -> dict[str, object]:
    return edge._asdict()
