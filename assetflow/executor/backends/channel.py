"""What the run and a worker process say to each other: framed pickles over a pair of streams.

Only our own two ends write here, over a socket or pipes that nobody else holds, and nothing large goes through: values
travel by way of the store.
"""

from __future__ import annotations

import os
import pickle
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from assetflow.executor.call import Call, Failure, Outcome
from assetflow.values import dataclass

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Load:
    """To the worker, first: the pickled blueprint of the project."""

    blueprint: bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """To the worker: a run begins, with this environment, level of log records and clock (pickled)."""

    environ: Mapping[str, str]
    level: str
    clock: bytes | None


@dataclass(frozen=True, slots=True)
class End:
    """To the worker: the run is over, close its resources."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To the worker: end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From the worker: the project is loaded; `problem` says why not."""

    pid: int
    problem: Failure | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """From the worker: it has begun with a call, and holds so many bytes of memory."""

    held: int


@dataclass(frozen=True, slots=True)
class Began:
    """From the worker: inputs are loaded, the function begins."""


@dataclass(frozen=True, slots=True)
class Said:
    """From the worker: one captured line."""

    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """From the worker: the outcome of its call, without the call."""

    outcome: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """From the worker: the resources are closed; what went wrong with that."""

    problems: tuple[str, ...]


Message = Load | Begin | End | Stop | Ready | Taken | Began | Said | Done | Ended | Call


class Channel:
    """One end: `send` from any thread, `receive` from one. `read` gives some bytes, or none at the end of it all."""

    def __init__(self, read: Callable[[int], bytes], write: Callable[[bytes], Any]) -> None:
        self._read = read
        self._write = write
        self._buffer = bytearray()
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message; OSError when nobody is there any more."""
        body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._write(_LENGTH.pack(len(body)) + body)

    def receive(self) -> Message | None:
        """The next message; None when the other end is gone."""
        while True:
            if len(self._buffer) >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer)
                end = _LENGTH.size + length
                if len(self._buffer) >= end:
                    message: Message = pickle.loads(bytes(self._buffer[_LENGTH.size : end]))
                    del self._buffer[:end]
                    return message
            try:
                chunk = self._read(_CHUNK)
            except (OSError, ValueError):  # reset, or closed on this side
                return None
            if not chunk:
                return None
            self._buffer += chunk


def write_all(fd: int) -> Callable[[bytes], None]:
    """A writer to a descriptor that writes everything it is given."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    return write


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """An outcome for the way back: the other side knows the call."""
    return {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name != "call"}
