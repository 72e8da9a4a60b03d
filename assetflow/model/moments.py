"""Instants as users give them: `start`, `end`, `as_of` and the entries of `exclude`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import TypeAlias

from assetflow.errors import PartitionError
from assetflow.model.cadence import Cadence, canonical_cron, cron_cadence
from assetflow.model.partition_text import KeyFormat
from assetflow.model.windows import Rhythm, timeline
from assetflow.model.zones import epoch_of, instants_of, local_at, naive_at, utc_year, wall_of, zone_named

Moment: TypeAlias = str | date | datetime
Exclusions: TypeAlias = str | date | datetime | Iterable[str | date | datetime]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST_DAY = date(1970, 1, 1)


def instant_of(moment: datetime) -> int:
    """The aware datetime in whole seconds since 1970 UTC; a PartitionError for a naive one."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise PartitionError(
            f"{moment!r} is not an aware datetime", hint="give a time zone, like `datetime(…, tzinfo=UTC)`"
        )
    return epoch_of(moment)


def read_moment(moment: Moment, what: str, written: KeyFormat) -> int:
    """The instant that a date, a datetime, ISO text or a key means, read in the zone of the keys.

    A reading that does not exist is the end of its gap, the first of two equal ones unless `fold` is set.
    """
    if isinstance(moment, str):
        moment = _moment_from(moment, what, written)
    if not isinstance(moment, datetime):
        if not isinstance(moment, date):
            raise PartitionError(f"{what} {moment!r} is not a date, a datetime or ISO text")
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is not None:
        return epoch_of(moment)
    reading = instants_of(zone_named(written.zone), wall_of(moment))
    return reading.second if moment.fold and reading.second is not None else reading.first


def _moment_from(text: str, what: str, written: KeyFormat) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        said = written.read(text)
    if said is None:
        raise PartitionError(
            f"{what} {text!r} is neither ISO text nor in the format {written.fmt!r}",
            hint="write a date like `2013-01-01` or a time like `2013-01-01T06:00`",
        )
    if said.offset is not None:
        return local_at(zone_named("UTC"), said.wall - said.offset)
    return naive_at(said.wall)


def read_exclusions(exclude: Exclusions, cadence: Cadence, written: KeyFormat) -> tuple[Rhythm, tuple[str, ...]]:
    """The rhythm of the cadence without what is excluded, and the exclusions as canonical text.

    A cron expression and an instant exclude the partitions that start exactly there; a date without time excludes
    every partition that starts on it. What could never exclude anything is a PartitionError.
    """
    crons: set[str] = set()
    days: set[date] = set()
    instants: set[int] = set()
    for entry in [exclude] if isinstance(exclude, (str, date)) else exclude:
        if isinstance(entry, str) and (entry.lstrip().startswith("@") or len(entry.split()) > 2):
            crons.add(_excluding_cron(entry, cadence))
        elif isinstance(entry, str) and _DATE.fullmatch(entry):
            days.add(local_at(zone_named("UTC"), wall_of(_moment_from(entry, "exclude", written))).date())
        elif isinstance(entry, date) and not isinstance(entry, datetime):
            days.add(entry)
        else:
            instants.add(_excluded_instant(entry, cadence, written))
    rhythm = Rhythm(
        cadence=cadence,
        zone=written.zone,
        without=tuple(cron_cadence(cron) for cron in sorted(crons)),
        without_days=tuple((day - _FIRST_DAY).days for day in sorted(days)),
        without_instants=tuple(sorted(instants)),
    )
    zone = zone_named(written.zone)
    texts = (*sorted(crons), *(day.isoformat() for day in sorted(days)))
    return rhythm, (*texts, *(local_at(zone, at).isoformat() for at in sorted(instants)))


def _excluding_cron(expression: str, cadence: Cadence) -> str:
    cron = canonical_cron(expression)
    if not set(cron_cadence(cron).times) & set(cadence.times):
        raise PartitionError(
            f"exclude {expression!r} never falls on the start of a partition, so it excludes nothing",
            hint="let the expression name the minute and hour at which partitions start",
        )
    return cron


def _excluded_instant(entry: Moment, cadence: Cadence, written: KeyFormat) -> int:
    instant = read_moment(entry, "exclude", written)
    whole = timeline(Rhythm(cadence=cadence, zone=written.zone), utc_year(instant))
    if not whole.is_tick(instant):
        near = written.text(whole.tick(whole.count_through(instant) - 1))
        raise PartitionError(
            f"exclude {entry!s} is not the start of a partition",
            hint=f"the partition around it is `{near}`; a date alone excludes what starts on it",
        )
    return instant


def short(moment: datetime) -> str:
    """The date, with the time of day where it is not midnight."""
    if moment.hour == moment.minute == moment.second == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}" if moment.second == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"
