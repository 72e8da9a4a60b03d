"""Files that are there whole or not at all: what others read meanwhile, and what a kill may interrupt."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file beside its place and move it there, text as UTF-8; OSError leaves nothing behind."""
    # two threads may write the same file, as two processes may
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def keep(path: Path, data: bytes | str) -> bool:
    """Write a cache, and its folder; False where that cannot be, for a cache that is not there costs time only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError:
        return False
    return True
