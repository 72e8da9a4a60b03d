"""Threads for plain functions and one event loop for coroutines, in this process.

Not `concurrent.futures`: its threads are joined when the interpreter ends, so a step that sleeps for an hour would
hold the process after Ctrl-C. These are daemons.
"""

from __future__ import annotations

import asyncio
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: threading.Thread | None = None
        self._coroutines: set[asyncio.Future[None]] = set()

    def submit(self, call: Call, *, is_async: bool) -> None:
        """Start a call; its outcome is delivered later."""
        if is_async:
            loop = self._event_loop()
            loop.call_soon_threadsafe(self._start_coroutine, call)
            return
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
        """Cancel the coroutines that run; threads cannot be stopped and are left behind."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self._coroutines)])

    def close(self, *, wait: bool = True) -> None:
        """End the threads and the event loop; with `wait` after what they are doing."""
        for _ in self._threads:
            self._jobs.put(None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        if wait:
            for thread in self._threads:
                thread.join()
            if self._loop_thread is not None:
                self._loop_thread.join()
        self._threads.clear()
        self._loop = None

    def _serve(self) -> None:
        while (call := self._jobs.get()) is not None:
            outcome = contextvars.Context().run(self._worker.run, call)
            with self._lock:
                self._idle += 1
            self._deliver(outcome)

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop_thread = threading.Thread(
                target=_run_loop, args=(self._loop,), name="assetflow-async", daemon=True
            )
            self._loop_thread.start()
        return self._loop

    def _start_coroutine(self, call: Call) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._run_coroutine(call))
        self._coroutines.add(task)
        task.add_done_callback(self._coroutines.discard)

    async def _run_coroutine(self, call: Call) -> None:
        self._deliver(await self._worker.run_async(call))


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
