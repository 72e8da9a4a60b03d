"""Timelines: the instants at which a cadence ticks in a time zone, countable and searchable without listing them.

Ticks are computed year by year (UTC) as runs of equal steps. A wall reading that does not exist (a gap) ticks at the
end of the gap, unless that lies on a later local date which has a tick of its own: a day that is left out has no
partition. Ambiguous readings tick once or twice, as the cadence says. Windows between consecutive ticks tile time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from threading import Lock
from typing import Any

from assetflow.errors import PartitionError
from assetflow.model.cadence import Cadence, Run, compressed
from assetflow.model.zones import (
    DAY,
    EPOCH,
    Transition,
    local_at,
    offset_at,
    transitions,
    utc_year,
    year_start,
    zone_named,
)
from assetflow.values import dataclass

FIRST_YEAR, LAST_YEAR = 1000, 9998
_FIRST, _LAST = year_start(FIRST_YEAR), year_start(LAST_YEAR + 1)
# the longest a cron expression can stay silent: 29 February on a given weekday, across a century without leap day
_SILENT_YEARS = 41


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What decides a timeline: a cadence in a zone, without the ticks that other cadences or instants exclude."""

    cadence: Cadence
    zone: str
    without: tuple[Cadence, ...] = ()
    without_instants: tuple[int, ...] = ()
    without_days: tuple[int, ...] = ()

    @property
    def whole(self) -> Rhythm:
        """The same rhythm with nothing excluded."""
        return Rhythm(cadence=self.cadence, zone=self.zone)

    @property
    def excludes(self) -> bool:
        """Whether some ticks are taken out."""
        return bool(self.without or self.without_instants or self.without_days)


class TickTable:
    """The ticks of one UTC year as runs of equal steps, with the number of ticks before each run."""

    __slots__ = ("before", "count", "firsts", "runs")

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = tuple(runs)
        self.firsts = [first for first, _, _ in self.runs]
        self.before = [0, *accumulate(count for _, _, count in self.runs)]
        self.count = self.before[-1]

    def tick(self, index: int) -> int:
        """The instant of tick number `index`, from 0."""
        at = bisect_right(self.before, index) - 1
        first, step, _ = self.runs[at]
        return first + (index - self.before[at]) * step

    def count_before(self, instant: int) -> int:
        """How many ticks come before the instant."""
        at = bisect_left(self.firsts, instant) - 1
        if at < 0:
            return 0
        first, step, count = self.runs[at]
        return self.before[at] + min(count, -((first - instant) // step))

    def __iter__(self) -> Iterator[int]:
        for first, step, count in self.runs:
            yield from range(first, first + step * count, step)


class Timeline:
    """The ticks of a rhythm, numbered so that number 0 is the first one of the UTC year `origin`.

    It grows year by year as it is asked, forward and backward; what it answers never changes. Instants outside the
    years 1000 to 9998 are a PartitionError.
    """

    __slots__ = ("_back", "_forward", "_lock", "_tables", "origin", "rhythm")

    def __init__(self, rhythm: Rhythm, origin: int) -> None:
        self.rhythm = rhythm
        self.origin = origin
        # number of ticks from the start of the origin year to the end of each later year; to the start of each earlier
        self._forward = [0]
        self._back = [0]
        self._lock = Lock()
        self._tables: dict[int, TickTable] = {}

    def __reduce__(self) -> tuple[Any, tuple[Rhythm, int]]:
        return timeline, (self.rhythm, self.origin)

    def count_before(self, instant: int) -> int:
        """The number of the first tick at or after the instant."""
        year = _year_of(instant)
        return self._at_start_of(year) + self._table(year).count_before(instant)

    def count_through(self, instant: int) -> int:
        """The number of the first tick after the instant."""
        return self.count_before(instant + 1)

    def tick(self, number: int) -> int:
        """The instant of a tick."""
        if number >= 0:
            while self._forward[-1] <= number:
                self._grow_forward()
            at = bisect_right(self._forward, number) - 1
            return self._table(self.origin + at).tick(number - self._forward[at])
        while self._back[-1] > number:
            self._grow_back()
        # `_back` falls: the first entry at or below the number belongs to the year that holds it
        at = bisect_left(self._back, -number, key=lambda total: -total)
        return self._table(self.origin - at).tick(number - self._back[at])

    def ticks(self, start: int, stop: int) -> Iterator[int]:
        """The instants of the ticks number start ≤ n < stop, faster than one by one."""
        if start >= stop:
            return
        year, left = _year_of(self.tick(start)), stop - start
        skip = start - self._at_start_of(year)
        while left > 0:
            for first, step, count in self._table(year).runs:
                if skip >= count:
                    skip -= count
                    continue
                taken = min(count - skip, left)
                yield from range(first + skip * step, first + (skip + taken) * step, step)
                skip, left = 0, left - taken
                if left == 0:
                    return
            year += 1

    def next_after(self, instant: int) -> int:
        """The first tick after the instant."""
        return self.tick(self.count_through(instant))

    def is_tick(self, instant: int) -> bool:
        """Whether there is a tick at the instant."""
        return self.count_before(instant) != self.count_through(instant)

    def _table(self, year: int) -> TickTable:
        # a plain dictionary beside the shared cache, whose key is costly to hash
        found = self._tables.get(year)
        if found is None:
            found = self._tables[year] = year_table(self.rhythm, year)
        return found

    def _at_start_of(self, year: int) -> int:
        ahead = year - self.origin
        if ahead >= 0:
            while len(self._forward) <= ahead:
                self._grow_forward()
            return self._forward[ahead]
        while len(self._back) <= -ahead:
            self._grow_back()
        return self._back[-ahead]

    def _grow_forward(self) -> None:
        with self._lock:
            year = self.origin + len(self._forward) - 1
            if len(self._forward) > _SILENT_YEARS and self._forward[-1] == self._forward[-1 - _SILENT_YEARS]:
                raise _silent(self.rhythm, year)
            self._forward.append(self._forward[-1] + self._table(year).count)

    def _grow_back(self) -> None:
        with self._lock:
            year = self.origin - len(self._back)
            if len(self._back) > _SILENT_YEARS and self._back[-1] == self._back[-1 - _SILENT_YEARS]:
                raise _silent(self.rhythm, year)
            self._back.append(self._back[-1] - self._table(year).count)


def _silent(rhythm: Rhythm, year: int) -> PartitionError:
    return PartitionError(
        f"the partitions have no start within {_SILENT_YEARS} years around {year}",
        hint="the cron expression names a date that does not occur, or everything is excluded",
    )


def _year_of(instant: int) -> int:
    if not _FIRST <= instant < _LAST:
        raise PartitionError(f"partitions can lie in the years {FIRST_YEAR} to {LAST_YEAR}, not beyond")
    return utc_year(instant)


@lru_cache(maxsize=256)
def timeline(rhythm: Rhythm, origin: int) -> Timeline:
    """The shared timeline of a rhythm from a year on."""
    return Timeline(rhythm, origin)


@lru_cache(maxsize=4096)
def year_table(rhythm: Rhythm, year: int) -> TickTable:
    """The ticks of a rhythm within a UTC year."""
    if not FIRST_YEAR - 1 <= year <= LAST_YEAR:
        raise PartitionError(f"partitions can lie in the years {FIRST_YEAR} to {LAST_YEAR}, not in {year}")
    if not rhythm.excludes:
        return TickTable(_year_runs(rhythm.cadence, rhythm.zone, year))
    excluded = set(rhythm.without_instants)
    for cadence in rhythm.without:
        excluded.update(year_table(Rhythm(cadence=cadence, zone=rhythm.zone), year))
    days = frozenset(rhythm.without_days)
    zone = zone_named(rhythm.zone)
    kept = [
        tick
        for tick in year_table(rhythm.whole, year)
        if tick not in excluded and not (days and _local_day(zone, tick) in days)
    ]
    return TickTable(compressed(kept))


def _local_day(zone: Any, instant: int) -> int:
    return (local_at(zone, instant).date() - EPOCH.date()).days


def _year_runs(cadence: Cadence, zone: str, year: int) -> Iterator[Run]:
    """The ticks of one year: each stretch of equal offset gives wall readings, which are shifted to instants."""
    start, end = year_start(year), year_start(year + 1)
    # a fold just before the year still hides readings in it; a year has no transition within days of another
    before = [change for change in transitions(zone, year - 1) if change.at > start - 2 * DAY]
    changes = transitions(zone, year)
    seen = max((change.at + change.before for change in before), default=-(10**18))
    low, offset = start, changes[0].before if changes else offset_at(zone_named(zone), start)
    for change in (*changes, None):
        high = end if change is None else change.at
        first = low + offset if cadence.repeats else max(low + offset, seen)
        for at, step, count in cadence.runs(first, high + offset):
            yield at - offset, step, count
        if change is None:
            return
        if change.is_gap and _moves(cadence, change):
            yield change.at, 1, 1
        seen = max(seen, change.at + change.before)
        low, offset = change.at, change.after


def _moves(cadence: Cadence, gap: Transition) -> bool:
    """Whether a reading inside the gap becomes a tick at its end, where there is none already."""
    start, end = gap.at + gap.before, gap.at + gap.after
    date = end // DAY
    if next(cadence.ticks(end, end + 1), None) is not None:
        return False
    has_own = next(cadence.ticks(end, (date + 1) * DAY), None) is not None
    return any(tick // DAY == date or not has_own for tick in cadence.ticks(start, end))
