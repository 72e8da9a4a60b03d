"""The lanes of a run: which back end takes which call, each opened when the first call needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from queue import SimpleQueue
from typing import assert_never

from assetflow.define.definitions import Computation
from assetflow.errors import InternalError
from assetflow.executor.backends import Backend
from assetflow.executor.backends.inline import InlineBackend
from assetflow.executor.backends.pool import ProcessPool
from assetflow.executor.backends.processes import ProcessBackend
from assetflow.executor.backends.threads import ThreadBackend
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome
from assetflow.executor.cancel import Cancel
from assetflow.model.asset import Compute


class Lane(StrEnum):
    """A back end by name."""

    INLINE = "inline"
    THREAD = "thread"
    ASYNC = "async"
    PROCESS = "process"


def lane_of(computation: Computation, executor: str) -> Lane:
    """Where a computation runs in a run with this executor: where it has to, or else where the run says.

    Inline takes everything: who debugs wants one thread.
    """
    if executor == Lane.INLINE or computation.compute is None:
        return Lane(executor)
    match computation.compute:
        case Compute.THREAD:
            return Lane.THREAD
        case Compute.ASYNC:
            return Lane.ASYNC
        case Compute.PROCESS:
            return Lane.PROCESS
        case _:
            assert_never(computation.compute)


class Lanes:
    """The back ends of one run; `outcomes` is where all of them deliver, and None in it only wakes who waits there."""

    def __init__(
        self,
        worker: Worker,
        *,
        executor: str,
        workers: int,
        pool: ProcessPool | None = None,
        notify: Callable[[str], None] = lambda _text: None,
        cancel: Cancel | None = None,
    ) -> None:
        self.outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        self._cancel = Cancel() if cancel is None else cancel
        self._cancel.when_asked(lambda: self.outcomes.put(None))
        self._worker = worker
        self._executor = executor
        self._workers = workers
        self._pool = pool
        self._notify = notify
        self._computations: Mapping[str, Computation] = worker.definitions.computations
        self._open: dict[Lane, Backend] = {}
        self._unlimited: set[str] = set()
        self._dropped: dict[int, tuple[Call, Callable[[], None] | None]] = {}

    def submit(self, call: Call) -> None:
        """Start a call where it belongs."""
        lane = lane_of(self._computations[call.computation], self._executor)
        if lane is Lane.INLINE and (call.timeout is not None or call.memory is not None):
            self._say_unlimited(call)
        self._backend(lane).submit(call)

    def cancel(self) -> None:
        """Stop what can be stopped."""
        for backend in tuple(self._open.values()):
            backend.cancel()

    def drop(self, call: Call, ended: Callable[[], None]) -> None:
        """Stop one call, where that can be; `ended` is called when its outcome comes and is thrown away."""
        self._dropped[id(call)] = call, ended
        self._backend(lane_of(self._computations[call.computation], self._executor)).drop(call)

    def is_late(self, outcome: Outcome) -> bool:
        """Whether an outcome is that of a call that was dropped; whoever asks has taken notice of its end."""
        found = self._dropped.get(id(outcome.call))
        if found is None:
            return False
        call, ended = found
        if ended is not None:
            self._dropped[id(call)] = call, None
            ended()
        return True

    @property
    def has_dropped(self) -> bool:
        """Whether calls that were dropped have not come back."""
        return any(ended is not None for _, ended in self._dropped.values())

    def close(self, *, wait: bool = True) -> None:
        """Let go of everything; closing twice is fine."""
        opened, self._open = self._open, {}
        for backend in opened.values():
            backend.close(wait=wait)

    def _backend(self, lane: Lane) -> Backend:
        found = self._open.get(lane)
        if found is None:
            found = self._open[lane] = self._make(lane)
        return found

    def _make(self, lane: Lane) -> Backend:
        deliver = self.outcomes.put
        match lane:
            case Lane.INLINE:
                return InlineBackend(self._worker, deliver=deliver, cancel=self._cancel)
            case Lane.THREAD:
                return ThreadBackend(self._worker, workers=self._workers, deliver=deliver)
            case Lane.ASYNC:
                # imports asyncio, which most runs do not need
                from assetflow.executor.backends.coroutines import CoroutineBackend

                return CoroutineBackend(self._worker, deliver=deliver)
            case Lane.PROCESS:
                if self._pool is None:
                    raise InternalError("a run without a pool of processes has a step for one")
                everywhere = self._executor == Lane.PROCESS
                return ProcessBackend(
                    self._worker, self._pool, everywhere=everywhere, deliver=deliver, notify=self._notify
                )
            case _:
                assert_never(lane)

    def _say_unlimited(self, call: Call) -> None:
        if call.computation not in self._unlimited:
            self._unlimited.add(call.computation)
            self._notify(
                f"`{call.assets[0]}` has a time or memory limit, which the inline executor does not hold it to"
            )
