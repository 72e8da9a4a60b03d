"""`watch` in front of the user: reports in, lines out, keys on a terminal, hooks after ticks."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from assetflow.cli.hook import run_hook
from assetflow.cli.keys import Keys
from assetflow.cli.main import CANCELED
from assetflow.cli.reader import when_reader_leaves
from assetflow.cli.session import Session
from assetflow.cli.watch_json import JsonLines
from assetflow.cli.watch_screen import WatchScreen
from assetflow.define.settings import Settings
from assetflow.errors import SelectionError, SettingsError
from assetflow.project.project import Project
from assetflow.project.request import Ask
from assetflow.project.tick import Tick
from assetflow.watch.engine import Engine
from assetflow.watch.library import WatchWay, make_engine
from assetflow.watch.reports import Report, TickEnded


def follow(session: Session, settings: Settings, ask: Ask, way: WatchWay, *, hook: str | None) -> int:
    """Watch until the user quits (0) or interrupts (130), or nobody reads the output any more (0).

    A selection that means nothing from the start is an error.
    """
    project = Project(settings=settings, environ=session.environ)
    engine = make_engine(project, ask, way)
    output = JsonLines(session.screen) if session.json else WatchScreen(session, settings, check=way.check)
    with interruptible(session), Keys(engine) as keys:
        output.keys(keys.active)
        when_reader_leaves(session.screen.out, engine.quit)
        try:
            for report in engine.reports():
                if isinstance(report, TickEnded):
                    _refuse_at_once(report.tick)
                _show(session, output.show, report)
                if isinstance(report, TickEnded):
                    if hook is not None:
                        run_hook(session, hook, report.tick, settings, say=output.hooked)
                    output.idle()
                if session.screen.reader_left or session.screen.lost is not None:
                    break
        except KeyboardInterrupt:
            output.end()
            _close(engine)
            session.screen.urgent("canceled")
            return CANCELED
        finally:
            output.end()
            _close(engine)
    return 0


def _show(session: Session, show: Callable[[Report], None], report: Report) -> None:
    show(report)
    session.screen.flush()


def _refuse_at_once(tick: Tick) -> None:
    """A selection without a match is a slip of the user's when it was so from the start."""
    if tick.number == 1 and isinstance(tick.error, SelectionError | SettingsError):
        raise tick.error


def _close(engine: Engine) -> None:
    """End the run that goes on; a second Ctrl-C leaves that to the worker's own parent."""
    with contextlib.suppress(KeyboardInterrupt):
        engine.close()


@contextlib.contextmanager
def interruptible(session: Session) -> Iterator[None]:
    """SIGTERM ends a watch as Ctrl-C does; the third signal ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            os.write(2, b"\x1b[?25h\n" if session.screen.err_is_terminal else b"\n")
            os._exit(CANCELED)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
