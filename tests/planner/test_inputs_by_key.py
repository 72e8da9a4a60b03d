"""The short way to the inputs of a partition gives what the mappings give, and nothing where they refuse."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assetflow.errors import PartitionError
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec
from assetflow.model.mapping import AllPartitions, IdentityMapping, PartitionMapping, TimeWindowMapping
from assetflow.model.partitions import (
    CronPartitions,
    DailyPartitions,
    DynamicPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    PartitionsDefinition,
    StaticPartitions,
    WeeklyPartitions,
)
from assetflow.planner.universe import Input, Universe

NOW = datetime(2013, 1, 4, 12, tzinfo=UTC)
DAYS = DailyPartitions("2013-01-01")
DEFINITIONS = {
    "static": StaticPartitions(["eu", "us"]),
    "days": DAYS,
    "dynamic": DynamicPartitions("files"),
}


def spec(key: str, partitions: PartitionsDefinition | None, *inputs: InputSpec) -> AssetSpec:
    return AssetSpec(key=key, kind=AssetKind.PYTHON, computation=key, partitions=partitions, inputs=inputs)


def universe(*specs: AssetSpec) -> Universe:
    return Universe(AssetGraph(list(specs)), as_of=NOW, dynamic={"files": ("b", "a")})


def by_mappings(found: Universe, asset: str, partition: str) -> tuple[Input, ...]:
    """The inputs as each edge's mapping tells them, one edge after the other."""
    places: dict[Input, None] = {}
    for edge in sorted(found.graph.specs[asset].inputs, key=lambda edge: edge.upstream):
        keys = found.upstream_partitions(asset, edge, partition)
        places.update(dict.fromkeys((edge.upstream, key) for key in keys))
    return tuple(places)


@pytest.mark.parametrize("kind", DEFINITIONS)
@pytest.mark.parametrize("mapping", [None, IdentityMapping(), AllPartitions()])
def test_inputs_are_what_the_mappings_say(kind: str, mapping: PartitionMapping | None) -> None:
    definition = DEFINITIONS[kind]
    found = universe(
        spec("plain", None), spec("z", definition), spec("b", definition),
        spec(
            "t", definition, InputSpec(upstream="z"), InputSpec(upstream="b", mapping=mapping),
            InputSpec(upstream="plain"),
        ),
    )  # fmt: skip
    everything = found.all("t")
    assert everything
    for key in everything:
        assert found.inputs("t", key) == by_mappings(found, "t", key)


def test_upstreams_that_are_cut_otherwise_are_left_to_the_mapping() -> None:
    same = IdentityMapping()
    fewer = universe(
        spec("few", StaticPartitions(["eu"])),
        spec("t", StaticPartitions(["eu", "us"]), InputSpec(upstream="few", mapping=same)),
    )
    assert fewer.inputs("t", "eu") == (("few", "eu"),)
    assert fewer.inputs("t", "us") == by_mappings(fewer, "t", "us") == ()


def test_a_key_that_is_not_there_is_refused_or_reads_nothing() -> None:
    found = universe(spec("up", DAYS), spec("t", DAYS, InputSpec(upstream="up", mapping=IdentityMapping())))
    assert found.inputs("t", "2013-01-03") == (("up", "2013-01-03"),)
    assert found.inputs("t", "2013-01-04") == by_mappings(found, "t", "2013-01-04") == ()
    with pytest.raises(PartitionError):
        found.inputs("t", "no day")


TIMED = (
    HourlyPartitions("2023-11-04", "2023-11-07", tz="America/New_York"),
    HourlyPartitions("2023-03-11", "2023-03-14", tz="America/New_York"),
    DailyPartitions("2023-03-10", "2023-03-15", tz="America/New_York", hour_offset=2, minute_offset=30),
    DailyPartitions("2023-01-01", "2023-01-20", exclude=("0 0 * * 6", "0 0 * * 0")),
    WeeklyPartitions("2023-01-01", "2023-04-01", tz="Europe/Berlin", day_offset=1),
    MonthlyPartitions("2023-01-01", "2024-01-01", tz="Australia/Lord_Howe"),
    CronPartitions("0 */6 * * *", "2023-11-04", "2023-11-07", tz="America/New_York"),
    CronPartitions("30 2 * * *", "2023-03-10", "2023-03-15", tz="America/New_York"),
)


@pytest.mark.parametrize("definition", TIMED, ids=lambda definition: definition.describe())
@pytest.mark.parametrize("mapping", [None, TimeWindowMapping(start_offset=-1, end_offset=-1)])
def test_windows_of_one_definition_read_what_the_mapping_says(
    definition: PartitionsDefinition, mapping: PartitionMapping | None
) -> None:
    edge = InputSpec(upstream="up", mapping=mapping)
    found = Universe(
        AssetGraph([spec("up", definition), spec("t", definition, edge)]),
        as_of=datetime(2026, 1, 1, tzinfo=UTC), dynamic={},
    )  # fmt: skip
    everything = found.all("t")
    assert everything
    for key in everything:
        assert found.inputs("t", key) == by_mappings(found, "t", key)
