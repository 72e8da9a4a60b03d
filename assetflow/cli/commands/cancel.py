"""`assetflow cancel`."""

from __future__ import annotations

import click

from assetflow.cli.commands.runs import run_json
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.errors import UsageError
from assetflow.model.record import RunStatus
from assetflow.project.past_runs import LAST


@click.command("cancel", cls=Command, short_help=COMMANDS["cancel"])
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every run of the project that goes on.")
@click.option("--kill", is_flag=True, help="Kill its process instead of asking; only on this machine.")
@click.pass_obj
def command(session: Session, run_id: str | None, everything: bool, kill: bool) -> None:
    """End a run that goes on, in whatever terminal, and wait until it has ended.

    RUN is a run id, the beginning of one, or `last`: the newest that goes on. What it finished counts, and
    `assetflow resume RUN` goes on from there.
    """
    if (run_id is None) is not everything:
        raise UsageError("`assetflow cancel` takes a RUN or --all", hint="`assetflow status` names the runs that go on")
    with session.project() as project:
        live = [row.run_id for row in project.runs() if row.status == RunStatus.RUNNING]
        wanted = live if run_id is None else live[:1] if run_id == LAST and live else [run_id]
        ended = [project.cancel(each, kill=kill) for each in wanted]
    screen = session.screen
    if session.json:
        screen.document([run_json(row) for row in ended])
    for row in ended if not session.json else ():
        screen.data(f"{row.status} {row.run_id}")
    if not ended:
        screen.talk("no run goes on")
