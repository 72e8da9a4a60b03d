"""What the expressions of a polars plan are made of, given the columns that they see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from assetflow.define.sql.columns import Origins, Use, used_as

Columns = Mapping[str, Origins]


class Value(NamedTuple):
    """What an expression is made of, and how many rows it has.

    `resizes`: it may be another number than that of what it sees; `is_one`: it may be one row, repeated as needed.
    """

    origins: Origins
    resizes: bool = False
    is_one: bool = False

    @property
    def is_steady(self) -> bool:
        """Whether it has a row for every row that it sees."""
        return not self.resizes and not self.is_one


_KEEPING = frozenset(
    {
        "abs",
        "sign",
        "round",
        "round_sig_figs",
        "floor",
        "ceil",
        "trunc",
        "clip",
        "negate",
        "sqrt",
        "cbrt",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sin",
        "cos",
        "tan",
        "cot",
        "arcsin",
        "arccos",
        "arctan",
        "arctan2",
        "sinh",
        "cosh",
        "tanh",
        "arcsinh",
        "arccosh",
        "arctanh",
        "degrees",
        "radians",
        "pow",
        "hash",
        "shift",
        "diff",
        "pct_change",
        "rank",
        "reverse",
        "shuffle",
        "fill_null",
        "fill_null_with_strategy",
        "fill_nan",
        "cum_sum",
        "cum_prod",
        "cum_min",
        "cum_max",
        "cum_count",
        "cum_mean",
        "interpolate",
        "interpolate_by",
        "coalesce",
        "as_struct",
        "replace",
        "replace_strict",
        "cut",
        "qcut",
        "rle_id",
        "repeat_by",
        "to_physical",
        "set_sorted",
        "peak_min",
        "peak_max",
        "sum_horizontal",
        "mean_horizontal",
        "min_horizontal",
        "max_horizontal",
        "any_horizontal",
        "all_horizontal",
        "count_matches",
        "index_of",
        "lower_bound",
        "upper_bound",
    }
)
"""Functions, as polars calls them, that give as many rows as they see."""

_ROW_BY_ROW = frozenset(
    {
        "ArrayFunction", "BooleanFunction", "EwmFunction", "ListFunction", "RollingFunction", "RollingFunctionBy",
        "StringFunction", "StructFunction", "TemporalFunction",
    }
)  # fmt: skip
"""Families of functions that give as many rows as they see, but for the ones below."""

_ONE = frozenset(
    {
        "null_count", "quantile", "skew", "kurtosis", "entropy", "corr", "cov", "approx_n_unique", "min_by", "max_by",
        "arg_min", "arg_max", "product", "bitwise_and", "bitwise_or", "bitwise_xor", "BooleanFunction.Any",
        "BooleanFunction.All",
        "BooleanFunction.HasNulls", "BooleanFunction.IsSorted", "BooleanFunction.IsEmpty",
        "StringFunction.ConcatVertical",
    }
)  # fmt: skip
"""Functions that give one value."""


class Expressions:
    """Follows the expressions of one node; `opaque` is set when one ran code that is not polars' own."""

    def __init__(self, traverser: Any, columns: Columns) -> None:
        self._traverser = traverser
        self._columns = columns
        self._done: dict[int, Value] = {}
        self.opaque = False

    def value(self, expression: int) -> Value:
        """What an expression is made of."""
        stack = [expression]
        while stack:
            at = stack[-1]
            if at in self._done:
                stack.pop()
                continue
            try:
                view = self._traverser.view_expression(at)
            except NotImplementedError:  # a function of the user, or a part that polars does not show
                self._done[at] = self._unknown()
                self.opaque = True
                continue
            parts = _parts(view)
            waiting = [each for each, _ in parts if each not in self._done]
            if waiting:
                stack += waiting
            else:
                self._done[at] = self._made(view, parts)
        return self._done[expression]

    def used(self, expressions: Iterable[Any], use: Use) -> Origins:
        """What some expressions with a name are made of, in a role."""
        return frozenset().union(*(used_as(self.value(each.node).origins, use) for each in expressions))

    def _made(self, view: Any, parts: list[tuple[int, Use]]) -> Value:
        kind = type(view).__name__
        if kind == "Column":
            found = self._columns.get(view.name)
            return self._unknown() if found is None else Value(found)
        values = [(self._done[each], use) for each, use in parts]
        origins = frozenset().union(*(used_as(value.origins, use) for value, use in values))
        inherited = any(value.resizes for value, _ in values)
        ones = all(value.is_one for value, _ in values)
        match kind:
            case "Literal" | "BinaryExpr" | "Cast" | "Alias" | "Ternary" | "Sort" | "SortBy" | "Rolling":
                return Value(origins, inherited, ones)
            case "Window":
                return Value(origins)
            case "Gather":
                return Value(origins, not view.scalar, bool(view.scalar))
            case "Function":
                return self._function(view.function_data[0], Value(origins, inherited, ones))
            case "Agg" | "Len":
                return Value(origins, is_one=True)
            case "Filter" | "Explode" | "Slice":
                return Value(origins, True)
            case _:
                return self._unknown()

    def _function(self, name: Any, given: Value) -> Value:
        word = str(name)
        if word in _ONE:
            return Value(given.origins, is_one=True)
        keeps = word in _KEEPING or (word.partition(".")[0] in _ROW_BY_ROW and not word.endswith(".Explode"))
        return given if keeps else Value(given.origins, True, True)

    def _unknown(self) -> Value:
        return Value(used_as(frozenset().union(*self._columns.values()), Use.UNKNOWN), True, True)


def _parts(view: Any) -> list[tuple[int, Use]]:
    """The expressions within an expression, and what each does in it."""
    match type(view).__name__:
        case "BinaryExpr":
            return [(view.left, Use.VALUE), (view.right, Use.VALUE)]
        case "Cast" | "Alias" | "Sort" | "Explode":
            return [(view.expr, Use.VALUE)]
        case "Ternary":
            return [(part, Use.VALUE) for part in (view.predicate, view.truthy, view.falsy)]
        case "Function":
            return [(part, Use.VALUE) for part in view.input]
        case "Agg":
            return [(part, Use.VALUE) for part in view.arguments]
        case "Gather":
            return [(view.expr, Use.VALUE), (view.idx, Use.VALUE)]
        case "Slice":
            return [(view.input, Use.VALUE), (view.offset, Use.FILTER), (view.length, Use.FILTER)]
        case "Filter":
            return [(view.input, Use.VALUE), (view.by, Use.FILTER)]
        case "SortBy":
            return [(view.expr, Use.VALUE), *((part, Use.ORDER) for part in view.by)]
        case "Window":
            order = [] if view.order_by is None else [(view.order_by, Use.ORDER)]
            return [(view.function, Use.VALUE), *((part, Use.GROUP) for part in view.partition_by), *order]
        case "Rolling":
            return [(view.function, Use.VALUE), (view.index_column, Use.ORDER)]
        case _:
            return []
