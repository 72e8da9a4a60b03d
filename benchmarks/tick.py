"""A tick with nothing to do: 10,000 assets with conditions and 1 million partitions, everything made and nothing new.

    python benchmarks/tick.py [--assets 10000] [--partitions 1000000] [--repeats 5]

Prints JSON. `tick` is a whole one over assets of which every one is cut into as many static partitions: the scheduler's
memory read from the text that the catalog holds, the plan of everything from its memo, facts, evaluation, and what is
to be kept compared with what was; only DuckDB's share and the files of a project are not in it. `evaluate` is what the
conditions cost alone, with a hundredth of the assets cut into hours: every one of them to its set of partitions, with
what is kept for the next tick. `idle` is a tick that is not due: the stats of the files that a project of that size
waits for, which is all that the waiting process does between rounds. `floor` is one set operation per asset, the least
that an evaluation can cost; the ratio is to that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from verdicts import TAG, fresh_basis, layered, memo_of

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.condition import FactKind, eager
from assetflow.model.partitions import HourlyPartitions, StaticPartitions
from assetflow.planner.automation import AssetMemory, Evaluator, Facts
from assetflow.planner.basis import Request
from assetflow.planner.build import plan_from_memo
from assetflow.planner.memo import Memo
from assetflow.planner.universe import Universe
from assetflow.scheduler.facts import verdict_facts
from assetflow.scheduler.memory import Memory
from assetflow.scheduler.wake import Wake, stats_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def universe_of(assets: int, partitions: int) -> Universe:
    """A hundredth of the assets hourly, with all the partitions among them; chains of ten."""
    cut = max(1, assets // 100)
    hours = max(1, partitions // cut)
    start = datetime.fromtimestamp(NOW.timestamp() - hours * 3600, UTC)
    hourly = HourlyPartitions(f"{start:%Y-%m-%dT%H:%M}")
    specs = []
    for number in range(assets):
        partitioned = number < cut
        above = number - 1 if number % 10 and (partitioned == (number - 1 < cut)) else None
        specs.append(
            AssetSpec(
                key=f"a{number:05}",
                computation=f"a{number:05}",
                inputs=() if above is None else (InputSpec(upstream=f"a{above:05}"),),
                partitions=hourly if partitioned else None,
                automation=eager(),
            )
        )
    return Universe(AssetGraph(specs), as_of=NOW, dynamic={})


def whole_tick(assets: int, partitions: int) -> Callable[[], None]:
    """A tick with nothing to do: everything made, every condition evaluated before."""
    keys = StaticPartitions([f"p{number:05d}" for number in range(max(1, partitions // assets))])
    specs = [replace(spec, automation=eager()) for spec in layered(assets, keys)]
    basis = fresh_basis(specs, held=False)
    memo = memo_of(basis).to_text(tag=TAG)
    conditions = {spec.key: spec.automation for spec in specs if spec.automation is not None}
    request = Request(targets=dict.fromkeys(basis.graph.keys))

    def evaluated(memory: Memory) -> Memory:
        plan, _ = plan_from_memo(basis, request, Memo.from_text(memo, tag=TAG))
        assert plan.is_empty
        universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
        facts = Facts(true={**verdict_facts(plan), FactKind.IN_PROGRESS: {}}, previous=basis.as_of)
        for each in Evaluator(universe, facts, memory.assets()).run(conditions):
            assert not each.requested
            memory.set(f"asset:{each.asset}", each.memory.to_json())
        return memory

    kept = {name: json.dumps(value) for name, value in evaluated(Memory("prod")).values.items()}

    def work() -> None:
        memory = evaluated(Memory("prod", values={name: json.loads(text) for name, text in kept.items()}))
        assert not memory.changes

    return work


def median(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the median repeat, after a warm-up."""
    work()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def measure(assets: int, partitions: int, repeats: int) -> dict[str, object]:
    """The figures for a size."""
    universe = universe_of(assets, partitions)
    conditions = {key: spec.automation for key, spec in universe.graph.specs.items() if spec.automation is not None}
    facts = Facts(true={kind: {} for kind in FactKind}, previous=NOW)
    first = Evaluator(universe, facts, {}).run(conditions)
    memory: dict[str, AssetMemory] = {each.asset: each.memory for each in first}
    assert not any(each.requested for each in first)
    wholes = [universe.all(key) for key in universe.graph.specs]

    def floor() -> None:
        for whole in wholes:
            if whole is not None:
                _ = whole & whole

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.py" for number in range(max(1, assets // 20))]
        for file in files:
            file.write_text("")
        wake = Wake(next=None, files=stats_of(str(file) for file in files))
        idle = median(lambda: wake.is_due(NOW), repeats)
    tick = median(whole_tick(assets, partitions), repeats)
    evaluate = median(lambda: Evaluator(universe, facts, memory).run(conditions), repeats)
    least = median(floor, repeats)
    return {
        "assets": assets,
        "partitions": sum(len(whole) for whole in wholes if whole is not None),
        "tick_seconds": round(tick, 4),
        "evaluate_seconds": round(evaluate, 4),
        "microseconds_per_asset": round(evaluate / assets * 1e6, 1),
        "idle_seconds": round(idle, 6),
        "files": len(files),
        "floor_seconds": round(least, 6),
        "ratio": round(evaluate / least, 1),
        "versions": {"python": sys.version.split()[0]},
        "goal": "a tick with nothing to do over 10,000 assets and a million partitions in seconds",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(measure(given.assets, given.partitions, given.repeats), indent=2))


if __name__ == "__main__":
    main()
