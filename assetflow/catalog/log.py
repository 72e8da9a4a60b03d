"""The log: checksummed JSON lines, one file per run, appended and never rewritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from assetflow.model.event import Event, Json


class LogWriter:
    """Appends events to one log file; holds a lock on it that ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def append(self, events: Iterable[Event]) -> None:
        """Write the events with one system call; they survive the death of this process, `sync` that of the machine.

        Raises CatalogUnwritableError when the disk is full or the folder gone; the log then reads as before.
        """
        raise NotImplementedError

    def sync(self) -> None:
        """Flush what was appended to the disk."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush, give the lock back and close the file; safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class LogReader:
    """Reads the verified events of one log from a byte offset."""

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self.path = Path(path)
        self.offset = offset

    def __iter__(self) -> Iterator[Json]:
        raise NotImplementedError
