"""Claims: which run is at which step, and what others were at since a run last looked.

A run claims a step before it decides about it, and keeps the claim until the step's record is on disk. Claims are
locks of the kernel, so a run that dies leaves none behind. In a journal beside them runs write what they claim and
give back; a run that claims what the journal names has to look at the catalog again, any other need not.

What a run claims has to be in the journal before a record of it is in the log, and not sooner: so it is written for
many steps at once.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from assetflow.catalog.disk import writing
from assetflow.catalog.lock import held
from assetflow.catalog.range_lock import RangeLocks, open_locks
from assetflow.faults import fault

_RECORD = struct.Struct("<QQ")
_WITHIN = 30
"""Bits of a partition's place within the range of its asset."""
_PLACES, _STEPS, _POOLS, _RUNS = (region << 60 for region in range(4))
_MOST_SLOTS = 1 << 20
_MOST_RUNS = 1 << 16
_BLOCK = 1 << 16
_AT_ONCE = 32
"""Claims that are given back before others may take theirs: a run that ends many steps at once begins others."""


class Key(NamedTuple):
    """What can be claimed, as a range of bytes."""

    start: int
    length: int = 1


def place_key(environment: str, asset: str, partition: str | None) -> Key:
    """An asset partition in an environment."""
    return Key(_asset_start(environment, asset) + (_number(partition or "") >> (64 - _WITHIN)))


def asset_key(environment: str, asset: str) -> Key:
    """All partitions of an asset in an environment at once."""
    return Key(_asset_start(environment, asset), 1 << _WITHIN)


def step_key(*words: str | None) -> Key:
    """A computation whatever the environment: its asset partition, code, config and inputs."""
    return Key(_STEPS + (_number("\x00".join(word or "" for word in words)) >> 4))


def _asset_start(environment: str, asset: str) -> int:
    return _PLACES + (_number(f"{environment}\x00{asset}") >> (4 + _WITHIN) << _WITHIN)


def _number(text: str) -> int:
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


class Claims:
    """The claims of one run, given back all at once when it closes them (or dies).

    `news` says that others may have recorded something since the run was planned. One thread takes, any may drop.
    """

    def __init__(self, folder: Path, *, news: bool = False, timeout: float = 60.0) -> None:
        self._folder = folder
        self._token = int.from_bytes(os.urandom(8), "big") >> 2 << 1
        self._mutex = threading.Lock()
        self._count: Counter[Key] = Counter()
        self._unwritten: list[int] = []
        self._all_news = news
        self._news: dict[int, bool] = {}
        self._answered: frozenset[int] = frozenset()
        self._slots: dict[str, dict[int, Key]] = {}
        self._timeout = timeout
        with writing(folder / "journal"):
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = os.open(
                folder / "journal", os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666
            )
        self._locks: RangeLocks | None = open_locks(folder)
        with held(folder / "lock", timeout=timeout):
            self._place = self._enter(self._locks)
            if self._is_alone(self._locks):
                os.ftruncate(self._journal, 0)
            self._read_to = 0
            self._read()
        # what was given back by now is in the logs; what is still claimed may get there without another line here
        self._news = {start: dropped for start, dropped in self._news.items() if not dropped}

    # --- steps

    def take(self, keys: Sequence[Key]) -> bool:
        """Claim all of these or none, without waiting: False when another run holds one."""
        with self._mutex:
            if self._locks is None:
                return True
            taken: list[Key] = []
            for key in sorted(keys):
                if not self._count[key] and not self._locks.take(*key):
                    self._give_back(taken)
                    return False
                self._count[key] += 1
                taken.append(key)
            fault("claims.take")
            self._unwritten += [key.start for key in keys]
            self._read()
            return True

    def write_down(self) -> None:
        """Put in the journal what was claimed; to be called before a record of it is written.

        A run that dies then has told the others that there may be one.
        """
        with self._mutex:
            if self._locks is not None and self._unwritten:
                self._write(())

    def drop(self, keys: Iterable[Key]) -> None:
        """Give claims back; what was recorded about them is on disk by now."""
        with self._mutex:
            if self._locks is None:
                return
            keys = tuple(keys)
            # in this order: whoever finds the claim free finds the line as well
            self._write(key.start for key in keys)
        fault("claims.drop")
        for first in range(0, len(keys), _AT_ONCE):
            with self._mutex:
                if self._locks is not None:
                    self._give_back(keys[first : first + _AT_ONCE])

    def has_news(self, keys: Iterable[Key]) -> bool:
        """Whether another run was at one of these claims of ours since we last looked at the catalog."""
        return self._all_news or any(key.start in self._news for key in keys)

    def before_look(self, keys: Iterable[Key]) -> None:
        """Say that the catalog is about to be looked at, while we hold these claims."""
        with self._mutex:
            self._read()
            ours = {key.start for key in keys}
            self._answered = frozenset(start for start, dropped in self._news.items() if dropped or start in ours)

    def looked(self) -> None:
        """Say that the catalog was looked at: what others had given back by then is no news any more."""
        self._all_news = False
        for start in self._answered:
            self._news.pop(start, None)

    def _give_back(self, keys: Iterable[Key]) -> None:
        assert self._locks is not None
        for key in keys:
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
                self._locks.drop(*key)

    def _write(self, dropped: Iterable[int]) -> None:
        """Write what was claimed and not written yet, and what is about to be given back."""
        lines = [_RECORD.pack(start, self._token) for start in self._unwritten]
        lines += [_RECORD.pack(start, self._token | 1) for start in dropped]
        self._unwritten.clear()
        # on a full disk others may do a step again that was done; the log, written next, is what stops a run
        with suppress(OSError):
            os.write(self._journal, b"".join(lines))

    def _read(self) -> None:
        """Take in what was written to the journal; a record is our own, or news."""
        while len(block := _at(self._journal, self._read_to)) >= _RECORD.size:
            whole = len(block) - len(block) % _RECORD.size
            for start, who in _RECORD.iter_unpack(block[:whole]):
                if who & ~1 != self._token:
                    self._news[start] = bool(who & 1)
            self._read_to += whole
            if len(block) < _BLOCK:
                return

    # --- pools

    def take_slot(self, pool: str, size: int) -> bool:
        """Take one of the slots of a pool, over all runs; False when every one is taken."""
        with self._mutex:
            ours = self._slots.setdefault(pool, {})
            if len(ours) >= size:
                return False
            first = _POOLS + (_number(pool) >> 24 << 20)
            for number in range(min(size, _MOST_SLOTS)):
                key = Key(first + number)
                if number not in ours and (self._locks is None or self._locks.take(*key)):
                    ours[number] = key
                    return True
            return False

    def drop_slot(self, pool: str) -> None:
        """Give one slot of a pool back."""
        with self._mutex:
            _number, key = self._slots[pool].popitem()
            if self._locks is not None:
                self._locks.drop(*key)

    def slots(self, pool: str) -> int:
        """How many slots of a pool this run holds."""
        return len(self._slots.get(pool, ()))

    # --- runs

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        with self._mutex:
            if self._locks is None:
                return
            with held(self._folder / "lock", timeout=self._timeout):
                if self._is_alone(self._locks):
                    os.ftruncate(self._journal, 0)
                elif self._unwritten:
                    self._write(())
                self._locks.close()
            self._locks = None
            os.close(self._journal)

    def _enter(self, locks: RangeLocks) -> Key:
        for number in range(_MOST_RUNS):
            key = Key(_RUNS + number)
            if locks.take(*key):
                return key
        raise AssertionError("no machine carries out so many runs at once")

    def _is_alone(self, locks: RangeLocks) -> bool:
        """Whether no other run is registered; asked under the lock that registering takes."""
        before, after = self._place.start - _RUNS, _MOST_RUNS - (self._place.start - _RUNS) - 1
        return not (
            (before and locks.is_taken(_RUNS, before)) or (after and locks.is_taken(self._place.start + 1, after))
        )


def _at(fd: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, _BLOCK, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, _BLOCK)
