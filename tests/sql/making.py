"""Small projects on disk whose assets are queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

import assetflow as af

PYTHON = """
import polars as pl
import assetflow as af

af.source("raw", path="data/raw.csv")
DAYS = af.DailyPartitions("2024-01-01", "2024-01-04", tz="America/New_York")

@af.asset
def orders() -> pl.DataFrame:
    return pl.DataFrame({
        "day": ["2024-01-01", "2024-01-01", "2024-01-02"],
        "region": ["eu", "us", "eu"],
        "amount": [10, 5, 7],
    })

@af.asset(key="marts/regions")
def regions() -> pl.DataFrame:
    return pl.DataFrame({"region": ["eu", "us"], "name": ["Europe", "States"]})

@af.asset(partitions=DAYS)
def daily(context: af.Context, orders: pl.DataFrame) -> pl.DataFrame:
    return orders.filter(pl.col("day") == context.partition)

@af.asset
def number() -> int:
    return 7
"""
RAW = "id,label\n1,one\n2,two\n"


def write(root: Path, **files: str) -> af.Project:
    """A project with the Python assets above and SQL files by stem; `__` in a name stands for a folder."""
    (root / "pyproject.toml").write_text("[tool.assetflow]\n")
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "raw.csv").write_text(RAW)
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "made.py").write_text(PYTHON)
    for name, text in files.items():
        path = root / "assets" / f"{name.replace('__', '/')}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return af.Project.load(root)


def rows(project: af.Project, asset: str, **options: Any) -> list[tuple[Any, ...]]:
    """The published rows of an asset."""
    frame: pl.DataFrame = project.load(asset, as_type=pl.DataFrame, **options)
    return frame.rows()


def statuses(run: af.RunResult) -> dict[str, str]:
    """How each step ended, by asset and partition."""
    return {
        step.asset if step.partition is None else f"{step.asset}@{step.partition}": str(step.status)
        for step in run.steps
    }
