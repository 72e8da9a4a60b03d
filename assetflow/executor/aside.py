"""Threads beside an event loop that nobody waits for.

What a coroutine hands to a thread (`asyncio.to_thread`, loading an input, writing a value) cannot be stopped. Those
that asyncio makes are waited for when the loop closes and again when the interpreter ends, so one that hangs would
hold a canceled run, and then the process. These are daemons.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_MOST = min(32, (os.cpu_count() or 1) + 4)
"""Threads of one loop at most, as many as asyncio has."""


class Aside(ThreadPoolExecutor):
    """A default executor for an event loop (which takes no other class than this base); it makes its own threads."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._mutex = threading.Lock()
        self._waiting = 0
        self._made = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # it belongs to whoever awaits the future
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._mutex:
            if self._waiting:
                self._waiting -= 1
            elif self._made < _MOST:
                self._made += 1
                threading.Thread(target=self._serve, name="assetflow-aside", daemon=True).start()
        self._jobs.put(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads that do nothing, and the others when they are done; waits for none."""
        for _ in range(self._made):
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it holds the value until the next one comes
            with self._mutex:
                self._waiting += 1
