"""Folders of runs: the one that steps work in, the project's whoever runs them, and where their output goes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_lock = threading.Lock()
_inside: list[Path] = []
_before: list[str] = []


@contextlib.contextmanager
def working_folder(root: Path) -> Iterator[None]:
    """Work in `root` until the last run of this process is over, then go back.

    The working folder belongs to the process, so of two projects that run at once in one process the first decides;
    their declared paths are relative to the right project all the same, only `open("x")` in an asset is not.
    """
    with _lock:
        if not _inside:
            with contextlib.suppress(OSError):  # it was removed: there is none to go back to
                _before.append(os.getcwd())
            os.chdir(root)
        _inside.append(root)
    try:
        yield
    finally:
        with _lock:
            _inside.remove(root)
            if not _inside and _before:
                with contextlib.suppress(OSError):  # the folder may be gone by now
                    os.chdir(_before.pop())


def output_path(catalog_root: Path, run_id: str) -> Path:
    """Where the captured output of a run's steps is kept: one JSON line per line of output."""
    return catalog_root / "log" / "output" / f"{run_id}.jsonl"
