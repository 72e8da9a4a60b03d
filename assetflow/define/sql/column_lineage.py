"""Where the columns of a query come from, followed through its syntax tree.

Whatever decides about a row (a filter, a join key, a group key, an order) takes part in every column of it. What
cannot be followed is said to be unknown: it is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from assetflow.define.sql.columns import EVERY, NOTHING, Column, Origin, Origins, Result, Scope, Table, Use, used_as
from assetflow.define.sql.expressions import Expressions
from assetflow.define.sql.from_clause import FromClause
from assetflow.define.sql.select_list import SelectList
from assetflow.define.sql.tree import Node
from assetflow.values import dataclass

_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the outside: the asset of a table name, its columns, what macros read, aggregate functions.

    An asset without an entry in `schemas` has columns that nobody knows yet. `text` writes expressions as DuckDB does.
    """

    assets: Mapping[tuple[str, ...], str]
    schemas: Mapping[str, Sequence[str]]
    macros: Mapping[str, Origins | None] = field(default_factory=dict)
    aggregates: frozenset[str] = frozenset()
    text: Callable[[Node], str]


class ColumnLineage:
    """Follows one query."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.expressions = Expressions(self.query, known.macros)
        self.from_clause = FromClause(self.expressions, self.query, self._table)
        self.select_list = SelectList(self.expressions, known.aggregates, known.text)
        self.read: dict[str, None] = {}

    def of(self, root: Node, output: Sequence[str] | None = None) -> dict[str, Origins]:
        """The origins of every column of the query; `output` are its names where DuckDB could tell them.

        Where the columns cannot be told at all there is one entry, `*`.
        """
        result = self.query(root, Scope())
        names = list(output) if output is not None else None
        if names is not None and len(names) == len(result.columns) and result.is_closed:
            listed = [(name, column.origins) for name, column in zip(names, result.columns, strict=True)]
        elif names is not None:
            listed = [(name, found if (found := result.named(name)) is not None else self._unknown()) for name in names]
        else:
            listed = [(column.name, column.origins) for column in result.columns]
            if not result.is_closed or not listed:
                listed.append((EVERY, result.all_origins()))
        made: dict[str, Origins] = {}
        for name, origins in listed:
            made[name] = made.get(name, NOTHING) | self._whole(origins | result.rows)
        return made

    def _whole(self, origins: Origins) -> Origins:
        """With an entry for every asset that is read: its rows count, whether a column does or not."""
        seen = {origin.asset for origin in origins}
        return origins | {Origin(asset, EVERY, Use.ROWS) for asset in self.read if asset not in seen}

    def _unknown(self) -> Origins:
        return frozenset(Origin(asset, EVERY, Use.UNKNOWN) for asset in self.read)

    # --- queries ---------------------------------------------------------------------------------------------

    def query(self, node: Node, scope: Scope) -> Result:
        """What a query gives, in the scope around it."""
        inside = self._with(node, scope)
        match node.get("type"):
            case "SELECT_NODE":
                result, order = self._select(node, inside)
            case "SET_OPERATION_NODE":
                result = self._set_operation(node, inside)
                order = Scope((Table((), result),), inside)
            case "RECURSIVE_CTE_NODE":
                result, order = self._recursive(node, inside), inside
            case _:
                children = [self.query(each, inside) for each in _queries_in(node)]
                rest = frozenset().union(*(child.all_origins() | child.rows for child in children))
                return Result((), rest=rest | self._unknown(), rows=rest)
        return self._modified(node, result, order)

    def _with(self, node: Node, scope: Scope) -> Scope:
        inside = Scope(outer=scope)
        for entry in (node.get("cte_map") or {}).get("map", ()):
            value = entry["value"]
            inner = value.get("query_node") or (value.get("query") or {}).get("node") or {}
            result = self.query(inner, inside).renamed(value.get("aliases") or ())
            inside = Scope(outer=inside, queries={str(entry["key"]).lower(): result})
        return inside

    def _select(self, node: Node, around: Scope) -> tuple[Result, Scope]:
        origins = self.expressions.origins
        made = self.from_clause.tables(node.get("from_table") or {}, around)
        scope = Scope(made.tables, around, merged=made.merged)
        rows = set(made.rows)
        chosen = self.select_list.columns(node.get("select_list") or [], scope)
        aliased = replace(scope, aliases=chosen.aliases)
        rows |= used_as(origins(node.get("where_clause"), aliased), Use.FILTER)
        rows |= self._groups(node, chosen.columns, aliased)
        rows |= used_as(origins(node.get("having"), aliased), Use.FILTER)
        rows |= used_as(origins(node.get("qualify"), aliased), Use.FILTER)
        if node.get("aggregate_handling") == "FORCE_AGGREGATES":
            rows |= used_as(chosen.plain, Use.GROUP)
        return Result(chosen.columns, frozenset(rows), chosen.rest, chosen.asset), aliased

    def _groups(self, node: Node, columns: Sequence[Column], scope: Scope) -> Origins:
        found: set[Origin] = set()
        for expression in node.get("group_expressions") or ():
            found |= self._ordinal(expression, columns)
            found |= self.expressions.origins(expression, scope)
        return used_as(found, Use.GROUP)

    def _ordinal(self, expression: Node, columns: Sequence[Column]) -> Origins:
        """A number in GROUP BY or ORDER BY means a column of the select list."""
        literal = expression.get("literal")
        if not isinstance(literal, dict) or not str(literal.get("text", "")).isdigit():
            return NOTHING
        at = int(literal["text"]) - 1
        return columns[at].origins if 0 <= at < len(columns) else frozenset().union(*(c.origins for c in columns))

    def _modified(self, node: Node, result: Result, scope: Scope) -> Result:
        rows = set(result.rows)
        for modifier in node.get("modifiers") or ():
            match modifier.get("type"):
                case "ORDER_MODIFIER":
                    for order in modifier.get("orders") or ():
                        rows |= used_as(self._order(order["expression"], result, scope), Use.ORDER)
                case "DISTINCT_MODIFIER":
                    targets = modifier.get("distinct_on_targets")
                    every = self.expressions.origins(targets, scope) if targets else result.all_origins()
                    rows |= used_as(every, Use.GROUP)
                    for target in targets or ():
                        rows |= used_as(self._ordinal(target, result.columns), Use.GROUP)
                case _:
                    rows |= used_as(self.expressions.origins(modifier, scope), Use.FILTER)
        return replace(result, rows=frozenset(rows))

    def _order(self, expression: Node, result: Result, scope: Scope) -> Origins:
        if expression.get("class") == "STAR":  # order by all
            return result.all_origins()
        return self._ordinal(expression, result.columns) | self.expressions.origins(expression, scope)

    def _set_operation(self, node: Node, scope: Scope) -> Result:
        children = [self.query(each, scope) for each in node.get("children") or _sides(node)]
        kind = str(node.get("setop_type", ""))
        if any(not child.is_closed for child in children):
            result = _unclosed(children)
        elif kind == "UNION_BY_NAME":
            result = Result(_by_name(children))
        else:
            result = Result(_by_position(children))
        rows = frozenset().union(*(child.rows for child in children))
        every = frozenset().union(*(child.all_origins() for child in children))
        if kind in ("EXCEPT", "INTERSECT"):
            rows |= used_as(every, Use.FILTER)
        elif not node.get("setop_all"):
            rows |= used_as(every, Use.GROUP)
        return replace(result, rows=rows)

    def _recursive(self, node: Node, scope: Scope) -> Result:
        """The first part, and the second over what came so far, until nothing is new: unions only ever grow."""
        name = str(node.get("cte_name", "")).lower()
        aliases = node.get("aliases") or ()
        first = self.query(node["left"], scope).renamed(aliases)
        result = first
        for _ in range(_ROUNDS):
            inside = Scope(outer=scope, queries={name: result})
            step = self.query(node["right"], inside)
            columns = _by_position([result, step]) if step.is_closed and result.is_closed else result.columns
            rest = result.rest if step.is_closed else (result.rest or NOTHING) | step.all_origins()
            grown = Result(columns, result.rows | step.rows, rest, result.asset)
            if grown == result:
                break
            result = grown
        if node.get("union_all"):
            return result
        return replace(result, rows=result.rows | used_as(result.all_origins(), Use.GROUP))

    # --- tables ----------------------------------------------------------------------------------------------

    def _table(self, path: tuple[str, ...], scope: Scope) -> Result:
        if len(path) == 1 or (len(path) == 2 and path[0].lower() == "recurring"):
            found = scope.query(path[-1])
            if found is not None:
                return found
        asset = self.known.assets.get(path)
        if asset is None:
            return Result((), rest=NOTHING)
        self.read[asset] = None
        columns = self.known.schemas.get(asset)
        if columns is None:
            return Result((), asset=asset)
        return Result(tuple(Column(name, frozenset({Origin(asset, name, Use.VALUE)})) for name in columns))


def _by_position(children: Sequence[Result]) -> tuple[Column, ...]:
    first = children[0].columns
    return tuple(
        Column(
            column.name,
            frozenset().union(*(child.columns[at].origins for child in children if at < len(child.columns))),
        )
        for at, column in enumerate(first)
    )


def _by_name(children: Sequence[Result]) -> tuple[Column, ...]:
    names: dict[str, str] = {}
    for child in children:
        for column in child.columns:
            names.setdefault(column.name.lower(), column.name)
    return tuple(
        Column(name, frozenset().union(*(child.named(name) or NOTHING for child in children)))
        for name in names.values()
    )


def _unclosed(children: Sequence[Result]) -> Result:
    """Parts that are not all known: any column may be made of anything."""
    every = frozenset().union(*(child.all_origins() for child in children))
    return Result((), rest=used_as(every, Use.UNKNOWN))


def _sides(node: Node) -> list[Any]:
    return [node[side] for side in ("left", "right") if side in node]


def _queries_in(node: Node) -> Iterable[Node]:
    return [value for value in node.values() if isinstance(value, dict) and "type" in value and "cte_map" in value]
