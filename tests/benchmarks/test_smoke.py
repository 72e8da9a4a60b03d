"""Every benchmark runs at a tiny size and prints one JSON document with ratios; how fast it was is not asserted."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
SHARED = {"measure.py", "projects.py"}
ELSEWHERE = {"catalog.py", "frames.py"}
TINY = {
    "code_versions.py": "--assets 6 --helpers 3 --repeat 1",
    "cold_polars.py": "--rows 100 --repeat 1",
    "data_versions.py": "--rows 100 --repeat 1",
    "edited_plan.py": "--assets 6 --helpers 3 --repeat 1",
    "lineage.py": "--edges 1000 --repeat 1",
    "memory.py": "--steps 3 --megabytes 1",
    "null_build.py": "--assets 6 --repeat 1",
    "partitions.py": "--assets 10 --years 1 --fresh-assets 2 --fresh-years 1 --repeat 1",
    "startup.py": "--repeat 1",
    "steps.py": "--assets 6 --repeat 1",
    "watch.py": "--assets 6 --saves 2",
    "tick.py": "--assets 20 --partitions 100 --repeats 1",
    "verdicts.py": "--assets 20 --partitions 3 --chain 20 --repeat 1",
}


def ratios(value: Any) -> Iterator[float]:
    """Every `ratio` in a document."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "ratio":
                yield item
            else:
                yield from ratios(item)


def test_every_script_is_tried_here() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} - SHARED - ELSEWHERE == TINY.keys()


@pytest.mark.parametrize("script", sorted(TINY))
def test_a_tiny_benchmark_prints_a_document_with_ratios(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *TINY[script].split()],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    found = list(ratios(document))
    assert found
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in found)
    assert document["versions"]["python"]
    assert document["goal"]
