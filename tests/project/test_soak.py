"""A soak: many steps under random failures, deaths and cancels, two commands at once, against plain arithmetic."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import assetflow as af
from assetflow.catalog.range_lock import open_locks
from tests.cli.calling import environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")

ASSETS = """
import os, random, time
from pathlib import Path
import assetflow as af

seed = af.source("seed", path="seed.txt")

def bad_luck():
    # no file that is declared: luck is no input
    if random.random() < float(Path("luck.txt").read_text()):
        raise ValueError("bad luck")
    with open("notes.txt", "a") as file:
        file.write(".")

def make(number, upstreams):
    if not upstreams:
        @af.asset(key=f"a{number}", retry=1)
        def first(seed: str) -> int:
            bad_luck()
            return int(seed) * 31 + number
        return first

    @af.asset(key=f"a{number}", inputs={"x": upstreams[0], "y": upstreams[-1]}, retry=1)
    def later(x: int, y: int) -> int:
        bad_luck()
        return (x * 3 + y * 7 + number) % 1_000_003
    return later

globals().update({f"a{n}": make(n, ups) for n, ups in enumerate(GRAPH)})
"""


def graph(rng: random.Random, count: int) -> list[list[str]]:
    return [
        [] if number < 4 else [f"a{rng.randrange(max(0, number - 30), number)}" for _ in range(2)]
        for number in range(count)
    ]


def expected(edges: list[list[str]], seed: int) -> dict[str, int]:
    """The oracle: every value by plain arithmetic."""
    values: dict[str, int] = {}
    for number, ups in enumerate(edges):
        if ups:
            values[f"a{number}"] = (values[ups[0]] * 3 + values[ups[-1]] * 7 + number) % 1_000_003
        else:
            values[f"a{number}"] = seed * 31 + number
    return values


def done(root: Path) -> int:
    notes = root / "notes.txt"
    return notes.stat().st_size if notes.exists() else 0


def command(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "assetflow", "materialize", "-q"],
        cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def trouble(root: Path, rng: random.Random, count: int) -> None:
    """Two commands at once, one of which comes to a bad end somewhere on its way."""
    both = [command(root), command(root)]
    target = done(root) + rng.randrange(1, max(2, count // 2))
    deadline = time.monotonic() + 120
    while done(root) < target and any(process.poll() is None for process in both):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    both[0].send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
    for process in both:
        _out, err = process.communicate(timeout=300)
        assert process.returncode in (0, 1, 130, -9, -2, -15), err  # a signal may come before its handler is there
        assert b"Traceback" not in err or b"bad luck" in err, err


def soak(root: Path, rng: random.Random, *, assets: int, rounds: int) -> int:
    edges = graph(rng, assets)
    (root / "assets").mkdir(parents=True)
    (root / "assets" / "main.py").write_text(f"GRAPH = {edges!r}\n{ASSETS}")
    for number in range(rounds):
        (root / "seed.txt").write_text(str(number))
        (root / "luck.txt").write_text("0.03")
        trouble(root, rng, assets)
        (root / "luck.txt").write_text("0")
        with af.Project.at(root, environ={}) as project:
            assert project.materialize().ok
            assert project.plan().is_empty
            wanted = expected(edges, number)
            assert {key: project.load(key) for key in wanted} == wanted
            assert {str(run.status) for run in project.runs()} <= {"succeeded", "failed", "canceled", "interrupted"}
            locks = open_locks(root / "catalog" / "live")
            assert not locks.is_taken(0, 1 << 62)
            locks.close()
    with af.Project.at(root, environ={}) as project:
        before = project.query("select * from materializations order by all")
        project.rebuild_catalog()
        assert project.query("select * from materializations order by all") == before
    return done(root)


def test_a_small_soak(tmp_path: Path) -> None:
    assert soak(tmp_path / "p", random.Random(2013), assets=40, rounds=2) >= 80


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("ASSETFLOW_SOAK"), reason="long: set ASSETFLOW_SOAK=1")
def test_a_soak_of_ten_thousand_steps(tmp_path: Path) -> None:
    assert soak(tmp_path / "p", random.Random(1), assets=500, rounds=20) >= 10_000
