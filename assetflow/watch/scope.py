"""What is watched: the files and folders that definitions, code versions and sources rest on, and what matters there.

Exact rather than guessed: editors' swap and backup files do not match what a project loads, so they need no list.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from assetflow.model.change import Change, ChangeKind
from assetflow.values import dataclass

_LOADED = (".py", ".sql")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The places whose changes matter; paths are absolute text.

    `files` are files that were read, and places where one would be read if it came; `trees` asset folders, of which
    the visible Python and SQL files count; `folders` whole folders; `patterns` a folder, what names in it look like,
    and whether that holds for all folders below; `excluded` folders of which nothing ever counts (the catalog).
    """

    root: str
    files: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    patterns: frozenset[tuple[str, str, bool]] = frozenset()
    excluded: frozenset[str] = frozenset()

    def __or__(self, other: Scope) -> Scope:
        return Scope(
            root=other.root,
            files=self.files | other.files,
            trees=self.trees | other.trees,
            folders=self.folders | other.folders,
            patterns=self.patterns | other.patterns,
            excluded=self.excluded | other.excluded,
        )

    def matters(self, change: Change, *, is_folder: Callable[[str], bool] = os.path.isdir) -> bool:
        """Whether a change can change anything that was loaded or observed."""
        path = change.path
        if path in self.files:
            return True
        if any(_inside(path, folder) for folder in self.excluded):
            return False
        if path in self._above:
            return change.kind is not ChangeKind.MODIFIED  # that something in it changed is told apart
        came = change.kind is ChangeKind.ADDED
        is_new_folder = came and is_folder(path)
        if any(_inside(path, tree) and _is_visible(path, tree) for tree in self.trees) and (
            path.endswith(_LOADED) or is_new_folder
        ):
            return True
        if any(_inside(path, folder) for folder in self.folders):
            return change.kind is not ChangeKind.MODIFIED or not is_folder(path)
        return any(
            (_inside(path, folder) if deep else os.path.dirname(path) == folder)
            and (fnmatch.fnmatch(os.path.basename(path), name) or (deep and is_new_folder))
            for folder, name, deep in self.patterns
        )

    def relevant(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """The changes that matter."""
        return tuple(change for change in changes if self.matters(change))

    def places(self) -> dict[str, bool]:
        """The existing folders to be watched, and whether with everything below them.

        Of a file that is its folder with those above it, up to the project's; of a link also the folder of what it
        leads to; of what does not exist the nearest folder that does. So it is heard, too, that a folder comes again.
        """
        found = {place: True for place in self._deep() if os.path.isdir(place)}
        flat = (
            *self.files,
            *self._deep(),
            *(os.path.join(folder, name) for folder, name, deep in self.patterns if not deep),
        )
        for place in sorted(flat):
            for name in {place, os.path.realpath(place)}:
                for folder in self._to_hear_of(name):
                    found.setdefault(folder, False)
        return {
            folder: deep
            for folder, deep in found.items()
            if not any(_inside(folder, other) for other, whole in found.items() if whole)
        }

    def _deep(self) -> list[str]:
        """The folders of which everything below counts."""
        return [*self.trees, *self.folders, *(folder for folder, _, deep in self.patterns if deep)]

    def _to_hear_of(self, place: str) -> Iterator[str]:
        """The existing folders in which is seen that a place comes, changes or goes, its own folder first."""
        seen = 0
        for folder in _upwards(os.path.dirname(place)):
            if os.path.isdir(folder):
                yield folder
                seen += 1
            if (folder == self.root and seen) or (seen == 2 and not _inside(place, self.root)):
                return

    @cached_property
    def _above(self) -> frozenset[str]:
        """Every folder that holds something watched: when it comes or goes, so does what is in it."""
        folders = {*self.trees, *self.folders, *(folder for folder, _, _ in self.patterns)}
        found: set[str] = set()
        for place in (*self.files, *folders):
            for folder in _upwards(os.path.dirname(place)):
                if folder in found:
                    break
                found.add(folder)
        return frozenset(found | folders)


def _upwards(folder: str) -> Iterator[str]:
    """A folder and all above it."""
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder + os.sep)


def _is_visible(path: str, tree: str) -> bool:
    """Whether asset loading looks there: no hidden name and no cache on the way."""
    parts = path[len(tree) + 1 :].split(os.sep)
    return not any(part.startswith(".") or part == "__pycache__" for part in parts)
