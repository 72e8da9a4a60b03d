"""From single changes to batches: one save is often many events, and one plan should answer all of them.

A pure function of events and their times. A batch is due when nothing came for `quiet` seconds, and at the latest
`longest` seconds after its first change, so that constant noise delays nothing for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from assetflow.model.change import Change, ChangeKind, merged
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long changes are gathered, in seconds."""

    quiet: float = 0.05
    longest: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.quiet <= self.longest:
            raise ValueError(f"a window needs 0 <= quiet <= longest, not {self.quiet} and {self.longest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes that are answered together, one per path in the order they were first heard; `events` counts them all.

    `first` and `last` are the times of the first and the last event.
    """

    changes: tuple[Change, ...]
    events: int
    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Changes that wait for their batch to be due."""

    kinds: Mapping[str, ChangeKind] = field(default_factory=dict)
    events: int = 0
    first: float = 0.0
    last: float = 0.0

    def with_changes(self, changes: Iterable[Change], at: float) -> Gathering:
        """The same with more changes, heard at `at`; times never run backwards."""
        kinds, events = dict(self.kinds), self.events
        for change in changes:
            before = kinds.get(change.path)
            kinds[change.path] = change.kind if before is None else merged(before, change.kind)
            events += 1
        if events == self.events:
            return self
        return Gathering(
            kinds=kinds, events=events, first=self.first if self.events else at, last=max(at, self.last)
        )  # fmt: skip

    def after(self, changes: Iterable[Change]) -> Gathering:
        """The same with changes that were heard before these and taken already; they make nothing due sooner."""
        kinds = {change.path: change.kind for change in changes}
        for path, kind in self.kinds.items():
            kinds[path] = merged(kinds[path], kind) if path in kinds else kind
        return replace(self, kinds=kinds)

    def due(self, window: Window) -> float | None:
        """The time at which the batch is complete; None while there is nothing to wait for."""
        return min(self.last + window.quiet, self.first + window.longest) if self.events else None

    def batch(self) -> Batch:
        """What has been gathered, as a batch."""
        changes = tuple(Change(path=path, kind=kind) for path, kind in self.kinds.items())
        return Batch(changes=changes, events=self.events, first=self.first, last=self.last)


EMPTY = Gathering()


def batches(events: Iterable[tuple[float, Change]], window: Window) -> Iterator[Batch]:
    """The batches of a whole stream of changes, given with their times in order."""
    gathering = EMPTY
    for at, change in events:
        due = gathering.due(window)
        if due is not None and at >= due:
            yield gathering.batch()
            gathering = EMPTY
        gathering = gathering.with_changes((change,), at)
    if gathering.events:
        yield gathering.batch()
