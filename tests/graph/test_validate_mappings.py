"""Partition mappings are checked against the partitions of both assets when the graph is made."""

from __future__ import annotations

from assetflow.graph.graph import AssetGraph
from assetflow.graph.validate import validate
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.mapping import IdentityMapping, TimeWindowMapping, default_mapping
from assetflow.model.partitions import DailyPartitions, StaticPartitions


def test_a_mapping_that_does_not_fit_is_a_problem() -> None:
    days = DailyPartitions("2013-01-01")
    regions = StaticPartitions(["eu", "us"])
    edge = InputSpec(upstream="orders", mapping=TimeWindowMapping())
    (problem,) = validate(
        [AssetSpec(key="orders", partitions=regions), AssetSpec(key="daily", inputs=(edge,), partitions=days)]
    )
    assert problem.slug == "partition_mapping"
    assert problem.message.startswith("asset `daily` cannot map its partitions to those of `orders`: ")


def test_mappings_that_fit_are_no_problem() -> None:
    days = DailyPartitions("2013-01-01")
    lagged = InputSpec(upstream="balance", mapping=TimeWindowMapping(start_offset=-1, end_offset=-1))
    assert (
        validate(
            [
                AssetSpec(key="orders", partitions=days),
                AssetSpec(key="balance", partitions=days, inputs=(InputSpec(upstream="orders"), lagged)),
                AssetSpec(key="total", inputs=(InputSpec(upstream="balance"),)),
            ]
        )
        == ()
    )


def test_the_mapping_of_an_edge_is_the_declared_one_or_the_default() -> None:
    days = DailyPartitions("2013-01-01")
    declared = InputSpec(upstream="orders", mapping=TimeWindowMapping(start_offset=-1))
    plain = InputSpec(upstream="orders", param="now")
    graph = AssetGraph(
        [AssetSpec(key="orders", partitions=days), AssetSpec(key="trend", partitions=days, inputs=(declared, plain))]
    )
    assert graph.mapping("trend", declared) == TimeWindowMapping(start_offset=-1)
    assert graph.mapping("trend", plain) == default_mapping(days, days)
    assert graph.mapping("trend", InputSpec(upstream="orders", mapping=IdentityMapping())) == IdentityMapping()
