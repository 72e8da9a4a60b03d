"""`assetflow status`."""

from __future__ import annotations

import click

from assetflow.catalog.rows import RunRow
from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command, environment_option
from assetflow.cli.screen import VERDICT_STYLES, Screen
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount, freshness_words, moment
from assetflow.model.freshness import FreshnessState
from assetflow.model.keys import show
from assetflow.project.status import AssetStatus, LastFailure, ProjectStatus, project_status

_FAILURES = 10


@click.command("status", cls=Command, short_help=COMMANDS["status"])
@environment_option
@click.pass_obj
def command(session: Session, environment: str | None) -> None:
    """Count asset partitions by verdict, and name live runs and the latest failures."""
    with session.project(session.settings(environment=environment)) as project:
        status = project_status(project)
        zone = project.settings.timezone
    if session.json:
        session.screen.document(status.to_json())
        return
    parts = [_head(session.screen, status), _not_fresh(session.screen, status, zone)]
    parts += [_running(session.screen, status, zone), _failures(session.screen, status.failures, zone)]
    session.screen.data("\n\n".join(part for part in parts if part))


def _head(screen: Screen, status: ProjectStatus) -> str:
    assets = amount(len(status.assets), "asset")
    total = sum(count for name, count in status.counts.items() if name != "overdue")
    if total != len(status.assets):
        assets += f", {amount(total, 'asset partition')}"
    head = f"{assets}, {amount(status.sources, 'source')} in environment {status.environment}"
    counts = [screen.style(f"{count:,} {name}", VERDICT_STYLES[name]) for name, count in status.counts.items() if count]
    return f"{head}\n{', '.join(counts)}" if counts else head


def _not_fresh(screen: Screen, status: ProjectStatus, zone: str) -> str:
    rows: list[list[Cell]] = [_row(asset, zone) for asset in status.assets if _is_worth_a_row(asset)]
    return (
        columns(screen, rows, header=("asset", "verdict", "stale", "missing", "fresh", "why"), right={2, 3, 4})
        if rows
        else ""
    )


def _is_worth_a_row(asset: AssetStatus) -> bool:
    warns = asset.freshness is not None and asset.freshness.state is FreshnessState.WARNING
    return bool(asset.stale or asset.missing or asset.overdue or warns)


def _row(asset: AssetStatus, zone: str) -> list[Cell]:
    several = asset.fresh + asset.stale + asset.missing > 1
    counts = [f"{count:,}" if several and count else "" for count in (asset.stale, asset.missing, asset.fresh)]
    why = asset.why
    late = (FreshnessState.WARNING, FreshnessState.OVERDUE)
    if asset.freshness is not None and asset.freshness.state in late and "overdue since" not in why:
        words = freshness_words(asset.freshness, zone)
        why = f"{why}; {words}" if why else words
    return [asset.asset, (asset.verdict, VERDICT_STYLES[asset.verdict]), *counts, (why, "dim")]


def _running(screen: Screen, status: ProjectStatus, zone: str) -> str:
    if not status.running:
        return ""
    rows: list[list[Cell]] = [
        [(run.run_id, "cyan"), moment(run.started_at, zone), _done(run), " ".join(run.selection) or "everything",
         (f"process {run.pid} on {run.host}", "dim")]
        for run in status.running
    ]  # fmt: skip
    return columns(screen, rows, header=("running", "since", "steps", "selection", "by"))


def _done(run: RunRow) -> str:
    done = sum(count for name, count in run.counts.items() if name not in ("running", "pending", "fresh"))
    return f"{done:,} of {max(done, run.steps):,}"  # partitions that came during the run were not planned


def _failures(screen: Screen, failures: tuple[LastFailure, ...], zone: str) -> str:
    if not failures:
        return ""
    rows: list[list[Cell]] = [
        [(show(failure.asset, failure.partition), "red"), moment(failure.at, zone), failure.run_id, failure.text]
        for failure in failures[:_FAILURES]
    ]
    text = columns(screen, rows, header=("last failures", "at", "run", "error"))
    more = len(failures) - _FAILURES
    return f"{text}\nand {more:,} more: `assetflow list status:failed`" if more > 0 else text
