"""Locks on files that end with the process holding them, however it dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assetflow.catalog.disk import writing
from assetflow.errors import CatalogLockedError

_FAR = 1 << 40
"""Byte that Windows locks: far behind the end, because a locked range cannot be read there."""

_PAUSE = 0.01

_own: dict[int, tuple[int, int]] = {}
"""Descriptors that hold locks of this process, each with device and number of its file, which tell whether it still is
that file: whoever closes one need not say so."""


def keep_from_children(fd: int) -> None:
    """Let no fork of this process hold what is locked by `fd`: a child may outlive its parent, and hold it for ever."""
    found = os.fstat(fd)
    _own[fd] = (found.st_dev, found.st_ino)


def _give_up_in_child() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd, place in _own.items():
        with suppress(OSError):  # closed meanwhile
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) == place:
                os.dup2(null, fd, inheritable=False)  # the number stays taken: the child may close it
    _own.clear()
    os.close(null)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_give_up_in_child)

if sys.platform == "win32":
    import msvcrt

    def try_lock(fd: int) -> bool:
        """Take the exclusive lock of an open file without waiting; False when another handle has it."""
        position = os.lseek(fd, 0, os.SEEK_CUR)
        try:
            os.lseek(fd, _FAR, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(fd, position, os.SEEK_SET)
        return True
else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Take the exclusive lock of an open file without waiting; False when another handle has it."""
        try:
            # flock, not POSIX locks: those are lost as soon as any handle of the process on that file is closed
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        keep_from_children(fd)
        return True


@contextmanager
def held(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold the lock file `path` during the block; CatalogLockedError names the holder after `timeout` seconds."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + timeout
        while not try_lock(fd):
            if time.monotonic() >= deadline:
                raise _locked(path, timeout)
            time.sleep(_PAUSE)
        with writing(path):
            os.ftruncate(fd, 0)
            os.write(fd, str(os.getpid()).encode())
        yield
    finally:
        os.close(fd)


def _locked(path: Path, timeout: float) -> CatalogLockedError:
    try:
        holder = path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        holder = "unknown"
    return CatalogLockedError(
        f"the catalog `{path.parent}` is being written by process {holder} for more than {timeout:g} s",
        hint=f"wait for process {holder}, or end it: its lock ends with it",
        pid=int(holder) if holder.isdigit() else None,
    )
