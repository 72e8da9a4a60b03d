"""Files that somebody else writes: reading them as an annotation asks, and hashing them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_file(path: Path | Sequence[Path], as_type: object = None) -> Any:
    """Read one file, or several as one value, as the type that an annotation asks for."""
    raise NotImplementedError


def hash_file(path: Path) -> str:
    """The data version `f1:…` of a file's content."""
    raise NotImplementedError


def hash_files(paths: Sequence[Path], *, root: Path | None = None) -> str:
    """The data version `f1:…` of several files: their names relative to `root`, sorted, and contents."""
    raise NotImplementedError
