"""Row 7: the first run of a project of three polars assets, whole process, against the same as a plain script.

    python benchmarks/cold_polars.py [--rows N] [--repeat N]

The script reads, joins and aggregates as the assets do, and writes its three results to Parquet.
"""

from __future__ import annotations

import argparse
import sys

from measure import alternate, assetflow, compared, process, put_aside, report, scratch
from projects import settle

ASSETS = """import assetflow as af
import polars as pl


@af.asset
def trips() -> pl.DataFrame:
    return pl.select(pl.int_range(ROWS).alias("trip")).with_columns(zone=pl.col("trip") % 97, fare=pl.col("trip") / 7)


@af.asset
def zones() -> pl.DataFrame:
    return pl.select(pl.int_range(97).alias("zone")).with_columns(name=pl.format("zone {}", pl.col("zone")))


@af.asset
def fares(trips: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    return trips.join(zones, on="zone").group_by("name").agg(pl.col("fare").mean()).sort("name")
"""
SAVE = """
import os

os.makedirs("out", exist_ok=True)
found = {"trips": trips(), "zones": zones()}
found["fares"] = fares(**found)
for name, frame in found.items():
    frame.write_parquet(f"out/{name}.parquet")
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with scratch() as folder:
        project = folder / "project"
        (project / "assets").mkdir(parents=True)
        (project / "pyproject.toml").write_text("[tool.assetflow]\n")
        source = ASSETS.replace("ROWS", str(options.rows))
        (project / "assets" / "trips.py").write_text(source)
        plain = source.replace("import assetflow as af\n", "").replace("@af.asset\n", "")
        script = folder / "script.py"
        script.write_text(plain + SAVE)
        settle(project)
        seconds = alternate(
            {
                "script": process([sys.executable, str(script)], cwd=folder, prepare=lambda: put_aside(folder / "out")),
                "assetflow": process(
                    assetflow("materialize", "-q"), cwd=project, prepare=lambda: put_aside(project / "catalog")
                ),
            },
            repeat=options.repeat,
        )
    result = compared(seconds, ours="assetflow", floor="script")
    report("7: first run with polars", result, goal="at most 1.5 times the script", rows=options.rows)


if __name__ == "__main__":
    main()
