"""Mappings, both ways, against the plain overlap of windows and plain tables of keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import PartitionError
from assetflow.model.mapping import (
    AllPartitions,
    DimensionMapping,
    IdentityMapping,
    LastPartition,
    PartitionMapping,
    SpecificPartitions,
    StaticMapping,
    TimeWindowMapping,
    as_mapping,
    default_mapping,
)
from assetflow.model.partitions import (
    CronPartitions,
    DailyPartitions,
    DynamicPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    MultiPartitions,
    PartitionsDefinition,
    StaticPartitions,
    TimePartitions,
    WeeklyPartitions,
)

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Chatham",
    "Antarctica/Troll",
)
AS_OF = datetime(2013, 1, 21, tzinfo=UTC)
DAYS = DailyPartitions("2013-01-01")
HOURS = HourlyPartitions("2013-01-01")
WEEKS = WeeklyPartitions("2012-12-30")
AREAS = StaticPartitions(["n", "s", "w"])
GRID = MultiPartitions(day=DailyPartitions("2013-01-01", "2013-01-08"), area=AREAS)


@st.composite
def time_partitions(draw: st.DrawFn) -> TimePartitions:
    """Small definitions of any cadence in any zone, near a week in which many clocks change, some with exclusions."""
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.sampled_from(["2018-10-20", "2018-10-31", "2018-11-02T05:00", "2018-11-04"]))
    end = draw(st.sampled_from(["2018-11-06", "2018-11-07T13:00", "2018-12-01"]))
    match draw(st.sampled_from(["hourly", "daily", "workdays", "weekly", "monthly", "cron", "sparse"])):
        case "hourly":
            end = min(end, "2018-11-07T13:00")
            return HourlyPartitions(
                max(start, "2018-11-02T05:00"), end, tz=zone, minute_offset=draw(st.integers(0, 59))
            )
        case "daily":
            return DailyPartitions(start, end, tz=zone, hour_offset=draw(st.integers(0, 23)))
        case "workdays":
            return DailyPartitions(start, end, tz=zone, exclude=["0 0 * * 6", "2018-11-01"])
        case "weekly":
            return WeeklyPartitions(start, end, tz=zone, day_offset=draw(st.integers(0, 6)))
        case "monthly":
            return MonthlyPartitions(start, end, tz=zone, day_offset=draw(st.integers(1, 28)))
        case "sparse":
            return CronPartitions("30 1,13 * * 2-4", start, end, tz=zone)
        case _:
            return CronPartitions("0 */8 * * *", start, end, tz=zone, exclude=["0 8 * * *"])


def spans(definition: TimePartitions) -> dict[str, tuple[datetime, datetime]]:
    found = {key: definition.window(key) for key in definition.all()}
    return {key: (start.astimezone(UTC), end.astimezone(UTC)) for key, (start, end) in found.items()}


@settings(max_examples=400, deadline=None)
@given(
    downstream=time_partitions(), upstream=time_partitions(), offsets=st.tuples(st.integers(-3, 2), st.integers(0, 2))
)
def test_windows_read_what_they_overlap(
    downstream: TimePartitions, upstream: TimePartitions, offsets: tuple[int, int]
) -> None:
    start, end = offsets[0], offsets[0] + offsets[1]
    mapping = TimeWindowMapping(start, end, allow_nonexistent_upstream=True)
    down, up = list(spans(downstream)), spans(upstream)
    windows = list(spans(downstream).values())
    reads: dict[str, set[str]] = {}
    for place, key in enumerate(down):
        # the oracle knows the windows inside the definition only: the others are left to other tests
        if not 0 <= place + start <= place + end < len(down):
            continue
        a, b = windows[place + start][0], windows[place + end][1]
        reads[key] = {name for name, (low, high) in up.items() if low < b and a < high}
        assert set(mapping.upstream_keys([key], downstream=downstream, upstream=upstream)) == reads[key]
    if reads:
        together = mapping.upstream_keys(reads, downstream=downstream, upstream=upstream)
        assert list(together) == [key for key in up if any(key in each for each in reads.values())]
    for name in list(up)[:: max(1, len(up) // 25)]:
        readers = set(mapping.downstream_keys([name], downstream=downstream, upstream=upstream))
        assert readers & set(reads) == {key for key, read in reads.items() if name in read}


@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    downstream=time_partitions(),
    upstream=time_partitions(),
    offsets=st.tuples(st.integers(-3, 2), st.integers(0, 2)),
)
def test_a_set_maps_like_its_members(
    data: st.DataObject, downstream: TimePartitions, upstream: TimePartitions, offsets: tuple[int, int]
) -> None:
    if not downstream.count() or not upstream.count():
        return
    mapping = TimeWindowMapping(offsets[0], offsets[0] + offsets[1])
    keys = data.draw(st.lists(st.sampled_from(list(downstream.keys())), max_size=12))
    whole = mapping.upstream_subset(downstream.subset(keys), downstream=downstream, upstream=upstream)
    found, missing, blocked = upstream.empty(), False, downstream.empty()
    for key in keys:
        single = mapping.upstream_subset(downstream.subset([key]), downstream=downstream, upstream=upstream)
        assert single.subset is not None
        found |= single.subset
        if single.missing:
            missing = True
            assert single.blocked == downstream.subset([key])
            blocked |= downstream.subset([key])
    assert whole.subset == found
    assert bool(whole.missing) == missing
    assert (whole.blocked or downstream.empty()) == blocked
    names = data.draw(st.lists(st.sampled_from(list(upstream.keys())), max_size=8))
    readers = mapping.downstream_subset(upstream.subset(names), downstream=downstream, upstream=upstream)
    singles = [
        mapping.downstream_subset(upstream.subset([name]), downstream=downstream, upstream=upstream) for name in names
    ]
    assert readers == downstream.empty().union(*(each for each in singles if each is not None))


def double(key: str) -> list[str]:
    return {"n": ["s", "w"], "s": ["s"], "w": []}[key]


BOTH_WAYS: tuple[tuple[PartitionMapping, PartitionsDefinition, PartitionsDefinition], ...] = (
    (IdentityMapping(), AREAS, StaticPartitions(["w", "x", "n"])),
    (IdentityMapping(), GRID, GRID),
    (AllPartitions(), AREAS, GRID),
    (LastPartition(), GRID, AREAS),
    (SpecificPartitions(["n|2013-01-02", "s|2013-01-05"]), AREAS, GRID),
    (StaticMapping({"n": ["s", "w"], "w": "w"}), AREAS, AREAS),
    (as_mapping(double), AREAS, AREAS),
    (DimensionMapping("area"), GRID, AREAS),
    (DimensionMapping("area", as_mapping(double)), AREAS, GRID),
    (DimensionMapping("day", TimeWindowMapping(-1, 0)), GRID, DailyPartitions("2013-01-01", "2013-01-08")),
    (DimensionMapping({"day": ("day", TimeWindowMapping(-2, -1)), "area": "area"}), GRID, GRID),
    (DimensionMapping({"area": SpecificPartitions(["w", "n"]), "day": "day"}), GRID, GRID),
    (
        DimensionMapping({"left": "area", "right": ("area", as_mapping(double))}),
        GRID,
        MultiPartitions(left=AREAS, right=AREAS),
    ),
    (
        DimensionMapping({"day": "day", "area": "area"}),
        MultiPartitions(day=DailyPartitions("2013-01-01", "2013-01-08"), area=AREAS, model=AREAS),
        MultiPartitions(
            day=DailyPartitions("2013-01-01", "2013-01-08"), area=AREAS, sparse=["n|2013-01-01", "w|2013-01-03"]
        ),
    ),
    (default_mapping(GRID, HOURS), GRID, HourlyPartitions("2013-01-01", "2013-01-08")),
)


@pytest.mark.parametrize(("mapping", "downstream", "upstream"), BOTH_WAYS)
def test_up_and_down_agree(
    mapping: PartitionMapping, downstream: PartitionsDefinition, upstream: PartitionsDefinition
) -> None:
    assert mapping.check(downstream, upstream) is None
    edges = {
        (down, up)
        for down in downstream.all()
        for up in mapping.upstream_keys([down], downstream=downstream, upstream=upstream)
    }
    assert edges
    assert edges == {
        (down, up)
        for up in upstream.all()
        for down in mapping.downstream_keys([up], downstream=downstream, upstream=upstream)
    }
    everything = mapping.upstream_keys(downstream.keys(), downstream=downstream, upstream=upstream)
    assert set(everything) == {up for _, up in edges}
    assert mapping == mapping
    assert isinstance(hash(mapping), int)


def test_two_dimensions_that_follow_one_follow_it_together() -> None:
    pair = MultiPartitions(left=AREAS, right=AREAS)
    mapping = DimensionMapping({"left": "area", "right": "area"})
    assert mapping.upstream_keys(GRID.keys(), downstream=GRID, upstream=pair) == ("n|n", "s|s", "w|w")


def test_the_first_of_a_self_dependency_has_no_input() -> None:
    mapping = TimeWindowMapping(-1, -1)
    found = mapping.upstream_subset(DAYS.all(AS_OF), downstream=DAYS, upstream=DAYS, as_of=AS_OF)
    assert found.missing == ()
    assert str(found.subset) == "2013-01-01..2013-01-19"
    assert mapping.upstream_keys(["2013-01-01"], downstream=DAYS, upstream=DAYS) == ()
    assert mapping.downstream_keys(["2013-01-01"], downstream=DAYS, upstream=DAYS) == ("2013-01-02",)


def test_the_last_seven_days_reach_before_the_downstream_starts() -> None:
    week = TimeWindowMapping(-6, 0)
    late = DailyPartitions("2013-01-05")
    assert week.upstream_keys(["2013-01-05"], downstream=late, upstream=DAYS) == (
        "2013-01-01",
        "2013-01-02",
        "2013-01-03",
        "2013-01-04",
        "2013-01-05",
    )


def test_offsets_count_partitions_and_not_days() -> None:
    workdays = DailyPartitions("2013-01-01", exclude="0 0 * * 0,6")
    before = TimeWindowMapping(-1, -1)
    assert before.upstream_keys(["2013-01-07"], downstream=workdays, upstream=workdays) == ("2013-01-04",)
    # Friday and Monday are read without the weekend between them, unless a window spans it
    assert TimeWindowMapping().upstream_keys(["2013-01-04", "2013-01-07"], downstream=workdays, upstream=DAYS) == (
        "2013-01-04",
        "2013-01-07",
    )
    spanning = TimeWindowMapping(-1, 0).upstream_keys(["2013-01-07"], downstream=workdays, upstream=DAYS)
    assert spanning == ("2013-01-04", "2013-01-05", "2013-01-06", "2013-01-07")
    # and the other way, days of the weekend read neither Friday nor Monday
    assert TimeWindowMapping().downstream_keys(["2013-01-04", "2013-01-07"], downstream=DAYS, upstream=workdays) == (
        "2013-01-04",
        "2013-01-07",
    )
    # a week does not read the Friday before it
    assert TimeWindowMapping().upstream_keys(["2013-01-06"], downstream=WEEKS, upstream=workdays)[0] == "2013-01-07"


@pytest.mark.parametrize(
    ("mapping", "downstream", "upstream", "keys", "missing", "blocked"),
    [
        (
            TimeWindowMapping(),
            DAYS,
            DailyPartitions("2013-01-03"),
            "*",
            ("2013-01-01..2013-01-02",),
            "2013-01-01..2013-01-02",
        ),
        (TimeWindowMapping(), DAYS, WEEKS, "*", ("2013-01-20",), "2013-01-20"),
        (
            TimeWindowMapping(),
            MonthlyPartitions("2012-11-01"),
            DAYS,
            "*",
            ("2012-11-01..2012-12-31",),
            "2012-11-01..2012-12-01",
        ),
        (TimeWindowMapping(-2, 0), DAYS, DAYS, "*", (), None),
        (TimeWindowMapping(0, 1), DAYS, DAYS, "*", (), None),
        (
            TimeWindowMapping(-2, 0),
            DAYS,
            DailyPartitions("2013-01-02", "2013-01-19"),
            "*",
            ("2013-01-01", "2013-01-19..2013-01-20"),
            "2013-01-01,2013-01-19..2013-01-20",
        ),
        (
            TimeWindowMapping(-1, -1),
            DAYS,
            DailyPartitions("2013-01-01", "2013-01-10"),
            "*",
            ("2013-01-10..2013-01-19",),
            "2013-01-11..2013-01-20",
        ),
        (TimeWindowMapping(0, 0, True), DAYS, DailyPartitions("2013-01-03"), "*", (), None),
        (
            IdentityMapping(),
            DAYS,
            DailyPartitions("2013-01-03"),
            "*",
            ("2013-01-01..2013-01-02",),
            "2013-01-01..2013-01-02",
        ),
        (
            IdentityMapping(),
            DAYS,
            DailyPartitions("2013-01-01", end_offset=-2),
            "*",
            ("2013-01-19..2013-01-20",),
            "2013-01-19..2013-01-20",
        ),
        (IdentityMapping(), AREAS, StaticPartitions(["n", "x"]), "*", ("s", "w"), "s..w"),
        (SpecificPartitions(["2013-03-01"]), AREAS, DAYS, "n", ("2013-03-01",), "n"),
        (LastPartition(), AREAS, DailyPartitions("2014-01-01"), "n", ("the last partition (there is none yet)",), "n"),
        (as_mapping(lambda key: "2012-12-31"), AREAS, DAYS, "n", ("2012-12-31",), "n"),
        (as_mapping(lambda key: "2013-03-01"), AREAS, DAYS, "n,s", ("2013-03-01",), "n,s"),
        (as_mapping(lambda key: f"2013-01-{'1' if key == 'n' else '3'}0"), AREAS, DAYS, "n,s", ("2013-01-30",), "s"),
        (
            DimensionMapping("day"),
            GRID,
            DailyPartitions("2013-01-03"),
            "*",
            ("2013-01-01..2013-01-02",),
            "n..w|2013-01-01..2013-01-02",
        ),
        (
            DimensionMapping("area"),
            AREAS,
            MultiPartitions(area=StaticPartitions(["n", "s"]), day=DAYS),
            "*",
            ("area=w",),
            "w",
        ),
    ],
)
def test_what_is_required_and_not_there_is_named(
    mapping: PartitionMapping,
    downstream: PartitionsDefinition,
    upstream: PartitionsDefinition,
    keys: str,
    missing: tuple[str, ...],
    blocked: str | None,
) -> None:
    subset = downstream.parse(keys, as_of=AS_OF)
    found = mapping.upstream_subset(subset, downstream=downstream, upstream=upstream, as_of=AS_OF)
    assert found.missing == missing
    assert found.blocked == (None if blocked is None else downstream.parse(blocked))


def test_excluded_windows_are_never_missing() -> None:
    workdays = DailyPartitions("2013-01-01", exclude="0 0 * * 0,6")
    found = TimeWindowMapping().upstream_subset(
        WEEKS.subset(["2013-01-06"]), downstream=WEEKS, upstream=workdays, as_of=AS_OF
    )
    assert str(found.subset) == "2013-01-07..2013-01-11"
    assert found.missing == ()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (lambda key: 3, "gives 3, not a key or keys"),
        (lambda key: None, "gives None, not a key or keys"),
        (lambda key: ["2013-01-01", None], "gives None, which is not text"),
        (lambda key: {"2013-01-01": 1}, "not a key or keys"),
        (lambda key: "yesterday", "'yesterday' is not a partition of daily"),
        (lambda key: key[99], "IndexError"),
    ],
)
def test_nonsense_from_a_function_is_refused_by_name(said: Callable[[str], str], message: str) -> None:
    mapping = as_mapping(said)
    with pytest.raises(PartitionError) as caught:
        mapping.upstream_keys(["n"], downstream=AREAS, upstream=DAYS)
    assert message in caught.value.message
    assert "test_mapping.<lambda>" in caught.value.message


@pytest.mark.parametrize("value", [3, None, "all", {"a": "b"}, AllPartitions])
def test_what_is_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(PartitionError):
        as_mapping(value)  # type: ignore[arg-type]


FILES = DynamicPartitions("files")


@pytest.mark.parametrize(
    ("downstream", "upstream", "expected"),
    [
        (None, DAYS, AllPartitions()),
        (DAYS, None, AllPartitions()),
        (DAYS, HOURS, TimeWindowMapping()),
        (HOURS, DAYS, TimeWindowMapping()),
        (AREAS, AREAS, IdentityMapping()),
        (FILES, FILES, IdentityMapping()),
        (GRID, AREAS, DimensionMapping("area")),
        (GRID, HOURS, DimensionMapping("day")),
        (WEEKS, GRID, DimensionMapping("day")),
        (GRID, GRID, IdentityMapping()),
        (
            MultiPartitions(day=DAYS, file=FILES),
            GRID,
            DimensionMapping({"day": "day"}),
        ),
    ],
)
def test_the_default_follows_from_the_definitions(
    downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None, expected: PartitionMapping
) -> None:
    found = default_mapping(downstream, upstream)
    assert found == expected
    assert found.check(downstream, upstream) is None


TWICE = MultiPartitions(a=AREAS, b=AREAS)


@pytest.mark.parametrize(
    ("mapping", "downstream", "upstream", "says"),
    [
        (default_mapping(AREAS, DAYS), AREAS, DAYS, "share no key"),
        (
            default_mapping(TWICE, AREAS),
            TWICE,
            AREAS,
            "name the dimension that corresponds, like DimensionMapping('a')",
        ),
        (default_mapping(GRID, StaticPartitions(["x"])), GRID, StaticPartitions(["x"]), "share no key"),
        (IdentityMapping(), DAYS, None, "upstream is not partitioned"),
        (IdentityMapping(), DAYS, HOURS, "share no key"),
        (TimeWindowMapping(), DAYS, AREAS, "upstream is static (n, s, w)"),
        (TimeWindowMapping(), GRID, DAYS, "use DimensionMapping"),
        (TimeWindowMapping(), None, DAYS, "downstream is not partitioned"),
        (SpecificPartitions(["q"]), DAYS, AREAS, "'q' is not a partition"),
        (LastPartition(), DAYS, None, "needs a partitioned upstream"),
        (StaticMapping({"n": "x"}), AREAS, AREAS, "'x' is not a partition"),
        (StaticMapping({"x": "n"}), StaticPartitions(["x"]), AREAS, "turned round"),
        (DimensionMapping("dya"), GRID, AREAS, "did you mean `day`"),
        (DimensionMapping("day"), DAYS, DAYS, "have no dimensions"),
        (DimensionMapping("day"), GRID, AREAS, "dimension ''"),
        (DimensionMapping({"day": "area", "area": "area"}), GRID, GRID, "dimension 'day'"),
        (DimensionMapping({"model": "area"}), GRID, GRID, "no dimension 'model'"),
        (as_mapping(double), None, AREAS, "downstream is not partitioned"),
    ],
)
def test_a_mapping_that_cannot_join_says_why(
    mapping: PartitionMapping,
    downstream: PartitionsDefinition | None,
    upstream: PartitionsDefinition | None,
    says: str,
) -> None:
    problem = mapping.check(downstream, upstream)
    assert problem is not None
    assert says in problem


def test_unpartitioned_sides() -> None:
    mapping = default_mapping(None, DAYS)
    found = mapping.upstream_subset(None, downstream=None, upstream=DAYS, as_of=AS_OF)
    assert found.subset == DAYS.all(AS_OF)
    assert mapping.downstream_subset(DAYS.all(AS_OF), downstream=None, upstream=DAYS, as_of=AS_OF) is None
    assert mapping.upstream_subset(DAYS.all(AS_OF), downstream=DAYS, upstream=None, as_of=AS_OF).subset is None
    assert mapping.downstream_subset(None, downstream=DAYS, upstream=None, as_of=AS_OF) == DAYS.all(AS_OF)
    assert mapping.upstream_keys(None, downstream=None, upstream=AREAS) == ("n", "s", "w")


def test_dynamic_keys_map_once_they_are_bound() -> None:
    bound = FILES.bind({"files": ["b", "a"]})
    assert AllPartitions().upstream_keys(None, downstream=None, upstream=bound) == ("b", "a")
    assert IdentityMapping().upstream_keys(["a"], downstream=bound, upstream=bound) == ("a",)
    gone = SpecificPartitions(["a", "z"]).upstream_subset(None, downstream=None, upstream=bound)
    assert gone.missing == ("z",)
    with pytest.raises(PartitionError, match="not known here"):
        AllPartitions().upstream_keys(None, downstream=None, upstream=FILES)


def test_an_end_is_needed_where_all_is_asked_for() -> None:
    with pytest.raises(PartitionError, match="has no end"):
        AllPartitions().upstream_keys(None, downstream=None, upstream=DAYS)
    assert TimeWindowMapping().upstream_keys(["2099-01-01"], downstream=DAYS, upstream=DAYS) == ("2099-01-01",)


def test_a_decade_of_hours_maps_as_one_interval() -> None:
    hours = HourlyPartitions("2010-01-01", "2020-01-01", tz="America/New_York")
    days = DailyPartitions("2010-01-01", "2020-01-01", tz="America/New_York")
    found = TimeWindowMapping().upstream_subset(days.all(), downstream=days, upstream=hours)
    assert found.subset == hours.all()
    assert found.missing == ()
    assert TimeWindowMapping().downstream_subset(hours.all(), downstream=days, upstream=hours) == days.all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TimeWindowMapping(), TimeWindowMapping(-1, 0)),
        (SpecificPartitions(["a"]), SpecificPartitions(["b"])),
        (StaticMapping({"a": "b"}), StaticMapping({"b": "a"})),
        (DimensionMapping("day"), DimensionMapping("area")),
        (DimensionMapping({"day": "day"}), DimensionMapping({"day": AllPartitions()})),
        (as_mapping(double, code="1"), as_mapping(double, code="2")),
        (AllPartitions(), LastPartition()),
    ],
)
def test_fingerprints_tell_mappings_apart(one: PartitionMapping, other: PartitionMapping) -> None:
    assert one.fingerprint() != other.fingerprint()
    assert one != other
    assert one.fingerprint() == one.fingerprint()


def test_static_tables_read_either_way() -> None:
    assert StaticMapping({"u1": ["d1", "d2"], "u2": "d1"}) == StaticMapping.by_downstream(
        {"d1": ["u1", "u2"], "d2": "u1"}
    )


def test_offsets_out_of_order_are_refused() -> None:
    with pytest.raises(PartitionError, match="ends at offset -1 before it starts at 0"):
        TimeWindowMapping(end_offset=-1)


def test_windows_in_different_zones_overlap_by_instant() -> None:
    tokyo = DailyPartitions("2013-01-01", tz="Asia/Tokyo")
    assert TimeWindowMapping().upstream_keys(["2013-01-05"], downstream=DAYS, upstream=tokyo) == (
        "2013-01-05",
        "2013-01-06",
    )
    assert tokyo.window("2013-01-05")[0].astimezone(UTC) == datetime(2013, 1, 4, 15, tzinfo=UTC)
    assert timedelta(hours=24) == tokyo.window("2013-01-05")[1] - tokyo.window("2013-01-05")[0]


def test_products_of_dimensions_agree_with_their_keys() -> None:
    mapping = DimensionMapping({"day": ("day", TimeWindowMapping(-1, 0, True)), "area": ("area", as_mapping(double))})
    found = set(mapping.upstream_keys(["n|2013-01-02", "s|2013-01-05"], downstream=GRID, upstream=GRID))
    expected = {f"{area}|2013-01-{day}" for area, day in product("sw", ("01", "02"))}
    assert found == expected | {"s|2013-01-04", "s|2013-01-05"}


LEFT = MultiPartitions(
    day=DailyPartitions("2013-01-01", "2013-01-05"), area=AREAS, other=StaticPartitions(["n", "s", "x"])
)
RIGHT = MultiPartitions(
    day=DailyPartitions("2013-01-02", "2013-01-06"),
    hour=HourlyPartitions("2013-01-03", "2013-01-05", exclude="0 6-23 * * *"),
    place=StaticPartitions(["w", "s", "q"]),
    sparse=[
        f"2013-01-0{day}|2013-01-0{hour_day}-0{hour}:00|{place}"
        for day in range(2, 6)
        for hour_day in (3, 4)
        for hour in range(6)
        for place in ("w", "s", "q")
        if (day + hour + hour_day) % 3
    ],
)
LINKS: dict[str, tuple[tuple[str, PartitionMapping], ...]] = {
    "day": (("day", TimeWindowMapping(-1, 0, True)), ("day", TimeWindowMapping(allow_nonexistent_upstream=True))),
    "hour": (("day", TimeWindowMapping(0, 1, True)), ("day", TimeWindowMapping(-2, -1, True))),
    "place": (("area", IdentityMapping()), ("other", IdentityMapping()), ("other", StaticMapping({"w": ["n", "s"]}))),
}


@settings(max_examples=40, deadline=None)
@given(
    table=st.fixed_dictionaries({}, optional={name: st.sampled_from(links) for name, links in LINKS.items()}),
    keys=st.lists(st.sampled_from(list(LEFT.keys())), min_size=1, max_size=6),
)
def test_dimensions_read_the_product_of_what_each_reads(
    table: dict[str, tuple[str, PartitionMapping]], keys: list[str]
) -> None:
    if not table:
        return
    mapping = DimensionMapping(table)
    reads: dict[str, set[str]] = {}
    for key in keys:
        parts, sides = LEFT.split(key), []
        for name, axis in RIGHT.dimensions:
            if name not in table:
                sides.append(tuple(axis.all()))
                continue
            source, inner = table[name]
            sides.append(inner.upstream_keys([parts[source]], downstream=LEFT.dimension(source), upstream=axis))
        reads[key] = {text for each in product(*sides) if (text := "|".join(each)) in RIGHT}
    everything = set().union(*reads.values())
    assert set(mapping.upstream_keys(keys, downstream=LEFT, upstream=RIGHT)) == everything
    some = set(sorted(everything)[:2])
    readers = set(mapping.downstream_keys(some, downstream=LEFT, upstream=RIGHT))
    assert readers & set(keys) == {key for key, read in reads.items() if read & some}
