"""`assetflow catalog`."""

from __future__ import annotations

import click

from assetflow.cli.options import Command, Group
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount, duration
from assetflow.errors import DefinitionError


@click.group("catalog", cls=Group, short_help=COMMANDS["catalog"])
def command() -> None:
    """Look after the catalog."""


@command.command("rebuild", cls=Command, short_help="Make catalog.duckdb anew from the log.")
@click.pass_obj
def rebuild(session: Session) -> None:
    """Make catalog.duckdb anew from the log, which is the truth. Nothing is lost by it."""
    with session.project() as project:
        report = project.catalog.rebuild()
        try:
            project.sync_catalog()
        except DefinitionError as error:
            session.screen.note(f"{error.message.splitlines()[0]}; `assets` in the catalog waits for them")
        place = project.catalog.root / "catalog.duckdb"
    screen = session.screen
    if session.json:
        notices = [{"slug": n.slug, "message": n.message, "path": n.path, "hint": n.hint} for n in report.notices]
        counts = {"events": report.events, "logs": report.logs, "segments": report.segments}
        screen.document({"rebuilt": report.rebuilt, **counts, "seconds": report.seconds, "notices": notices})
        return
    for notice in report.notices:
        screen.note(notice.message)
    origin = f"{amount(report.logs, 'log')} and {amount(report.segments, 'segment')}"
    screen.data(f"rebuilt {place} from {origin}: {amount(report.events, 'event')} in {duration(report.seconds)}")
