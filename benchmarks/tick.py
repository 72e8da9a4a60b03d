"""A tick with nothing to do: 10,000 assets with conditions and 1 million partitions, everything made and nothing new.

    python benchmarks/tick.py [--assets 10000] [--partitions 1000000] [--repeats 5]

Prints JSON. `evaluate` is what the conditions cost: every one of them to its set of partitions, with what is kept for
the next tick. `idle` is a tick that is not due: the stats of the files that a project of that size waits for, which is
all that the waiting process does between rounds. `floor` is one set operation per asset, the least that an evaluation
can cost; the ratio is to that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.condition import FactKind, eager
from assetflow.model.partitions import HourlyPartitions
from assetflow.planner.automation import AssetMemory, Evaluator, Facts
from assetflow.planner.universe import Universe
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
    evaluate = median(lambda: Evaluator(universe, facts, memory).run(conditions), repeats)
    least = median(floor, repeats)
    return {
        "assets": assets,
        "partitions": sum(len(whole) for whole in wholes if whole is not None),
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
