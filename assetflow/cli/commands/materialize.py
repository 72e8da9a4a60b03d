"""`assetflow materialize`: first a look at the stamp, which takes no more than a few stat calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from assetflow.cli.options import Command, planning
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import fresh_words
from assetflow.define.settings import Settings
from assetflow.project.stamp import Stamp, read_stamp, request_words, stamp_path


@click.command("materialize", cls=Command, short_help=COMMANDS["materialize"])
@planning
@click.option("--job", metavar="NAME", help="What a job asks for; -p overrides its config.")
@click.option("--dry-run", is_flag=True, help="Plan only; the same as `assetflow plan`.")
@click.option("--fail-fast", is_flag=True, help="Cancel the rest when a step fails.")
@click.option("--verify-determinism", is_flag=True, help="Call each function twice and say which columns differ.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Steps that run at once.")
@click.option("--executor", metavar="NAME", help="Where functions run: thread, process or inline.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """Bring what is selected up to date, and everything it needs.

    SEL is a selection: keys, globs, `+asset` with everything upstream, `asset+` downstream, `tag:k=v`, `group:`,
    `status:stale`, `and`, `or`, `not`, `asset@partition`. Nothing selected is everything. What is fresh does not run.
    """
    settings = session.settings(environment=given["environment"], executor=given["executor"])
    stamp = (
        None
        if given["force"] or given["config"] or given["dry_run"] or given["job"]
        else _stamp(session, settings, given)
    )
    if stamp is not None:
        _print_fresh(session, settings, stamp)
        return 0
    # not at the top: from here on the planner, polars and DuckDB are needed, and their imports cost
    from assetflow.cli.asking import ask_of
    from assetflow.cli.execute import RunWay, materialize
    from assetflow.cli.planning import PlanView, show_plan

    if given["job"] is not None:
        # only for jobs: they stand in the asset files, which the way with a selection reads later
        from assetflow.cli.jobs import ask_of_job

        with session.project(settings) as project:
            ask = ask_of_job(project, given)
    else:
        ask = ask_of(given)
    if given["dry_run"]:
        return show_plan(session, settings, ask, PlanView())
    return materialize(
        session,
        settings,
        ask,
        RunWay(workers=given["workers"], fail_fast=given["fail_fast"], verify=given["verify_determinism"]),
    )


def _stamp(session: Session, settings: Settings, given: Mapping[str, Any]) -> Stamp | None:
    words = request_words(
        given["selection"],
        partitions=given["partitions"],
        first=given["first"],
        last=given["last"],
        only=given["only"],
        freshness=not given["no_freshness"],
        environment=settings.environment,
    )
    return read_stamp(stamp_path(settings.cache_root, words), session.environ, time.time_ns())


def _print_fresh(session: Session, settings: Settings, stamp: Stamp) -> None:
    if not session.json:
        if not session.screen.quiet:
            session.screen.data(fresh_words(stamp.assets, stamp.fresh))
        return
    # only for JSON: the shape is written down once
    from assetflow.executor.result import RunResult
    from assetflow.model.clock import to_text
    from assetflow.model.record import RunStatus

    now = to_text(datetime.now(UTC))
    result = RunResult(
        run_id=None, status=RunStatus.SUCCEEDED, environment=settings.environment, started_at=now, finished_at=now,
        steps=(), fresh=stamp.fresh,
    )  # fmt: skip
    session.screen.document(result.to_json())
