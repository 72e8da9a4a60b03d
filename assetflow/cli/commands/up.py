"""`assetflow up`: the scheduler."""

from __future__ import annotations

import json
import math
import signal
import sys
from datetime import timedelta
from typing import Any

import click

from assetflow.cli.options import Command, environment_option
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.cli.words import amount
from assetflow.define.settings import Settings
from assetflow.errors import AssetflowError, UsageError
from assetflow.model.clock import SystemClock, to_text

FAILED = 1
CANCELED = 130


@click.command("up", cls=Command, short_help=COMMANDS["up"])
@click.option("--once", is_flag=True, help="One round: take up what is open, tick, carry out, end. For cron and CI.")
@click.option(
    "--pause", type=click.FloatRange(min=0.1, max=86_400), default=5.0, show_default=True, metavar="SECONDS",
    help="Seconds between two looks at files, and at least between two rounds.",
)  # fmt: skip
@click.option("--round", "child", is_flag=True, hidden=True)
@environment_option
@click.pass_obj
def command(session: Session, once: bool, pause: float, child: bool, environment: str | None) -> int:
    """Keep assets up to date: conditions, freshness policies, jobs and sensors at their times, one run after another.

    Runs until Ctrl-C or SIGTERM, which end a run in order. One scheduler per project. With --json, each line is a JSON
    object.
    """
    if math.isnan(pause):  # which is in every range
        raise UsageError("`--pause`: nan is no number of seconds", hint="`assetflow up --help` shows how it is used")
    settings = session.settings(environment=environment)
    if child:
        return _round(session, settings, waits=True)
    # not at the top: help needs neither
    from assetflow.scheduler.up import Up, only_one

    with only_one(settings.catalog_root):
        if once:
            return _round(session, settings, waits=False)
        command = [sys.executable, "-m", "assetflow", "-C", str(settings.root), "up", "--round"]
        command += ["--env", settings.environment, *(["--json"] if session.json else [])]
        wake = settings.cache_root / "up.json"
        say = _Teller(session)
        return Up(command=command, wake_file=wake, clock=SystemClock(), say=say, pause=pause).run()


class _Teller:
    """Says what happens, one line each: readable, or JSON."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, what: str, fields: dict[str, Any]) -> None:
        at = to_text(SystemClock().now())
        if self._session.json:
            line = json.dumps({"event": what, "time": at, **fields})
        else:
            text = _words(what, fields)
            if text is None:
                return
            line = f"{at[:19]}Z {text}"
        self._session.screen.data(line)
        self._session.screen.flush()


def _words(what: str, fields: dict[str, Any]) -> str | None:
    match what:
        case "up":
            return f"up: process {fields['pid']} looks after the project"
        case "down":
            return "down: stopped in order"
        case "tick":
            return None
        case "request":
            return f"{fields['by']}: {amount(fields['steps'], 'step') if fields['steps'] else 'nothing to do'}"
        case "ended":
            of = f" (run {fields['run_id']})" if fields["run_id"] else ""
            why = f": {fields['error']}" if fields["error"] else ""
            return f"{fields['by']}: {fields['status']}{of}{why}"
        case "waiting":
            return f"{fields['by']}: {fields['message']}"
        case "notice":
            return f"notice: {fields['text']}"
        case _:
            return f"{what}: " + ": ".join(str(value) for value in fields.values() if value)


def _round(session: Session, settings: Settings, *, waits: bool) -> int:
    """One round in this process; where somebody waits for the next, what to wait for is left in a file."""
    # not at the top: the waiting process needs nothing of this
    from assetflow.scheduler.act import carry_round
    from assetflow.scheduler.up import one_round
    from assetflow.scheduler.wake import wake_after, write_wake

    tell = _Teller(session)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with one_round(settings.catalog_root), session.project(settings) as project:
            try:
                found = carry_round(project, tell)
                write_wake(settings.cache_root / "up.json", wake_after(project, found))
            except AssetflowError as error:
                if not waits:
                    raise
                tell("error", {"where": "definitions", "message": error.message, "hint": error.hint})
                _wait_for_change(settings, project)
                return FAILED
        return FAILED if found.failed else 0
    except KeyboardInterrupt:
        session.threads_left = True  # a step may go on in a thread, and nobody waits for it
        return CANCELED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_change(settings: Settings, project: Any) -> None:
    """What to wait for when a round was impossible: another content of the asset folders or settings, or a minute."""
    # only when something is wrong
    from assetflow.define.modules import asset_files
    from assetflow.scheduler.wake import definitions_broken, write_wake

    files = [settings.root / "pyproject.toml"]
    for root in settings.asset_roots:
        if root.is_dir():
            files += [root, *asset_files(root)]
    write_wake(settings.cache_root / "up.json", definitions_broken(project, files, timedelta(minutes=1)))


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
