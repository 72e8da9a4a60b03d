"""Definitions: keys, defaults, identity, dynamic and multi-dimensional partitions, and everything that is refused."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model.partitions import (
    CronPartitions,
    DailyPartitions,
    DynamicPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    MultiPartitions,
    PartitionsDefinition,
    StaticPartitions,
    WeeklyPartitions,
    partitions_from_json,
)

AS_OF = datetime(2013, 4, 15, 12, 30, tzinfo=UTC)
DAYS = DailyPartitions("2013-01-01")
GRID = MultiPartitions(day=DAYS, region=StaticPartitions(["eu", "us"]))

EXAMPLES: tuple[PartitionsDefinition, ...] = (
    HourlyPartitions("2013-01-01", tz="America/New_York", minute_offset=15, end_offset=1),
    DailyPartitions("2013-01-01", "2014-01-01", hour_offset=3, exclude=["0 3 * * 0", "2013-12-25"]),
    WeeklyPartitions(date(2013, 1, 1), day_offset=1, fmt="%G-W%V"),
    MonthlyPartitions(datetime(2013, 1, 1), day_offset=15, fmt="%Y-%m"),
    CronPartitions("0 */6 * * MON-FRI", "2013-01-01", tz="Asia/Kolkata"),
    StaticPartitions(["eu", "us"]),
    DynamicPartitions("files"),
    GRID,
    MultiPartitions(day=DAYS, region=StaticPartitions(["eu", "us"]), sparse=["2013-01-01|us"]),
    MultiPartitions(file=DynamicPartitions("files"), region=StaticPartitions(["eu", "us"]), day=DAYS),
)


@pytest.mark.parametrize(
    ("definition", "first", "last", "count"),
    [
        (HourlyPartitions("2013-04-15"), "2013-04-15-00:00", "2013-04-15-11:00", 12),
        (HourlyPartitions("2013-04-15", minute_offset=30), "2013-04-15-00:30", "2013-04-15-11:30", 12),
        (DAYS, "2013-01-01", "2013-04-14", 104),
        (DailyPartitions("2013-01-01", hour_offset=13), "2013-01-01", "2013-04-13", 103),
        (WeeklyPartitions("2013-01-01"), "2013-01-06", "2013-04-07", 14),
        (WeeklyPartitions("2013-01-01", day_offset=1), "2013-01-07", "2013-04-08", 14),
        (MonthlyPartitions("2013-01-01"), "2013-01-01", "2013-03-01", 3),
        (MonthlyPartitions("2013-01-02"), "2013-02-01", "2013-03-01", 2),
        (MonthlyPartitions("2013-01-01", day_offset=15), "2013-01-15", "2013-03-15", 3),
        (CronPartitions("0 */6 * * *", "2013-04-15"), "2013-04-15-00:00", "2013-04-15-06:00", 2),
        (CronPartitions("@daily", "2013-04-13", fmt="%Y%m%d"), "20130413", "20130414", 2),
        (DailyPartitions("2013-01-01", "2013-02-01"), "2013-01-01", "2013-01-31", 31),
        (DailyPartitions("2013-01-01", end_offset=1), "2013-01-01", "2013-04-15", 105),
        (DailyPartitions("2013-01-01", end_offset=-2), "2013-01-01", "2013-04-12", 102),
        (DailyPartitions("2013-01-01", "2013-02-01", end_offset=-1), "2013-01-01", "2013-01-31", 31),
        (DailyPartitions("2013-01-01", "9999-12-31"), "2013-01-01", "2013-04-14", 104),
        (DailyPartitions("2013-01-01", exclude="0 0 * * 0,6"), "2013-01-01", "2013-04-12", 74),
        (StaticPartitions(["us", "eu"]), "us", "eu", 2),
        (GRID, "2013-01-01|eu", "2013-04-14|us", 208),
    ],
)
def test_which_partitions_are_there(definition: PartitionsDefinition, first: str, last: str, count: int) -> None:
    keys = definition.keys(AS_OF)
    assert (keys[0], keys[-1], len(keys), definition.count(AS_OF)) == (first, last, count, count)
    assert list(definition.all(AS_OF)) == list(keys)
    assert all(definition.key(definition.ordinal(key)) == key for key in keys)
    ordinals = [definition.ordinal(key) for key in keys]
    assert ordinals == sorted(set(ordinals))


def test_a_window_is_there_when_it_has_ended() -> None:
    midnight = datetime(2013, 1, 3, tzinfo=UTC)
    assert DAYS.keys(midnight) == ["2013-01-01", "2013-01-02"]
    assert DAYS.keys(midnight - timedelta(microseconds=1)) == ["2013-01-01"]
    assert DAYS.keys(midnight.astimezone(timezone(timedelta(hours=9)))) == ["2013-01-01", "2013-01-02"]
    assert DAYS.count(datetime(2012, 1, 1, tzinfo=UTC)) == 0


@pytest.mark.parametrize("definition", EXAMPLES)
def test_definitions_are_values(definition: PartitionsDefinition) -> None:
    again = partitions_from_json(json.loads(json.dumps(definition.to_json())))
    for other in (again, pickle.loads(pickle.dumps(definition)), copy.deepcopy(definition)):
        assert other == definition
        assert hash(other) == hash(definition)
        assert other.fingerprint() == definition.fingerprint()
        assert repr(other) == repr(definition)
    assert [other for other in EXAMPLES if other == definition] == [definition]
    assert [other for other in EXAMPLES if other.fingerprint() == definition.fingerprint()] == [definition]
    with pytest.raises(FrozenInstanceError):
        setattr(definition, fields(definition)[0].name, "2020-01-01")  # type: ignore[arg-type]


def test_one_definition_has_one_spelling() -> None:
    ways = [
        DailyPartitions("2013-01-01", tz="America/New_York"),
        DailyPartitions(date(2013, 1, 1), tz="America/New_York"),
        DailyPartitions(datetime(2013, 1, 1), tz="America/New_York"),
        DailyPartitions("2013-01-01T05:00:00+00:00", tz="America/New_York"),
        DailyPartitions(datetime(2013, 1, 1, tzinfo=ZoneInfo("America/New_York")), None, "America/New_York"),
        DailyPartitions("20130101", tz="America/New_York"),
    ]
    assert set(ways) == {ways[0]}
    assert replace(ways[0], end=datetime(2014, 1, 1)) == DailyPartitions("2013-01-01", "2014-01-01", "America/New_York")
    months = MonthlyPartitions("2013-02", fmt="%Y-%m")
    assert months.start == datetime(2013, 2, 1, tzinfo=UTC)
    assert CronPartitions("@hourly", "2013-01-01") == CronPartitions(" 0  * * * * ", "2013-01-01")
    one = DailyPartitions("2013-01-01", exclude=["2013-12-25", "0 0 * * SUN", "0 0 * * 6"])
    two = DailyPartitions("2013-01-01", exclude=["0 0 * * 6", "0 0 * * sun", date(2013, 12, 25)])
    assert one == two


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (DAYS, "daily from 2013-01-01"),
        (EXAMPLES[0], "hourly from 2013-01-01 (America/New_York)"),
        (EXAMPLES[1], "daily from 2013-01-01 to 2014-01-01 without 0 3 * * 0, 2013-12-25"),
        (EXAMPLES[2], "weekly (Monday) from 2013-01-01"),
        (EXAMPLES[4], "cron `0 */6 * * MON-FRI` from 2013-01-01 (Asia/Kolkata)"),
        (StaticPartitions(["eu", "us"]), "static (eu, us)"),
        (StaticPartitions(["abcdef", *"ghij"]), "static (abcdef, g, h, … 5 keys)"),
        (DynamicPartitions("files"), "dynamic `files`"),
        (GRID, "day (daily from 2013-01-01) × region (static (eu, us))"),
    ],
)
def test_descriptions(definition: PartitionsDefinition, text: str) -> None:
    assert definition.describe() == str(definition) == text


@pytest.mark.parametrize(
    ("fmt", "kind", "first", "second"),
    [
        ("%Y/%m/%d", DailyPartitions, "2013/01/01", "2013/01/02"),
        ("%Y%j", DailyPartitions, "2013001", "2013002"),
        ("%d %B %Y", DailyPartitions, "01 January 2013", "02 January 2013"),
        ("%Y-%m", MonthlyPartitions, "2013-01", "2013-02"),
        ("%b %Y", MonthlyPartitions, "Jan 2013", "Feb 2013"),
        ("%G-W%V", WeeklyPartitions, "2013-W01", "2013-W02"),
        ("%Y-%U", WeeklyPartitions, "2013-01", "2013-02"),
        ("%Y%m%d%H", HourlyPartitions, "2013010100", "2013010101"),
        ("%Y-%m-%d %I %p", HourlyPartitions, "2013-01-01 12 AM", "2013-01-01 01 AM"),
        ("%Y-%m-%dT%H:%M%z", HourlyPartitions, "2013-01-01T00:00+0000", "2013-01-01T01:00+0000"),
    ],
)
def test_formats_read_back(fmt: str, kind: type[Any], first: str, second: str) -> None:
    definition = kind("2013-01-01", fmt=fmt)
    keys = [definition.key(place) for place in range(600)]
    assert keys[:2] == [first, second]
    assert [definition.ordinal(key) for key in keys] == list(range(600))
    assert definition.parse(f"{keys[0]}..{keys[9]}").intervals() == ((0, 10),)


def test_formats_with_offset_mark_equal_hours_by_themselves() -> None:
    definition = HourlyPartitions("2023-11-05", "2023-11-05T03:00", tz="America/New_York", fmt="%Y-%m-%dT%H%z")
    assert [key[-7:] for key in definition.all()] == ["00-0400", "01-0400", "01-0500", "02-0500"]
    assert definition.keys() == [definition.key(definition.ordinal(key)) for key in definition.all()]


def test_keys_at_an_instant() -> None:
    workdays = DailyPartitions("2013-01-01", "2013-02-01", exclude="0 0 * * 0,6")
    assert workdays.key_at(datetime(2013, 1, 4, 23, 59, tzinfo=UTC)) == "2013-01-04"
    assert workdays.key_at(datetime(2013, 1, 5, tzinfo=UTC)) is None
    assert workdays.key_at(datetime(2012, 12, 31, tzinfo=UTC)) is None
    assert workdays.key_at(datetime(2013, 2, 1, tzinfo=UTC)) is None
    with pytest.raises(PartitionError, match="aware"):
        workdays.key_at(datetime(2013, 1, 4))


def test_exclusions() -> None:
    end = datetime(2013, 1, 10, tzinfo=UTC)
    assert DailyPartitions("2013-01-01", exclude=["0 0 * * 0", "2013-01-02", datetime(2013, 1, 4)]).keys(end) == [
        "2013-01-01",
        "2013-01-03",
        "2013-01-05",
        "2013-01-07",
        "2013-01-08",
        "2013-01-09",
    ]
    hours = HourlyPartitions("2013-01-01", "2013-01-03", exclude=["2013-01-01", "2013-01-02T05:00", "0 6-23 * * *"])
    assert hours.keys() == [f"2013-01-02-0{hour}:00" for hour in range(5)]
    start, stop = hours.window("2013-01-02-04:00")
    assert stop - start == timedelta(hours=1)


@pytest.mark.parametrize(
    ("make", "says", "hint"),
    [
        (lambda: DailyPartitions("2013-01-01", tz="Europe/Lodnon"), "'Europe/Lodnon' does not exist", "Europe/London"),
        (lambda: DailyPartitions("2013-01-01", tz="tokyo"), "'tokyo' does not exist", "Asia/Tokyo"),
        (lambda: DailyPartitions("2013-01-01", tz="../etc"), "does not exist", "IANA"),
        (lambda: DailyPartitions("2013-02-01", "2013-01-01"), "before or when they start", "after `start`"),
        (lambda: DailyPartitions("2013-02-01", "2013-02-01"), "before or when they start", "after `start`"),
        (lambda: DailyPartitions("yesterday"), "start 'yesterday' is neither ISO text", "2013-01-01"),
        (lambda: DailyPartitions("2013-02-30"), "start '2013-02-30'", ""),
        (lambda: DailyPartitions(2013), "start 2013 is not a date", ""),  # type: ignore[arg-type]
        (lambda: DailyPartitions("0900-01-01"), "years 1000 to 9998", ""),
        (
            lambda: DailyPartitions("2013-01-01", hour_offset=24),
            "24 is not a whole number from 0 to 23",
            "",
        ),
        (lambda: HourlyPartitions("2013-01-01", minute_offset=-1), "minute_offset -1", ""),
        (lambda: WeeklyPartitions("2013-01-01", day_offset=7), "day_offset 7", "0 is Sunday"),
        (lambda: MonthlyPartitions("2013-01-01", day_offset=31), "day_offset 31", "0 0 L * *"),
        (lambda: DailyPartitions("2013-01-01", end_offset=1.5), "end_offset 1.5", ""),  # type: ignore[arg-type]
        (lambda: HourlyPartitions("2013-01-01", fmt="%Y-%m-%d"), "coarser than the partitions", "%H:%M"),
        (lambda: HourlyPartitions("2013-01-01", minute_offset=5, fmt="%Y-%m-%d-%H"), "tell minutes", "%H:%M"),
        (lambda: DailyPartitions("2013-01-01", fmt="%Y-%m"), "both be '2000-01'", "finer"),
        (lambda: DailyPartitions("2013-01-01", fmt="%m-%d"), "has no year", "%Y"),
        (lambda: DailyPartitions("2013-01-01", fmt="%y%m%d"), "`%y`", "%Y"),
        (lambda: DailyPartitions("2013-01-01", fmt="%Y|%m|%d"), "holds `|`", ""),
        (lambda: DailyPartitions("2013-01-01", fmt=""), "is not a format", ""),
        (lambda: WeeklyPartitions("2013-01-01", fmt="%Y-%m"), "coarser", ""),
        (lambda: CronPartitions("0 0 * *", "2013-01-01"), "needs five fields", "minute hour"),
        (lambda: CronPartitions("61 0 * * *", "2013-01-01"), "not valid: bad minute", ""),
        (lambda: CronPartitions("0 0 31 2 *", "2013-01-01"), "not valid: bad day-of-month", ""),
        (lambda: CronPartitions("@fortnightly", "2013-01-01"), "five fields", "@daily"),
        (lambda: CronPartitions("0 0 * * * *", "2013-01-01"), "five fields", ""),
        (lambda: DailyPartitions("2013-01-01", exclude="0 5 * * *"), "excludes nothing", "hour"),
        (lambda: DailyPartitions("2013-01-01", exclude=["2013-01-01T05:00"]), "not the start of", "`2013-01-01`"),
        (lambda: DailyPartitions("2013-01-01", exclude="0 0 * * *"), "no start within", "everything is excluded"),
        (lambda: StaticPartitions([]), "no keys", "one key"),
        (lambda: StaticPartitions(["a", "a"]), "'a' twice", "once"),
        (lambda: StaticPartitions("eu"), "single text 'eu'", "['eu']"),
        (lambda: StaticPartitions(["a|b"]), "holds `|`", "another character"),
        (lambda: StaticPartitions(["a\nb"]), "unprintable character '\\n'", ""),
        (lambda: StaticPartitions(["a\x00"]), "unprintable", ""),
        (lambda: StaticPartitions([" a"]), "space", ""),
        (lambda: StaticPartitions([""]), "is empty", ""),
        (lambda: StaticPartitions([3]), "is a int, not text", ""),  # type: ignore[list-item]
        (lambda: DynamicPartitions(""), "is empty", ""),
        (lambda: DynamicPartitions("files", ["a", "a"]), "'a' twice", ""),
        (lambda: MultiPartitions(), "no dimensions", ""),
        (lambda: MultiPartitions(day=GRID), "several dimensions itself", ""),
        (lambda: MultiPartitions(day="2013"), "not a partitions definition", ""),  # type: ignore[arg-type]
        (lambda: MultiPartitions({"a|b": DAYS}), "holds `|`", ""),
        (lambda: MultiPartitions(day=DAYS, sparse=["2012-01-01"]), "outside daily", "first is"),
        (lambda: MultiPartitions(day=DAYS, sparse=[{"dya": "2013-01-01"}]), "no dimension 'dya'", "`day`"),
        (lambda: partitions_from_json({"kind": "dayly"}), "'dayly' does not exist", "`daily`"),
        (lambda: partitions_from_json({"kind": "daily"}), "does not describe partitions", ""),
        (lambda: partitions_from_json({}), "does not describe partitions", ""),
        (lambda: DAYS.keys(), "has no end", "as_of"),
        (lambda: DAYS.keys(datetime(2013, 1, 1)), "aware", ""),
        (lambda: DAYS.subset("2013-01-01"), "single text '2013-01-01'", "list of keys"),
        (lambda: DAYS.subset([None]), "None is not a partition", "keys look like"),  # type: ignore[list-item]
        (lambda: DAYS.key(-1), "no partition number -1", ""),
        (lambda: StaticPartitions(["a"]).window("a"), "no time window", ""),
        (lambda: MultiPartitions(a=DAYS, b=DAYS).window("2013-01-01|2013-01-01"), "no single time dimension", ""),
        (lambda: DynamicPartitions("files").keys(), "not known here", 'bind({"files": keys})'),
        (lambda: DynamicPartitions("files").ordinal("a"), "not known here", "catalog"),
    ],
)
def test_what_is_refused(make: Callable[[], object], says: str, hint: str) -> None:
    with pytest.raises(PartitionError) as caught:
        make()
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")


def test_dynamic_keys_keep_their_order() -> None:
    files = DynamicPartitions("files")
    bound = files.bind({"files": ["b", "a"], "other": ["x"]})
    assert bound.keys() == ["b", "a"]
    assert (bound.ordinal("a"), "b" in bound, "x" in bound) == (1, True, False)
    assert bound.fingerprint() == files.fingerprint()
    assert files.dynamic_names == ("files",)
    assert files.bind({"other": ["x"]}) is files
    assert files.bind({"files": []}).count() == 0


def test_dimensions() -> None:
    three = MultiPartitions(
        {"z": StaticPartitions(["1", "2"])}, day=DailyPartitions("2013-01-01", "2013-01-03"), a=StaticPartitions(["x"])
    )
    assert three.axis_names == ("a", "day", "z")
    assert three.keys() == ["x|2013-01-01|1", "x|2013-01-01|2", "x|2013-01-02|1", "x|2013-01-02|2"]
    assert three.split("x|2013-01-02|1") == {"a": "x", "day": "2013-01-02", "z": "1"}
    assert three.join(day="2013-01-02", z="1", a="x") == "x|2013-01-02|1"
    assert three.window("x|2013-01-02|1") == three.dimension("day").window("2013-01-02")
    assert "x|2013-01-03|1" not in three
    assert "x|2013-01-02" not in three
    with pytest.raises(PartitionError, match="dimension 'z' has no key"):
        three.join(a="x", day="2013-01-02")


def test_sparse_products_hold_what_is_chosen() -> None:
    chosen = ["2013-01-01|us", "2013-01-03|eu"]
    sparse = MultiPartitions(day=DAYS, region=StaticPartitions(["eu", "us"]), sparse=reversed(chosen))
    assert sparse.keys(AS_OF) == chosen
    assert sparse.keys(datetime(2013, 1, 2, tzinfo=UTC)) == chosen[:1]
    assert "2013-01-01|eu" not in sparse
    with pytest.raises(UnknownPartitionError, match="not among the chosen"):
        sparse.ordinal("2013-01-01|eu")


def test_chosen_dynamic_keys_wait_until_they_are_added() -> None:
    sparse = MultiPartitions(
        file=DynamicPartitions("files"), region=StaticPartitions(["eu", "us"]), sparse=["a|eu", "b|us"]
    )
    bound = sparse.bind({"files": ["x", "b"]})
    assert bound.keys() == ["b|us"]
    assert bound.fingerprint() == sparse.fingerprint()
    assert bound.bind({"files": ["a", "b"]}).keys() == ["a|eu", "b|us"]


def test_ordinals_stay_when_dimensions_grow() -> None:
    grid = MultiPartitions(area=DynamicPartitions("areas"), day=DAYS)
    before, after = (grid.bind({"areas": areas}) for areas in (["n"], ["n", "s"]))
    assert before.ordinal("n|2013-01-05") == after.ordinal("n|2013-01-05")
    assert after.key(after.ordinal("s|2013-02-01")) == "s|2013-02-01"


def test_definitions_import_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from assetflow.model.partitions import DailyPartitions, CronPartitions\n"
        "import assetflow.model.mapping\n"
        "DailyPartitions('2013-01-01', tz='America/New_York').count(__import__('datetime').datetime.now("
        "__import__('datetime').timezone.utc))\n"
        "heavy = {'polars', 'duckdb', 'pydantic', 'cronsim', 'pandas', 'pyarrow', 'rich', 'click'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
