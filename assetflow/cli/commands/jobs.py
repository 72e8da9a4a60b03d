"""`assetflow jobs`."""

from __future__ import annotations

import click

from assetflow.cli.columns import Cell, columns
from assetflow.cli.jobs import jobs_json
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import moment


@click.command("jobs", cls=Command, short_help=COMMANDS["jobs"])
@click.pass_obj
def command(session: Session) -> None:
    """List the jobs that the asset files declare, each with what it selects and when it is next."""
    with session.project() as project:
        found = jobs_json(project)
        zone = project.settings.timezone
    screen = session.screen
    if session.json:
        screen.document(found)
        return
    if not found:
        screen.talk("the project declares no job yet")
        return
    rows: list[list[Cell]] = [
        [each["job"], " ".join(each["selection"]), each["cron"] or "by hand", each["tz"] if each["cron"] else "",
         moment(each["next"], zone), (each["description"], "dim")]
        for each in found
    ]  # fmt: skip
    screen.data(columns(screen, rows, header=("job", "selection", "cron", "zone", "next", "description")))
