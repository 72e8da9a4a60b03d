"""`assetflow run`."""

from __future__ import annotations

import click

from assetflow.cli.columns import Cell, columns
from assetflow.cli.commands.runs import took
from assetflow.cli.options import Command
from assetflow.cli.run_text import condensed, failure_blocks
from assetflow.cli.screen import STATUS_STYLES
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount, counted, duration, moment
from assetflow.executor.result import StepResult
from assetflow.model.keys import show
from assetflow.model.record import StepStatus
from assetflow.project.past_runs import PastRun, past_run


@click.command("run", cls=Command, short_help=COMMANDS["run"])
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def command(session: Session, run_id: str) -> None:
    """Show one run: what was asked, how each step ended, what failed.

    RUN is a run id, the beginning of one, or `last`. Partitions of an asset share a line, unless -v.
    """
    with session.project() as project:
        run = past_run(project, run_id)
        settings = project.settings
    screen = session.screen
    if session.json:
        screen.document(run.to_json())
        return
    screen.data(columns(screen, _facts(run, settings.timezone)))
    if run.steps:
        screen.data("\n" + columns(screen, _steps(run, each=session.verbose)))
    blocks = failure_blocks(
        screen, run.row.run_id, run.steps, root=str(settings.root), whole=session.verbose, style=screen.style
    )
    for block in blocks:
        screen.data(f"\n{block}")


def _facts(run: PastRun, zone: str) -> list[list[Cell]]:
    row = run.row
    options = " ".join(f"{name}={value}" for name, value in row.options.items() if name != "freshness")
    facts: list[list[Cell]] = [
        [("run", "dim"), (row.run_id, "bold")],
        [("status", "dim"), (row.status, STATUS_STYLES.get(row.status, ""))],
        [("asked for", "dim"), " ".join([" ".join(row.selection) or "everything", options]).strip()],
        [("started", "dim"), moment(row.started_at, zone) + (f", took {took(row)}" if row.finished_at else "")],
        [("steps", "dim"), f"{counted(run.counts)}, {_planned(run)}"],
        [("by", "dim"), f"process {row.pid} on {row.host}, assetflow {row.version}, environment {row.environment}"],
    ]
    if row.parent_run:
        facts.append([("resumes", "dim"), row.parent_run])
    if row.error:
        facts.append([("error", "dim"), (row.error, "red")])
    return facts


def _planned(run: PastRun) -> str:
    """How many steps were planned; partitions that came during the run are steps that were not."""
    came = sum(count for name, count in run.counts.items() if name != "fresh") - run.row.steps
    if came <= 0:
        return f"of {run.row.steps:,} planned"
    return f"of {run.row.steps:,} planned and {came:,} for partitions that came during the run"


def _steps(run: PastRun, *, each: bool) -> list[list[Cell]]:
    if each:
        return [_step_row(step.status, show(step.asset, step.partition), [step]) for step in run.steps]
    return [
        _step_row(status, show(asset, steps[0].partition) if len(steps) == 1 else asset, steps)
        for (asset, status), steps in condensed(run.steps).items()
    ]


def _step_row(status: StepStatus, name: str, steps: list[StepResult]) -> list[Cell]:
    rows = [step.rows for step in steps if step.rows is not None]
    note = (steps[0].error or "").partition("\n")[0]
    if status is StepStatus.SKIPPED and steps[0].caused_by:
        note = f"needs {steps[0].caused_by}"
    return [
        (str(status), STATUS_STYLES.get(status, "")),
        name,
        amount(len(steps), "partition") if len(steps) > 1 else "",
        amount(sum(rows), "row") if rows else "",
        duration(sum(step.seconds for step in steps)) if status is StepStatus.MATERIALIZED else "",
        (note, "dim"),
    ]
