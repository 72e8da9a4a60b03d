"""Ctrl-C from inside: waking the main thread of a process as the terminal would."""

from __future__ import annotations

import os
import signal
import sys
from _thread import interrupt_main as _interrupt


def interrupt_main() -> None:
    """Raise KeyboardInterrupt in the main thread, also out of a call that waits."""
    if sys.platform == "win32":
        _interrupt()
    else:
        os.kill(os.getpid(), signal.SIGINT)
