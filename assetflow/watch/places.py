"""Where in the user's files a worker is: of an interrupt that nobody asked for, and of a load that takes long."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

SLOW = 5.0
"""Seconds after which it is told that a project still loads, and where."""


@contextmanager
def told_when_slow(tell: Callable[[str], None], root: Path) -> Iterator[None]:
    """Tell once that the calling thread is still at it after `SLOW` seconds, and at which line of the project."""
    thread = threading.get_ident()

    def slow() -> None:
        where = place_in(sys._current_frames().get(thread), root)
        tell(f"still loading and planning after {SLOW:g} s{where}; the next change begins anew")

    timer = threading.Timer(SLOW, slow)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def place_in(stack: FrameType | TracebackType | None, root: Path) -> str:
    """The innermost place of a stack that is in the project's folder, as `, at file:line`; empty where none is."""
    steps = traceback.walk_stack(stack) if isinstance(stack, FrameType) else reversed(list(traceback.walk_tb(stack)))
    folder = f"{root}{os.sep}"
    for frame, line in steps:
        if frame.f_code.co_filename.startswith(folder):
            return f", at `{os.path.relpath(frame.f_code.co_filename, root)}:{line}`"
    return ""
