"""The watchdog: ends processes whose call takes too long or too much memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from assetflow.executor.backends.pool import WorkerProcess
from assetflow.executor.memory import held_bytes
from assetflow.values import dataclass

LOOK = 0.05
"""Seconds between two looks at the memory of a process."""

_LONGEST = 3600.0
"""Seconds of one wait: systems refuse to wait for centuries, which a limit may be."""


@dataclass(slots=True)
class _Watch:
    deadline: float | None = None
    late: Callable[[], None] = lambda: None
    pid: int = 0
    most: int | None = None
    large: Callable[[int], None] = lambda _used: None


class Watchdog:
    """Watches processes on a thread of its own, which is there as soon as there is something to watch."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: dict[WorkerProcess, _Watch] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch_time(self, process: WorkerProcess, seconds: float, late: Callable[[], None]) -> None:
        """Kill the process when so many seconds are over, after `late` was called."""
        with self._changed:
            watch = self._watches.setdefault(process, _Watch())
            watch.deadline, watch.late = time.monotonic() + seconds, late
            self._wake()

    def watch_memory(self, process: WorkerProcess, pid: int, most: int, large: Callable[[int], None]) -> None:
        """Kill the process when it holds more than `most` bytes, after `large` was called with what it holds."""
        with self._changed:
            watch = self._watches.setdefault(process, _Watch())
            watch.pid, watch.most, watch.large = pid, most, large
            self._wake()

    def forget(self, process: WorkerProcess) -> None:
        """The call has ended."""
        with self._changed:
            self._watches.pop(process, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="assetflow-watchdog", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for process in [process for process, watch in self._watches.items() if _is_over(watch, now)]:
                    del self._watches[process]
                    process.kill()
                pauses = [max(0.0, w.deadline - now) for w in self._watches.values() if w.deadline is not None]
                if any(watch.most is not None for watch in self._watches.values()):
                    pauses.append(LOOK)
                self._changed.wait(min([*pauses, _LONGEST]))


def _is_over(watch: _Watch, now: float) -> bool:
    """Whether a process has to go; tells whoever watches why."""
    if watch.deadline is not None and now >= watch.deadline:
        watch.late()
        return True
    if watch.most is not None and (used := held_bytes(watch.pid)) is not None and used > watch.most:
        watch.large(used)
        return True
    return False
