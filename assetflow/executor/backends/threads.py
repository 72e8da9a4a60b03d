"""Threads for plain functions, in this process.

Not `concurrent.futures`: its threads are joined when the interpreter ends, so a step that sleeps for an hour would
hold the process after Ctrl-C. These are daemons.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue

from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome


class ThreadBackend:
    """Runs calls on up to `workers` threads; `deliver` gets each outcome, on the thread that made it."""

    def __init__(self, worker: Worker, *, workers: int, deliver: Callable[[Outcome], None]) -> None:
        self._worker = worker
        self._deliver = deliver
        self._jobs: SimpleQueue[Call | None] = SimpleQueue()
        self._limit = workers
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, call: Call) -> None:
        """Start a call; its outcome is delivered later."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < self._limit:
                name = f"assetflow-{len(self._threads)}"
                thread = threading.Thread(target=self._serve, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put(call)

    def cancel(self) -> None:
        """Interrupt the queries that run; threads with Python in them cannot be stopped."""
        self._worker.queries.interrupt()

    def close(self, *, wait: bool = True) -> None:
        """End the threads; with `wait` after what they are doing, otherwise those that are busy are left behind."""
        for _ in self._threads:
            self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        while (call := self._jobs.get()) is not None:
            outcome = contextvars.Context().run(self._worker.run, call)
            with self._lock:
                self._idle += 1
            self._deliver(outcome)
