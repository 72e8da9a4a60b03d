"""Projects to be watched, and ticks waited for: by what they hold, in a bounded number, never by time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import assetflow as af
from assetflow.model.clock import Clock
from assetflow.project.tick import Tick, Watching

PATIENCE = 90.0
"""Seconds after which a watch that says nothing is closed, so that a test fails instead of hanging."""

TWO = {
    "assets/numbers.py": """
import polars as pl
import assetflow as af
from shared import scale


@af.asset
def numbers() -> pl.DataFrame:
    return pl.DataFrame({"n": [1, 2, 3]}).with_columns(m=pl.col("n") * scale())


@af.asset
def total(numbers: pl.DataFrame) -> int:
    return int(numbers["m"].sum())


@af.asset
def apart() -> int:
    return 7
""",
    "assets/shared.py": "def scale() -> int:\n    return 10\n",
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files of a project; returns its folder."""
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return root


def save(place: Path, text: str) -> None:
    """Save as many editors do: a new file moved over the old one."""
    temporary = place.with_name(f".{place.name}.tmp~")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, place)


@contextmanager
def watching(
    root: Path, selection: str | None = None, *, patience: float = PATIENCE, clock: Clock | None = None, **options: Any
) -> Iterator[Watching]:
    """A watch of the project in a folder."""
    watch = af.Project.at(root, clock=clock).watch(selection, **options)
    guard = threading.Timer(patience, watch.close)
    guard.daemon = True
    guard.start()
    try:
        yield watch
    finally:
        guard.cancel()
        watch.close()


def until(watch: Watching, wanted: Callable[[Tick], bool], *, at_most: int = 6) -> Tick:
    """The first tick that is wanted, among the next few."""
    seen = []
    for _ in range(at_most):
        tick = next(watch)
        if wanted(tick):
            return tick
        seen.append(tick)
    raise AssertionError(f"not among {at_most} ticks: {[tick.to_json() for tick in seen]}")


def ran(tick: Tick) -> dict[str, str]:
    """How the steps of a tick ended, by asset."""
    return {} if tick.result is None else {step.asset: str(step.status) for step in tick.result.steps}


def made(asset: str) -> Callable[[Tick], bool]:
    """Whether a tick materialized an asset."""
    return lambda tick: ran(tick).get(asset) == "materialized"


def fails(words: str) -> Callable[[Tick], bool]:
    """Whether a tick ended with an error that says something."""
    return lambda tick: tick.error is not None and words in str(tick.error)


def saw(name: str) -> Callable[[Tick], bool]:
    """Whether a tick answered a change of a file or folder and had a plan."""
    return lambda tick: tick.plan is not None and any(change.path.endswith(name) for change in tick.changes)
