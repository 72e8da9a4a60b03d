"""Rows 8 and 9 of the performance goals: a large lazy frame to Parquet with its data version, and reading it back.

    python benchmarks/frames.py [--rows N] [--repeat N] [--durable]

Every measurement is a process of its own (for its peak memory), the contestants alternate, one round of warm-up is
thrown away, and figures are medians. Prints one JSON document. The floor of row 8 is polars' own `sink_parquet` with
the same options, of row 9 its own `scan_parquet` of the same file; `--durable` flushes to the disk on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

ROW_BYTES = 60  # of the frame below in memory: five columns of 8 bytes, a date, a short text within its view
READS = 7  # in one process, since a single one is too short to compare
CONTESTS = {"write": ("sink_parquet", "store_write"), "read": ("scan_parquet", "store_load")}
GOALS = {"write": {"seconds": 1.15, "peak_mb": 1.1}, "read": {"seconds": 1.0, "peak_mb": 1.0}}


def main() -> None:
    """Run all contests and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the frame, 60 bytes each in memory")
    parser.add_argument("--repeat", type=int, default=5, help="measured rounds after the warm-up")
    parser.add_argument("--durable", action="store_true", help="flush to the disk on both sides")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        print(json.dumps(measure(options.contestant, options.folder, durable=options.durable)))
        return
    folder = Path(tempfile.mkdtemp(prefix="assetflow-frames-"))
    try:
        child("prepare", folder, options.rows, durable=False)
        results = {name: contest(name, folder, options) for name in CONTESTS}
    finally:
        shutil.rmtree(folder)
    print(
        json.dumps(
            {
                **results,
                **machine(),
                "rows": options.rows,
                "gigabytes": options.rows * ROW_BYTES / 1e9,
                "durable": options.durable,
            },
            indent=2,
        )
    )


def contest(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Floor and contestant in turn; medians, all figures, and their ratios beside the goals."""
    figures: dict[str, list[dict[str, float]]] = {contestant: [] for contestant in CONTESTS[name]}
    for round_number in range(options.repeat + 1):
        for contestant in CONTESTS[name]:
            measured = child(contestant, folder, options.rows, durable=options.durable)
            if round_number > 0:
                figures[contestant].append(measured)
    floor, ours = (
        {key: statistics.median(each[key] for each in figures[contestant]) for key in ("seconds", "peak_mb")}
        for contestant in CONTESTS[name]
    )
    ratios = {key: round(ours[key] / floor[key], 3) for key in floor}
    return {"floor": floor, "ours": ours, "ratio": ratios, "goal": GOALS[name], "all": figures}


def child(contestant: str, folder: Path, rows: int, *, durable: bool) -> dict[str, float]:
    """Measure one contestant in a process of its own."""
    command = [sys.executable, __file__, "--contestant", contestant, "--folder", str(folder), "--rows", str(rows)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "FRAME_ROWS": str(rows)}
    done = subprocess.run(
        command + ["--durable"] * durable, stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(contestant: str, folder: Path, *, durable: bool) -> dict[str, float]:
    """The time of the work alone, imports done before, and the peak memory of the whole process."""
    import polars as pl

    from assetflow.store import LocalStore, StoredObject
    from assetflow.store.formats.parquet import ROW_GROUP_SIZE

    source, plain, record = folder / "source.parquet", folder / "plain.parquet", folder / "object.json"
    store = LocalStore(folder / "store")
    if contestant == "prepare":
        large_frame(int(os.environ["FRAME_ROWS"])).sink_parquet(source, compression="lz4")
        obj = store.write(pl.scan_parquet(source), asset="kept", partition=None)
        record.write_text(json.dumps(obj.to_json()))
        return {}
    obj = StoredObject.from_json(json.loads(record.read_text()))
    lazy = pl.scan_parquet(source).with_columns(gain=pl.col("delay") - pl.col("distance"))
    for stale in (plain, folder / "store" / "t"):
        shutil.rmtree(stale, ignore_errors=True)
        if stale.is_file():
            stale.unlink()
    readers = {
        "scan_parquet": lambda: pl.scan_parquet(store.path(obj.uri)),
        "store_load": lambda: store.load(obj, pl.LazyFrame),
    }
    if contestant in readers:
        return {"seconds": statistics.median(timed_reads(readers[contestant])), "peak_mb": peak_megabytes()}
    start = time.perf_counter()
    match contestant:
        case "sink_parquet":
            sync: Literal["all"] | None = "all" if durable else None
            lazy.sink_parquet(plain, compression="zstd", row_group_size=ROW_GROUP_SIZE, sync_on_close=sync)
        case "store_write":
            store.write(lazy, asset="t", partition=None, durable=durable)
        case _:
            raise ValueError(f"unknown contestant {contestant!r}")
    return {"seconds": time.perf_counter() - start, "peak_mb": peak_megabytes()}


def large_frame(rows: int) -> Any:
    """A lazy frame of numbers, dates and texts with few and with many different values."""
    import polars as pl

    number = pl.int_range(rows, dtype=pl.Int64)
    return pl.LazyFrame().select(
        number.alias("id"),
        (number * 7919 % 1_000_003).alias("key"),
        ((number * 104_729 % 100_003) / 7).alias("delay"),
        ((number * 1_299_709 % 5_003) / 3).alias("distance"),
        (pl.lit("carrier ") + (number % 16).cast(pl.String)).alias("carrier"),
        (pl.lit("2013-01-01").str.to_date() + pl.duration(days=number % 365)).alias("day"),
    )


def timed_reads(reader: Callable[[], Any]) -> Iterator[float]:
    """Seconds to open the table and use it as a consumer does: an aggregate over some of the columns."""
    import polars as pl

    for _ in range(READS):
        start = time.perf_counter()
        reader().group_by("carrier").agg(pl.col("delay").mean(), pl.col("distance").max()).collect()
        yield time.perf_counter() - start


def peak_megabytes() -> float:
    """The largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory at the time of the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    scale = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("polars", "xxhash")},
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
