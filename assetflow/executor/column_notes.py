"""Where the columns of what a function makes come from: noted when it returns lazy frames, told when they are written.

A query is followed from its plan. What a function learned of its inputs before it returned may be anywhere in the plan,
as a number for example: of that the columns are known, but not where they went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from assetflow.define.sql.columns import EVERY, NOTHING, Origin, Origins, Use
from assetflow.define.values import Result
from assetflow.executor.call import Call
from assetflow.executor.reading import Reading
from assetflow.model.event import Json
from assetflow.store.read_log import is_lazy
from assetflow.store.split import PARTITION_COLUMN

if TYPE_CHECKING:
    from assetflow.store.plan_columns import FrameColumns


class ColumnNotes:
    """The column lineage of one call."""

    def __init__(self, call: Call, reading: Reading) -> None:
        self._call = call
        self._reading = reading
        self._hidden: Origins = NOTHING
        self._frames: dict[str, list[FrameColumns]] = {}

    def returned(self, value: Any, by_asset: Callable[[], Mapping[str, Any]]) -> None:
        """Look at what the function returned, before it is written; `by_asset` splits it, and may raise."""
        leaves = self._reading.leaves()
        if not leaves or (not is_lazy(value) and not isinstance(value, (Result, Mapping, tuple))):
            return
        outputs = {asset: list(_frames(output, self._call.batch)) for asset, output in by_asset().items()}
        if not any(is_lazy(frame) for frames in outputs.values() for frame in frames):
            return
        # reads polars' own form of a query; polars is imported, since there are lazy frames
        from assetflow.store.plan_columns import frame_columns

        self._hidden = self._read()
        with self._reading.inspecting():
            for asset, frames in outputs.items():
                if not frames or not all(is_lazy(frame) for frame in frames):
                    continue
                found = [frame_columns(frame, leaves, self._hidden) for frame in frames]
                if None not in found:
                    self._frames[asset] = [each for each in found if each is not None]

    def result(self) -> dict[str, Json]:
        """What is known of each asset, as JSON (`model.event.MATERIALIZATION`); nothing where that is nothing."""
        if not self._reading.leaves():
            return {}
        inputs = sorted({item.upstream for item in self._call.inputs})
        read = self._read()
        found: dict[str, Json] = {}
        for asset in self._call.assets:
            frames = self._frames.get(asset)
            if frames is None:
                unseen, groups = read, []
            else:
                unseen = self._hidden
                if any(frame.is_opaque for frame in frames):
                    # the code may read what no plan shows
                    unseen |= self._not_shown(frames, read)
                groups = _groups(frames, is_batch=self._call.batch)
            if unseen:
                groups = [*groups, {"columns": [EVERY], "origins": _sorted(unseen)}]
            found[asset] = {"inputs": inputs, "groups": groups}
        return found

    def _not_shown(self, frames: Iterable[FrameColumns], read: Origins) -> Origins:
        """What was read that no column is said to come from."""
        shown = {(o.asset, o.column) for frame in frames for each in frame.columns.values() for o in each}
        names = self._reading.columns()
        every = {asset for asset, listed in names.items() if all((asset, name) in shown for name in listed)}
        return frozenset(
            origin
            for origin in read
            if (origin.asset, origin.column) not in shown and not (origin.column == EVERY and origin.asset in every)
        )

    def _read(self) -> Origins:
        """Every column that was read up to now, of which nobody saw where it went."""
        found: set[Origin] = set()
        for upstream, columns in self._reading.read_so_far():
            names = (EVERY,) if columns is None else columns
            found |= {Origin(upstream, name, Use.UNKNOWN) for name in names}
        return frozenset(found)


def _frames(value: Any, is_batch: bool) -> Iterable[Any]:
    """The values that an output consists of: those of a batch may come by partition."""
    value = value.value if isinstance(value, Result) else value
    if is_batch and isinstance(value, Mapping):
        for each in value.values():
            yield each.value if isinstance(each, Result) else each
    else:
        yield value


def _groups(frames: Iterable[FrameColumns], *, is_batch: bool) -> list[Json]:
    """Columns with equal origins together."""
    columns: dict[str, Origins] = {}
    for frame in frames:
        made = dict(frame.columns)
        # the column that a batch is split by decides about rows, and is not stored
        split = made.pop(PARTITION_COLUMN, NOTHING) if is_batch else NOTHING
        by = {o._replace(use=Use.FILTER) if o.use is Use.VALUE else o for o in split}
        for name, origins in made.items():
            columns[name] = columns.get(name, NOTHING) | origins | by
    grouped: dict[Origins, list[str]] = {}
    for name, origins in columns.items():
        grouped.setdefault(origins, []).append(name)
    return [{"columns": names, "origins": _sorted(origins)} for origins, names in grouped.items() if origins]


def _sorted(origins: Iterable[Origin]) -> list[list[str]]:
    return sorted([origin.asset, origin.column, str(origin.use)] for origin in origins)
