"""Graphs as large as they come: no recursion, no cap, and no time that grows with the square."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import assetflow as af
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.plan import Verdict
from assetflow.model.record import Snapshot
from assetflow.model.version import AssetVersions, CodeVersion
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan

NOW = datetime(2024, 1, 3, tzinfo=UTC)


def chain(count: int) -> AssetGraph:
    return AssetGraph(
        AssetSpec(key=f"a{at:05}", inputs=(InputSpec(upstream=f"a{at - 1:05}"),) if at else ()) for at in range(count)
    )


def test_a_chain_of_fifty_thousand_assets_is_planned_and_explained() -> None:
    count = 50_000
    graph = chain(count)
    version = AssetVersions(code=CodeVersion(version="c"))
    basis = Basis(graph=graph, versions=dict.fromkeys(graph.keys, version), snapshot=Snapshot.empty(), as_of=NOW)
    plan = build_plan(basis, Request(targets={graph.keys[-1]: None}))
    assert [step.asset for step in plan.steps] == list(graph.keys)
    node, depth = plan.explain(graph.keys[-1]), 1
    while node.upstream:
        (node,) = node.upstream
        depth += 1
    assert depth == count


def test_a_self_dependency_over_thirty_years_of_days_is_planned() -> None:
    days = af.DailyPartitions("1994-01-01")
    before = InputSpec(upstream="a", mapping=af.TimeWindowMapping(-1, -1))
    graph = AssetGraph([AssetSpec(key="a", partitions=days, inputs=(before,))])
    versions = {"a": AssetVersions(code=CodeVersion(version="c"))}
    basis = Basis(graph=graph, versions=versions, snapshot=Snapshot.empty(), as_of=NOW)
    plan = build_plan(basis, Request(targets={"a": days.subset(["2024-01-02"])}))
    assert plan.verdicts["a"].count(Verdict.MISSING) == days.count(NOW) == 10_959


def test_two_thousand_assets_in_a_chain_are_run_and_found_fresh(tmp_path: Path) -> None:
    count = 2_000
    assets = [_link(at) for at in range(count)]
    project = af.Project(assets=assets, root=tmp_path)
    run = project.materialize()
    assert run.counts["materialized"] == count
    assert project.load(f"a{count - 1:05}") == count
    plan = project.plan()
    assert plan.is_empty
    assert plan.fresh == count


def _link(at: int) -> object:
    if not at:

        @af.asset(key="a00000", code_version="1")
        def first() -> int:
            return 1

        return first

    @af.asset(key=f"a{at:05}", code_version="1", inputs={"before": f"a{at - 1:05}"})
    def link(before: int) -> int:
        return before + 1

    return link
