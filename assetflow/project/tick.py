"""Ticks: what a watch did about one batch of changes, as values for whoever iterates over it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

from assetflow.errors import AssetflowError
from assetflow.executor.result import RunResult
from assetflow.model.change import Change
from assetflow.model.keys import show
from assetflow.model.plan import Plan
from assetflow.model.record import Partition
from assetflow.model.texts import first_of
from assetflow.values import dataclass

_NAMED = 4
"""Columns named in a line of words; more are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a new version of an asset partition has that the version published before had not.

    `rows` and `rows_before` are None for what is no table; a column is `changed` when its content differs and `retyped`
    when its type does, too (as name, type before, type now).
    """

    asset: str
    partition: Partition
    rows: int | None = None
    rows_before: int | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    first: bool = False
    equal: bool = False

    def describe(self) -> str:
        """The difference in words: `+12 rows, new column `tax`, `total` changed`."""
        if self.first:
            return "new"
        if self.equal:
            return "same content"
        parts = []
        if self.rows is not None and self.rows_before is not None and self.rows != self.rows_before:
            delta = self.rows - self.rows_before
            parts.append(f"{delta:+,} row{'' if abs(delta) == 1 else 's'}")
        parts += [
            f"{word} {_names(names)}" for word, names in (("new", self.added), ("no more", self.removed)) if names
        ]
        parts += [f"`{name}` now {after} (was {before})" for name, before, after in self.retyped[:_NAMED]]
        if len(self.retyped) > _NAMED:
            parts.append(f"{len(self.retyped) - _NAMED} more columns of another type")
        if self.changed:
            parts.append(f"{_names(self.changed)} changed")
        return ", ".join(parts) or "other content"

    def to_json(self) -> dict[str, Any]:
        return {
            "asset": self.asset,
            "partition": self.partition,
            "rows": self.rows,
            "rows_before": self.rows_before,
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": list(self.changed),
            "retyped": [list(entry) for entry in self.retyped],
            "first": self.first,
            "equal": self.equal,
        }


def _names(names: tuple[str, ...]) -> str:
    if len(names) > _NAMED:
        return f"{len(names):,} columns"
    return ", ".join(f"`{name}`" for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One round of a watch: what changed, the plan that answers it, and what came of it.

    `changes` are empty for the first tick, for one that was asked for and for one that time brought. `plan` is None
    when the project could not be loaded or planned, and `result` then, too, and in a watch that only checks; `error`
    says why. A run that was canceled because something changed meanwhile has its status in `result`, and the next tick
    does what is left. `seconds` counts from the first change of the batch to the end.
    """

    number: int
    changes: tuple[Change, ...]
    plan: Plan | None
    result: RunResult | None
    differences: tuple[Difference, ...]
    error: AssetflowError | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong: definitions loaded, and no step failed."""
        return self.error is None and (self.result is None or self.result.ok)

    def __str__(self) -> str:
        """The tick in words, a line for each thing to know, for `print`."""
        changed = first_of([os.path.basename(change.path) for change in self.changes], _NAMED)
        lines = [f"tick {self.number}" + (f": {changed} changed" if self.changes else "")]
        if self.error is not None:
            lines.append(f"error: {self.error}")
        elif self.result is None:
            lines += [] if self.plan is None else str(self.plan).splitlines()
        else:
            counts = [f"{count:,} {name}" for name, count in self.result.counts.items() if count]
            lines.append(", ".join(counts) or "nothing to do")
            lines += [f"{show(step.asset, step.partition)}: {step.error}" for step in self.result.steps if step.error]
        lines += [f"{show(each.asset, each.partition)}: {each.describe()}" for each in self.differences]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The tick as preformatted text, for notebooks."""
        from html import escape  # here: only notebooks show tables

        return f"<pre>{escape(str(self))}</pre>"

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "changes": [change.to_json() for change in self.changes],
            "plan": None if self.plan is None else self.plan.to_json(),
            "result": None if self.result is None else self.result.to_json(),
            "differences": [difference.to_json() for difference in self.differences],
            "error": None if self.error is None else self.error.to_json(),
            "seconds": round(self.seconds, 6),
        }


class Watching(Iterator[Tick], AsyncIterator[Tick], ABC):
    """A watch that goes on: iterate for its ticks, `async for` inside an event loop; `close` ends it.

    Also a context manager. Leaving a `for` loop with `break` and letting go of it ends it, too.
    """

    @abstractmethod
    def close(self) -> None:
        """Stop: a run that goes on is canceled, no process stays behind. Closing twice is fine."""

    @abstractmethod
    def rebuild(self, *, force: bool = False) -> None:
        """Ask for a tick now, also without a change; with `force` what is selected runs even where it is fresh."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
