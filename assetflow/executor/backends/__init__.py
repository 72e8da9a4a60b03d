"""Back ends: where the bodies of steps run. Each takes calls and delivers outcomes; the rest is the run's business."""

from __future__ import annotations

from typing import Protocol

from assetflow.executor.call import Call


class Backend(Protocol):
    """What every back end does; `tests/executor/test_backends.py` holds all of them to the same contract."""

    def submit(self, call: Call) -> None:
        """Start a call; its outcome is delivered later, from any thread, exactly once."""
        ...

    def cancel(self) -> None:
        """Stop what can be stopped; the outcomes come all the same."""
        ...

    def drop(self, call: Call) -> None:
        """Stop one call, where that can be, and never mind the others; its outcome may come or not."""
        ...

    def close(self, *, wait: bool = True) -> None:
        """Let go of threads and processes; with `wait` after what they are doing."""
        ...
