"""Data versions of tables: bytes in memory per second, beside the memory bandwidth of the same machine.

    python benchmarks/data_versions.py [--rows N] [--repeat N]

One table of 60 bytes a row is stored, as it is and with `unordered=True`; polars writes the same file without a
version. What the version costs by itself is hashing the pages of the file just written. The floor is copying as many
bytes as the table has in memory, which is as fast as memory goes. All take turns in one process; figures are medians.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from pathlib import Path
from typing import Any

import polars as pl
from measure import Contestant, alternate, compared, report, scratch, timed

from assetflow.store import LocalStore
from assetflow.store.formats.parquet import ROW_GROUP_SIZE
from assetflow.store.hashing import bytes_digest, table_versions
from assetflow.store.parquet_layout import read_layout

ROW_BYTES = 60


def table(rows: int) -> pl.DataFrame:
    """A table like those of the flights: numbers, floats, dates, a short text, with little that compresses."""
    noise = [pl.int_range(rows, eager=True).hash(seed) for seed in range(6)]
    return pl.DataFrame(
        {
            "id": pl.int_range(rows, eager=True),
            "delay": (noise[0] % 100_000) / 7,
            "distance": (noise[1] % 5_000_000).cast(pl.Int64),
            "air_time": (noise[2] % 1_000_000) / 3,
            "key": (noise[3] // 2).cast(pl.Int64),
            "day": (noise[4] % 3_650).cast(pl.Date),
            "carrier": (noise[5] % 10_009).cast(pl.String),
        }
    )


def contestants(folder: Path, rows: int) -> dict[str, Contestant]:
    """What is measured, over one table; each store is written to anew, so that nothing is there already."""
    frame, count = table(rows), itertools.count()
    data, target = bytearray(rows * ROW_BYTES), bytearray(rows * ROW_BYTES)
    plain = folder / "plain.parquet"

    def sink() -> None:
        frame.lazy().sink_parquet(plain, compression="zstd", row_group_size=ROW_GROUP_SIZE, maintain_order=True)

    def copy() -> None:
        memoryview(target)[:] = data

    sink()
    layout = read_layout(plain)
    schema = [(name, str(kind)) for name, kind in frame.schema.items()]

    def store(*, unordered: bool) -> None:
        LocalStore(folder / str(next(count))).write(
            frame, asset="a", partition=None, unordered=unordered, durable=False
        )

    return {
        "copy": timed(copy),
        "hash of as many bytes": timed(lambda: bytes_digest(data)),
        "version of the file": timed(lambda: table_versions(plain, layout, schema, metadata=None)),
        "write without version": timed(sink),
        "write with version": timed(lambda: store(unordered=False)),
        "write unordered": timed(lambda: store(unordered=True)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with scratch() as folder:
        seconds = alternate(contestants(folder, options.rows), repeat=options.repeat)
    gigabytes = options.rows * ROW_BYTES / 1e9
    speeds = {name: round(gigabytes / statistics.median(figures), 3) for name, figures in seconds.items()}
    results: dict[str, Any] = {
        "gigabytes_per_second": speeds,
        "version": compared(seconds, ours="version of the file", floor="copy"),
        "write": compared(seconds, ours="write with version", floor="write without version"),
        "unordered": compared(seconds, ours="write unordered", floor="write with version"),
    }
    report("data versions", results, goal="the version costs less than 1.15 times the write", rows=options.rows)


if __name__ == "__main__":
    main()
