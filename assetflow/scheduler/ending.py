"""How processes that the scheduler starts are ended, and how they say that they have ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session of its own, with all that it has started there."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def ending_words(code: int) -> str:
    """What a return code of `subprocess` says: `exit code 3`, `SIGKILL`."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
