"""How fast the catalog records, folds, reads and walks lineage; prints one JSON document.

    python benchmarks/catalog.py [--materializations 100000] [--fan-in 10] [--repeat 5]

Each figure stands beside a floor measured in the same run: the same number of rows fetched, or of edges scanned, by
plain DuckDB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from assetflow.catalog import Catalog
from assetflow.model.event import Event, RunFinished, RunStarted, StepFinished, StepStarted

AT = "2026-01-31T12:00:00.000000Z"
ASSETS = 100


def run_events(run: str, count: int, fan_in: int, *, partitions: bool) -> Iterator[Event]:
    """A run of `count` steps in layers: each reads `fan_in` materializations of the layer below."""
    yield RunStarted(
        at=AT, run_id=run, environment="prod", selection=["*"], options={}, host="h", pid=1, process_started="1",
        version="0", steps=count,
    )  # fmt: skip
    width = max(1, count // ASSETS)
    for number in range(count):
        layer, place = divmod(number, width)
        asset, partition = f"asset{layer:04d}", f"p{place:07d}" if partitions else None
        inputs = []
        if layer:
            for step in range(fan_in):
                other = (place + step * step) % width
                below = (layer - 1) * width + other
                part = f"p{other:07d}" if partitions else None
                inputs.append([f"asset{layer - 1:04d}", part, f"{run}.{below}", f"x1:{below:032x}"])
        yield StepStarted(at=AT, run_id=run, step=number, asset=asset, partition=partition)
        yield StepFinished(
            at=AT, run_id=run, environment="prod", step=number, asset=asset, partition=partition,
            status="materialized", attempts=1, seconds=0.01, started_at=AT, causes=[{"kind": "missing"}],
            published=f"{run}.{number}", order=1,
            materialization={
                "id": f"{run}.{number}", "data_version": f"x1:{number:032x}", "code_version": f"c1:{layer:032x}",
                "config": {}, "config_version": "", "input_fingerprint": f"i1:{number:032x}", "inputs": inputs,
                "uri": f"{asset}/{partition}/{number:032x}.parquet", "format": "json", "rows": 1000, "bytes": 10000,
                "payload": {"uri": f"{asset}/{partition}/{number:032x}.json", "format": "json", "bytes": 10000},
                "metadata": {}, "packages": [],
            },
        )  # fmt: skip
    yield RunFinished(at=AT, run_id=run, status="succeeded", counts={"materialized": count})


def seconds(work: Callable[[], Any], repeat: int) -> float:
    """The median over `repeat` calls, after one that does not count."""
    work()
    times = []
    for _ in range(repeat):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return statistics.median(times)


def once(work: Callable[[], Any]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def small(folder: Path, repeat: int) -> dict[str, float]:
    """What a run of 1,000 unpartitioned assets costs, and a fold of five events after it."""
    with Catalog(folder / "catalog", store_root=folder / "store") as catalog:
        events = list(run_events("r0", 1000, 2, partitions=False))
        log = catalog.open_log("r0")

        def append_each() -> None:
            for event in events:
                log.append([event])

        append = once(append_each)
        sync = once(log.sync)
        log.close()
        first = once(catalog.fold)
        number = iter(range(1, 1000))

        def fold_five() -> None:
            run = f"r{next(number)}"
            with catalog.open_log(run) as log:
                log.append(list(run_events(run, 2, 1, partitions=False)))
            catalog.fold()

        five = seconds(fold_five, repeat)
        read = seconds(lambda: catalog.snapshot("prod"), repeat)
        current = seconds(catalog.is_current, repeat)
        return {
            "append_1000_steps_s": append,
            "sync_s": sync,
            "first_fold_1000_steps_s": first,
            "fold_of_a_few_events_s": five,
            "snapshot_1000_assets_s": read,
            "is_current_s": current,
        }


def large(folder: Path, count: int, fan_in: int, repeat: int) -> dict[str, float]:
    """One big run: rate of folding, size, snapshot against the floor, closures."""
    with Catalog(folder / "catalog", store_root=folder / "store") as catalog:
        with catalog.open_log("big") as log:
            batch: list[Event] = []
            append = 0.0
            for event in run_events("big", count, fan_in, partitions=True):
                batch.append(event)
                if len(batch) == 10_000:
                    append += once(partial(log.append, batch))
                    batch = []
            append += once(partial(log.append, batch))
        fold = once(catalog.fold)
        path = folder / "catalog" / "catalog.duckdb"
        size = path.stat().st_size
        copy = once(lambda: fold_one(catalog))
        snapshot = seconds(lambda: catalog.snapshot("prod"), max(1, repeat // 2))
        width = max(1, count // ASSETS)
        top = f"asset{min(ASSETS, count) - 1:04d}"
        with duckdb.connect(str(path), read_only=True) as con:
            edges = con.execute("select count(*) from inside.edges").fetchone()
            assert edges is not None

            def ask(sql: str) -> Callable[[], Any]:
                return lambda: con.execute(sql).fetchall()

            columns = "asset, partition, materialization, data_version, code_version, config_version, run_id, uri"
            floor = seconds(ask(f"select {columns}, input_fingerprint from asset_partitions"), max(1, repeat // 2))
            scan = seconds(ask("select count(*), max(m), max(input_m) from inside.edges"), repeat)
            up = ask(f"select count(*), max(depth) from upstream_of('{top}', 'p{width // 2:07d}')")
            down = ask(f"select count(*), max(depth) from downstream_of('asset0000', 'p{width // 2:07d}')")
            return {
                "materializations": count,
                "edges": int(edges[0]),
                "append_events_per_s": 2 * count / append,
                "fold_s": fold,
                "fold_steps_per_s": count / fold,
                "database_bytes_per_materialization": size / count,
                "fold_of_one_event_s": copy,
                "snapshot_s": snapshot,
                "snapshot_over_plain_fetch": snapshot / floor,
                "edge_scan_s": scan,
                "closure_up_s": seconds(up, repeat),
                "closure_up_edges": up()[0][0],
                "closure_down_s": seconds(down, repeat),
                "closure_down_edges": down()[0][0],
            }


def fold_one(catalog: Catalog) -> None:
    with catalog.open_log("one") as log:
        log.append([next(run_events("one", 0, 0, partitions=False))])
    catalog.fold()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--materializations", type=int, default=100_000)
    parser.add_argument("--fan-in", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "small": small(folder / "small", arguments.repeat),
            "large": large(folder / "large", arguments.materializations, arguments.fan_in, arguments.repeat),
        }
    machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    print(json.dumps({"figures": figures, "versions": {"duckdb": duckdb.__version__}, "machine": machine}, indent=2))


if __name__ == "__main__":
    main()
