"""Whether a query names every column that it depends on, so that other columns of its inputs cannot matter.

`select("a")` does not care for a new column; `select(pl.all())` does, and so does whatever leaves columns of an input
in its result. The query is read as polars writes it down (JSON), before any schema is known. What is not known here to
be harmless is not: the answer is then that all names matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from assetflow.store.query_plan import holds_frames

if TYPE_CHECKING:
    import polars as pl

Names = tuple[tuple[str, ...], tuple[str, ...]]
"""Names that decide, and the suffixes that joins put to names."""

_EXPRESSIONS = frozenset(
    {
        "Agg", "Alias", "BinaryExpr", "Cast", "Column", "Eval", "Explode", "Filter", "Function", "Gather", "KeepName",
        "Literal", "Over", "RenameAlias", "Rolling", "Slice", "Sort", "SortBy", "Ternary",
    }
)  # fmt: skip
_AGGREGATES = frozenset(
    {
        "Min", "Max", "Median", "NUnique", "Item", "First", "FirstNonNull", "Last", "LastNonNull", "Mean", "Implode",
        "Count", "Quantile", "Sum", "AggGroups", "Std", "Var", "MinBy", "MaxBy",
    }
)  # fmt: skip
_WORDS = frozenset({"Len", "Element"})
_OPAQUE = ("Anonymous", "Python", "Plugin", "Ffi")
_JOINS = frozenset({"Inner", "Left", "Right", "Full", "Semi", "Anti", "Cross"})
_PASSING = {"Filter": ("predicate",), "Sort": ("by_column",), "Slice": (), "HStack": ("exprs",), "Cache": ()}
"""Nodes that leave the columns of their input in place, with the fields that hold expressions."""


def closed_names(frames: Sequence[pl.LazyFrame], columns: Iterable[str] = ()) -> Names | None:
    """The names that decide how these queries read their inputs; None if a name that is not among them could.

    `columns` are those that the inputs have: one that a join's suffix could have made stands for two.
    """
    names: set[str] = set()
    suffixes: set[str] = set()
    for frame in frames:
        plan = _plan_of(frame)
        if plan is None or not _is_closed(plan, suffixes):
            return None
        names.update(_texts(plan))
    listed = tuple(columns)
    for suffix in suffixes:
        names.update(name for name in listed if name.endswith(suffix))
        waiting = [name for name in names if name.endswith(suffix)]
        while waiting:
            stem = waiting.pop().removesuffix(suffix)
            if stem not in names:
                names.add(stem)
                if stem.endswith(suffix):
                    waiting.append(stem)
    return tuple(sorted(names)), tuple(sorted(suffixes))


def _plan_of(frame: pl.LazyFrame) -> Any:
    written = BytesIO()
    try:
        # a frame in memory would be written out whole
        if holds_frames(frame):
            return None
        # as `frame.serialize(format="json")` does, which warns that nobody should keep it; here nobody does
        frame._ldf.serialize_json(written)
        return json.loads(written.getvalue())
    except Exception:  # whatever cannot be written down is not known
        return None


def _is_closed(plan: Any, suffixes: set[str]) -> bool:
    """Whether the result of a plan has columns of its own naming only, and each step of it names what it takes."""
    found: list[bool] = []  # of the inputs that are done
    stack: list[tuple[Any, bool]] = [(plan, False)]
    while stack:
        node, inputs_done = stack.pop()
        if not isinstance(node, dict) or len(node) != 1:
            return False
        ((kind, body),) = node.items()
        inputs = _inputs(kind, body)
        if not inputs_done:
            stack.append((node, True))
            stack += [(child, False) for child in reversed(inputs)]
            continue
        given = [found.pop() for _ in inputs]
        answer = _node(kind, body, given, suffixes)
        if answer is None:
            return False
        found.append(answer)
    return found == [True]


def _inputs(kind: str, body: Any) -> list[Any]:
    if not isinstance(body, dict):
        return []
    if kind == "Join":
        return [body.get("input_left"), body.get("input_right")]
    if kind == "Union":
        return list(body.get("inputs") or ())
    return [body["input"]] if "input" in body else []


def _node(kind: str, body: Any, given: list[bool], suffixes: set[str]) -> bool | None:
    """Whether the columns of a node are all of its own naming; None where other names could matter in it."""
    match kind:
        case "Scan":
            return False if "PythonDataset" in body["scan_type"] else None
        case "Select":
            if _is_drop(body["expr"]):
                return given[0]
            return True if _explicit(body["expr"]) else None
        case "GroupBy":
            plain = body.get("apply") is None and _explicit(body["keys"]) and _explicit(body["aggs"])
            return True if plain and _explicit(body.get("predicates") or []) and bool(body["keys"]) else None
        case "Join":
            how = body["options"]["args"]["how"]
            condition = body["condition"].get("Equi") if isinstance(body.get("condition"), dict) else None
            if not isinstance(how, str) or how not in _JOINS or (condition is None and how != "Cross"):
                return None
            if condition is not None and not (_explicit(condition["left_on"]) and _explicit(condition["right_on"])):
                return None
            suffixes.add(body["options"]["args"].get("suffix") or "_right")
            return all(given)
        case "Union":
            same = not body["args"].get("diagonal") and all(given)
            return True if same else None
        case "Distinct":
            subset = body["options"].get("subset")
            return given[0] if (given[0] if subset is None else _explicit(subset)) else None
        case "MapFunction":
            function = body.get("function")
            known = isinstance(function, dict) and (
                "RowIndex" in function or ("Rename" in function and function["Rename"].get("strict") is True)
            )
            return given[0] if known else None
        case _ if kind in _PASSING:
            return given[0] if all(_explicit(body[field]) for field in _PASSING[kind]) else None
        case _:
            return None


def _is_drop(expressions: Any) -> bool:
    """Whether the expressions are all columns but named ones."""
    if not (isinstance(expressions, list) and len(expressions) == 1 and isinstance(expressions[0], dict)):
        return False
    selector = expressions[0].get("Selector")
    parts = selector.get("Difference") if isinstance(selector, dict) else None
    return isinstance(parts, list) and len(parts) == 2 and parts[0] == "Wildcard" and _by_name(parts[1])


def _by_name(selector: Any) -> bool:
    return isinstance(selector, dict) and set(selector) == {"ByName"}


def _explicit(expressions: Any) -> bool:
    """Whether expressions name each column that they take, and run no code that is not polars' own."""
    stack = [expressions]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            for key, value in item.items():
                if key == "Selector":
                    if not _by_name(value):
                        return False
                elif key in ("Column", "Literal", "dtype", "options", "sort_options"):
                    continue
                elif key == "Alias":
                    stack.append(value[0])
                elif key == "Function":
                    if any(word in json.dumps(value.get("function")) for word in _OPAQUE):
                        return False
                    stack.append(value.get("input"))
                elif key == "RenameAlias":
                    function = value.get("function")
                    if isinstance(function, dict) and "Map" in function:
                        return False
                    stack.append(value.get("expr"))
                elif key[:1].isupper() and key not in _EXPRESSIONS and key not in _AGGREGATES:
                    return False
                else:
                    stack.append(value)
        elif isinstance(item, str) and item[:1].isupper() and item not in _WORDS and not _is_word(item):
            return False
    return True


_OPERATORS = frozenset(
    {
        "Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq", "Plus", "Minus", "Multiply",
        "RustDivide", "TrueDivide", "FloorDivide", "Modulus", "Or", "And", "Xor", "LogicalOr", "LogicalAnd", "Divide",
        "GroupsToRows", "Explode", "Join", "List", "Array", "Linear", "Nearest", "Lower", "Higher", "Midpoint",
        "Equiprobable",
    }
)  # fmt: skip


def _is_word(text: str) -> bool:
    """Whether a capitalized text in an expression is an operator or an option: it takes no column by itself."""
    return text in _OPERATORS


def _texts(plan: Any) -> Iterator[str]:
    """Every text in a plan: the names in it, and words that do no harm."""
    stack = [plan]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            if not item or not isinstance(item[0], int):  # bytes
                stack += item
        elif isinstance(item, dict):
            stack += [value for key, value in item.items() if key != "Scan"]
