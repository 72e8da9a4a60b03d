"""The text of partition keys: formats of time keys, and which texts may be keys at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from assetflow.errors import PartitionError
from assetflow.model.cadence import Cadence
from assetflow.model.zones import DAY, local_at, naive_at, wall_of, zone_named
from assetflow.values import dataclass

SEPARATOR = "|"
# `%y` names two centuries; `%c %x %X %Z` and padding flags depend on the machine's settings
_DIRECTIVES = frozenset("YmdHMSjbBaApIVGuUWwz%")
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_SUFFIX = re.compile(r"(?P<text>.+)(?P<sign>[+-])(?P<hours>\d{2})(?P<minutes>\d{2})(?P<seconds>\d{2})?")
_LADDER = "YmdHMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTime:
    """What a time key says: a wall reading (the earliest that fits), and the UTC offset in seconds where it has one."""

    wall: int
    offset: int | None = None


class KeyFormat:
    """How the ticks of a cadence in a zone are written as keys, and read back."""

    __slots__ = ("_fixed", "_marks_fold", "_zone", "fmt", "sorts", "zone")

    def __init__(self, fmt: str, zone: str, cadence: Cadence) -> None:
        check_format(fmt, cadence)
        self.fmt = fmt
        self.zone = zone
        self._zone: ZoneInfo = zone_named(zone)
        self._fixed = _fixed_places(fmt)
        # `%z` tells ambiguous hours apart by itself
        self._marks_fold = cadence.repeats and "%z" not in fmt
        names = _names(fmt) if self._fixed is not None else []
        #: whether text order is time order: places from large to small, and one tick an hour at most where hours repeat
        self.sorts = (
            bool(names) and names == list(_LADDER[: len(names)]) and (not cadence.repeats or len(cadence.times) <= 24)
        )

    def text(self, instant: int) -> str:
        """The key of the tick at the instant."""
        local = local_at(self._zone, instant)
        text = local.strftime(self.fmt)
        if self._marks_fold and local.fold:
            text += local.strftime("%z")
        return text

    def read(self, text: str) -> KeyTime | None:
        """What the text says about time, or None when it does not follow the format."""
        found = self._read_plain(text)
        if found is not None or not self._marks_fold:
            return found
        match = _SUFFIX.fullmatch(text)
        if match is None:
            return None
        plain = self._read_plain(match["text"])
        if plain is None:
            return None
        offset = int(match["hours"]) * 3600 + int(match["minutes"]) * 60 + int(match["seconds"] or 0)
        return KeyTime(wall=plain.wall, offset=-offset if match["sign"] == "-" else offset)

    def _read_plain(self, text: str) -> KeyTime | None:
        if self._fixed is not None:
            return self._read_fixed(text)
        try:
            moment = _strptime(text, self.fmt)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            return KeyTime(wall=wall_of(moment))
        offset = moment.utcoffset() or timedelta()
        return KeyTime(wall=wall_of(moment.replace(tzinfo=None)), offset=int(offset.total_seconds()))

    def _read_fixed(self, text: str) -> KeyTime | None:
        """Read by places: several times faster than `strptime`, for planners that read keys by the million."""
        assert self._fixed is not None
        match = self._fixed.fullmatch(text)
        if match is None:
            return None
        places = match.groupdict()
        try:
            moment = datetime(
                int(places["Y"]),
                int(places.get("m", 1)),
                int(places.get("d", 1)),
                int(places.get("H", 0)),
                int(places.get("M", 0)),
                int(places.get("S", 0)),
            )
        except ValueError:
            return None
        return KeyTime(wall=wall_of(moment))


def _strptime(text: str, fmt: str) -> datetime:
    """`strptime`, with the first day of the week where the format names a week and no day."""
    names = set(_names(fmt))
    if names & {"u", "w", "a", "A"} or not names & {"V", "U", "W"}:
        return datetime.strptime(text, fmt)
    if "V" in names:
        return datetime.strptime(f"{text} 1", f"{fmt} %u")
    return datetime.strptime(f"{text} {'0' if 'U' in names else '1'}", f"{fmt} %w")


def _names(fmt: str) -> list[str]:
    return [name for name in re.findall(r"%(.?)", fmt, re.DOTALL) if name != "%"]


def _fixed_places(fmt: str) -> re.Pattern[str] | None:
    """The format as a pattern, when all of it has fixed width and no number comes twice."""
    names = _names(fmt)
    if "%%" in fmt or not set(names) <= set(_WIDTHS) or len(set(names)) < len(names) or "Y" not in names:
        return None
    parts = re.findall(r"%.|[^%]", fmt, re.DOTALL)
    return re.compile(
        "".join(f"(?P<{part[1]}>[0-9]{{{_WIDTHS[part[1]]}}})" if part[0] == "%" else re.escape(part) for part in parts)
    )


@lru_cache(maxsize=1024)
def check_format(fmt: str, cadence: Cadence) -> None:
    """A PartitionError when the format is not portable, or gives two ticks of the cadence the same text."""
    if not isinstance(fmt, str) or not fmt:
        raise PartitionError(f"fmt {fmt!r} is not a format", hint="use strftime directives, like `%Y-%m-%d`")
    for name in re.findall(r"%(.?)", fmt, re.DOTALL):
        if name not in _DIRECTIVES:
            raise PartitionError(
                f"fmt {fmt!r} holds `%{name}`, which does not give the same, complete text everywhere",
                hint="use " + " ".join(f"%{each}" for each in sorted(_DIRECTIVES - {"%"})),
            )
    check_key(fmt, what="fmt")
    names = set(_names(fmt))
    if not names & {"Y", "G"}:
        raise PartitionError(f"fmt {fmt!r} has no year, so keys would repeat", hint="add `%Y`")
    _check_days(fmt, cadence, names)
    _check_times(fmt, cadence, names)


def _check_days(fmt: str, cadence: Cadence, names: set[str]) -> None:
    if {"Y", "m", "d"} <= names:
        return
    # 28 years hold every pairing of weekdays, leap days and month lengths
    seen: dict[str, str] = {}
    low, high = wall_of(datetime(2000, 1, 1)), wall_of(datetime(2028, 1, 1))
    for day, step, count in cadence.days.runs(low // DAY, high // DAY - 1):
        for each in range(day, day + step * count, step):
            moment = naive_at(each * DAY + cadence.times[0])
            text, date = moment.strftime(fmt), f"{moment:%Y-%m-%d}"
            if text in seen:
                raise PartitionError(
                    f"fmt {fmt!r} is coarser than the partitions: {seen[text]} and {date} would both be {text!r}",
                    hint="use a finer format, like `%Y-%m-%d`",
                )
            seen[text] = date


def _check_times(fmt: str, cadence: Cadence, names: set[str]) -> None:
    if len(cadence.times) == 1:
        return
    hours = "H" in names or {"I", "p"} <= names
    minutes = "M" in names or all(time % 3600 == 0 for time in cadence.times)
    if not hours or not minutes:
        raise PartitionError(
            f"fmt {fmt!r} is coarser than the partitions: it does not tell "
            f"{'minutes' if hours else 'hours'} of a day apart",
            hint="use a finer format, like `%Y-%m-%d-%H:%M`",
        )


def check_key(key: object, *, what: str = "partition key") -> str:
    """The text, when it may be a partition key; else a PartitionError that shows it."""
    if not isinstance(key, str):
        raise PartitionError(f"{what} {key!r} is a {type(key).__name__}, not text", hint="partition keys are strings")
    if not key or key != key.strip():
        problem = "is empty" if not key.strip() else "begins or ends with a space"
        raise PartitionError(f"{what} {key!r} {problem}", hint="give visible text")
    if SEPARATOR in key:
        raise PartitionError(
            f"{what} {key!r} holds `{SEPARATOR}`, which joins the dimensions of a key", hint="use another character"
        )
    if not key.isprintable():
        bad = next(character for character in key if not character.isprintable())
        raise PartitionError(
            f"{what} {key!r} holds the unprintable character {bad!r}", hint="use letters, digits and punctuation"
        )
    return key


def check_keys(keys: Iterable[str], *, what: str) -> tuple[str, ...]:
    """The keys as a tuple, each of them fit and none twice; a PartitionError otherwise."""
    if isinstance(keys, (str, bytes)):
        raise PartitionError(f"{what} got the single text {keys!r}", hint=f"give a list of keys: [{keys!r}]")
    if not isinstance(keys, Iterable):
        raise PartitionError(f"{what} got {keys!r}, not a list of keys", hint='give a list of keys, like ["a", "b"]')
    found: dict[str, None] = {}
    for key in keys:
        check_key(key, what=f"key of {what}")
        if key in found:
            raise PartitionError(f"{what} has the key {key!r} twice", hint="list each key once")
        found[key] = None
    return tuple(found)
