"""`up`: one process that waits, and a fresh one for each round, so that code is always as the files say.

The waiting process imports nothing of the project and stats files; a round that crashes, hangs on to memory or finds
broken definitions does not end it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from assetflow.catalog.disk import writing
from assetflow.catalog.lock import try_lock
from assetflow.errors import UsageError
from assetflow.model.clock import Clock
from assetflow.project.process import this_process
from assetflow.scheduler.notify_ready import ready
from assetflow.scheduler.wake import read_wake
from assetflow.values import dataclass

_WAIT_FOR_ROUND = 0.2
_LOOK = 1.0
"""Seconds between two looks at the clock and the files."""


def _opened(path: Path) -> int:
    """A lock's file, made if it is not there."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


@contextlib.contextmanager
def only_one(catalog_root: Path) -> Iterator[None]:
    """Be the only scheduler of a project during the block; UsageError names the one that is there.

    The lock ends with the process, however it dies.
    """
    path = catalog_root / "up.lock"
    fd = _opened(path)
    try:
        if not try_lock(fd):
            holder = _holder(path)
            raise UsageError(
                f"another `assetflow up` looks after this project: process {holder.get('pid', '?')} on "
                f"{holder.get('host', '?')}",
                hint="stop that one first; there is one scheduler per project",
                **holder,
            )
        owner = this_process()
        os.ftruncate(fd, 0)
        os.write(fd, json.dumps({"pid": owner.pid, "host": owner.host}).encode())
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def one_round(catalog_root: Path) -> Iterator[None]:
    """Be the only round of a project during the block, after one that a dead scheduler has left behind is through."""
    fd = _opened(catalog_root / "round.lock")
    try:
        while not try_lock(fd):
            time.sleep(_WAIT_FOR_ROUND)
        yield
    finally:
        os.close(fd)


def _holder(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class Up:
    """The waiting loop: `command` runs one round, `wake_file` says afterwards when to run the next."""

    command: Sequence[str]
    wake_file: Path
    clock: Clock
    say: Callable[[str, dict[str, Any]], None]
    pause: float = 5.0
    child: subprocess.Popen[bytes] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; a round that is going on is then ended in order, and taken up next time."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            with contextlib.suppress(OSError):
                self.wake_file.unlink()
            ready("READY=1")
            self.say("up", {"pid": os.getpid()})
            while not self.stopping.is_set():
                self._round()
                self._wait()
            self.say("down", {"pid": os.getpid()})
            return 0
        finally:
            ready("STOPPING=1")
            for number, handler in before.items():
                signal.signal(number, handler)

    def _round(self) -> None:
        with contextlib.suppress(OSError):
            self.wake_file.unlink()
        self.child = subprocess.Popen(self.command, start_new_session=True)
        if self.stopping.is_set():
            self.child.terminate()
        code = self.child.wait()
        self.child = None
        if code not in (0, 1) and not self.stopping.is_set():
            self.say("error", {"where": "round", "message": f"a round ended with code {code}"})

    def _wait(self) -> None:
        """Wait for an instant that comes or a file that changes; without a word of either, ten times the pause.

        The clock is read again and again, so that one that jumps is noticed; files are looked at once per pause.
        """
        began = looked = time.monotonic()
        wake = read_wake(self.wake_file)
        while not self.stopping.wait(min(_LOOK, self.pause)):
            now = time.monotonic()
            if wake is None:
                if now - began >= 10 * self.pause:
                    return
            elif wake.next is not None and self.clock.now() >= wake.next:
                return
            elif now - looked >= self.pause:
                looked = now
                if wake.is_due(self.clock.now()):
                    return

    def _stop(self, _number: int, _frame: Any) -> None:
        self.stopping.set()
        child = self.child
        if child is not None and child.poll() is None:
            child.terminate()
