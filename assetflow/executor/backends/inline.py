"""In the run's own thread, one call after the other: what a debugger wants."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome


class InlineBackend:
    """Runs each call to its end before `submit` returns."""

    def __init__(self, worker: Worker, *, deliver: Callable[[Outcome], None]) -> None:
        self._worker = worker
        self._deliver = deliver

    def submit(self, call: Call, *, is_async: bool) -> None:
        """Run a call and deliver its outcome."""
        context = contextvars.Context()
        if is_async:
            self._deliver(context.run(asyncio.run, self._worker.run_async(call)))
        else:
            self._deliver(context.run(self._worker.run, call))

    def cancel(self) -> None:
        """Nothing runs beside the caller, so there is nothing to cancel."""

    def close(self, *, wait: bool = True) -> None:
        """Nothing is held."""
