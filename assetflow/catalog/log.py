"""The log: checksummed JSON lines, one file per run, appended and never rewritten.

A line is the CRC-32 of its JSON text as eight hex digits, a space, the text, a newline. The writer holds a lock on its
file for as long as it lives, so whoever gets that lock knows that the owner is gone and may cut a torn last line.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from assetflow.catalog.disk import set_aside, sync_folder, unwritable, writing
from assetflow.catalog.lock import try_lock
from assetflow.errors import CatalogLockedError, InternalError
from assetflow.faults import fault
from assetflow.model.event import Event, Json

SUFFIX = ".jsonl"
_BLOCK = 1 << 22
_OPEN_TRIES = 100
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Damaged(NamedTuple):
    """A line whose checksum does not hold, and where it begins."""

    offset: int
    raw: bytes


def frame(event: Event) -> bytes:
    """The log line of an event."""
    record = event.to_json()
    try:
        body = _dumps(record).encode()
    except (ValueError, UnicodeEncodeError):
        # not-a-number and lone surrogates are no JSON: show them as text rather than lose the event
        body = _dumps(_plain(record)).encode()
    except TypeError as error:
        raise InternalError(f"the event `{event.kind}` holds what is not JSON: {error}", kind=event.kind) from error
    return b"%08x %b\n" % (crc32(body), body)


def _plain(value: Any) -> Any:
    """The value with floats that JSON lacks as text and lone surrogates as question marks."""
    match value:
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_plain(str(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def verified(line: bytes) -> bytes | None:
    """The JSON text of a line (without its newline), or None when the checksum does not hold."""
    body = line[9:]
    return body if line[:9] == b"%08x " % crc32(body) and body[:2] == b'{"' else None


class LogReader:
    """Reads the verified events of one log from a byte offset.

    After the lines were read, `end` is the offset behind the last verified line, `size` the bytes that were there and
    `damaged` the unverified lines that verified ones follow; what lies between `end` and `size` is a torn tail.
    """

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self.path = Path(path)
        self.offset = offset
        self.end = offset
        self.size = offset
        self.damaged: list[Damaged] = []

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The offset and the JSON text of every verified line, in order."""
        position = self.offset
        pending: list[Damaged] = []
        with open(self.path, "rb") as file:
            file.seek(position)
            carry = b""
            while block := file.read(_BLOCK):
                self.size = file.tell()
                lines = (carry + block).split(b"\n")
                carry = lines.pop()
                for line in lines:
                    body = verified(line)
                    start = position
                    position += len(line) + 1
                    if body is None:
                        pending.append(Damaged(start, line + b"\n"))
                        continue
                    if pending:
                        self.damaged += pending
                        pending = []
                    self.end = position
                    yield start, body

    def __iter__(self) -> Iterator[Json]:
        return (json.loads(body) for _offset, body in self.lines())

    def tail(self) -> bytes:
        """What follows the last verified line, after the lines were read."""
        with open(self.path, "rb") as file:
            file.seek(self.end)
            return file.read()


class LogWriter:
    """Appends events to one log file; holds a lock on it that ends with the process.

    Safe to use from several threads. An existing log is taken up again, without its torn tail if it has one.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._mutex = threading.Lock()
        self._torn = False
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd: int | None = _open_locked(self.path)
        with writing(self.path):
            self._size = cut_torn_tail(self.path, self._fd)

    @property
    def size(self) -> int:
        """Bytes of whole lines in the log."""
        return self._size

    def append(self, events: Iterable[Event]) -> None:
        """Write the events with one system call; they survive the death of this process, `sync` that of the machine.

        Raises CatalogUnwritableError when the disk is full or the folder gone; no half line is left in the log then.
        """
        data = b"".join(map(frame, events))
        if not data:
            return
        with self._mutex:
            fd = self._open_fd()
            written = 0
            try:
                if self._torn:
                    os.ftruncate(fd, self._size)
                    self._torn = False
                fault("log.append")
                while written < len(data):
                    written += os.write(fd, memoryview(data)[written:])
                self._size += len(data)
            except OSError as error:
                # whole lines stay: a fold may have read them already, and offsets must not be used twice
                self._size += data.rfind(b"\n", 0, written) + 1
                self._untear(fd)
                raise unwritable(self.path, error) from error

    def _untear(self, fd: int) -> None:
        """Take back half a line; where even that fails, the next append or the next reader does it."""
        try:
            os.ftruncate(fd, self._size)
            self._torn = False
        except OSError:
            self._torn = True

    def sync(self) -> None:
        """Flush what was appended to the disk; CatalogUnwritableError too when somebody has deleted the log."""
        with self._mutex, writing(self.path):
            fd = self._open_fd()
            fault("log.sync")
            os.fsync(fd)
            fault("log.synced")
            if os.fstat(fd).st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the file was deleted while it was written to")

    def beat(self) -> None:
        """Show those who cannot see this process that it lives: the log's time is the present."""
        with self._mutex, suppress(OSError):
            if self._fd is not None:
                os.utime(self._fd if os.utime in os.supports_fd else self.path)

    def close(self) -> None:
        """Give the lock back and close the file; safe to call twice."""
        with self._mutex:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def _open_fd(self) -> int:
        if self._fd is None:
            raise InternalError(f"the log `{self.path}` is closed")
        return self._fd

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _open_locked(path: Path) -> int:
    """The locked file at `path`; opened again when a compaction took the name away in between."""
    for _ in range(_OPEN_TRIES):
        with writing(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        if try_lock(fd):
            if os.name == "nt" or (path.exists() and os.path.samestat(os.fstat(fd), path.stat())):
                sync_folder(path.parent)
                return fd
        else:
            time.sleep(0.01)
        os.close(fd)
    raise CatalogLockedError(
        f"the log `{path}` is held by another process", hint="every log has one writer: choose another name"
    )


def cut_torn_tail(path: Path, fd: int) -> int:
    """Cut what follows the last verified line of a log whose lock `fd` holds, and return the size that is left.

    A tail of whole lines is kept under `damaged/`; the half of a line never was acknowledged to anybody.
    """
    if os.fstat(fd).st_size == 0:
        return 0
    reader = LogReader(path)
    for _line in reader.lines():
        pass
    if reader.end < os.fstat(fd).st_size:
        tail = reader.tail()
        if b"\n" in tail:
            set_aside(path.parent.parent, f"{path.stem}-{reader.end}.line", tail)
        os.ftruncate(fd, reader.end)
        os.fsync(fd)
    return reader.end


def is_ownerless(path: Path) -> bool:
    """Whether no process writes that log."""
    if not path.exists():
        return True
    fd = try_own(path)
    if fd is None:
        return False
    os.close(fd)
    return True


def try_own(path: Path) -> int | None:
    """A handle that owns the log, for the caller to close; None while its writer lives."""
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    if try_lock(fd):
        return fd
    os.close(fd)
    return None
