"""Lengths of time as users write them: `6h`, `1d 12h`, `90 minutes`, and back in words."""

from __future__ import annotations

import re
from datetime import timedelta

from assetflow.errors import UsageError

_SECONDS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3_600, "hour": 3_600, "d": 86_400,
    "day": 86_400, "w": 604_800, "week": 604_800,
}  # fmt: skip
_LONGEST = timedelta(days=36_525)
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def positive_length(given: timedelta | str, what: str) -> timedelta:
    """The same as `read_length`, and a UsageError for none and less than none."""
    length = read_length(given, what)
    if length <= timedelta(0):
        raise UsageError(f"{what} is {given}", hint="use a positive length of time, like `1m`")
    return length


def read_length(given: timedelta | str, what: str) -> timedelta:
    """A timedelta as it is, or text like `6h` or `1 day 12 hours`; a UsageError that names `what` otherwise.

    More than a hundred years is refused: instants that far away cannot be told.
    """
    if isinstance(given, timedelta):
        return _checked(given.total_seconds(), given, what)
    hint = "use a timedelta, or text like `6h`, `1d 12h` or `90 minutes`"
    if not isinstance(given, str) or not given.strip():
        raise UsageError(f"{what} is {given!r}", hint=hint)
    seconds, at, text = 0.0, 0, given.strip().lower()
    while at < len(text):
        found = _PART.match(text, at)
        unit = None if found is None else found[2] if found[2] in _SECONDS else found[2].removesuffix("s")
        if found is None or unit not in _SECONDS:
            raise UsageError(f"{what} is {given!r}, which is no length of time", hint=hint)
        seconds += float(found[1]) * _SECONDS[unit]
        at = found.end()
    return _checked(seconds, given, what)


def _checked(seconds: float, given: timedelta | str, what: str) -> timedelta:
    if abs(seconds) > _LONGEST.total_seconds():
        raise UsageError(f"{what} is {str(given)!r}, more than a hundred years", hint="leave it out for no limit")
    return given if isinstance(given, timedelta) else timedelta(seconds=seconds)


def length_words(length: timedelta) -> str:
    """A length of time in words: `30 days`, `1 day 6 hours`, `90 seconds` as `1 minute 30 seconds`."""
    left = length.total_seconds()
    parts = []
    for name, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, seconds) if seconds > 1 else (left, 0.0)
        if count:
            parts.append(f"{count:g} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"
