"""In the run's own thread, one call after the other: what a debugger wants."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome
from assetflow.executor.cancel import Cancel
from assetflow.model.record import StepStatus


class InlineBackend:
    """Runs each call to its end before `submit` returns."""

    def __init__(self, worker: Worker, *, deliver: Callable[[Outcome], None], cancel: Cancel) -> None:
        self._worker = worker
        self._deliver = deliver
        self._cancel = cancel

    def submit(self, call: Call) -> None:
        """Run a call and deliver its outcome; KeyboardInterrupt when that is what ended it."""
        if self._worker.definitions.computations[call.computation].is_async and _in_event_loop():
            outcome = self._beside(call)
        else:
            self._cancel.in_body = call.assets
            try:
                outcome = contextvars.Context().run(self._worker.run, call)
            finally:
                self._cancel.in_body = ()
        interrupted = outcome.failure is not None and outcome.failure.type == "KeyboardInterrupt" and _on_main_thread()
        self._deliver(replace(outcome, status=StepStatus.CANCELED) if interrupted else outcome)
        if interrupted:
            raise KeyboardInterrupt

    def cancel(self) -> None:
        """Nothing runs beside the caller, so there is nothing to cancel."""

    def drop(self, call: Call) -> None:
        """Nothing: whoever asks for it comes after the call."""

    def close(self, *, wait: bool = True) -> None:
        """Nothing is held."""

    def _beside(self, call: Call) -> Outcome:
        """A coroutine cannot run in a thread whose event loop waits for us: it gets a thread for itself."""
        found: list[Outcome] = []
        thread = threading.Thread(target=lambda: found.append(self._worker.run(call)), name="assetflow-inline")
        thread.start()
        thread.join()
        return found[0]


def _on_main_thread() -> bool:
    """Where Ctrl-C arrives."""
    return threading.current_thread() is threading.main_thread()


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
