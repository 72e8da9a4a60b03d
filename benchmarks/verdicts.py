"""Rows 10, 11 and 15: verdicts for many asset partitions, all fresh and with one key edited; a long chain planned.

    python benchmarks/verdicts.py [--assets N] [--partitions N] [--cold-assets N] [--chain N] [--repeat N]

In one process: ten layers of assets, each reading two of the layer below partition by partition. *Warm* is planned from
the memo of an earlier plan, as every command but the first does: its text is read, and what moved since is looked at.
*Cold* has no memo and compares every record; it is measured with fewer assets, whose records are held in memory, while
those of the warm plans are made when they are asked for. The floor reads the same columns from DuckDB once, as a
snapshot does that knows nothing. `memory` is the most that planning itself held at once, in MB.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
from assetflow.planner.build import build_plan, plan_from_memo
from assetflow.planner.dependencies import dependencies_text
from assetflow.planner.memo import Memo
from assetflow.planner.recall import Recall
from assetflow.planner.universe import Universe

NOW = datetime(2026, 1, 31, tzinfo=UTC)
AT = "2026-01-31T00:00:00.000000Z"
LAYERS = 10
TAG = "benchmark"


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


class Records(Mapping[Partition, Current]):
    """The records of one asset in which everything is as it would be made now, each made when it is asked for."""

    def __init__(self, universe: Universe, asset: str, edited: tuple[str, Partition] | None) -> None:
        self.universe, self.asset, self.edited = universe, asset, edited
        self.dependencies = dependencies_text(universe, asset)
        self.read = universe.reader(asset)

    def __getitem__(self, partition: Partition) -> Current:
        found = [(asset, key, f"d1:{asset}{key}") for asset, key in self.read(partition)]
        moved = "edited" if (self.asset, partition) == self.edited else ""
        return Current(
            f"r.{self.asset}.{partition}", f"d1:{self.asset}{partition}{moved}", f"c1:{self.asset}", "",
            input_fingerprint(found, ""), self.dependencies, f"{self.asset}/{partition}", "{}", "r", 1, AT,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Partition]:
        everything = self.universe.all(self.asset)
        return iter((None,) if everything is None else everything)

    def __len__(self) -> int:
        everything = self.universe.all(self.asset)
        return 1 if everything is None else len(everything)


def fresh_basis(specs: Sequence[AssetSpec], edited: tuple[str, Partition] | None = None, *, held: bool = True) -> Basis:
    """A basis in which everything is as recorded, but for the data of one asset partition.

    With `held` every record is in memory before it is asked for.
    """
    graph = AssetGraph(specs)
    versions = {each.key: AssetVersions(code=CodeVersion(version=f"c1:{each.key}")) for each in specs}
    universe = Universe(graph, as_of=NOW, dynamic={})
    current: dict[str, Mapping[Partition, Current]] = {}
    for each in specs:
        records = Records(universe, each.key, edited)
        current[each.key] = dict(records.items()) if held else records

    def edges(ids: Iterable[str]) -> Mapping[str, tuple[Edge, ...]]:
        found = {}
        for ident in ids:
            _, asset, partition = ident.split(".")
            inputs = universe.inputs(asset, partition)
            found[ident] = tuple(Edge(key, part, f"r.{key}.{part}", f"d1:{key}{part}") for key, part in inputs)
        return found

    moved = {} if edited is None else {edited[0]: [edited[1]]}
    snapshot = Snapshot(
        environment="prod", current=current, order=1, edges=edges, position="1", moved=lambda _position: moved
    )
    return Basis(graph=graph, versions=versions, snapshot=snapshot, as_of=NOW)


def memo_of(basis: Basis) -> Memo:
    """The memo that a plan of this basis leaves when everything is fresh, without the plan."""
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
    recall = Recall(universe, basis, Memo())
    for asset in basis.graph.keys:
        everything = universe.all(asset)
        if everything is not None:
            region = everything.region
            recall.keep(asset, replace(recall.of(asset), looked=region, recorded=region, held=region))
    return recall.memo()


def planned_from(memo: str, basis: Basis, *, work: range) -> Plan:
    """The plan of everything from the text of a memo, which is written again."""
    request = Request(targets=dict.fromkeys(basis.graph.keys))
    plan, after = plan_from_memo(basis, request, Memo.from_text(memo, tag=TAG))
    after.to_text(tag=TAG)
    return checked(plan, work)


def checked(plan: Plan, work: range) -> Plan:
    """The plan, if it holds as much work as expected."""
    if plan.work not in work:
        raise SystemExit(f"the plan holds {plan.work} steps, outside of {work}")
    return plan


def planned(basis: Basis, *, work: range) -> Plan:
    """The plan of everything; it must hold as much work as expected."""
    return checked(build_plan(basis, Request(targets=dict.fromkeys(basis.graph.keys))), work)


def memory(work: Callable[[], Any]) -> float:
    """The most that a call holds at once beyond what was there, in MB."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 1e6, 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--cold-assets", type=int, default=1_000)
    parser.add_argument("--chain", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    partitions = StaticPartitions([f"p{number:05d}" for number in range(options.partitions)])
    specs, few = layered(options.assets, partitions), layered(options.cold_assets, partitions)
    fresh = fresh_basis(specs, held=False)
    edited = fresh_basis(specs, ("a000000", "p00000"), held=False)
    cold, cold_edited = fresh_basis(few), fresh_basis(few, ("a000000", "p00000"))
    memo = memo_of(fresh).to_text(tag=TAG)
    long = Basis(
        graph=AssetGraph(chain(options.chain)), as_of=NOW, snapshot=Snapshot.empty(),
        versions={each.key: AssetVersions(code=CodeVersion(version="c1:x")) for each in chain(options.chain)},
    )  # fmt: skip
    count, cold_count = options.assets * options.partitions, options.cold_assets * options.partitions
    con = duckdb.connect()
    con.execute(
        "create table r as select i, 'd1:' || i as d, 'c1:' || i as c, 'i1:' || i as f from range(?) t(i)", [count]
    )
    work: dict[str, Callable[[], Any]] = {
        "duckdb": lambda: con.execute("select * from r").fetchall(),
        "warm_all_fresh": lambda: planned_from(memo, fresh, work=range(1)),
        "warm_one_key_edited": lambda: planned_from(memo, edited, work=range(1, count)),
        "cold_all_fresh": lambda: planned(cold, work=range(1)),
        "cold_one_key_edited": lambda: planned(cold_edited, work=range(1, cold_count)),
        "chain": lambda: planned(long, work=range(options.chain, options.chain + 1)),
    }
    seconds = alternate({name: timed(each) for name, each in work.items()}, repeat=options.repeat)
    results = {name: compared(seconds, ours=name, floor="duckdb") for name in work if name != "duckdb"}
    report(
        "10, 11 and 15: verdicts", results,
        goal="a million all fresh under 1 s, ten million under 5 s, one key in proportion to what is downstream; "
        "a chain of 10,000 under 1 s",
        asset_partitions={"warm": count, "duckdb": count, "cold": cold_count}, chain_length=options.chain,
        memory={name: memory(each) for name, each in work.items()}, memo_bytes=len(memo),
    )  # fmt: skip


if __name__ == "__main__":
    main()
