"""The public surface: the list of names is complete, sorted, importable, and importing costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import assetflow

DOCUMENTED = [
    "asset",
    "multi_asset",
    "source",
    "asset_template",
    "Dep",
    "Result",
    "Unchanged",
    "Image",
    "Link",
    "Markdown",
    "Skip",
    "Context",
    "Config",
    "Resource",
    "Project",
    "materialize",
    "HourlyPartitions",
    "DailyPartitions",
    "WeeklyPartitions",
    "MonthlyPartitions",
    "CronPartitions",
    "StaticPartitions",
    "DynamicPartitions",
    "MultiPartitions",
    "TimeWindowMapping",
    "AllPartitions",
    "LastPartition",
    "SpecificPartitions",
    "StaticMapping",
    "DimensionMapping",
    "default_mapping",
    "FreshnessPolicy",
    "RetryPolicy",
    "eager",
    "on_cron",
    "on_missing",
    "job",
    "sensor",
    "notify",
    "AssetflowError",
]


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert assetflow.__all__ == sorted(set(assetflow.__all__))
    for name in assetflow.__all__:
        assert getattr(assetflow, name) is not None
    assert dir(assetflow) == assetflow.__all__


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_names_are_public(name: str) -> None:
    assert name in assetflow.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'asse'"):
        _ = assetflow.asse


@pytest.mark.parametrize("statement", ["import assetflow", "import assetflow as af; af.asset; af.source; af.Context"])
def test_importing_and_declaring_imports_nothing_heavy(statement: str) -> None:
    heavy = ["polars", "duckdb", "_duckdb", "pydantic", "rich", "click", "pyarrow", "pandas", "sqlglot", "watchfiles"]
    code = f"{statement}\nimport sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_has_no_side_effect(tmp_path: object) -> None:
    code = (
        "import logging, sys, threading; before = (list(logging.getLogger().handlers), sys.stdout, sys.excepthook)\n"
        "from assetflow import *\n"
        "assert before == (list(logging.getLogger().handlers), sys.stdout, sys.excepthook)\n"
        "assert threading.active_count() == 1\n"
        "import os; assert os.listdir('.') == []"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(tmp_path))
