"""Numbers, times and sets in words, the same on every screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assetflow.model.freshness import Freshness
    from assetflow.model.subset import PartitionSubset

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def amount(number: int, noun: str) -> str:
    """`1 asset`, `12 assets`, `336,776 rows`; `noun` is in the singular."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A length of time with the digits that matter: `0.12 s`, `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int) -> str:
    """Bytes in binary units: `812 B`, `4.1 KiB`."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError  # the last unit returns


def fresh_words(assets: int, partitions: int) -> str:
    """What there is to say when nothing is to be done; `partitions` counts asset partitions."""
    if not assets:
        return "nothing to do: nothing that could be materialized is selected"
    if assets == partitions:
        return f"everything is fresh: {amount(assets, 'asset')}"
    return f"everything is fresh: {amount(partitions, 'asset partition')} of {amount(assets, 'asset')}"


def counted(counts: Mapping[str, int]) -> str:
    """The counts that are not 0, in their order: `3 materialized, 1 unchanged, 8 fresh`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing done"


def partitions_text(subset: PartitionSubset | None) -> str:
    """A set of partitions in a few words: its key, its range, or how many there are."""
    if subset is None:
        return ""
    count = len(subset)
    if count == 1:
        return subset.first()
    ranges = subset.ranges()
    if len(ranges) == 1:
        return f"{ranges[0][0]}..{ranges[0][1]} ({count:,})"
    return f"{count:,} in {len(ranges):,} ranges" if len(ranges) < count else amount(count, "partition")


def moment(text: str | None, zone: str = "UTC") -> str:
    """An instant of the catalog as clocks of a zone show it: `2026-01-31 12:00:01`."""
    if text is None:
        return ""
    # not at the top: zones are only needed where times are shown
    from zoneinfo import ZoneInfo

    from assetflow.model.clock import from_text

    return from_text(text).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def freshness_words(freshness: Freshness | None, zone: str = "UTC") -> str:
    """Where an asset stands with its policy: `fresh, overdue at 2026-01-31 09:00:00`; empty without a policy."""
    if freshness is None:
        return ""
    found = freshness.to_json()
    state, since, deadline = found["status"], moment(found["since"], zone), moment(found["deadline"], zone)
    match state:
        case "overdue":
            text = f"overdue since {since}"
            return f"{text}, next deadline {deadline}" if deadline else text
        case "unknown":
            text = "unknown: never materialized"
            return f"{text}, next deadline {deadline}" if deadline else text
        case _:
            return f"{state}, overdue at {deadline}"


def short(version: str | None) -> str:
    """A version for the screen: its algorithm tag and enough of the hash to tell it apart."""
    if not version:
        return ""
    tag, colon, digest = version.partition(":")
    return f"{tag}{colon}{digest[:12]}" if colon else version[:12]
