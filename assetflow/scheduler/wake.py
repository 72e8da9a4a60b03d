"""What wakes the scheduler: files that differ from when the last tick looked, or an instant that has come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assetflow.model.clock import from_text, to_text
from assetflow.project.observe import file_stat
from assetflow.project.stamp_request import catalog_state, definition_files, source_places
from assetflow.scheduler.act import Round
from assetflow.values import dataclass
from assetflow.whole_file import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """When to tick next: at `next`, or as soon as a file differs from its stat in `files` (empty: it is not there)."""

    next: datetime | None
    files: dict[str, list[int]]

    def is_due(self, now: datetime) -> bool:
        """Whether the instant has come, or a file changed."""
        return (self.next is not None and now >= self.next) or any(
            stat_of(name) != seen for name, seen in self.files.items()
        )

    def to_json(self) -> dict[str, Any]:
        return {"next": None if self.next is None else to_text(self.next), "files": self.files}

    @staticmethod
    def from_json(given: dict[str, Any]) -> Wake:
        """What `to_json` wrote."""
        return Wake(next=None if given["next"] is None else from_text(given["next"]), files=given["files"])


def wake_after(project: Any, found: Round) -> Wake:
    """What to wait for after a round: its next instant, changes of code, settings, sources and of the catalog.

    Sources that are observed by a function are looked at as often as they say.
    """
    loaded = project.loaded
    places = {str(place) for place in definition_files(loaded)} | {
        str(place) for place in source_places(loaded, found.tick.planned.hashes.stats)
    }
    places.update(catalog_state(project.settings.catalog_root))
    instants = [found.tick.next] if found.tick.next is not None else []
    if any(each.run_id is not None for each in found.ended):
        instants.append(project.clock.now())  # what ran may be what something waits for
    every = [each.source.observe_every for each in loaded.definitions.sources.values() if each.source.observe_every]
    if every:
        instants.append(project.clock.now() + min(every))
    seen = found.tick.planned.hashes.stats  # as they were read, in case they changed since
    return Wake(next=min(instants, default=None), files={**stats_of(places), **{name: [*seen[name]] for name in seen}})


def definitions_broken(project: Any, files: Iterable[Path], retry: timedelta) -> Wake:
    """What to wait for when the definitions are wrong: a change of any of the files, or a while."""
    return Wake(next=project.clock.now() + retry, files=stats_of(str(file) for file in files))


def stats_of(places: Iterable[str]) -> dict[str, list[int]]:
    """The stat of each place."""
    return {place: stat_of(place) for place in sorted(places)}


def stat_of(place: str) -> list[int]:
    """Size, times and inode; empty for what is not there."""
    try:
        return file_stat(place)
    except OSError:
        return []


def write_wake(path: Path, wake: Wake) -> None:
    """Keep it for the process that waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(wake.to_json()))


def read_wake(path: Path) -> Wake | None:
    """What was kept; None when there is nothing readable."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return Wake.from_json(json.loads(path.read_text()))
    return None
