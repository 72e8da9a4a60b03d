"""Carrying out a request in front of the user: plan, run with a display, and say what came of it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from assetflow.cli.determinism import determinism_words
from assetflow.cli.main import CANCELED
from assetflow.cli.planning import note_plan
from assetflow.cli.progress import Display
from assetflow.cli.run_text import failure_blocks, summary
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.words import fresh_words
from assetflow.define.settings import Settings
from assetflow.executor.cancel import Cancel
from assetflow.executor.programs import end_programs
from assetflow.executor.result import RunResult
from assetflow.garbage import spare, uncollected
from assetflow.model.record import RunStatus
from assetflow.project.planning import Planned
from assetflow.project.project import Project
from assetflow.project.request import Ask
from assetflow.values import dataclass

FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWay:
    """How a request is carried out; `workers` None leaves it to the settings."""

    workers: int | None = None
    fail_fast: bool = False
    verify: bool = False
    parent_run: str | None = None


def materialize(session: Session, settings: Settings, ask: Ask, way: RunWay) -> int:
    """Plan and run a request; the exit code tells whether all of it succeeded."""
    with session.project(settings) as project:
        return carry_out(session, project, ask, way)


def carry_out(session: Session, project: Project, ask: Ask, way: RunWay) -> int:
    """The same with an open project."""
    screen = session.screen
    for run_id in project.recover():
        screen.note(f"run {run_id} was interrupted; its finished steps count")
    with _out_of_sight():
        with uncollected():  # what is loaded and planned is many objects, and all of them stay
            planned = project.planned(ask)
            spare()
        note_plan(session, planned)
        result = _run(session, project, planned, way)
    if session.json:
        screen.document(result.to_json())
    _report(session, project, planned, result)
    if way.verify and result.run_id is not None:
        for text in determinism_words(project.determinism(result.run_id)):
            screen.note(text)
    match result.status:
        case RunStatus.SUCCEEDED:
            return 0
        case RunStatus.CANCELED:
            session.threads_left = True
            return CANCELED
        case _:
            return FAILED


def _run(session: Session, project: Project, planned: Planned, way: RunWay) -> RunResult:
    workers = way.workers or project.settings.worker_count
    cancel = Cancel()
    display = Display(session, planned.plan, workers=workers)
    with interruptible(session.screen, display, cancel), display:
        return project.run_planned(
            planned,
            workers=workers,
            fail_fast=way.fail_fast,
            verify=way.verify,
            cancel=cancel,
            on_event=[display.hear],
            echo=display.echo,
            notify=display.note,
            parent_run=way.parent_run,
        )


@contextlib.contextmanager
def _out_of_sight() -> Iterator[None]:
    """Undo at the end that the garbage collector is spared what is loaded and planned, which stays.

    It would look through everything again and again; but libraries count what is never collected, and complain.
    """
    try:
        yield
    finally:
        gc.unfreeze()


def _report(session: Session, project: Project, planned: Planned, result: RunResult) -> None:
    screen = session.screen
    if result.run_id is None:
        words = fresh_words(len(planned.plan.verdicts), planned.plan.fresh)
    else:
        words = summary(screen, result)
    if session.json:
        screen.talk(words)
    elif not screen.quiet:
        screen.data(words)
    root = str(project.settings.root)
    for block in failure_blocks(screen, result.run_id or "", result.steps, root=root, whole=session.verbose):
        screen.urgent(f"\n{block}")
    if result.status is RunStatus.CANCELED:
        screen.talk(f"\n{screen.talk_style('hint:', 'cyan')} `assetflow resume {result.run_id}` goes on from here")


def _signals() -> tuple[signal.Signals, ...]:
    # `nohup` has SIGHUP ignored, and means it
    hangup = getattr(signal, "SIGHUP", None)
    ends = () if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN else (hangup,)
    return (signal.SIGINT, signal.SIGTERM, *ends)


@contextlib.contextmanager
def interruptible(screen: Screen, display: Display, cancel: Cancel) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM, SIGHUP) cancels the run, which then ends in order; the second ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if os.getpid() != owner:  # a child that a step has forked: the run is not its to cancel
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if asked:
            os.write(2, b"\x1b[?25h\n" if screen.err_is_terminal else b"\n")
            end_programs(at_once=True)
            os._exit(CANCELED)
        asked = True
        display.cancel()
        cancel.interrupt()

    before = {number: signal.signal(number, interrupt) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
