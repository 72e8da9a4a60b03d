"""Cron expressions as instants: the ticks of a cron in a time zone, by the rules that partitions follow.

A tick whose local time does not exist comes at the end of the gap; one whose local time comes twice ticks at the first
of the two, unless the expression ticks in every hour, in which case it ticks in both.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from assetflow.model.cadence import canonical_cron, cron_cadence
from assetflow.model.windows import Rhythm, Timeline, timeline
from assetflow.model.zones import EPOCH, epoch_of, zone_named


@lru_cache(maxsize=1024)
def _timeline(cron: str, tz: str) -> Timeline:
    zone_named(tz)
    return timeline(Rhythm(cadence=cron_cadence(canonical_cron(cron)), zone=tz), 2020)


def check_cron(cron: str, tz: str) -> str:
    """The expression in its canonical form; a PartitionError when it or the zone is not valid, or it never ticks."""
    text = canonical_cron(cron)
    _timeline(text, tz).next_after(epoch_of(EPOCH.replace(year=2020)))
    return text


def next_tick(cron: str, tz: str, after: datetime) -> datetime:
    """The first tick strictly after an aware instant, in UTC."""
    return _at(_timeline(cron, tz).next_after(epoch_of(after)))


def last_tick(cron: str, tz: str, until: datetime) -> datetime:
    """The last tick at or before an aware instant, in UTC."""
    line = _timeline(cron, tz)
    return _at(line.tick(line.count_through(epoch_of(until)) - 1))


def has_tick(cron: str, tz: str, after: datetime, until: datetime) -> bool:
    """Whether a tick lies in (after, until]; False when `until` is not later, as after a clock was set back."""
    return after < until and last_tick(cron, tz, until) > after


def _at(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
