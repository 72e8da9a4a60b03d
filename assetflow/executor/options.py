"""How a run is carried out, apart from what it carries out."""

from __future__ import annotations

from dataclasses import field

from assetflow.executor.cancel import Cancel
from assetflow.executor.subscribers import Subscriber
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Steps at once, the back end, whether a failure cancels the rest, how to end it early.

    A `seed` decides the order of ready steps of equal priority and the jitter of retries; without one steps come in
    plan order and jitter is random. With `verify` each function is called twice, to see whether it makes the same
    value.
    """

    workers: int = 4
    executor: str = "thread"
    fail_fast: bool = False
    verify: bool = False
    seed: int | None = None
    cancel: Cancel = field(default_factory=Cancel)
    subscribers: tuple[Subscriber, ...] = ()
