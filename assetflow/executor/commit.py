"""The committer: makes objects durable, then their records, in batches, beside the work.

A step's value is on disk before its record, and its record before anybody is told. One flush serves all steps that
ended while the one before was under way, so durability costs a share of a flush per step instead of a flush. Between
two flushes there is a pause: while a file system flushes, it makes everybody wait who writes to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from assetflow.catalog.claims import Claims, Key
from assetflow.model.event import Event
from assetflow.values import dataclass

PAUSE = 0.1
"""Seconds between commits while steps run; the last one waits for nothing."""

_IDLE = 1.0
"""Seconds after which the tick is called when nothing ends."""


class Log(Protocol):
    """Where events go: one append is one write, `sync` makes it survive a power cut."""

    def append(self, events: Sequence[Event]) -> None: ...

    def sync(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What to record together: objects that must be durable first, then the events.

    Then, if all went well, `done` is called and the claims `free` are given back.
    """

    events: tuple[Event, ...]
    uris: tuple[str, ...] = ()
    done: Callable[[], None] | None = None
    free: tuple[Key, ...] = ()


class Committer:
    """A thread that commits entries in the order they were given; an error stops it and is raised by `check`."""

    def __init__(
        self,
        log: Log,
        sync_objects: Callable[[Sequence[str]], None],
        *,
        tick: Callable[[], None],
        claims: Claims | None = None,
    ) -> None:
        self._claims = claims
        self._log = log
        self._sync_objects = sync_objects
        self._tick = tick
        self._entries: SimpleQueue[Entry | None] = SimpleQueue()
        self._error: BaseException | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="assetflow-commit", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Hand over an entry; it is committed after all before it."""
        self._entries.put(entry)

    def flush(self) -> None:
        """Wait until everything handed over so far is committed; raise what prevented it."""
        durable = threading.Event()
        self.put(Entry((), done=durable.set))
        while not durable.wait(PAUSE):
            self.check()

    def check(self) -> None:
        """Raise what stopped the committer, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Commit what was handed over, stop, and raise what went wrong."""
        self._closing.set()
        self._entries.put(None)
        self._thread.join()
        self.check()

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._batch()
            if batch and self._error is None:
                try:
                    self._commit(batch)
                except BaseException as error:
                    self._error = error
            if self._error is None:
                self._tell(batch)
                self._tick()
            if batch and not stopping:
                self._closing.wait(PAUSE)

    def _tell(self, batch: Sequence[Entry]) -> None:
        for entry in batch:
            if entry.done is not None:
                entry.done()
        # all at once: each time something is given back costs calls of the system
        if self._claims is not None and (freed := [key for entry in batch for key in entry.free]):
            self._claims.drop(freed)

    def _batch(self) -> tuple[list[Entry], bool]:
        try:
            first = self._entries.get(timeout=_IDLE)
        except Empty:
            return [], False
        batch: list[Entry] = []
        entry = first
        while entry is not None:
            batch.append(entry)
            try:
                entry = self._entries.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: Sequence[Entry]) -> None:
        uris = [uri for entry in batch for uri in entry.uris]
        if uris:
            self._sync_objects(uris)
        events = [event for entry in batch for event in entry.events]
        if events:
            if self._claims is not None:
                self._claims.write_down()
            self._log.append(events)
            self._log.sync()
