"""Rows 10 and 15: verdicts for many asset partitions, all fresh and with one key edited; a long chain planned.

    python benchmarks/verdicts.py [--assets N] [--partitions N] [--chain N] [--repeat N]

In one process, over a snapshot made in memory: ten layers of assets, each reading two of the layer below partition by
partition. The floor reads the same columns from DuckDB once, as a snapshot does.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb
from measure import alternate, compared, report, timed

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec
from assetflow.model.partitions import StaticPartitions
from assetflow.model.plan import Plan
from assetflow.model.record import Current, Edge, Partition, Snapshot
from assetflow.model.version import AssetVersions, CodeVersion, input_fingerprint
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan
from assetflow.planner.dependencies import dependencies_text
from assetflow.planner.universe import Universe

NOW = datetime(2026, 1, 31, tzinfo=UTC)
AT = "2026-01-31T00:00:00.000000Z"
LAYERS = 10


def layered(assets: int, partitions: StaticPartitions | None) -> list[AssetSpec]:
    """Ten layers, each asset of which reads two of the layer below."""
    width = max(1, assets // LAYERS)
    keys = [f"a{number:06d}" for number in range(assets)]
    below = {
        key: [keys[number - width], keys[number - width - (number % width > 0)]]
        for number, key in enumerate(keys)
        if number >= width
    }
    return [spec(key, below.get(key, []), partitions) for key in keys]


def chain(assets: int) -> list[AssetSpec]:
    """Assets of which each reads the one before."""
    return [spec(f"a{number:06d}", [f"a{number - 1:06d}"] * (number > 0), None) for number in range(assets)]


def spec(key: str, upstreams: list[str], partitions: StaticPartitions | None) -> AssetSpec:
    """One asset as a value, without a function."""
    return AssetSpec(
        key=key, kind=AssetKind.PYTHON, computation=key, partitions=partitions,
        inputs=tuple(InputSpec(upstream=upstream) for upstream in sorted(set(upstreams))),
    )  # fmt: skip


def fresh_basis(specs: list[AssetSpec], edited: tuple[str, Partition] | None = None) -> Basis:
    """A basis in which everything is as recorded, but for the data of one asset partition."""
    graph = AssetGraph(specs)
    versions = {each.key: AssetVersions(code=CodeVersion(version=f"c1:{each.key}")) for each in specs}
    universe = Universe(graph, as_of=NOW, dynamic={})
    current: dict[str, dict[Partition, Current]] = {}
    inputs: dict[str, tuple[Edge, ...]] = {}
    for each in specs:
        dependencies = dependencies_text(universe, each.key)
        keys: list[Partition] = [None] if (everything := universe.all(each.key)) is None else list(everything)
        for partition in keys:
            read = universe.inputs(each.key, partition)
            found = [(asset, key, f"d1:{asset}{key}") for asset, key in read]
            ident = f"r.{each.key}.{partition}"
            moved = "edited" if (each.key, partition) == edited else ""
            inputs[ident] = tuple(Edge(asset, key, f"r.{asset}.{key}", version) for asset, key, version in found)
            current.setdefault(each.key, {})[partition] = Current(
                ident, f"d1:{each.key}{partition}{moved}", f"c1:{each.key}", "", input_fingerprint(found, ""),
                dependencies, f"{each.key}/{partition}", "{}", "r", 1, AT,
            )  # fmt: skip

    def edges(ids: Any) -> Mapping[str, tuple[Edge, ...]]:
        return {ident: inputs[ident] for ident in ids}

    snapshot = Snapshot(environment="prod", current=current, order=1, edges=edges)
    return Basis(graph=graph, versions=versions, snapshot=snapshot, as_of=NOW)


def planned(basis: Basis, *, work: range) -> Plan:
    """The plan of everything; it must hold as much work as expected."""
    plan = build_plan(basis, Request(targets=dict.fromkeys(basis.graph.keys)))
    if plan.work not in work:
        raise SystemExit(f"the plan holds {plan.work} steps, outside of {work}")
    return plan


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--chain", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    partitions = StaticPartitions([f"p{number:05d}" for number in range(options.partitions)])
    specs = layered(options.assets, partitions)
    fresh, edited = fresh_basis(specs), fresh_basis(specs, ("a000000", "p00000"))
    long = Basis(
        graph=AssetGraph(chain(options.chain)), as_of=NOW, snapshot=Snapshot.empty(),
        versions={each.key: AssetVersions(code=CodeVersion(version="c1:x")) for each in chain(options.chain)},
    )  # fmt: skip
    count = options.assets * options.partitions
    con = duckdb.connect()
    con.execute(
        "create table r as select i, 'd1:' || i as d, 'c1:' || i as c, 'i1:' || i as f from range(?) t(i)", [count]
    )
    seconds = alternate(
        {
            "duckdb": timed(lambda: con.execute("select * from r").fetchall()),
            "all_fresh": timed(lambda: planned(fresh, work=range(1))),
            "one_key_edited": timed(lambda: planned(edited, work=range(1, count))),
            "chain": timed(lambda: planned(long, work=range(options.chain, options.chain + 1))),
        },
        repeat=options.repeat,
    )
    results = {name: compared(seconds, ours=name, floor="duckdb") for name in ("all_fresh", "one_key_edited", "chain")}
    report(
        "10 and 15: verdicts", results, goal="all fresh under 1 s; a chain of 10,000 under 1 s",
        asset_partitions=count, chain_length=options.chain,
    )  # fmt: skip


if __name__ == "__main__":
    main()
