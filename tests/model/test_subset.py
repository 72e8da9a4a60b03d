"""Subsets of partitions, against plain sets of keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model.partitions import (
    DailyPartitions,
    DynamicPartitions,
    HourlyPartitions,
    MultiPartitions,
    PartitionsDefinition,
    StaticPartitions,
    partitions_from_json,
)

AS_OF = datetime(2013, 1, 21, tzinfo=UTC)
DAYS = DailyPartitions("2013-01-01", tz="UTC")
WORKDAYS = DailyPartitions("2013-01-01", "2013-02-01", exclude="0 0 * * 0,6")
HOURS = HourlyPartitions("2023-11-05", "2023-11-06", tz="America/New_York")
STATIC = StaticPartitions(["eu", "us", "a,b", "x..y", 'say "hi"', "*", "z*", "[q]", "k=v", ".", "ü"])
FILES = DynamicPartitions("files").bind({"files": ["f3", "f1", "f2", "f10"]})
TWO = MultiPartitions(day=DailyPartitions("2013-01-01", "2013-01-06"), area=StaticPartitions(["n", "s", "*"]))
THREE = MultiPartitions(
    day=DailyPartitions("2013-01-01", "2013-01-04"),
    area=StaticPartitions(["n", "s"]),
    model=StaticPartitions(["a", "b", "c=1"]),
)
SPARSE = MultiPartitions(
    day=DailyPartitions("2013-01-01", "2013-01-06"),
    area=StaticPartitions(["n", "s"]),
    sparse=["n|2013-01-01", "n|2013-01-02", "s|2013-01-02", {"day": "2013-01-05", "area": "s"}],
)
DEFINITIONS: tuple[PartitionsDefinition, ...] = (DAYS, WORKDAYS, HOURS, STATIC, FILES, TWO, THREE, SPARSE)
KEYS = {definition: tuple(definition.keys(AS_OF if definition is DAYS else None)) for definition in DEFINITIONS}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[PartitionsDefinition, list[str], list[str]]:
    definition = draw(st.sampled_from(DEFINITIONS))
    some = st.lists(st.sampled_from(KEYS[definition]), max_size=25)
    return definition, draw(some), draw(some)


@settings(max_examples=300, deadline=None)
@given(pairs())
def test_algebra_is_that_of_sets(case: tuple[PartitionsDefinition, list[str], list[str]]) -> None:
    definition, left_keys, right_keys = case
    left, right = definition.subset(left_keys), definition.subset(right_keys)
    a, b = set(left_keys), set(right_keys)
    for found, expected in (
        (left | right, a | b),
        (left & right, a & b),
        (left - right, a - b),
        (left.union(right, left), a | b),
    ):
        assert list(found) == [key for key in KEYS[definition] if key in expected]
        assert len(found) == len(expected)
        assert bool(found) == bool(expected)
        assert found == definition.subset(expected)
        assert hash(found) == hash(definition.subset(expected))
        assert all((key in found) == (key in expected) for key in KEYS[definition])
    assert (left <= right) == (a <= b)
    assert (left < right) == (a < b)
    assert left.isdisjoint(right) == a.isdisjoint(b)


@settings(max_examples=300, deadline=None)
@given(pairs())
def test_text_and_json_read_back(case: tuple[PartitionsDefinition, list[str], list[str]]) -> None:
    definition, keys, _ = case
    subset = definition.subset(keys)
    assert definition.subset_from_json(json.loads(json.dumps(subset.to_json()))) == subset
    if keys:
        assert definition.parse(str(subset)) == subset
        assert definition.parse([str(subset), keys[0]]) == subset
        assert (subset.first(), subset.last()) == (
            min(subset, key=definition.coordinates),
            max(subset, key=definition.coordinates),
        )
    assert [subset.keys()[place] for place in range(len(subset))] == list(subset)
    chunks = list(subset.chunks(3))
    assert [key for chunk in chunks for key in chunk] == list(subset)
    assert all(len(chunk) == 3 for chunk in chunks[:-1])
    again = partitions_from_json(json.loads(json.dumps(definition.to_json()))).bind({"files": KEYS[FILES]})
    assert again == definition
    assert again.subset(keys) == subset


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        (DAYS, "2013-01-02", ["2013-01-02"]),
        (DAYS, "2013-01-02..2013-01-04", ["2013-01-02", "2013-01-03", "2013-01-04"]),
        (DAYS, "2013-01-19..", ["2013-01-19", "2013-01-20"]),
        (DAYS, "..2013-01-02", ["2013-01-01", "2013-01-02"]),
        (DAYS, " 2013-01-09 , 2013-01-02 ", ["2013-01-02", "2013-01-09"]),
        (DAYS, "2013-01-1[0-1]", ["2013-01-10", "2013-01-11"]),
        (DAYS, "2013-*-?9", ["2013-01-09", "2013-01-19"]),
        (WORKDAYS, "2013-01-04..2013-01-08", ["2013-01-04", "2013-01-07", "2013-01-08"]),
        (HOURS, "2023-11-05-01:*", ["2023-11-05-01:00", "2023-11-05-01:00-0500"]),
        (STATIC, "a,b", ["a,b"]),
        (STATIC, "x..y", ["x..y"]),
        (STATIC, "*", ["*"]),
        (STATIC, "z*,eu", ["eu", "z*"]),
        (STATIC, '"a,b",us', ["us", "a,b"]),
        (STATIC, '"say ""hi"""', ['say "hi"']),
        (STATIC, "eu..a,b", None),
        (STATIC, 'eu.."a,b"', ["eu", "us", "a,b"]),
        (STATIC, "[e-u]?", ["eu", "us"]),
        (FILES, "f1*", ["f1", "f10"]),
        (FILES, "f3..f2", ["f3", "f1", "f2"]),
        (TWO, "n|2013-01-02", ["n|2013-01-02"]),
        (TWO, "n|2013-01-02..2013-01-03", ["n|2013-01-02", "n|2013-01-03"]),
        (TWO, "day=2013-01-02|area=s", ["s|2013-01-02"]),
        (TWO, "day=2013-01-02", ["n|2013-01-02", "s|2013-01-02", "*|2013-01-02"]),
        (TWO, "[ns]|*-05", ["n|2013-01-05", "s|2013-01-05"]),
        (THREE, "n|2013-01-02|c=1", ["n|2013-01-02|c=1"]),
        (THREE, 'model="c=1"|area=n|day=2013-01-03', ["n|2013-01-03|c=1"]),
        (SPARSE, "area=s", ["s|2013-01-02", "s|2013-01-05"]),
        (SPARSE, "*", list(KEYS[SPARSE])),
    ],
)
def test_what_users_write(definition: PartitionsDefinition, text: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(PartitionError):
            definition.parse(text, as_of=AS_OF)
    else:
        as_of = AS_OF if definition is DAYS else None
        assert list(definition.parse(text, as_of=as_of)) == expected


@pytest.mark.parametrize(
    ("definition", "text", "says", "hint"),
    [
        (DAYS, "2013-1-2", "not a partition of daily", "did you mean `2013-01-02`?"),
        (DAYS, "2012-12-31", "outside daily from 2013-01-01", "first is `2013-01-01`"),
        (DAYS, "2013-02-01", "not there yet as of 2013-01-21", "window ends at 2013-02-02"),
        (DAYS, "2013-01-05..2013-01-02", "reversed", "`2013-01-02..2013-01-05`"),
        (DAYS, "2013-01-05..2014-01-02", "not there yet", "ends at"),
        (DAYS, "2014-*", "matches no partition", "keys look like"),
        (DAYS, "a..b..c", "more than one `..`", "first..last"),
        (DAYS, "", "empty partition", "`*` for all"),
        (DAYS, "2013-01-02,", "empty partition", "`*` for all"),
        (WORKDAYS, "2013-01-05", "excluded", "keys look like"),
        (WORKDAYS, "2014-01-05", "excluded", "keys look like"),
        (WORKDAYS, "2014-01-06", "outside", "`2013-01-01`..`2013-01-31`"),
        (HOURS, "2023-03-12-02:00", "does not exist: clocks in America/New_York jump over", ""),
        (HOURS, "2023-11-05-03:00-0500", "not a partition", ""),
        (STATIC, "EU", "not a partition of static", "did you mean `eu`?"),
        (STATIC, '"eu', "quotation mark", ""),
        (FILES, "f4", "not a partition of dynamic `files`", "keys are `f3`, `f1`"),
        (TWO, "n", "not a partition", "write `area|day`"),
        (TWO, "q|2013-01-01", "'q' is not a partition of static", "keys are"),
        (TWO, "day=2013-01-01|day=2013-01-02", "names the dimension 'day' twice", ""),
        (SPARSE, "s|2013-01-01", "matches no partition", ""),
    ],
)
def test_what_is_refused(definition: PartitionsDefinition, text: str, says: str, hint: str) -> None:
    with pytest.raises(PartitionError) as caught:
        definition.parse(text, as_of=AS_OF)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")


def test_ranges_from_one_key_to_another() -> None:
    assert DAYS.between("2013-01-18", as_of=AS_OF).ranges() == [["2013-01-18", "2013-01-20"]]
    assert DAYS.between("2013-01-02", "2013-01-03").ranges() == [["2013-01-02", "2013-01-03"]]
    found = TWO.between("n|2013-01-02", "s|2013-01-03")
    assert found == TWO.parse("n..s|2013-01-02..2013-01-03")
    with pytest.raises(UnknownPartitionError, match="2012"):
        DAYS.between("2012-01-01", "2013-01-03")


def test_a_decade_of_hours_is_one_interval() -> None:
    definition = HourlyPartitions("2010-01-01", "2020-01-01", tz="America/New_York")
    whole = definition.all()
    assert len(whole) == 87_648
    assert whole.intervals() == ((0, 87_648),)
    assert (whole - definition.subset(["2013-06-01-00:00"])).ranges() == [
        ["2010-01-01-00:00", "2013-05-31-23:00"],
        ["2013-06-01-01:00", "2019-12-31-23:00"],
    ]


def test_known_keys_are_told_from_unknown_ones() -> None:
    subset, unknown = DAYS.known(["2013-01-02", "nonsense", "2012-01-01", "2013-01-01"])
    assert list(subset) == ["2013-01-01", "2013-01-02"]
    assert unknown == ("nonsense", "2012-01-01")
    many = [*HOURS.all(), "2023-11-05-25:00"] + [str(number) for number in range(200)]
    assert HOURS.known(many) == (HOURS.all(), tuple(many[25:]))
    decade = HourlyPartitions("2010-01-01", "2020-01-01", tz="Australia/Lord_Howe")
    keys = list(decade.all())[7::3]
    assert list(HourlyPartitions("2010-01-01", "2020-01-01", tz="Australia/Lord_Howe").subset(keys)) == keys


def test_different_definitions_do_not_mix() -> None:
    with pytest.raises(PartitionError, match="cannot be combined"):
        DAYS.all(AS_OF) | WORKDAYS.all()


def test_dynamic_subsets_survive_new_keys() -> None:
    before, after = FILES, FILES.bind({"files": ["f1", "f3", "new"]})
    assert list(after.all() & before.subset(["f3"])) == ["f3"]
    assert list(before.subset(["f3"]).rebind(after)) == ["f3"]


@pytest.mark.parametrize("data", [{}, {"ranges": 3}, {"boxes": []}, {"ranges": [["2013-01-01"]]}, []])
def test_json_that_is_no_subset_is_refused(data: Any) -> None:
    with pytest.raises(PartitionError):
        DAYS.subset_from_json(data)
