"""Coroutines: one event loop on a thread of its own, shared by all that run at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from assetflow.executor.aside import Aside
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome

_STUCK = 1.0
"""Seconds that coroutines get to end when they are canceled and nobody waits for them."""


class CoroutineBackend:
    """Runs calls of coroutine functions; `deliver` gets each outcome, on the loop's thread."""

    def __init__(self, worker: Worker, *, deliver: Callable[[Outcome], None]) -> None:
        self._worker = worker
        self._deliver = deliver
        self._running: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(Aside())
        self._thread = threading.Thread(target=self._serve, name="assetflow-async", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Start a call; its outcome is delivered later."""
        self._loop.call_soon_threadsafe(self._start, call)

    def cancel(self) -> None:
        """Cancel the coroutines that run."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tuple(self._running.values())])

    def drop(self, call: Call) -> None:
        """Cancel one coroutine."""
        self._loop.call_soon_threadsafe(self._cancel_one, call)

    def close(self, *, wait: bool = True) -> None:
        """End the event loop; with `wait` after what runs in it, otherwise what runs is canceled."""
        self._loop.call_soon_threadsafe(self._stop, wait)
        self._thread.join(None if wait else _STUCK)

    def _start(self, call: Call) -> None:
        task = self._loop.create_task(self._run(call))
        self._running[id(call)] = task  # a task keeps its call, so that the id stays its own
        task.add_done_callback(lambda _task: self._running.pop(id(call), None))

    def _cancel_one(self, call: Call) -> None:
        task = self._running.get(id(call))
        if task is not None:
            task.cancel()

    async def _run(self, call: Call) -> None:
        self._deliver(await self._worker.run_async(call))

    def _stop(self, wait: bool) -> None:
        if not self._running:
            self._loop.stop()
            return
        for task in tuple(self._running.values()):
            if not wait:
                task.cancel()
            task.add_done_callback(lambda _task: None if self._running else self._loop.stop())

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
