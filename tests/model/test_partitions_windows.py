"""Windows and keys around every change of the clock, against a scan of the local clock minute by minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assetflow.model.partitions import (
    CronPartitions,
    DailyPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    TimePartitions,
    WeeklyPartitions,
)

# days around which the clocks of a zone do something: gaps and folds by an hour, half an hour, two hours and a day
ODD_DAYS = (
    ("America/New_York", "2023-03-12"),
    ("America/New_York", "2023-11-05"),
    ("Europe/London", "2023-03-26"),
    ("Europe/London", "2023-10-29"),
    ("Europe/Dublin", "2023-10-29"),
    ("Australia/Lord_Howe", "2023-04-02"),
    ("Australia/Lord_Howe", "2023-10-01"),
    ("Asia/Kolkata", "2023-06-15"),
    ("Asia/Kathmandu", "1986-01-01"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Apia", "2012-04-01"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Havana", "2023-03-12"),
    ("America/Havana", "2023-11-05"),
    ("Africa/Cairo", "2023-04-28"),
    ("Africa/Casablanca", "2023-03-19"),
    ("America/St_Johns", "2006-04-02"),
    ("America/St_Johns", "2006-10-29"),
    ("Pacific/Chatham", "2023-04-02"),
    ("Antarctica/Troll", "2023-03-26"),
    ("Asia/Tehran", "2022-03-22"),
    ("Pacific/Kiritimati", "1994-12-31"),
    ("UTC", "2024-02-29"),
)
MINUTE = timedelta(minutes=1)
Matches = Callable[[datetime], bool]


def scanned_ticks(zone: str, first: datetime, last: datetime, matches: Matches, *, twice: bool) -> list[datetime]:
    """The instants first ≤ t < last at which a wall clock that matches is shown, or is jumped over just before."""
    tz, found = ZoneInfo(zone), []
    shown = (first - MINUTE).astimezone(tz).replace(tzinfo=None)
    at = first
    while at < last:
        local = at.astimezone(tz)
        wall = local.replace(tzinfo=None)
        skipped = []
        while (shown := shown + MINUTE) < wall:
            # a date that is left out whole has no partition; here every date has ticks of its own
            if shown.date() == wall.date():
                skipped.append(shown)
        shown = wall
        if (matches(wall) and (twice or local.fold == 0)) or any(map(matches, skipped)):
            found.append(at)
        at += MINUTE
    return found


def around(day: str) -> tuple[datetime, datetime]:
    middle = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return middle - timedelta(days=2), middle + timedelta(days=3)


def windows_between(definition: TimePartitions, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    windows = [definition.window(key) for key in definition.keys(last + timedelta(days=2))]
    return [(start, end) for start, end in windows if first <= start < last]


def assert_tiles(definition: TimePartitions, first: datetime, last: datetime) -> None:
    keys = [key for key in definition.keys(last) if first <= definition.window(key)[0]]
    assert len(set(keys)) == len(keys)
    for number, key in enumerate(keys):
        # local datetimes subtract by the wall clock: compare instants in UTC
        start, end = (at.astimezone(UTC) for at in definition.window(key))
        assert start < end
        if number:
            assert definition.window(keys[number - 1])[1].astimezone(UTC) == start
        assert definition.key_at(start) == key
        assert definition.key_at(end - timedelta(microseconds=1)) == key
        assert definition.key_at(end) != key
        assert definition.key(definition.ordinal(key)) == key
        assert key in definition


def instants(windows: list[tuple[datetime, datetime]]) -> list[datetime]:
    return [start.astimezone(UTC) for start, _ in windows]


@pytest.mark.parametrize(("zone", "day"), ODD_DAYS)
@pytest.mark.parametrize("minute", [0, 15, 30])
def test_hours_are_those_of_the_local_clock(zone: str, day: str, minute: int) -> None:
    first, last = around(day)
    definition = HourlyPartitions(first, tz=zone, minute_offset=minute)
    expected = scanned_ticks(zone, first, last, lambda wall: wall.minute == minute, twice=True)
    assert instants(windows_between(definition, first, last)) == expected
    assert_tiles(definition, first, last)


@pytest.mark.parametrize(("zone", "day"), ODD_DAYS)
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (1, 30), (2, 0), (23, 15)])
def test_days_start_once_on_each_date(zone: str, day: str, hour: int, minute: int) -> None:
    first, last = around(day)
    definition = DailyPartitions(first, tz=zone, hour_offset=hour, minute_offset=minute)
    expected = scanned_ticks(zone, first, last, lambda wall: (wall.hour, wall.minute) == (hour, minute), twice=False)
    assert instants(windows_between(definition, first, last)) == expected
    assert_tiles(definition, first, last)


@pytest.mark.parametrize(("zone", "day"), ODD_DAYS)
@pytest.mark.parametrize(
    ("cron", "twice", "hours", "minutes"),
    [
        ("0 */6 * * *", False, {0, 6, 12, 18}, {0}),
        ("*/30 * * * *", True, set(range(24)), {0, 30}),
        ("10,50 0-3 * * *", False, {0, 1, 2, 3}, {10, 50}),
        ("7 0-23 * * *", True, set(range(24)), {7}),
    ],
)
def test_cron_follows_the_local_clock(
    zone: str, day: str, cron: str, twice: bool, hours: set[int], minutes: set[int]
) -> None:
    first, last = around(day)
    definition = CronPartitions(cron, first, tz=zone)
    expected = scanned_ticks(zone, first, last, lambda wall: wall.hour in hours and wall.minute in minutes, twice=twice)
    assert instants(windows_between(definition, first, last)) == expected
    assert_tiles(definition, first, last)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(sorted({zone for zone, _ in ODD_DAYS})),
    start=st.datetimes(datetime(1971, 1, 1), datetime(2045, 1, 1)),
    kind=st.sampled_from([HourlyPartitions, DailyPartitions, WeeklyPartitions, MonthlyPartitions]),
    offset=st.integers(0, 59),
)
@example(zone="America/Havana", start=datetime(1975, 3, 17, 0, 0, 1), kind=DailyPartitions, offset=0)
def test_keys_and_windows_are_one_to_one(zone: str, start: datetime, kind: type[HourlyPartitions], offset: int) -> None:
    definition = kind(start, tz=zone, minute_offset=offset)
    keys = [definition.key(place) for place in range(40)]
    assert len(set(keys)) == 40
    assert keys == sorted(keys)
    assert [definition.ordinal(key) for key in keys] == list(range(40))
    starts, ends = zip(*map(definition.window, keys), strict=True)
    assert all(a.astimezone(UTC) == b.astimezone(UTC) for a, b in zip(ends[:-1], starts[1:], strict=True))
    assert starts[0].astimezone(UTC) >= definition.start.astimezone(UTC)
    assert definition.count(ends[-1]) == 40
    # back by a second of real time: the second before on the wall may not have been
    assert definition.count(ends[-1].astimezone(UTC) - timedelta(seconds=1)) == 39


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(sorted({zone for zone, _ in ODD_DAYS})),
    start=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),
    days=st.integers(0, 900),
    shift=st.integers(-3, 3),
)
def test_count_is_the_number_of_windows_that_have_ended(zone: str, start: datetime, days: int, shift: int) -> None:
    as_of = (start + timedelta(days=days)).replace(tzinfo=UTC)
    plain = DailyPartitions(start, tz=zone)
    ended = sum(1 for place in range(days + 3) if plain.window(plain.key(place))[1].astimezone(UTC) <= as_of)
    assert plain.count(as_of) == ended
    # the shift counts windows from the one that ended last, also before the start
    shifted = DailyPartitions(start, tz=zone, end_offset=shift)
    if ended:
        assert shifted.count(as_of) == max(0, ended + shift)
    assert plain.keys(as_of) == [plain.key(place) for place in range(ended)]


def test_a_day_is_as_long_as_the_clock_makes_it() -> None:
    definition = DailyPartitions("2023-01-01", tz="America/New_York")

    def hours(key: str) -> float:
        start, end = definition.window(key)
        return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(hours=1)

    assert [hours(key) for key in ("2023-03-11", "2023-03-12", "2023-11-05")] == [24, 23, 25]


def test_the_second_of_two_equal_hours_carries_its_offset() -> None:
    definition = HourlyPartitions("2023-11-05", "2023-11-05T04:00", tz="America/New_York")
    assert definition.keys() == [
        "2023-11-05-00:00",
        "2023-11-05-01:00",
        "2023-11-05-01:00-0500",
        "2023-11-05-02:00",
        "2023-11-05-03:00",
    ]
    assert definition.window("2023-11-05-01:00-0500")[0].isoformat() == "2023-11-05T01:00:00-05:00"


def test_lord_howe_keeps_whole_hours_after_its_half_hour_change() -> None:
    spring = HourlyPartitions("2023-10-01", "2023-10-01T05:00", tz="Australia/Lord_Howe")
    assert [key[-5:] for key in spring.all()] == ["00:00", "01:00", "02:30", "03:00", "04:00"]
    autumn = HourlyPartitions("2023-04-02", "2023-04-02T04:00", tz="Australia/Lord_Howe")
    assert [key[-5:] for key in autumn.all()] == ["00:00", "01:00", "02:00", "03:00"]
    start, end = autumn.window("2023-04-02-01:00")
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(minutes=90)


def test_the_day_that_apia_left_out_has_no_key() -> None:
    definition = DailyPartitions("2011-12-28", "2012-01-02", tz="Pacific/Apia")
    assert definition.keys() == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert "2011-12-30" not in definition
    late = DailyPartitions("2011-12-28", "2012-01-02", tz="Pacific/Apia", hour_offset=2)
    assert late.keys() == ["2011-12-28", "2011-12-29", "2011-12-31"]
    weekly = WeeklyPartitions("2011-12-10", "2012-01-13", tz="Pacific/Apia", day_offset=5)
    assert weekly.keys() == ["2011-12-16", "2011-12-23", "2011-12-31", "2012-01-06"]


def test_midnight_in_a_gap_moves_to_its_end() -> None:
    definition = DailyPartitions("2018-11-01", tz="America/Sao_Paulo")
    start, _ = definition.window("2018-11-04")
    assert start.isoformat() == "2018-11-04T01:00:00-02:00"


def test_leap_days_keep_key_and_window_together() -> None:
    definition = CronPartitions("0 0 29 2 *", "2015-01-01", fmt="%Y-%m-%d")
    assert definition.keys(datetime(2025, 1, 1, tzinfo=UTC)) == ["2016-02-29", "2020-02-29"]
    assert [str(at.date()) for at in definition.window("2016-02-29")] == ["2016-02-29", "2020-02-29"]


def test_the_last_day_of_months() -> None:
    definition = CronPartitions("0 0 L * *", "2024-01-01", "2024-05-01", fmt="%Y-%m-%d")
    assert definition.keys() == ["2024-01-31", "2024-02-29", "2024-03-31"]


def test_a_fold_across_the_new_year_does_not_start_a_day_twice() -> None:
    # on 1911-12-31 clocks in Niamey went back from midnight to 22:51:32, so that 23:00 came again in the new UTC year
    definition = DailyPartitions("1911-12-30", "1912-01-03", tz="Africa/Niamey", hour_offset=23)
    assert definition.keys() == ["1911-12-30", "1911-12-31", "1912-01-01"]


def test_weeks_that_a_new_year_cuts_in_two_read_back() -> None:
    definition = CronPartitions("0 0 1,31 1,12 *", "2013-12-01", "2015-02-01", fmt="%Y-%U")
    assert definition.keys() == ["2013-48", "2013-52", "2014-00", "2014-04", "2014-48", "2014-52", "2015-00"]
    assert [definition.key(definition.ordinal(key)) for key in definition.all()] == list(definition.all())
