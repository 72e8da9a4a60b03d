"""Hearing of files: the system's notifications for a set of folders, told as changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from assetflow.model.change import Change, ChangeKind
from assetflow.values import dataclass

STEP_MS = 10
"""How long the system's events are gathered before they are told; the window of a batch comes on top."""

POLL_MS = 300
"""Between two looks at everything, where there are no notifications."""

_KINDS = {1: ChangeKind.ADDED, 2: ChangeKind.MODIFIED, 3: ChangeKind.DELETED}

Inodes = Mapping[str, tuple[bool, int, int]]


@dataclass(frozen=True, slots=True)
class _Ear:
    """One set of folders that is listened to, on a thread."""

    notify: RustNotify
    stop: threading.Event
    thread: threading.Thread


class FileWatch:
    """Listens to folders and tells every change in them; which ones can change at any time without losing any.

    `tell` is called on threads of its own. `poll` looks instead of being notified, for network file systems.
    """

    def __init__(self, tell: Callable[[tuple[Change, ...]], None], *, poll: bool = False) -> None:
        self._tell = tell
        self.polls = poll
        self._ears: list[_Ear] = []
        self._covered: Inodes = {}

    def cover(self, places: Mapping[str, bool]) -> bool:
        """Listen to exactly these existing folders (True: with all below) from now on; whether anything is new.

        The new ears are there before the old ones go, so a change is heard twice rather than never. A folder that was
        removed and made again is another one.
        """
        wanted = _inodes(places)
        if wanted == self._covered:
            return False
        before, self._ears = self._ears, []
        for whole in (True, False):
            folders = sorted(place for place, (deep, _, _) in wanted.items() if deep is whole)
            if folders:
                self._ears.append(self._listen(folders, whole))
        self._covered = wanted
        _dismiss(before)
        return True

    def close(self) -> None:
        """Stop listening."""
        _dismiss(self._ears)
        self._ears, self._covered = [], {}

    def _listen(self, folders: list[str], whole: bool) -> _Ear:
        try:
            notify = RustNotify(folders, False, self.polls, POLL_MS, whole, True)
        except (OSError, WatchfilesRustInternalError):
            if self.polls:
                raise
            self.polls = True  # the system has no watches left, or a file system knows none
            notify = RustNotify(folders, False, True, POLL_MS, whole, True)
        stop = threading.Event()
        thread = threading.Thread(
            target=_hear, args=(notify, stop, self._tell), name="assetflow-watch-files", daemon=True
        )
        thread.start()
        return _Ear(notify, stop, thread)


def _hear(notify: RustNotify, stop: threading.Event, tell: Callable[[tuple[Change, ...]], None]) -> None:
    while True:
        heard = notify.watch(STEP_MS * 5, STEP_MS, 0, stop)
        if isinstance(heard, str):
            return
        tell(tuple(_changes(heard)))


def _changes(heard: Iterable[tuple[int, str]]) -> Iterable[Change]:
    """What the system said, one change per path; of several at once the order is not known, so the disk decides."""
    kinds: dict[str, set[ChangeKind]] = {}
    for kind, path in heard:
        kinds.setdefault(path, set()).add(_KINDS[kind])
    for path, found in sorted(kinds.items()):
        if len(found) == 1:
            (kind_of_one,) = found
        elif ChangeKind.DELETED not in found:
            kind_of_one = ChangeKind.ADDED
        else:
            kind_of_one = ChangeKind.MODIFIED if os.path.lexists(path) else ChangeKind.DELETED
        yield Change(path=path, kind=kind_of_one)


def _dismiss(ears: Iterable[_Ear]) -> None:
    ears = list(ears)
    for ear in ears:
        ear.stop.set()
    for ear in ears:
        ear.thread.join(2)
        ear.notify.close()


def _inodes(places: Mapping[str, bool]) -> Inodes:
    found: dict[str, tuple[bool, int, int]] = {}
    for place, whole in places.items():
        try:
            seen = os.stat(place)
        except OSError:
            continue  # gone since; the folder above it tells when it comes again
        found[place] = (whole, seen.st_dev, seen.st_ino)
    return found
