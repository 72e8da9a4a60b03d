"""Many small locks that end with the process holding them: ranges of one file, or where those lack, many files.

Linux has locks on byte ranges that belong to an open file, not to a process: they keep threads with handles of their
own apart too, cost a microsecond, and the kernel drops them when their process dies, however it dies.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from assetflow.catalog.disk import writing
from assetflow.catalog.lock import keep_from_children, try_lock

TOP = 1 << 62
"""Ranges begin below this."""


class RangeLocks(Protocol):
    """Exclusive locks on ranges, each named by its start; what one object holds never shuts that object out."""

    def take(self, start: int, length: int = 1) -> bool:
        """Take a range without waiting; False when somebody else holds some of it."""
        ...

    def drop(self, start: int, length: int = 1) -> None:
        """Give a range back."""
        ...

    def is_taken(self, start: int, length: int = 1) -> bool:
        """Whether somebody else holds some of the range."""
        ...

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        ...


class FileLocks:
    """The same with a file for each lock: for systems without locks on ranges.

    A range counts by its start: ranges that overlap and begin at different places do not meet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, int] = {}

    def take(self, start: int, length: int = 1) -> bool:
        if start in self._held:
            return True
        path = self._folder / f"{start:x}"
        with writing(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        # whoever gives a lock back takes its file away: one that was opened before that is not the one others see
        if try_lock(fd) and (os.name == "nt" or (path.exists() and os.path.samestat(os.fstat(fd), path.stat()))):
            self._held[start] = fd
            return True
        os.close(fd)
        return False

    def drop(self, start: int, length: int = 1) -> None:
        fd = self._held.pop(start, None)
        if fd is None:
            return
        path = self._folder / f"{start:x}"
        with suppress(OSError):
            if os.name != "nt":  # an open file cannot be unlinked there; it stays behind, empty
                path.unlink(missing_ok=True)
        os.close(fd)

    def is_taken(self, start: int, length: int = 1) -> bool:
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            found = int(path.name, 16)
            if start <= found < start + length and found not in self._held:
                if not self.take(found):
                    return True
                self.drop(found)
        return False

    def close(self) -> None:
        for start in list(self._held):
            self.drop(start)


if sys.platform == "linux" and struct.calcsize("l") == 8:
    import fcntl

    class ByteLocks:
        """Locks on byte ranges of one file, which stays empty."""

        def __init__(self, path: Path) -> None:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            keep_from_children(self._fd)

        def take(self, start: int, length: int = 1) -> bool:
            try:
                self._call(fcntl.F_OFD_SETLK, fcntl.F_WRLCK, start, length)
            except (BlockingIOError, PermissionError):
                return False
            return True

        def drop(self, start: int, length: int = 1) -> None:
            if self._fd is not None:
                self._call(fcntl.F_OFD_SETLK, fcntl.F_UNLCK, start, length)

        def is_taken(self, start: int, length: int = 1) -> bool:
            answer = self._call(fcntl.F_OFD_GETLK, fcntl.F_WRLCK, start, length)
            return bool(struct.unpack_from("h", answer)[0] != fcntl.F_UNLCK)

        def close(self) -> None:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

        def _call(self, command: int, kind: int, start: int, length: int) -> bytes:
            assert self._fd is not None, "the locks were given back"
            # struct flock: type, whence, start, length, process (which must be 0)
            return fcntl.fcntl(self._fd, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))


def open_locks(folder: Path) -> RangeLocks:
    """The locks that are kept in a folder."""
    if sys.platform == "linux" and struct.calcsize("l") == 8:
        return ByteLocks(folder / "locks")
    return FileLocks(folder / "held")
