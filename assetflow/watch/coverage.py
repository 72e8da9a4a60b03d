"""Keeping what is watched in step with what the project rests on, so that no change falls between two looks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from assetflow.define.modules import asset_files
from assetflow.define.settings import load_settings
from assetflow.errors import AssetflowError
from assetflow.model.change import Change, ChangeKind
from assetflow.watch.files import FileWatch
from assetflow.watch.messages import Order
from assetflow.watch.reach import scope_of_settings
from assetflow.watch.scope import Scope

MARGIN_NS = 20_000_000
"""By how much the time of a file may lag behind the clock."""

Stat = tuple[int, int, int, int]


class Coverage:
    """The scope that is watched now, and how its files looked before they were read.

    A look at the files before each load, and another one when what was loaded is listened to, finds what no event
    tells: a file saved in between, or an overflow of events.
    """

    def __init__(self, order: Order, tell: Callable[[tuple[Change, ...]], None], *, poll: bool) -> None:
        self._order = order
        self._tell = tell
        self._files = FileWatch(tell, poll=poll)
        self._scope = Scope(root=str(order.root), files=frozenset({str(order.root / "pyproject.toml")}))
        self._seen: dict[str, Stat | None] = {}
        self._looked_ns = 0
        self.folders = 0

    @property
    def polls(self) -> bool:
        """Whether files are looked at again and again, for want of notifications."""
        return self._files.polls

    def first_look(self) -> None:
        """Listen to what is known before anything is loaded."""
        try:
            settings = load_settings(self._order.root, self._order.environ, overrides=self._order.settings)
        except AssetflowError:
            pass  # the worker says what is wrong with them
        else:
            found = [str(file) for root in settings.asset_roots if root.is_dir() for file in asset_files(root)]
            self._scope = scope_of_settings(settings) | Scope(root=str(settings.root), files=frozenset(found))
        self._files.cover(self._scope.places())

    def look(self) -> None:
        """Remember how the files look now, right before they are loaded."""
        self._looked_ns = time.time_ns()
        self._seen = {file: _stat(file) for file in self._scope.files}

    def take(self, scope: Scope, *, whole: bool) -> bool:
        """Watch what was loaded; what failed to load (not `whole`) comes on top. Whether other folders count now."""
        self._scope = scope if whole else self._scope | scope
        places = self._scope.places()
        is_new = self._files.cover(places) or not self.folders
        self.folders = len(places)
        missed = tuple(self.missed())
        if missed:
            self._tell(missed)
        return is_new

    def relevant(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """The changes that matter; where folders came or went, what is listened to follows."""
        found = tuple(self._as_seen(change) for change in self._scope.relevant(changes))
        if any(change.kind is not ChangeKind.MODIFIED for change in found):
            self._files.cover(self._scope.places())
        return found

    def _as_seen(self, change: Change) -> Change:
        """A file that is moved over an old one, as editors save, was written rather than new."""
        was_there = change.kind is ChangeKind.ADDED and self._seen.get(change.path) is not None
        return Change(path=change.path, kind=ChangeKind.MODIFIED) if was_there else change

    def is_about_packages(self, changes: Iterable[Change]) -> bool:
        """Whether an installed package came, went or is another one."""
        return any(change.path.endswith(".dist-info") for change in changes)

    def close(self) -> None:
        """Stop listening."""
        self._files.close()

    def missed(self) -> Iterable[Change]:
        """What changed since the last look, whether an event told it or not."""
        for file in sorted(self._scope.files):
            now = _stat(file)
            if file not in self._seen:
                new = now is not None and max(now[1], now[2]) >= self._looked_ns - MARGIN_NS
                if new:
                    yield Change(path=file, kind=ChangeKind.MODIFIED)
                self._seen[file] = now
            elif self._seen[file] != now:
                kind = ChangeKind.DELETED if now is None else ChangeKind.MODIFIED
                yield Change(path=file, kind=ChangeKind.ADDED if self._seen[file] is None else kind)
                self._seen[file] = now


def _stat(file: str) -> Stat | None:
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino
