"""Policies an asset can declare: retries, and freshness from its own module."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum

from assetflow.errors import UsageError
from assetflow.model.freshness import FreshnessPolicy, FreshnessState
from assetflow.values import dataclass

__all__ = ["Backoff", "FreshnessPolicy", "FreshnessState", "RetryPolicy"]


class Backoff(StrEnum):
    """How the delay grows from one retry to the next."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed step is tried again: `max_retries` = N means N + 1 attempts.

    `delay` and `max_delay` are seconds; `jitter` is the share of the delay that is random (0 to 1); `retry_on` is an
    exception class, a tuple of them, or a function `exception -> bool`.
    """

    max_retries: int = 1
    delay: float = 0.0
    backoff: Backoff | str = Backoff.CONSTANT
    jitter: float = 0.0
    max_delay: float | None = None
    retry_on: type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool] = Exception

    def __post_init__(self) -> None:
        if not isinstance(self.max_retries, int) or self.max_retries < 0:
            raise UsageError(f"RetryPolicy: max_retries is {self.max_retries!r}", hint="use a whole number from 0")
        if self.delay < 0 or (self.max_delay is not None and self.max_delay < 0):
            raise UsageError("RetryPolicy: delay and max_delay cannot be negative")
        if not 0 <= self.jitter <= 1:
            raise UsageError(f"RetryPolicy: jitter is {self.jitter!r}", hint="use a share between 0 and 1")
        if self.backoff not in tuple(Backoff):
            raise UsageError(
                f"RetryPolicy: backoff is {self.backoff!r}", hint=f"use one of {', '.join(sorted(Backoff))}"
            )

    def retries(self, error: BaseException) -> bool:
        """Whether an error of this kind is worth another attempt."""
        if isinstance(self.retry_on, (type, tuple)):
            return isinstance(error, self.retry_on)
        return bool(self.retry_on(error))

    def wait(self, retry: int, rng: random.Random) -> float:
        """Seconds to wait before the `retry`-th retry, counted from 1."""
        match Backoff(self.backoff):
            case Backoff.CONSTANT:
                seconds = self.delay
            case Backoff.LINEAR:
                seconds = self.delay * retry
            case Backoff.EXPONENTIAL:
                seconds = self.delay * 2.0 ** (retry - 1)
        if self.max_delay is not None:
            seconds = min(seconds, self.max_delay)
        return seconds * (1 - self.jitter * rng.random())
