"""`assetflow history`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from assetflow.catalog.rows import HistoryRow
from assetflow.cli.asking import split_partition
from assetflow.cli.columns import Cell, columns, cut
from assetflow.cli.options import Command
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import duration, moment, short, size
from assetflow.model.cause import CodeChanged, UpstreamStale, cause_words
from assetflow.project.accept import ACCEPTED
from assetflow.project.facts import fact_text

_WIDEST = 60
_WORDS = 32
"""Characters of a cause beside facts, and of one fact."""


@click.command("history", cls=Command, short_help=COMMANDS["history"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.pass_obj
def command(session: Session, asset: str, limit: int | None) -> None:
    """List every materialization of an asset, newest first, and why each was made; `*` marks what is published now."""
    key, partition = split_partition(asset)
    with session.project() as project:
        rows = project.history(key, partition, limit=limit)
        zone = project.settings.timezone
    screen = session.screen
    if session.json:
        screen.document([history_json(row) for row in rows])
    elif rows:
        screen.data(history_text(screen, rows, zone))
    else:
        screen.talk(f"`{asset}` was never materialized")


def history_text(screen: Screen, rows: list[HistoryRow], zone: str) -> str:
    """Materializations as a table."""
    header = (
        "", "materialized", "partition", "rows", "bytes", "took", "data version", "materialization", "because", "facts",
    )  # fmt: skip
    return columns(screen, [_row(screen, row, zone) for row in rows], header=header, right={3, 4, 5})


def history_json(row: HistoryRow) -> dict[str, object]:
    """A materialization as an object."""
    shown = row._asdict()
    del shown["payload"], shown["column_versions"]
    return shown


def _row(screen: Screen, row: HistoryRow, zone: str) -> list[Cell]:
    why, facts = why_words(row), facts_words(row)
    if screen.width is not None:  # on a terminal the last column is cut to what is left
        why = cut(why, _WIDEST) if facts else why
    return [
        ("*", "green") if row.current_in else "",
        moment(row.materialized_at, zone),
        row.partition or "",
        "" if row.rows is None else f"{row.rows:,}",
        "" if row.bytes is None else size(row.bytes),
        duration(row.seconds),
        short(row.data_version),
        (row.materialization, "dim"),
        why,
        facts,
    ]


def why_words(row: HistoryRow) -> str:
    """Why it was made: the causes of its step, or who accepted it, and else how its code changed."""
    note = row.metadata.get(ACCEPTED)
    if isinstance(note, dict) and "reason" in note:
        return f"accepted: {note['reason']}"
    words = [_past_words(cause) for cause in row.causes]
    if row.code_changed is not None and not any(cause.get("kind") == CodeChanged.kind for cause in row.causes):
        words.append(CodeChanged(components=row.code_changed).describe())
    return "; ".join(words)


def _past_words(cause: Mapping[str, Any]) -> str:
    """A cause as it looks afterwards: what waited for an upstream was made after it."""
    if cause.get("kind") == UpstreamStale.kind and "upstream" in cause:
        return f"`{cause['upstream']}` was rebuilt"
    return cause_words(cause)


def facts_words(row: HistoryRow) -> str:
    """The facts attached to it, each cut to a few words; `show` has them whole."""
    facts = ((name, fact_text(value)) for name, value in row.metadata.items() if name != ACCEPTED)
    return ", ".join(f"{name}={cut(' '.join(text.split()), _WORDS)}" for name, text in facts)
