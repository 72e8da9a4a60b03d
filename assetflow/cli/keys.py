"""Single keys from a terminal, without Enter, and the terminal as it was afterwards."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from types import TracebackType
from typing import Any

from assetflow.watch.engine import Engine

try:
    import termios
    import tty
except ImportError:  # no POSIX terminal: a watch without keys
    _KNOWS_TERMINALS = False
else:
    _KNOWS_TERMINALS = True


class Keys:
    """Reads keys while the `with` block lasts, and hands them to a watch; does nothing where nobody sits in front."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.active = _has_keyboard()
        self._stop, self._stopper = os.pipe()
        self._before: Any = None

    def __enter__(self) -> Keys:
        if self.active:
            fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd)
            self._continued = None
            if threading.current_thread() is threading.main_thread():
                self._continued = signal.signal(signal.SIGCONT, lambda *_: tty.setcbreak(fd))
            self._thread = threading.Thread(target=self._read, args=(fd,), name="assetflow-keys", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.active:
            os.write(self._stopper, b"x")
            self._thread.join(1)
            if self._continued is not None:
                signal.signal(signal.SIGCONT, self._continued)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
        os.close(self._stop)
        os.close(self._stopper)

    def _read(self, fd: int) -> None:
        while True:
            ready, _, _ = select.select([fd, self._stop], [], [])
            if self._stop in ready:
                return
            pressed = b""
            with contextlib.suppress(OSError):
                pressed = os.read(fd, 64)
            if not pressed:
                return  # the terminal is gone
            self._press(pressed.decode("utf-8", "replace")[0])

    def _press(self, key: str) -> None:
        match key:
            case "r":
                self._engine.rebuild()
            case "R":
                self._engine.rebuild(force=True)
            case "p":
                self._engine.pause()
            case "q":
                self._engine.quit()
            case _:
                self._engine.press(key)


def _has_keyboard() -> bool:
    """Whether stdin is a terminal that this process may read; one in the background would be stopped for it."""
    if not _KNOWS_TERMINALS:
        return False
    try:
        fd = sys.stdin.fileno()
        return os.isatty(fd) and sys.stderr.isatty() and os.tcgetpgrp(fd) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
