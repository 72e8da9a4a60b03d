"""Threads for plain functions, in this process.

Not `concurrent.futures`: its threads are joined when the interpreter ends, so a step that sleeps for an hour would
hold the process after Ctrl-C. These are daemons.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue

from assetflow.executor.backends.stopping import Stopper
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome
from assetflow.executor.cancel import Dropped
from assetflow.model.record import StepStatus


class ThreadBackend:
    """Runs calls on up to `workers` threads; `deliver` gets each outcome, on the thread that made it."""

    def __init__(self, worker: Worker, *, workers: int, deliver: Callable[[Outcome], None]) -> None:
        self._worker = worker
        self._deliver = deliver
        self._jobs: SimpleQueue[Call | None] = SimpleQueue()
        self._limit = workers
        self._threads: list[threading.Thread] = []
        self._calls: dict[threading.Thread, Call] = {}
        self._never: list[Call] = []
        self._idle = 0
        self._lock = threading.Lock()
        self._stopper = Stopper(str(worker.project), self._lock, lambda thread: thread in self._calls)

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

    def drop(self, call: Call) -> None:
        """Interrupt the query of a call, and end its Python as soon as that executes code of the project.

        What it waits for (a sleep, a file, another process) is not cut short, so another thread takes its place.
        """
        with self._lock:
            thread = next((thread for thread, own in self._calls.items() if own is call), None)
            if thread is None or thread.ident is None:
                self._never.append(call)  # not begun yet, or over
                return
            self._threads.remove(thread)
            ident = thread.ident
        self._stopper.stop(thread, lambda: self._worker.queries.interrupt_thread(ident))

    def close(self, *, wait: bool = True) -> None:
        """End the threads; with `wait` after what they are doing, otherwise those that are busy are left behind."""
        self._stopper.close()
        for _ in self._threads:
            self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        thread, call = threading.current_thread(), None
        try:
            while (call := self._jobs.get()) is not None:
                with self._lock:
                    is_wanted = not any(call is never for never in self._never)
                    if is_wanted:
                        self._calls[thread] = call
                    else:
                        self._idle += 1
                if not is_wanted:
                    self._deliver(_canceled(call))
                    continue
                outcome = contextvars.Context().run(self._worker.run, call)
                with self._lock:
                    del self._calls[thread]
                    is_wanted = thread in self._threads
                    self._idle += is_wanted
                self._deliver(outcome)
                if not is_wanted:
                    return
        except Dropped:  # when the call was just beginning or over
            with self._lock:
                self._calls.pop(thread, None)
            if call is not None:
                self._deliver(_canceled(call))


def _canceled(call: Call) -> Outcome:
    return Outcome(call=call, status=StepStatus.CANCELED, seconds=0.0, started_at="")
