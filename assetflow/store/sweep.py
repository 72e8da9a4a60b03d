"""Finding and removing what lies in a store: objects, and what dead writers left behind.

Which objects may go is decided elsewhere, from the catalog; here they are only listed and removed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from assetflow.store import atomic

_OBJECT = re.compile(r"[0-9a-f]{32}(\.|$)")


def stored_uris(root: Path) -> Iterator[str]:
    """The uris of all objects below a store root; temporary files are left out."""
    return (path.relative_to(root).as_posix() for path in _entries(root) if atomic.temporary_owner(path.name) is None)


def _entries(root: Path) -> Iterator[Path]:
    """Objects and temporary files."""
    pending = [root] if root.is_dir() else []
    while pending:
        current = pending.pop()
        for entry in sorted(os.scandir(current), key=lambda each: each.name):
            # a stored folder is one object: it is named by its version, as no folder of an asset partition is
            whole = _OBJECT.match(entry.name) or atomic.temporary_owner(entry.name) is not None
            if entry.is_dir() and not whole:
                pending.append(Path(entry.path))
            else:
                yield Path(entry.path)


def remove_object(root: Path, uri: str) -> int:
    """Remove an object and the folders that it leaves empty; the bytes freed, 0 when it was not there."""
    path = root.joinpath(*uri.split("/"))
    size = atomic.size_of(str(path)) or 0
    atomic.remove(path)
    for folder in path.parents:
        if folder == root or not folder.is_relative_to(root):
            break
        try:
            folder.rmdir()
        except OSError:  # not empty, or somebody is just writing into it
            break
    return size


def remove_abandoned(root: Path, *, is_alive: Callable[[int], bool], before: float = math.inf) -> list[str]:
    """Remove temporary files whose writing process is dead; their paths below the root.

    `is_alive` tells by process id. What was written at `before` (seconds, as in `st_mtime`) or later stays.
    """
    removed = []
    for path in list(_entries(root)):
        owner = atomic.temporary_owner(path.name)
        if owner is not None and path.stat().st_mtime < before and not is_alive(owner):
            atomic.remove(path)
            removed.append(path.relative_to(root).as_posix())
    return removed
