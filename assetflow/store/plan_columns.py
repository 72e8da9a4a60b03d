"""Where the columns of a lazy frame come from, followed through its plan.

As in SQL, whatever decides about a row (a filter, a join key, a group key, an order) takes part in every column of it,
and what cannot be followed is said to be unknown: it is never left out. Plans may be deep: nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polars.exceptions import PanicException

from assetflow.define.sql.columns import EVERY, NOTHING, Origin, Origins, Use, used_as
from assetflow.store.plan_expressions import Expressions
from assetflow.store.plan_joins import joined
from assetflow.store.query_plan import Leaf, inputs_of, resolved_plan
from assetflow.values import dataclass

if TYPE_CHECKING:
    import polars as pl

MOST_NODES = 20_000
"""Nodes beyond which a plan is not followed: a frame that is used twice is two parts of a plan, and so on."""

MOST_ORIGINS = 1_000_000
"""Edges beyond which the columns of a frame are given up together as unknown."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a node of a plan gives: what its columns are made of, in order, and what decides about its rows."""

    columns: Mapping[str, Origins]
    rows: Origins = NOTHING

    def every(self) -> Origins:
        """Everything that any column is made of."""
        return frozenset().union(*self.columns.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameColumns:
    """The columns of a lazy frame: what each is made of, with what decides about rows.

    `is_opaque` says that the plan runs code which polars cannot look into; `assets` are those that it scans.
    """

    columns: Mapping[str, Origins]
    assets: frozenset[str]
    is_opaque: bool


def frame_columns(
    frame: pl.LazyFrame, leaves: Mapping[str, Sequence[Leaf]], hidden: Origins = NOTHING
) -> FrameColumns | None:
    """Where the columns of a frame come from; None where its plan cannot be seen, or is too large.

    `leaves` are the frames that were handed out, by asset; `hidden` is what frames in memory may hold.
    """
    traverser = resolved_plan(frame, [leaf for each in leaves.values() for leaf in each])
    if traverser is None:
        return None
    files: dict[str, set[str]] = {}
    for asset, each in leaves.items():
        for _, path in each:
            files.setdefault(str(path), set()).add(asset)
    walk = _Walk(traverser=traverser, files=files, hidden=hidden)
    try:
        part = walk.result()
    except (Exception, PanicException):  # nodes of another polars look otherwise; that must not fail anybody's step
        return None
    if part is None or sum(len(origins) + len(part.rows) for origins in part.columns.values()) > MOST_ORIGINS:
        return None
    made = {}
    for name, origins in part.columns.items():
        whole = origins | part.rows
        seen = {origin.asset for origin in whole}
        made[name] = whole | {Origin(asset, EVERY, Use.ROWS) for asset in walk.assets if asset not in seen}
    return FrameColumns(columns=made, assets=frozenset(walk.assets), is_opaque=walk.opaque)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """A walk over one plan, inputs before what takes them."""

    traverser: Any
    files: Mapping[str, Collection[str]]
    hidden: Origins
    assets: set[str] = field(default_factory=set)
    opaque: bool = False

    def result(self) -> Part | None:
        done: list[Part] = []
        stack: list[tuple[int, int]] = [(self.traverser.get_node(), -1)]
        count = 0
        while stack:
            node, given = stack.pop()
            if given >= 0:
                parts = done[len(done) - given :]
                del done[len(done) - given :]
                done.append(self._part(node, parts))
                continue
            count += 1
            if count > MOST_NODES:
                return None
            inputs = inputs_of(self.traverser, node)
            stack.append((node, len(inputs)))
            stack += [(each, -1) for each in reversed(inputs)]
        return done[0]

    def _part(self, node: int, given: Sequence[Part]) -> Part:
        self.traverser.set_node(node)
        try:
            view = self.traverser.view_current_node()
        except NotImplementedError:  # a function of the user, or a node that polars does not show
            self.opaque = True
            return self._unknown(given)
        below = given[0] if given else Part({})
        expressions = Expressions(self.traverser, below.columns)
        part = self._known(view, given, below, expressions)
        self.opaque = self.opaque or expressions.opaque
        return self._unknown(given) if part is None else part

    def _known(self, view: Any, given: Sequence[Part], below: Part, expressions: Expressions) -> Part | None:
        match type(view).__name__:
            case "Scan":
                return self._scan(view)
            case "DataFrameScan" | "PythonScan":
                self.opaque = self.opaque or type(view).__name__ == "PythonScan"
                return Part(dict.fromkeys(self._names(), self.hidden), self.hidden)
            case "Select":
                return _selected(view.expr, below, expressions)
            case "Reduce":
                return _selected(view.exprs, below, expressions)
            case "HStack":
                added = {each.output_name: expressions.value(each.node).origins for each in view.exprs}
                return Part({**below.columns, **added}, below.rows)
            case "SimpleProjection":
                return Part({name: below.columns[name] for name in self._names()}, below.rows)
            case "Filter":
                return Part(below.columns, below.rows | expressions.used([view.predicate], Use.FILTER))
            case "Sort":
                return Part(below.columns, below.rows | expressions.used(view.by_column, Use.ORDER))
            case "Slice" | "Cache" | "Sink":
                return below
            case "Distinct":
                subset = view.options[1]
                origins = below.every() if subset is None else _of(below, subset)
                return Part(below.columns, below.rows | used_as(origins, Use.GROUP))
            case "GroupBy":
                return self._grouped(view, below, expressions)
            case "Join":
                left, right = given
                made = joined(view, left, right, self._names(), traverser=self.traverser)
                return None if made is None else Part(*made)
            case "MapFunction":
                return self._mapped(view.function, below)
            case "Union":
                return _stacked(given)
            case "HConcat":
                columns = {name: origins for part in given for name, origins in part.columns.items()}
                return Part(columns, _rows(given))
            case "MergeSorted":
                keys = frozenset().union(*(_of(part, view.key) for part in given))
                part = _stacked(given)
                return None if part is None else Part(part.columns, part.rows | used_as(keys, Use.ORDER))
            case _:
                return None

    def _names(self) -> list[str]:
        return list(self.traverser.get_schema())

    def _unknown(self, given: Sequence[Part]) -> Part:
        """The columns of a node that cannot be followed: any of what it takes may be in any of them."""
        every = used_as(frozenset().union(*(part.every() for part in given)), Use.UNKNOWN)
        return Part(dict.fromkeys(self._names(), every), _rows(given) | every)

    def _scan(self, view: Any) -> Part:
        found = {asset for path in view.paths for asset in self.files.get(str(Path(path)), ())}
        self.assets |= found
        index, path = view.file_options.row_index, view.file_options.include_file_paths
        added = (index[0] if index else None, path)
        return Part(
            {
                name: NOTHING if name in added else frozenset(Origin(asset, name, Use.VALUE) for asset in found)
                for name in self._names()
            }
        )

    def _grouped(self, view: Any, below: Part, expressions: Expressions) -> Part | None:
        if view.apply:
            return None
        window = view.options.dynamic or view.options.rolling
        index = NOTHING if window is None else below.columns.get(window.index_column, NOTHING)
        made = {each.output_name: expressions.value(each.node).origins for each in (*view.keys, *view.aggs)}
        keys = expressions.used(view.keys, Use.GROUP) | used_as(index, Use.GROUP)
        # what is not listed is the column of the window, and its boundaries
        columns = {name: made.get(name, index) for name in self._names()}
        return Part(columns, below.rows | keys)

    def _mapped(self, function: Sequence[Any], below: Part) -> Part | None:
        match function[0]:
            case "explode":
                return Part(below.columns, below.rows | used_as(_of(below, function[1]), Use.FILTER))
            case "unnest":
                taken = frozenset(function[1])
                fields = _of(below, taken)
                kept = {name: origins for name, origins in below.columns.items() if name not in taken}
                return Part({name: kept.get(name, fields) for name in self._names()}, below.rows)
            case "unpivot":
                return self._unpivoted(function, below)
            case "row_index":
                return Part({function[1]: NOTHING, **below.columns}, below.rows)
            case "hint_sorted" | "rechunk":
                return below
            case _:
                return None

    def _unpivoted(self, function: Sequence[Any], below: Part) -> Part:
        _, index, on, variable, value = function
        index = index or ()
        on = on or [name for name in below.columns if name not in index]
        columns = {name: below.columns.get(name, NOTHING) for name in index}
        return Part({**columns, variable or "variable": NOTHING, value or "value": _of(below, on)}, below.rows)


def _selected(expressions: Iterable[Any], below: Part, known: Expressions) -> Part:
    values = {each.output_name: known.value(each.node) for each in expressions}
    rows = set(below.rows)
    if not any(value.is_steady for value in values.values()):
        # what resizes says how many rows there are, of a literal beside it too; else a steady column does
        for value in values.values():
            if value.resizes:
                rows |= used_as(value.origins, Use.FILTER)
    return Part({name: value.origins for name, value in values.items()}, frozenset(rows))


def _stacked(given: Sequence[Part]) -> Part | None:
    """Frames one below the other, column by column in order."""
    if len({len(part.columns) for part in given}) != 1:
        return None
    stacked = zip(*(part.columns.values() for part in given), strict=True)
    names = given[0].columns
    columns = {name: frozenset().union(*each) for name, each in zip(names, stacked, strict=True)}
    return Part(columns, _rows(given))


def _rows(given: Iterable[Part]) -> Origins:
    return frozenset().union(*(part.rows for part in given))


def _of(part: Part, names: Iterable[str]) -> Origins:
    return frozenset().union(*(part.columns.get(name, NOTHING) for name in names))
