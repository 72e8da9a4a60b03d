"""Writing to the catalog folder: atomic, flushed, and with errors that say what is wrong with the disk."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assetflow.errors import CatalogUnwritableError
from assetflow.faults import fault

_HINTS = {
    errno.ENOSPC: "free some space on that disk; nothing recorded was lost, run the command again",
    errno.EDQUOT: "free some of your quota on that disk; nothing recorded was lost, run the command again",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`); nothing recorded was lost, run the command again",
    errno.EROFS: "the disk is read-only: set another `catalog` folder in `[tool.assetflow]`, or mount it writable",
    errno.EACCES: "give this user the right to write there, or set another `catalog` folder in `[tool.assetflow]`",
    errno.EPERM: "give this user the right to write there, or set another `catalog` folder in `[tool.assetflow]`",
    errno.ENOTDIR: "a file stands where the catalog needs a folder: move it away",
    errno.EEXIST: "a file stands where the catalog needs a folder: move it away",
}

_REPLACE_TRIES = 20


def unwritable(path: Path, error: OSError) -> CatalogUnwritableError:
    """The error for a path of the catalog that the system refused to write."""
    reason = error.strerror or str(error)
    hint = _HINTS.get(error.errno or 0, "check the folder and its disk, then run the command again")
    return CatalogUnwritableError(f"cannot write `{path}`: {reason}", hint=hint, path=str(path), errno=error.errno)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says while `path` is written into CatalogUnwritableError."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def sync_file(path: Path) -> None:
    """Flush a closed file to the disk."""
    # Windows flushes only through a handle that may write
    fd = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder, where the system can do that."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse to flush a folder
            os.fsync(fd)
    finally:
        os.close(fd)


def replace(source: Path, target: Path) -> bool:
    """Rename over `target`; False when open handles of others prevent it for too long (only on Windows)."""
    for attempt in range(_REPLACE_TRIES):
        try:
            os.replace(source, target)
            return True
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.005 * (attempt + 1))
    return False


def write_atomic(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a whole file so that nobody ever sees a part of it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            temporary.write_bytes(data)
            if durable:
                sync_file(temporary)
            fault("note.write")
            replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content; where the file system shares blocks (XFS, Btrfs) that costs next to nothing."""
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with open(source, "rb") as reader, open(target, "wb") as writer:
        left = os.fstat(reader.fileno()).st_size
        try:
            while left > 0:
                count = os.copy_file_range(reader.fileno(), writer.fileno(), left)
                if count == 0:
                    break
                left -= count
            return
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
    # between two file systems, or on one that cannot do it
    shutil.copyfile(source, target)


def set_aside(root: Path, name: str, data: bytes | Path) -> Path:
    """Keep something unreadable under `damaged/<name>` (a file is moved there) and return where it is."""
    target = root / "damaged" / name
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            number = 1
            while target.exists():
                number += 1
                target = target.with_name(f"{name}.{number}")
            os.replace(data, target)
        elif not target.exists():  # the same line is met again by every rebuild
            write_atomic(target, data)
    return target
