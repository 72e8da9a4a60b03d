"""`assetflow history`."""

from __future__ import annotations

import click

from assetflow.catalog.rows import HistoryRow
from assetflow.cli.asking import split_partition
from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import duration, moment, short, size
from assetflow.project.accept import ACCEPTED


@click.command("history", cls=Command, short_help=COMMANDS["history"])
@click.argument("asset", metavar="ASSET[@PARTITION]")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.pass_obj
def command(session: Session, asset: str, limit: int | None) -> None:
    """List every materialization of an asset, newest first; `*` marks what is published now."""
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
    header = ("", "materialized", "partition", "rows", "bytes", "took", "data version", "materialization")
    return columns(screen, [_row(row, zone) for row in rows], header=header, right={3, 4, 5})


def history_json(row: HistoryRow) -> dict[str, object]:
    """A materialization as an object."""
    shown = row._asdict()
    del shown["payload"], shown["column_versions"]
    return shown


def _row(row: HistoryRow, zone: str) -> list[Cell]:
    return [
        ("*", "green") if row.current_in else "",
        moment(row.materialized_at, zone),
        row.partition or "",
        "" if row.rows is None else f"{row.rows:,}",
        "" if row.bytes is None else size(row.bytes),
        duration(row.seconds),
        short(row.data_version),
        (row.materialization + _accepted(row), "dim"),
    ]


def _accepted(row: HistoryRow) -> str:
    note = row.metadata.get(ACCEPTED)
    return f"  accepted: {note['reason']}" if isinstance(note, dict) and "reason" in note else ""
