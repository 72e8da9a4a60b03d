"""Policies an asset can declare: retries and freshness."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from assetflow.errors import UsageError


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


class FreshnessState(StrEnum):
    """Where an asset stands with its freshness policy."""

    FRESH = "fresh"
    WARNING = "warning"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessPolicy:
    """A promise about age: the newest value is younger than `max_age`; a warning is shown from `warn_age` on.

    Ages are timedeltas. At exactly `max_age` the asset is overdue.
    """

    max_age: timedelta
    warn_age: timedelta | None = None

    def __post_init__(self) -> None:
        if self.max_age <= timedelta(0):
            raise UsageError(f"FreshnessPolicy: max_age is {self.max_age}", hint="use a positive timedelta")
        if self.warn_age is not None and not timedelta(0) < self.warn_age < self.max_age:
            raise UsageError(
                f"FreshnessPolicy: warn_age is {self.warn_age}",
                hint=f"use an age between 0 and max_age ({self.max_age})",
            )

    def state(self, materialized_at: datetime | None, now: datetime) -> FreshnessState:
        """The state at `now` of a value made at `materialized_at` (both aware)."""
        if materialized_at is None:
            return FreshnessState.UNKNOWN
        age = now - materialized_at
        if age >= self.max_age:
            return FreshnessState.OVERDUE
        if self.warn_age is not None and age >= self.warn_age:
            return FreshnessState.WARNING
        return FreshnessState.FRESH

    def due(self, materialized_at: datetime) -> datetime:
        """The instant at which a value made at `materialized_at` becomes overdue."""
        return materialized_at + self.max_age

    def describe(self) -> str:
        """The policy in a few words, for screens and the catalog."""
        text = f"at most {_length(self.max_age)} old"
        return text if self.warn_age is None else f"{text}, warning from {_length(self.warn_age)}"


def _length(length: timedelta) -> str:
    """A length of time in words: `30 days`, `1 day 6 hours`, `90 seconds` as `1 minute 30 seconds`."""
    left = length.total_seconds()
    parts = []
    for name, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, seconds) if seconds > 1 else (left, 0.0)
        if count:
            parts.append(f"{count:g} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"
