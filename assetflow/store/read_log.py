"""What is noted while a function reads an input that can be watched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from pathlib import Path
from typing import Any

from assetflow.model.reads import Read
from assetflow.values import dataclass


@dataclass(slots=True)
class ReadLog:
    """The reads of one input so far; any thread may add to them.

    `scans` counts the files that are watched, `everything` is set once a query took all columns of one; `resolved` once
    the names of the columns were asked for, by a query or by the function. While `inspecting`, a query is looked at.
    `leaves` are the lazy frames that were handed out, each with a file of its columns.
    """

    columns: set[str] = field(default_factory=set)
    scans: int = 0
    everything: bool = False
    resolved: bool = False
    inspecting: bool = False
    leaves: list[tuple[Any, Path]] = field(default_factory=list)

    def reads(self, columns: Iterable[str] | None) -> None:
        """Note columns that were read; None is all of them."""
        if columns is None:
            self.everything = True
        else:
            self.columns.update(columns)

    def read(
        self, names: tuple[tuple[str, ...], tuple[str, ...]] | None, visible: tuple[str, ...] | None = None
    ) -> Read:
        """What was read in the end; `names` are the deciding names and suffixes, if known, `visible` all there were.

        Where a query took everything there is nothing to say: ask `everything` first.
        """
        columns = tuple(sorted(self.columns))
        shown = None if visible is None else tuple(sorted(visible))
        if names is None:
            return Read(columns=columns, visible=shown)
        return Read(columns=columns, names=tuple(sorted({*names[0], *columns})), suffixes=names[1], visible=shown)


def is_lazy(value: object) -> bool:
    """Whether a value is a polars lazy frame, told without importing polars."""
    kind = type(value)
    return kind.__name__ == "LazyFrame" and kind.__module__.split(".")[0] == "polars"
