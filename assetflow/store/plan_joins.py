"""What the columns of a join in a polars plan are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from assetflow.define.sql.columns import NOTHING, Origins, Use, used_as
from assetflow.store.plan_expressions import Expressions

_LEFT_ONLY = frozenset({"Semi", "Anti"})


class Side(Protocol):
    """One side of a join: what its columns are made of, and what decides about its rows."""

    @property
    def columns(self) -> Mapping[str, Origins]: ...
    @property
    def rows(self) -> Origins: ...


def joined(
    view: Any, left: Side, right: Side, names: Sequence[str], *, traverser: Any
) -> tuple[dict[str, Origins], Origins] | None:
    """The columns of a join, which are called `names`, and what decides about its rows; None if they cannot be told."""
    on_left, on_right = Expressions(traverser, left.columns), Expressions(traverser, right.columns)
    how, coalesces = view.options[0], bool(view.options[4])
    kind = how if isinstance(how, str) else str(how[0])
    keys = on_left.used(view.left_on, Use.JOIN) | on_right.used(view.right_on, Use.JOIN)
    by_left, by_right = _by(how) if kind == "AsOf" else ((), ())
    for side, by in ((left, by_left), (right, by_right)):
        keys |= used_as(frozenset().union(*(side.columns.get(name, NOTHING) for name in by)), Use.JOIN)
    rows = left.rows | right.rows | keys
    if kind in _LEFT_ONLY:
        return {name: left.columns[name] for name in names}, rows
    same = [(a.output_name, b.output_name) for a, b in zip(view.left_on, view.right_on, strict=False)]
    same += zip(by_left, by_right, strict=True)
    shown_left, shown_right = dict(left.columns), dict(right.columns)
    if coalesces:
        for on, with_ in same:
            if kind == "Right":
                shown_left.pop(on, None)
                continue
            gone = shown_right.pop(with_, NOTHING)
            if kind == "Full" and on in shown_left:
                shown_left[on] |= gone
    origins = [*shown_left.values(), *shown_right.values()]
    if len(origins) != len(names):
        return None
    columns = dict(zip(names, origins, strict=True))
    if view.predicate is not None:
        rows |= Expressions(traverser, columns).used([view.predicate], Use.FILTER)
    return columns, rows


def _by(how: Sequence[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that an as-of join wants equal beside its key, of either side."""
    return tuple(how[4] or ()), tuple(how[5] or ())
