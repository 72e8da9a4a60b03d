"""`assetflow resume`."""

from __future__ import annotations

from dataclasses import replace

import click

from assetflow.cli.execute import RunWay, carry_out
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.errors import UsageError
from assetflow.model.record import RunStatus
from assetflow.project.past_runs import ask_again, find_run


@click.command("resume", cls=Command, short_help=COMMANDS["resume"])
@click.argument("run_id", metavar="RUN")
@click.option("--fail-fast", is_flag=True, help="Cancel the rest when a step fails.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Steps that run at once.")
@click.pass_obj
def command(session: Session, run_id: str, fail_fast: bool, workers: int | None) -> int:
    """Repeat the selection and the options of a run. What it finished is fresh and does not run again.

    RUN is a run id, the beginning of one, or `last`. The new run is linked to it.
    """
    with session.project() as project:
        row = find_run(project, run_id)
    if row.status == RunStatus.RUNNING:
        raise UsageError(f"run {row.run_id} is still running", hint=f"`assetflow cancel {row.run_id}` ends it")
    settings = session.settings(environment=row.environment)
    way = RunWay(workers=workers, fail_fast=fail_fast, parent_run=row.run_id)
    with session.project(settings) as project:
        ask = ask_again(row)
        # what a forced run finished would be forced again, and again
        return carry_out(session, project, replace(ask, force=False) if ask.force else ask, way)
