"""What every benchmark shares: contestants that alternate, medians, ratios, and one JSON document at the end."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("assetflow", "click", "doit", "duckdb", "polars", "xxhash")

Contestant = Callable[[], float]
"""One measured round; the seconds it took, without what had to be prepared for it."""


def alternate(contestants: Mapping[str, Contestant], *, repeat: int) -> dict[str, list[float]]:
    """The seconds of every contestant over `repeat` rounds, in which all take turns; a round of warm-up is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(repeat + 1):
        for name, run in contestants.items():
            taken = run()
            if number:
                seconds[name].append(taken)
    return seconds


def compared(seconds: Mapping[str, Sequence[float]], *, ours: str, floor: str) -> dict[str, Any]:
    """Medians in seconds, the ratio of two of them, and every figure they come from."""
    medians = {name: round(statistics.median(figures), 5) for name, figures in seconds.items()}
    return {
        "seconds": medians,
        "ratio": round(statistics.median(seconds[ours]) / statistics.median(seconds[floor]), 3),
        "of": f"{ours} / {floor}",
        "all": {name: [round(figure, 5) for figure in figures] for name, figures in seconds.items()},
    }


def timed(work: Callable[[], Any]) -> Contestant:
    """A contestant that is one call in this process."""

    def run() -> float:
        begin = perf_counter()
        work()
        return perf_counter() - begin

    return run


def process(
    command: Sequence[str], *, cwd: Path, prepare: Callable[[], Any] = lambda: None, says: str = ""
) -> Contestant:
    """A contestant that is a whole process; `prepare` runs before it, unmeasured.

    One that fails, or does not print what it `says`, ends the benchmark: its figure would be about something else.
    """

    def run() -> float:
        prepare()
        begin = perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment(), check=False)
        taken = perf_counter() - begin
        if done.returncode or says not in done.stdout:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return taken

    return run


def environment() -> dict[str, str]:
    """The environment of measured processes: this checkout first, no settings from outside, and bytecode kept."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSETFLOW_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPATH": str(ROOT)}


def assetflow(*words: str) -> list[str]:
    """The command line as a process of this interpreter."""
    return [sys.executable, "-m", "assetflow", *words]


def python(code: str) -> list[str]:
    """A process of this interpreter that runs one line."""
    return [sys.executable, "-c", code]


def is_installed(package: str) -> bool:
    """Whether an optional peer can take part."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one benchmark, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="assetflow-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_aside(*places: Path) -> None:
    """Rename files and folders out of the way: to delete thousands of files slows down whoever writes next."""
    for place in places:
        if place.exists():
            aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=place.parent))
            place.rename(aside / place.name)


def report(row: str, results: Mapping[str, Any], *, goal: str, **facts: Any) -> None:
    """Print the document of one row: what was measured, the goal beside it, versions and machine."""
    document = {
        "row": row,
        "goal": goal,
        **results,
        **facts,
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": {"system": platform.system(), "architecture": platform.machine(), "cores": os.cpu_count()},
    }
    print(json.dumps(document, indent=2))


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES if is_installed(name)}
