"""DuckDB's syntax tree as JSON: walking it, names in it, and the form in which it counts for a code version."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

Node = Mapping[str, Any]

_DEPTH = 20_000
_PLACES = frozenset({"query_location", "query_location_length", "qualified_name"})
_NAMES = frozenset({"column_names", "table_name", "schema_name", "catalog_name", "using_columns", "function_name"})


def read_json(text: str) -> Any:
    """JSON that nests as deeply as an expression of a thousand terms does."""
    with _deep():
        try:
            return json.loads(text)
        except RecursionError:  # the compiled scanner of Python 3.12 has a limit of its own, which nothing raises
            decoder = json.JSONDecoder()
            decoder.scan_once = py_make_scanner(decoder)  # type: ignore[attr-defined]
            return decoder.decode(text)


def write_json(value: Any) -> str:
    """A value as JSON with sorted keys, however deeply it nests."""
    with _deep():
        return json.dumps(value, sort_keys=True, ensure_ascii=False)


@contextlib.contextmanager
def _deep() -> Iterator[None]:
    """Python's limit is for runaway recursion; DuckDB's own for expressions is lower than what this allows."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def nodes(root: Any) -> Iterator[Node]:
    """Every object of a tree, parents first, in the order of the text."""
    stack = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def canonical(root: Any) -> Any:
    """The tree without what does not count: positions, and the case of names where no column is named by it.

    DuckDB compares names without regard to case, and a column of the result takes the case it was defined with. An
    expression without an alias is named after its text, so its case counts.
    """
    # a stack instead of recursion: expressions nest as deep as their author likes
    result: list[Any] = [None]
    stack: list[tuple[Any, Any, Any, bool]] = [(root, result, 0, False)]
    while stack:
        item, holder, at, keeps = stack.pop()
        if isinstance(item, dict):
            made: dict[str, Any] = {}
            holder[at] = made
            for name, value in sorted(item.items(), reverse=True):
                if name in _PLACES:
                    continue
                made[name] = None
                if name == "select_list" and isinstance(value, list):
                    listed: list[Any] = [None] * len(value)
                    made[name] = listed
                    stack.extend((part, listed, n, _is_named_by_text(part)) for n, part in enumerate(value))
                elif name in _NAMES and not keeps:
                    made[name] = _lowered(name, value)
                else:
                    stack.append((value, made, name, keeps))
        elif isinstance(item, list):
            parts: list[Any] = [None] * len(item)
            holder[at] = parts
            stack.extend((part, parts, n, keeps) for n, part in enumerate(item))
        else:
            holder[at] = item
    return result[0]


def _is_named_by_text(node: Any) -> bool:
    return isinstance(node, dict) and not node.get("alias") and node.get("class") not in ("COLUMN_REF", "STAR")


def _lowered(name: str, value: Any) -> Any:
    if isinstance(value, list):
        # the last part of `s.Field` may be a field of a struct, whose case names the column
        kept = 1 if name == "column_names" and len(value) > 1 else 0
        split = len(value) - kept
        return [str(part).lower() for part in value[:split]] + value[split:]
    return value.lower() if isinstance(value, str) else value


def place(node: Node) -> tuple[int, int]:
    """Where a node stands in its text: offset and length in characters; (0, 0) where the parser does not say."""
    return int(node.get("query_location", 0)), int(node.get("query_location_length", 0))


def table_path(node: Node) -> tuple[str, ...]:
    """The parts of a table's name as it is written: catalog, schema, table."""
    parts = (node.get("catalog_name"), node.get("schema_name"), node.get("table_name"))
    return tuple(part for part in parts if part)


def constant(node: Node) -> Any:
    """The text of a literal, or None for any other expression."""
    literal = node.get("literal")
    return literal.get("text") if isinstance(literal, dict) else None
