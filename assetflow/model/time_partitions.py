"""Partitions that are windows of time: what hourly, daily, weekly, monthly and cron partitions share."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model.cadence import Cadence
from assetflow.model.moments import Exclusions, Moment, instant_of, read_exclusions, read_moment, short
from assetflow.model.partition_definition import KeyAxis
from assetflow.model.partition_text import KeyFormat
from assetflow.model.regions import Interval
from assetflow.model.subset_text import match_keys
from assetflow.model.windows import Timeline, timeline
from assetflow.model.zones import instants_of, local_at, utc_year, zone_named

# enough to pass a year of days, and a leap day of months
_TRIED = 400
_MANY, _SCATTERED = 100, 4


@lru_cache(maxsize=16)
def _ordinals_of(definition: TimePartitions) -> dict[str, int]:
    """The keys that were looked up before: planners ask for the same ones once per asset."""
    return {}


def _revive(cls: type[TimePartitions], arguments: dict[str, Any]) -> TimePartitions:
    return cls(**arguments)


class TimePartitions(KeyAxis):
    """Partitions that are windows of time, each from one tick of a cadence to the next.

    The first window starts at the first tick at or after `start`. A window is there when it has ended, `end_offset`
    windows sooner or later, and never when it ends after `end`. Excluded ticks start no partition; the other windows
    keep their length. `start` and `end` are aware datetimes in `tz`.
    """

    __slots__ = ("_end", "_first", "_format", "_hash", "_identity", "_kept", "_raw", "_start")

    adverb: ClassVar[str]
    start: datetime
    end: datetime | None
    tz: str
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]

    _start: int
    _end: int | None
    _raw: Timeline
    _kept: Timeline
    _first: int
    _format: KeyFormat
    _identity: tuple[Any, ...]
    _hash: int

    @abstractmethod
    def _cadence(self) -> Cadence:
        """The ticks, from the fields that the kind has."""

    def __init__(self, start: Moment, end: Moment | None = None, **options: Any) -> None:
        raise TypeError("TimePartitions is abstract: use daily, hourly, weekly, monthly or cron partitions")

    def _settle(self, start: Moment, end: Moment | None, exclude: Exclusions, options: dict[str, Any]) -> None:
        """Check and set every field; called once, by `__init__`."""
        for name, value in options.items():
            object.__setattr__(self, name, value)
        self._set("tz", str(self.tz))
        if isinstance(self.end_offset, bool) or not isinstance(self.end_offset, int):
            raise PartitionError(f"end_offset {self.end_offset!r} is not a whole number of windows")
        cadence = self._cadence()
        # the format is needed to read `start`, and says itself when it does not fit the cadence
        self._set("_format", KeyFormat(self.fmt, self.tz, cadence))
        self._set("_start", read_moment(start, "start", self._format))
        self._set("_end", None if end is None else read_moment(end, "end", self._format))
        zone = zone_named(self.tz)
        self._set("start", local_at(zone, self._start))
        self._set("end", None if self._end is None else local_at(zone, self._end))
        if self._end is not None and self._end <= self._start:
            raise PartitionError(
                f"{self.adverb} partitions end at {self.end} before or when they start at {self.start}",
                hint="give an `end` after `start`",
            )
        rhythm, excluded = read_exclusions(exclude, cadence, self._format)
        self._set("exclude", excluded)
        origin = utc_year(self._start)
        kept = timeline(rhythm, origin)
        self._set("_kept", kept)
        self._set("_raw", timeline(rhythm.whole, origin) if rhythm.excludes else kept)
        self._set("_first", self._kept.count_before(self._start))
        # proves that there is a first partition at all
        self._kept.tick(self._first)
        own = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in ("start", "end")]  # type: ignore[arg-type]
        self._set("_identity", (self.kind, self._start, self._end, *own))
        self._set("_hash", hash(self._identity))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    # --- identity ---

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, TimePartitions) and self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), {f.name: getattr(self, f.name) for f in fields(self)})  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, datetime):
                value = value.isoformat()
            found[field.name] = list(value) if isinstance(value, tuple) else value
        return found

    def describe(self) -> str:
        text = f"{self.adverb} from {short(self.start)}"
        if self.end is not None:
            text += f" to {short(self.end)}"
        if self.tz != "UTC":
            text += f" ({self.tz})"
        if self.exclude:
            text += f" without {', '.join(self.exclude)}"
        return text

    # --- ordinals ---

    @property
    def is_bounded(self) -> bool:
        return self.end is not None

    def ordinals(self, as_of: datetime | None = None) -> range:
        if as_of is None and self._end is None:
            raise PartitionError(
                f"{self.describe()} has no end, so its partitions depend on the time that is asked about",
                hint="give `as_of`, an aware datetime, or an `end`",
            )
        if as_of is None:
            stop = self._ended_by(self._end)
        else:
            stop = self._ended_by(instant_of(as_of)) + self.end_offset
            # the end is counted only where it matters: users write the year 9999 for "never"
            if self._end is not None and stop > 0 and self._raw.tick(stop) > self._end:
                stop = self._ended_by(self._end)
        if self._kept is not self._raw:
            stop = self._kept.count_before(self._raw.tick(stop))
        return range(max(0, stop - self._first))

    def _ended_by(self, instant: int | None) -> int:
        """The raw number of the first window that has not ended by the instant."""
        assert instant is not None
        return self._raw.count_through(instant) - 1

    def ordinal(self, key: str) -> int:
        found = _ordinals_of(self)
        place = found.get(key) if isinstance(key, str) else None
        if place is None:
            place = self._find(key)
            if place is None:
                raise self.unknown(key)
            found[key] = place
        return place

    def places(self, keys: Sequence[str]) -> Iterable[int | None]:
        found = _ordinals_of(self)
        texts = [key for key in keys if isinstance(key, str) and key not in found]
        if len(texts) > _MANY and self._format.sorts:
            # writing all keys of a stretch of time is cheaper than reading most of them
            low, high = self._find(min(texts)), self._find(max(texts))
            if low is not None and high is not None and high - low < _SCATTERED * len(texts):
                found.update(zip(self.texts(low, high + 1), range(low, high + 1), strict=True))
        for key in keys:
            place = found.get(key) if isinstance(key, str) else None
            if place is None:
                place = self._find(key)
                if place is not None:
                    found[key] = place
            yield place

    def key(self, ordinal: int) -> str:
        if ordinal < 0 or not self._within(self._kept.tick(self._first + ordinal)):
            raise PartitionError(f"{self.describe()} has no partition number {ordinal}")
        return self.nominal_key(ordinal)

    def nominal_key(self, ordinal: int) -> str:
        """The key that this ordinal has, or would have before `start` (negative) or after `end`."""
        return self._format.text(self._kept.tick(self._first + ordinal))

    def instants(self, ordinal: int) -> tuple[int, int]:
        """The window of this ordinal in seconds since 1970 UTC, also before `start` (negative) and after `end`."""
        start = self._kept.tick(self._first + ordinal)
        return start, self._raw.next_after(start)

    def at_or_after(self, instant: int) -> int:
        """The ordinal of the first window that starts at or after the instant, also outside `start` and `end`."""
        return self._kept.count_before(instant) - self._first

    def ending_after(self, instant: int) -> int:
        """The ordinal of the first window that ends after the instant, also outside `start` and `end`."""
        around = self._raw.tick(self._raw.count_through(instant) - 1)
        return self._kept.count_before(around) - self._first

    def solid(self, low: int, high: int) -> Sequence[Interval]:
        """The ordinals low ≤ n < high, cut where excluded windows leave a hole in time between them."""
        if low >= high or self._kept is self._raw:
            return [(low, high)] if low < high else []
        found: list[Interval] = []
        start, at = low, low
        while at < high:
            # as many raw as kept ticks up to a point means that there is no hole before it: search for the last such
            base = self._raw.count_before(self._kept.tick(self._first + at))
            offset = base - at

            def drift(ordinal: int, offset: int = offset) -> int:
                return self._raw.count_before(self._kept.tick(self._first + ordinal)) - ordinal - offset

            end = bisect_right(range(at, high), 0, key=drift) + at
            found.append((start, end))
            start = at = end
        return found

    def within(self, intervals: Iterable[Interval]) -> list[Interval]:
        """The part of the intervals of ordinals that the definition holds, whenever their time comes."""
        stop = max((high for _, high in intervals), default=0)
        if self._end is not None and stop > 0 and self.instants(stop - 1)[1] > self._end:
            stop = len(self.ordinals())
        return [(max(low, 0), min(high, stop)) for low, high in intervals if max(low, 0) < min(high, stop)]

    def may_share_keys(self, other: TimePartitions) -> bool:
        """Whether any of the first keys that both could hold is a key of both; a few hundred are tried."""
        if self.same_rhythm(other):
            return True
        for one, two in ((self, other), (other, self)):
            first = max(0, one.at_or_after(two.instants(0)[0]))
            if any(one.nominal_key(first + place) in two for place in range(_TRIED)):
                return True
        return False

    def is_nominal(self, key: str) -> bool:
        return self._tick_of(key) is not None

    def same_rhythm(self, other: TimePartitions) -> bool:
        """Whether both have the same windows and key text, apart from where they start and end."""
        return self._kept.rhythm == other._kept.rhythm and self.fmt == other.fmt

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in _ordinals_of(self) or self._find(key) is not None)

    def _within(self, tick: int) -> bool:
        return tick >= self._start and (self._end is None or self._raw.next_after(tick) <= self._end)

    def _tick_of(self, key: object) -> int | None:
        """The instant of the tick that the key names, wherever it lies, excluded or not."""
        said = self._format.read(key) if isinstance(key, str) else None
        # the years that timelines reach; what is outside is no key of anything
        if said is None or not -30_000_000_000 < said.wall < 253_000_000_000:
            return None
        if said.offset is not None:
            low = said.wall - said.offset
        else:
            low = instants_of(zone_named(self.tz), said.wall).first
        number = self._raw.count_before(low)
        # the second is for weeks that a new year cuts in two
        for each in (number, number + 1):
            tick = self._raw.tick(each)
            if self._format.text(tick) == key:
                return tick
        return None

    def _find(self, key: object) -> int | None:
        tick = self._tick_of(key)
        if tick is None or not self._within(tick):
            return None
        if self._kept is not self._raw and not self._kept.is_tick(tick):
            return None
        return self._kept.count_before(tick) - self._first

    # --- windows ---

    def window(self, key: str) -> tuple[datetime, datetime]:
        start, end = self.instants(self.ordinal(key))
        zone = zone_named(self.tz)
        return local_at(zone, start), local_at(zone, end)

    def key_at(self, instant: datetime) -> str | None:
        at = instant_of(instant)
        tick = self._raw.tick(self._raw.count_through(at) - 1)
        if not self._within(tick) or (self._kept is not self._raw and not self._kept.is_tick(tick)):
            return None
        return self._format.text(tick)

    # --- text ---

    def matching(self, pattern: str, held: range) -> tuple[Interval, ...]:
        prefix = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        if self._format.sorts and prefix and held.step == 1:
            low = bisect_left(held, prefix, key=self.key)
            high = bisect_right(held, prefix + "\U0010ffff", key=self.key)
            held = held[low:high]
            if pattern == prefix + "*":
                return ((held.start, held.stop),) if held else ()
        return match_keys(pattern, zip(held, self.texts(held.start, held.stop), strict=True))

    def texts(self, low: int, high: int) -> Iterable[str]:
        return map(self._format.text, self._kept.ticks(self._first + low, self._first + high))

    def unknown(self, key: object) -> UnknownPartitionError:
        tick = self._tick_of(key)
        if tick is not None and self._kept is not self._raw and not self._kept.is_tick(tick):
            return UnknownPartitionError(
                f"partition {key!r} is excluded from {self.describe()}", hint=self._nearest(key), partition=key
            )
        if tick is not None:
            return UnknownPartitionError(
                f"partition {key!r} is outside {self.describe()}", hint=self._range_hint(), partition=key
            )
        said = self._format.read(key) if isinstance(key, str) else None
        if said is not None and said.offset is None and instants_of(zone_named(self.tz), said.wall).in_gap:
            message = f"partition {key!r} does not exist: clocks in {self.tz} jump over that time"
            return UnknownPartitionError(message, hint=self._nearest(key), partition=key)
        return UnknownPartitionError(
            f"{key!r} is not a partition of {self.describe()}", hint=self._nearest(key), partition=key
        )

    def not_there(self, key: str, as_of: datetime) -> UnknownPartitionError:
        held = self.ordinals(as_of)
        until = f"the last is `{self.key(held[-1])}`" if held else "there are none yet"
        return UnknownPartitionError(
            f"partition {key!r} of {self.describe()} is not there yet as of {as_of.isoformat()}: {until}",
            hint=f"its window ends at {self.window(key)[1].isoformat()}",
            partition=key,
        )

    def _range_hint(self) -> str:
        first = self.nominal_key(0)
        if self._end is None:
            return f"the first is `{first}`"
        held = self.ordinals()
        return f"it holds `{first}`..`{self.key(held[-1])}`" if held else "it holds no partition"

    def _nearest(self, key: object) -> str:
        example = f"keys look like `{self.nominal_key(0)}`"
        if not isinstance(key, str):
            return example
        for fmt in (None, self.fmt):
            try:
                moment = datetime.fromisoformat(key) if fmt is None else datetime.strptime(key, fmt)
                found = self.key_at(local_at(zone_named("UTC"), read_moment(moment, "key", self._format)))
            except (ValueError, OverflowError, PartitionError):
                continue
            if found is not None and found != key:
                return f"did you mean `{found}`?"
        return example
