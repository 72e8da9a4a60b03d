"""`assetflow runs`."""

from __future__ import annotations

import click

from assetflow.catalog.rows import RunRow
from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command
from assetflow.cli.screen import STATUS_STYLES
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import counted, duration, moment
from assetflow.model.clock import from_text


@click.command("runs", cls=Command, short_help=COMMANDS["runs"])
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="The newest N only.")
@click.pass_obj
def command(session: Session, limit: int | None) -> None:
    """List runs, newest first."""
    with session.project() as project:
        rows = project.runs(limit)
        zone = project.settings.timezone
    screen = session.screen
    if session.json:
        screen.document([run_json(row) for row in rows])
    elif rows:
        header = ("run", "status", "started", "took", "selection", "steps")
        screen.data(columns(screen, [_row(row, zone) for row in rows], header=header))
    else:
        screen.talk("no run yet")


def run_json(row: RunRow) -> dict[str, object]:
    """A run without its steps."""
    shown = row._asdict()
    return {name: shown[name] for name in shown if name not in ("host", "pid", "process_started")}


def took(row: RunRow) -> str:
    """How long a run that ended took."""
    if row.finished_at is None:
        return ""
    return duration((from_text(row.finished_at) - from_text(row.started_at)).total_seconds())


def _row(row: RunRow, zone: str) -> list[Cell]:
    ended = {name: count for name, count in row.counts.items() if name != "fresh"}
    return [
        row.run_id,
        (row.status, STATUS_STYLES.get(row.status, "")),
        moment(row.started_at, zone),
        took(row),
        " ".join(row.selection) or "everything",
        (counted(ended), "dim"),
    ]
