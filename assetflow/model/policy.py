"""Policies an asset can declare: retries, and freshness from its own module."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from assetflow.errors import UsageError
from assetflow.model.freshness import FreshnessPolicy, FreshnessState
from assetflow.values import dataclass

if TYPE_CHECKING:
    from random import Random

__all__ = ["Backoff", "FreshnessPolicy", "FreshnessState", "RetryPolicy"]


class Backoff(StrEnum):
    """How the delay grows from one retry to the next."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


_MOST_DOUBLED = 1000
"""More powers of two are no number of seconds; these are ages already."""


def _seconds(given: float | timedelta) -> float:
    return given.total_seconds() if isinstance(given, timedelta) else float(given)


def _is_time(given: float | timedelta) -> bool:
    try:
        seconds = _seconds(given)
    except OverflowError:
        return False
    return math.isfinite(seconds) and seconds >= 0


def _is_rule(given: object) -> bool:
    """Whether errors can be judged by it."""
    if isinstance(given, (tuple, list)):
        return all(isinstance(each, type) and issubclass(each, BaseException) for each in given)
    return issubclass(given, BaseException) if isinstance(given, type) else callable(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed step is tried again: `max_retries` = N means N + 1 attempts.

    `delay` and `max_delay` are seconds or timedeltas; `jitter` is the share of the delay that is random (0 to 1);
    `retry_on` is an exception class, several of them, or a function `exception -> bool`.
    """

    max_retries: int = 1
    delay: float | timedelta = 0.0
    backoff: Backoff | str = Backoff.CONSTANT
    jitter: float = 0.0
    max_delay: float | timedelta | None = None
    retry_on: type[BaseException] | Sequence[type[BaseException]] | Callable[[BaseException], bool] = Exception

    def __post_init__(self) -> None:
        if type(self.max_retries) is not int or self.max_retries < 0:
            raise UsageError(f"RetryPolicy: max_retries is {self.max_retries!r}", hint="use a whole number from 0")
        for name in ("delay", "max_delay"):
            given = getattr(self, name)
            if given is None and name == "max_delay":
                continue
            if isinstance(given, bool) or not isinstance(given, (int, float, timedelta)) or not _is_time(given):
                raise UsageError(f"RetryPolicy: {name} is {given!r}", hint="use seconds or a timedelta, 0 or more")
        if isinstance(self.jitter, bool) or not isinstance(self.jitter, (int, float)) or not 0 <= self.jitter <= 1:
            raise UsageError(f"RetryPolicy: jitter is {self.jitter!r}", hint="use a share between 0 and 1")
        if self.backoff not in tuple(Backoff):
            raise UsageError(
                f"RetryPolicy: backoff is {self.backoff!r}", hint=f"use one of {', '.join(sorted(Backoff))}"
            )
        if not _is_rule(self.retry_on):
            hint = "use an exception class, several of them in a tuple, or a function that gets the exception"
            raise UsageError(f"RetryPolicy: retry_on is {self.retry_on!r}", hint=hint)

    def retries(self, error: BaseException) -> bool:
        """Whether an error of this kind is worth another attempt."""
        rule = self.retry_on
        if isinstance(rule, Sequence):
            return isinstance(error, tuple(rule))
        return isinstance(error, rule) if isinstance(rule, type) else bool(rule(error))

    def wait(self, retry: int, rng: Random) -> float:
        """Seconds to wait before the `retry`-th retry, counted from 1."""
        delay = _seconds(self.delay)
        match Backoff(self.backoff):
            case Backoff.CONSTANT:
                seconds = delay
            case Backoff.LINEAR:
                seconds = delay * retry
            case Backoff.EXPONENTIAL:
                seconds = delay * 2.0 ** min(retry - 1, _MOST_DOUBLED)
        if self.max_delay is not None:
            seconds = min(seconds, _seconds(self.max_delay))
        return seconds * (1 - self.jitter * rng.random())
