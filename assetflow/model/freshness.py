"""Freshness policies: how old a value may become, by age or by deadline, and where an asset stands with its policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from assetflow.errors import PartitionError, UsageError, did_you_mean
from assetflow.model.clock import to_text
from assetflow.model.length import length_words, read_length
from assetflow.model.ticks import check_cron, next_tick
from assetflow.values import dataclass

_ZERO = timedelta(0)


class FreshnessState(StrEnum):
    """Where an asset stands with its freshness policy."""

    FRESH = "fresh"
    WARNING = "warning"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


class AgeOf(StrEnum):
    """What a policy counts the age of: the value, from when it was made, or the data, up to when it goes."""

    VALUE = "value"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessPolicy:
    """A promise about age: what is published is younger than `max_age`; a warning is shown from `warn_age` on.

    Ages are timedeltas or text like `"6h"`. At exactly `max_age` the asset is overdue. `of="value"` counts from when
    the value was made; `of="data"` from the end of the newest time window that is there, for assets partitioned by
    time. `FreshnessPolicy.cron(...)` makes a promise for certain times of the day instead. UsageError for what
    cannot be.
    """

    max_age: timedelta | str = field(kw_only=False)
    warn_age: timedelta | str | None = field(default=None, kw_only=False)
    of: AgeOf | str = AgeOf.VALUE
    deadline: str | None = None
    tz: str = "UTC"
    warn_before: timedelta | str | None = None

    def __post_init__(self) -> None:
        for name in ("max_age", "warn_age", "warn_before"):
            given = getattr(self, name)
            if given is not None or name == "max_age":
                object.__setattr__(self, name, read_length(given, f"FreshnessPolicy: {name}"))
        if self.of not in tuple(AgeOf):
            raise UsageError(f"FreshnessPolicy: of is {self.of!r}", hint="use `value` or `data`")
        object.__setattr__(self, "of", AgeOf(self.of))
        if self.age <= _ZERO:
            raise UsageError(f"FreshnessPolicy: max_age is {self.max_age}", hint="use a positive timedelta")
        if self.deadline is None:
            self._check_age()
        else:
            self._check_deadline()

    def _check_age(self) -> None:
        if self.warn_before is not None:
            raise UsageError("FreshnessPolicy: warn_before goes with a deadline", hint="use warn_age")
        if self.warn_age is not None and not _ZERO < _delta(self.warn_age) < self.age:
            raise UsageError(
                f"FreshnessPolicy: warn_age is {self.warn_age}",
                hint=f"use an age between 0 and max_age ({self.max_age})",
            )

    def _check_deadline(self) -> None:
        if self.warn_age is not None:
            raise UsageError("FreshnessPolicy: warn_age goes with max_age", hint="use warn_before with a deadline")
        if self.warn_before is not None and _delta(self.warn_before) <= _ZERO:
            raise UsageError(f"FreshnessPolicy: warn_before is {self.warn_before}", hint="use a positive timedelta")
        if self.warn_before is not None and _delta(self.warn_before) > self.age:
            raise UsageError(
                f"FreshnessPolicy: warn_before is {_words(self.warn_before)}, longer than max_age_at_deadline "
                f"({length_words(self.age)}): a value made at the warning would miss the deadline, too",
                hint="make warn_before shorter, or max_age_at_deadline longer",
            )
        assert self.deadline is not None
        try:
            object.__setattr__(self, "deadline", check_cron(self.deadline, self.tz))
        except PartitionError as error:
            raise UsageError(f"FreshnessPolicy: {error.message}", hint=error.hint) from error

    @classmethod
    def cron(
        cls,
        deadline: str,
        tz: str = "UTC",
        max_age_at_deadline: timedelta | str = timedelta(days=1),
        *,
        warn_before: timedelta | str | None = None,
        of: AgeOf | str = AgeOf.VALUE,
    ) -> FreshnessPolicy:
        """A promise for each tick of a cron in a time zone: the value is then no older than `max_age_at_deadline`.

        With `warn_before`, a warning is shown so long before a deadline that the present value will miss.
        """
        if not isinstance(deadline, str):
            raise UsageError(
                f"FreshnessPolicy: deadline is {deadline!r}", hint="use a cron expression like `0 9 * * *`"
            )
        return cls(max_age=max_age_at_deadline, deadline=deadline, tz=tz, warn_before=warn_before, of=of)

    @classmethod
    def from_json(cls, given: Any, what: str) -> FreshnessPolicy:
        """The policy that a setting says: `"6h"`, or a table of max_age, warn_age, of, cron, tz and warn_before."""
        if isinstance(given, str):
            return cls(max_age=given)
        known = ("max_age", "warn_age", "of", "cron", "tz", "warn_before")
        if not isinstance(given, Mapping):
            raise UsageError(f"{what} is {given!r}", hint='write `"6h"`, or a table with `max_age`')
        for name in given:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"fields are {', '.join(f'`{each}`' for each in known)}"
                raise UsageError(f"{what} has an unknown field `{name}`", hint=hint)
        if "max_age" not in given:
            raise UsageError(f"{what} {dict(given)!r} has no `max_age`", hint='for example `max_age = "24h"`')
        if "tz" in given and "cron" not in given:
            raise UsageError(f"{what} has `tz` without `cron`", hint="a time zone goes with a deadline")
        return cls(**{"deadline" if name == "cron" else name: value for name, value in given.items()})

    @property
    def age(self) -> timedelta:
        """`max_age` as a timedelta."""
        return _delta(self.max_age)

    def due(self, counted: datetime) -> datetime:
        """The instant at which what is counted from `counted` (aware) becomes overdue.

        With deadlines: the first one at which it will be older than allowed.
        """
        end = counted + self.age
        return end if self.deadline is None else next_tick(self.deadline, self.tz, end)

    def warns(self, counted: datetime) -> datetime | None:
        """The instant from which a warning is shown; None without one."""
        if self.deadline is not None:
            return None if self.warn_before is None else max(counted, self.due(counted) - _delta(self.warn_before))
        return None if self.warn_age is None else counted + _delta(self.warn_age)

    def state(self, counted: datetime | None, now: datetime) -> FreshnessState:
        """The state at `now` of what is counted from an instant (both aware); unknown without one."""
        if counted is None:
            return FreshnessState.UNKNOWN
        if now >= self.due(counted):
            return FreshnessState.OVERDUE
        warns = self.warns(counted)
        return FreshnessState.WARNING if warns is not None and now >= warns else FreshnessState.FRESH

    def status(self, counted: datetime | None, now: datetime, *, partition: str | None = None) -> Freshness:
        """The state with since when it holds and the next instant that counts."""
        state = self.state(counted, now)
        due = None if counted is None else self.due(counted)
        since = {
            FreshnessState.FRESH: counted,
            FreshnessState.WARNING: None if counted is None else self.warns(counted),
            FreshnessState.OVERDUE: due,
            FreshnessState.UNKNOWN: None,
        }[state]
        if state is FreshnessState.OVERDUE or due is None:
            due = None if self.deadline is None else next_tick(self.deadline, self.tz, now)
        return Freshness(state=state, since=since, deadline=due, policy=self.describe(), partition=partition)

    def describe(self) -> str:
        """The policy in a few words, for screens and the catalog."""
        of = "data " if self.of is AgeOf.DATA else ""
        if self.deadline is not None:
            text = f"{of}at most {length_words(self.age)} old at `{self.deadline}` {self.tz}"
            return text if self.warn_before is None else f"{text}, warning {_words(self.warn_before)} before"
        text = f"{of}at most {length_words(self.age)} old"
        return text if self.warn_age is None else f"{text}, warning from {_words(self.warn_age)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """Where an asset stands: its state, since when, and the next deadline; None where there is none.

    `deadline` is when a fresh asset becomes overdue, or for an overdue one the next tick of its deadlines; `partition`
    the one that decides.
    """

    state: FreshnessState
    since: datetime | None
    deadline: datetime | None
    policy: str
    partition: str | None = None

    def to_json(self) -> dict[str, Any]:
        """`{"status", "since", "deadline", "policy", "partition"}`, instants as UTC text."""
        return {
            "status": str(self.state),
            "since": None if self.since is None else to_text(self.since),
            "deadline": None if self.deadline is None else to_text(self.deadline),
            "policy": self.policy,
            "partition": self.partition,
        }


def _delta(given: timedelta | str | None) -> timedelta:
    assert isinstance(given, timedelta)  # text was read when the policy was made
    return given


def _words(given: timedelta | str) -> str:
    return length_words(_delta(given))
