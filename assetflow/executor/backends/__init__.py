"""Back ends: where the bodies of steps run. Each takes calls and delivers outcomes; the rest is the run's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from assetflow.executor.backends.inline import InlineBackend
from assetflow.executor.backends.threads import ThreadBackend
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Outcome


class Backend(Protocol):
    """What every back end does."""

    def submit(self, call: Call, *, is_async: bool) -> None:
        """Start a call; its outcome is delivered later, from any thread."""
        ...

    def cancel(self) -> None:
        """Stop what can be stopped."""
        ...

    def close(self, *, wait: bool = True) -> None:
        """Let go of threads and processes; with `wait` after what they are doing."""
        ...


def make_backend(name: str, worker: Worker, *, workers: int, deliver: Callable[[Outcome], None]) -> Backend:
    """The back end of that name (`thread` or `inline`)."""
    if name == "inline":
        return InlineBackend(worker, deliver=deliver)
    return ThreadBackend(worker, workers=workers, deliver=deliver)
