"""Values do not pile up: neither those of steps that end well, nor those that failed steps held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.executor.making import file_project

STEPS = """
def heavy(size: int) -> bytes:
    return b"x" * size

def fails(size: int) -> int:
    held = bytearray(b"x") * size
    raise ValueError(len(held))

for number in range(COUNT):
    af.asset_template(fails if number % 4 == 3 else heavy, code_version="1").bind(f"a{number:03}", size=SIZE)
"""

MEASURE = """
import resource, sys
import assetflow as af
with af.Project.at(".", executor=sys.argv[1]) as project:
    run = project.materialize(workers=2)
    print(run.counts["materialized"], run.counts["failed"])
who = resource.RUSAGE_SELF
print(resource.getrusage(who).ru_maxrss * 1024)
"""


def peak(root: Path, executor: str, *, count: int, size: int) -> int:
    """The most memory that a run's process had at once, in bytes; `count` steps make or hold `size` bytes each."""
    file_project(root, STEPS.replace("COUNT", str(count)).replace("SIZE", str(size))).close()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, executor], cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    counts, memory = done.stdout.splitlines()
    assert counts == f"{count - count // 4} {count // 4}"
    return int(memory)


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
@pytest.mark.parametrize("executor", ["thread", "process"])
def test_many_large_values_take_the_memory_of_a_few(tmp_path: Path, executor: str) -> None:
    size, count = 8 << 20, 24
    small = peak(tmp_path / "small", executor, count=count, size=1024)
    large = peak(tmp_path / "large", executor, count=count, size=size)
    at_once = 2 * 4 * size if executor == "thread" else size
    assert large - small < at_once < count * size // 2
