"""Cadences: which wall-clock readings start a new partition, as runs of equal steps.

A cadence is a rule for days times a list of times of day. Daylight saving plays no part here: `windows` turns wall
readings into instants. A run is `(first, step, count)` in wall seconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeAlias

from assetflow.errors import PartitionError
from assetflow.model.zones import DAY
from assetflow.values import dataclass

Run: TypeAlias = tuple[int, int, int]

_FIRST_DAY = date(1970, 1, 1).toordinal()
_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_ALL_HOURS = frozenset(range(24))


class DayRule(ABC):
    """Which days count, as days since 1970-01-01."""

    __slots__ = ()

    @abstractmethod
    def runs(self, first: int, last: int) -> Iterator[Run]:
        """The days of first ≤ day ≤ last that count, in order, as runs in days."""


@dataclass(frozen=True, slots=True)
class EveryDay(DayRule):
    """All days."""

    def runs(self, first: int, last: int) -> Iterator[Run]:
        if first <= last:
            yield first, 1, last - first + 1


@dataclass(frozen=True, slots=True)
class OnWeekday(DayRule):
    """One day of the week, 0 being Sunday."""

    weekday: int

    def runs(self, first: int, last: int) -> Iterator[Run]:
        # 1970-01-01 was a Thursday
        start = first + (self.weekday - first - 4) % 7
        if start <= last:
            yield start, 7, (last - start) // 7 + 1


@dataclass(frozen=True, slots=True)
class OnMonthDay(DayRule):
    """One day of every month, from 1 to 28."""

    day: int

    def runs(self, first: int, last: int) -> Iterator[Run]:
        if first > last:
            return
        start = date.fromordinal(first + _FIRST_DAY)
        year, month = start.year, start.month
        while (found := date(year, month, self.day).toordinal() - _FIRST_DAY) <= last:
            if found >= first:
                yield found, 1, 1
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)


@dataclass(frozen=True, slots=True)
class CronDays(DayRule):
    """The days of a cron expression."""

    expression: str

    def runs(self, first: int, last: int) -> Iterator[Run]:
        cron = _parsed(self.expression)
        start = None
        for day in range(first, last + 1):
            at = date.fromordinal(day + _FIRST_DAY)
            if at.month in cron.months and cron.match_day(at):
                if start is None:
                    start = day
            elif start is not None:
                yield start, 1, day - start
                start = None
        if start is not None:
            yield start, 1, last + 1 - start


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """A rule for days and the times of those days, in seconds after midnight, sorted.

    A cadence with ticks in every hour follows the clock through ambiguous hours and ticks in both; any other ticks
    once, at the first of two equal readings.
    """

    days: DayRule
    times: tuple[int, ...]

    @property
    def repeats(self) -> bool:
        """Whether ambiguous readings tick twice."""
        return {time // 3600 for time in self.times} == _ALL_HOURS

    @property
    def period(self) -> int | None:
        """The step in wall seconds when ticks are evenly spaced at all times, else None."""
        if not isinstance(self.days, EveryDay) or DAY % len(self.times):
            return None
        step = DAY // len(self.times)
        even = all(time == self.times[0] + i * step for i, time in enumerate(self.times))
        return step if even else None

    def runs(self, low: int, high: int) -> Iterator[Run]:
        """The ticks of low ≤ reading < high, in order."""
        if low >= high:
            return
        if (step := self.period) is not None:
            yield from _clipped(_aligned(self.times[0], step, low), step, (high - low) // step + 1, low, high)
            return
        times = compressed(self.times)
        for day, step, count in self.days.runs(low // DAY, (high - 1) // DAY):
            if len(self.times) == 1:
                yield from _clipped(day * DAY + self.times[0], step * DAY, count, low, high)
                continue
            for each in range(day, day + step * count, step):
                for first, apart, number in times:
                    yield from _clipped(each * DAY + first, apart, number, low, high)

    def ticks(self, low: int, high: int) -> Iterator[int]:
        """The single ticks of low ≤ reading < high, in order."""
        for first, step, count in self.runs(low, high):
            yield from range(first, first + step * count, step)


def _aligned(phase: int, step: int, low: int) -> int:
    """The first number from `low` on that is `phase` modulo `step`."""
    return low + (phase - low) % step


def _clipped(first: int, step: int, count: int, low: int, high: int) -> Iterator[Run]:
    if first < low:
        skipped = -((first - low) // step)
        first, count = first + skipped * step, count - skipped
    count = min(count, -((first - high) // step))
    if count > 0:
        yield first, step, count


def compressed(values: Iterable[int]) -> tuple[Run, ...]:
    """Sorted numbers as runs of equal steps, greedily."""
    found: list[Run] = []
    for value in values:
        if found:
            first, step, count = found[-1]
            if count == 1:
                found[-1] = (first, value - first, 2)
                continue
            if value == first + step * count:
                found[-1] = (first, step, count + 1)
                continue
        found.append((value, 1, 1))
    return tuple(found)


def canonical_cron(expression: str) -> str:
    """The cron expression with five fields, one space apart, aliases spelled out; a PartitionError when it is bad."""
    text = " ".join(str(expression).split())
    text = _ALIASES.get(text.lower(), text).upper()
    if len(text.split()) != 5:
        raise PartitionError(
            f"cron expression {expression!r} is not valid: it needs five fields",
            hint="minute hour day-of-month month day-of-week, like `0 */6 * * *`, or one of " + ", ".join(_ALIASES),
        )
    _parsed(text)
    return text


@lru_cache(maxsize=1024)
def cron_cadence(expression: str) -> Cadence:
    """The cadence of a canonical cron expression."""
    cron = _parsed(expression)
    times = sorted(hour * 3600 + minute * 60 for hour in cron.hours for minute in cron.minutes)
    every_day = expression.split()[2:] == ["*", "*", "*"]
    return Cadence(days=EveryDay() if every_day else CronDays(expression), times=tuple(times))


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Any:
    """cronsim's reading of the expression: its sets of minutes, hours and months, and its test for days.

    Only its parser is used. Its iterator decides about daylight saving by how a field is spelled; ours by `windows`.
    """
    # imported here because most projects use no cron, and definitions are built on the way to a null build
    from cronsim import CronSim, CronSimError

    try:
        return CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except (CronSimError, AssertionError, ValueError) as error:
        raise PartitionError(
            f"cron expression {expression!r} is not valid: {str(error).lower() or 'a field does not parse'}",
            hint="minute hour day-of-month month day-of-week, like `0 */6 * * *`",
        ) from None
