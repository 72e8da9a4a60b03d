"""The programs that steps in threads have started: when a command ends without those threads, it ends the programs too.

A thread cannot be stopped, so what it waits for would outlive the run. Worker processes end theirs by themselves. Linux
only; elsewhere nobody tells which processes are ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

_PATIENCE = 0.5
"""Seconds that programs get to end in order."""


def end_programs(*, at_once: bool = False) -> None:
    """End all that this process has started, directly or not; what has a session of its own, as servers have, stays."""
    found = _started()
    if not at_once:
        _signal(found, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while (found := _started()) and time.monotonic() < deadline:
            time.sleep(0.01)
    _signal(found, signal.SIGKILL)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            os.kill(pid, number)


def _started() -> list[int]:
    """The living processes below this one, of the same session."""
    session = os.getsid(0)
    children: dict[int, list[int]] = {}
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent, _group, own, *_ = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(own) == session and state != b"Z":
            children.setdefault(int(parent), []).append(int(name))
    found, pending = [], [os.getpid()]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found
