"""Time zones as arithmetic: offsets, transitions and the instants behind a wall-clock reading.

Instants are whole seconds since 1970-01-01T00:00Z; wall readings are whole seconds since 1970-01-01T00:00 on the
local clock. Everything here is a pure function of its arguments and of the installed zone database.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from assetflow.errors import PartitionError, did_you_mean
from assetflow.values import dataclass

DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_NAIVE_EPOCH = datetime(1970, 1, 1)
# Two changes of one zone's offset are never closer than six days in the zone database (Boa Vista, Gaza: 7 days less
# an hour), so samples three days apart bracket each change alone.
_SAMPLE = 3 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of a zone's UTC offset: the first instant of the new offset, and both offsets in seconds."""

    at: int
    before: int
    after: int

    @property
    def is_gap(self) -> bool:
        """Whether local clocks jump forward, so that wall readings are left out."""
        return self.after > self.before


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The zone of this IANA name; a PartitionError with the nearest name when there is none."""
    if not isinstance(name, str):
        raise PartitionError(f"time zone {name!r} is no text", hint="use an IANA name, like `Europe/London`")
    try:
        return ZoneInfo(name)
    # a folder (`America`), a malformed name and an unreadable file each come as an error of their own
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        raise PartitionError(
            f"time zone {name!r} does not exist",
            hint=did_you_mean(name, known) or _by_city(name, known) or "use an IANA name, like `Europe/London`",
        ) from None


def _by_city(name: str, known: set[str]) -> str | None:
    cities: dict[str, str] = {}
    for zone in sorted(known):
        cities.setdefault(zone.rsplit("/", 1)[-1], zone)
    wanted = name.rsplit("/", 1)[-1].replace(" ", "_")
    found = {city.lower(): zone for city, zone in cities.items()}.get(wanted.lower())
    return f"did you mean `{found}`?" if found else None


def epoch_of(moment: datetime) -> int:
    """The aware datetime as an instant, fractions of a second cut off downward."""
    return (moment - EPOCH) // _SECOND


def wall_of(moment: datetime) -> int:
    """The naive datetime as a wall reading."""
    return (moment - _NAIVE_EPOCH) // _SECOND


def naive_at(wall: int) -> datetime:
    """The wall reading as a naive datetime."""
    return _NAIVE_EPOCH + timedelta(seconds=wall)


def local_at(zone: ZoneInfo, instant: int) -> datetime:
    """The instant as an aware datetime of the zone, with `fold` set on the second of two equal readings."""
    return (EPOCH + timedelta(seconds=instant)).astimezone(zone)


def offset_at(zone: ZoneInfo, instant: int) -> int:
    """The zone's UTC offset at the instant, in seconds east."""
    offset = local_at(zone, instant).utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    return offset // _SECOND


def year_start(year: int) -> int:
    """The instant at which the UTC year begins."""
    return epoch_of(datetime(year, 1, 1, tzinfo=UTC))


def utc_year(instant: int) -> int:
    """The UTC year that the instant lies in."""
    return (EPOCH + timedelta(seconds=instant)).year


@lru_cache(maxsize=16_384)
def transitions(name: str, year: int) -> tuple[Transition, ...]:
    """All offset changes of the zone within the UTC year, in time order."""
    zone = zone_named(name)
    found: list[Transition] = []
    low, end = year_start(year) - 1, year_start(year + 1) - 1
    before = offset_at(zone, low)
    while low < end:
        high = min(low + _SAMPLE, end)
        after = offset_at(zone, high)
        if after != before:
            at = _change_between(zone, low, high)
            found.append(Transition(at=at, before=before, after=after))
            before = after
        low = high
    return tuple(found)


def _change_between(zone: ZoneInfo, low: int, high: int) -> int:
    """The first instant in (low, high] with another offset than `low` has, there being one change."""
    old = offset_at(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == old:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The instants at which a zone's clock shows one wall reading.

    `first` is the (first) instant; `second` the later one of an ambiguous reading; a reading inside a gap has
    `in_gap` set and `first` is the end of that gap.
    """

    first: int
    second: int | None = None
    in_gap: bool = False


def instants_of(zone: ZoneInfo, wall: int) -> Reading:
    """The instants behind a wall reading: one, two when ambiguous, the end of the gap when it does not exist."""
    reading = naive_at(wall).replace(tzinfo=zone)
    early, late = reading.utcoffset(), reading.replace(fold=1).utcoffset()
    assert early is not None
    assert late is not None
    first, second = wall - early // _SECOND, wall - late // _SECOND
    if first == second:
        return Reading(first=first)
    if first < second:
        return Reading(first=first, second=second)
    return Reading(first=_change_between(zone, second - 1, first), in_gap=True)
