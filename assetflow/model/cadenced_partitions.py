"""The kinds of time partitions: hourly, daily, weekly, monthly and any cron expression."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from assetflow.errors import PartitionError
from assetflow.model.cadence import (
    Cadence,
    DayRule,
    EveryDay,
    OnMonthDay,
    OnWeekday,
    canonical_cron,
    cron_cadence,
)
from assetflow.model.moments import Exclusions, Moment
from assetflow.model.time_partitions import TimePartitions
from assetflow.values import dataclass

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True, init=False, eq=False)
class HourlyPartitions(TimePartitions):
    """One partition per hour of the local clock, `minute_offset` minutes past it."""

    kind: ClassVar[str] = "hourly"
    adverb: ClassVar[str] = "hourly"

    start: datetime
    end: datetime | None
    tz: str
    minute_offset: int
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]

    def __init__(
        self,
        start: Moment,
        end: Moment | None = None,
        tz: str = "UTC",
        minute_offset: int = 0,
        end_offset: int = 0,
        fmt: str = "%Y-%m-%d-%H:%M",
        exclude: Exclusions = (),
    ) -> None:
        options = {"tz": tz, "minute_offset": minute_offset, "end_offset": end_offset, "fmt": fmt}
        self._settle(start, end, exclude, options)

    def _cadence(self) -> Cadence:
        minute = _checked("minute_offset", self.minute_offset, 0, 59)
        return Cadence(days=EveryDay(), times=tuple(hour * 3600 + minute * 60 for hour in range(24)))


@dataclass(frozen=True, slots=True, init=False, eq=False)
class DailyPartitions(TimePartitions):
    """One partition per local day, starting at `hour_offset`:`minute_offset`."""

    kind: ClassVar[str] = "daily"
    adverb: ClassVar[str] = "daily"

    start: datetime
    end: datetime | None
    tz: str
    hour_offset: int
    minute_offset: int
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]

    def __init__(
        self,
        start: Moment,
        end: Moment | None = None,
        tz: str = "UTC",
        hour_offset: int = 0,
        minute_offset: int = 0,
        end_offset: int = 0,
        fmt: str = "%Y-%m-%d",
        exclude: Exclusions = (),
    ) -> None:
        options = {
            "tz": tz,
            "hour_offset": hour_offset,
            "minute_offset": minute_offset,
            "end_offset": end_offset,
            "fmt": fmt,
        }
        self._settle(start, end, exclude, options)

    def _cadence(self) -> Cadence:
        return _once(EveryDay(), self.hour_offset, self.minute_offset)


@dataclass(frozen=True, slots=True, init=False, eq=False)
class WeeklyPartitions(TimePartitions):
    """One partition per week, starting on weekday `day_offset` (0 = Sunday) at `hour_offset`:`minute_offset`."""

    kind: ClassVar[str] = "weekly"
    adverb: ClassVar[str] = "weekly"

    start: datetime
    end: datetime | None
    tz: str
    hour_offset: int
    minute_offset: int
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]
    day_offset: int

    def __init__(
        self,
        start: Moment,
        end: Moment | None = None,
        tz: str = "UTC",
        hour_offset: int = 0,
        minute_offset: int = 0,
        end_offset: int = 0,
        fmt: str = "%Y-%m-%d",
        exclude: Exclusions = (),
        day_offset: int = 0,
    ) -> None:
        options = {
            "tz": tz,
            "hour_offset": hour_offset,
            "minute_offset": minute_offset,
            "end_offset": end_offset,
            "fmt": fmt,
            "day_offset": day_offset,
        }
        self._settle(start, end, exclude, options)

    def _cadence(self) -> Cadence:
        day = _checked("day_offset", self.day_offset, 0, 6, hint="0 is Sunday, 6 is Saturday")
        return _once(OnWeekday(day), self.hour_offset, self.minute_offset)

    def describe(self) -> str:
        # spelled without super(): slots make the dataclass decorator rebuild the class
        return TimePartitions.describe(self).replace("weekly", f"weekly ({_WEEKDAYS[self.day_offset]})", 1)


@dataclass(frozen=True, slots=True, init=False, eq=False)
class MonthlyPartitions(TimePartitions):
    """One partition per month, starting on day `day_offset` (1 to 28) at `hour_offset`:`minute_offset`."""

    kind: ClassVar[str] = "monthly"
    adverb: ClassVar[str] = "monthly"

    start: datetime
    end: datetime | None
    tz: str
    hour_offset: int
    minute_offset: int
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]
    day_offset: int

    def __init__(
        self,
        start: Moment,
        end: Moment | None = None,
        tz: str = "UTC",
        hour_offset: int = 0,
        minute_offset: int = 0,
        end_offset: int = 0,
        fmt: str = "%Y-%m-%d",
        exclude: Exclusions = (),
        day_offset: int = 1,
    ) -> None:
        options = {
            "tz": tz,
            "hour_offset": hour_offset,
            "minute_offset": minute_offset,
            "end_offset": end_offset,
            "fmt": fmt,
            "day_offset": day_offset,
        }
        self._settle(start, end, exclude, options)

    def _cadence(self) -> Cadence:
        hint = 'not every month has a day after the 28th; for the last day use CronPartitions("0 0 L * *", …)'
        day = _checked("day_offset", self.day_offset, 1, 28, hint=hint)
        return _once(OnMonthDay(day), self.hour_offset, self.minute_offset)


@dataclass(frozen=True, slots=True, init=False, eq=False)
class CronPartitions(TimePartitions):
    """One partition per tick of a cron expression of five fields, or an alias like `@daily`, on the local clock."""

    kind: ClassVar[str] = "cron"
    adverb: ClassVar[str] = "cron"

    cron: str
    start: datetime
    end: datetime | None
    tz: str
    end_offset: int
    fmt: str
    exclude: tuple[str, ...]

    def __init__(
        self,
        cron: str,
        start: Moment,
        end: Moment | None = None,
        tz: str = "UTC",
        end_offset: int = 0,
        fmt: str = "%Y-%m-%d-%H:%M",
        exclude: Exclusions = (),
    ) -> None:
        options = {"cron": canonical_cron(cron), "tz": tz, "end_offset": end_offset, "fmt": fmt}
        self._settle(start, end, exclude, options)

    def _cadence(self) -> Cadence:
        return cron_cadence(self.cron)

    def describe(self) -> str:
        return TimePartitions.describe(self).replace("cron", f"cron `{self.cron}`", 1)


def _once(days: DayRule, hour: int, minute: int) -> Cadence:
    _checked("hour_offset", hour, 0, 23)
    _checked("minute_offset", minute, 0, 59)
    return Cadence(days=days, times=(hour * 3600 + minute * 60,))


def _checked(name: str, value: int, low: int, high: int, *, hint: str | None = None) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PartitionError(f"{name} {value!r} is not a whole number from {low} to {high}", hint=hint)
    return value
