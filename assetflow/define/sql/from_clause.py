"""The FROM clause: the tables a query sees, and what joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from assetflow.define.sql.columns import NOTHING, Column, Origins, Result, Scope, Table, Use, used_as
from assetflow.define.sql.expressions import Expressions
from assetflow.define.sql.tree import Node, nodes, table_path
from assetflow.values import dataclass

_ONE_SIDED = frozenset({"SEMI", "ANTI"})
_SERIES = frozenset({"range", "generate_series", "unnest", "repeat"})


@dataclass(frozen=True, slots=True)
class From:
    """What a FROM clause makes visible; `merged` are the columns of USING, by name in lower case."""

    tables: tuple[Table, ...] = ()
    rows: Origins = NOTHING
    merged: Mapping[str, Origins] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FromClause:
    """Follows FROM clauses; `query` follows a subquery, `table` says what a name stands for."""

    expressions: Expressions
    query: Callable[[Node, Scope], Result]
    table: Callable[[tuple[str, ...], Scope], Result]

    def tables(self, node: Node, scope: Scope) -> From:
        """The tables of a clause; `scope` is the query around it, and for lateral ones what stands before them."""
        kind = node.get("type")
        if kind in (None, "EMPTY"):
            return From()
        if kind == "JOIN":
            return self._join(node, scope)
        if kind == "BASE_TABLE":
            path = table_path(node)
            result = self.table(path, scope)
            return self._one(node, result, tuple(path[at:] for at in range(len(path))))
        match kind:
            case "SUBQUERY":
                result = self.query(node["subquery"]["node"], scope)
            case "TABLE_FUNCTION":
                result = self._function(node, scope)
            case "EXPRESSION_LIST":
                result = self._values(node, scope)
            case "PIVOT":
                result = self._pivot(node, scope)
            case _:
                result = self._anything(node, scope)
        return self._one(node, result, ())

    def _one(self, node: Node, result: Result, paths: tuple[tuple[str, ...], ...]) -> From:
        alias = node.get("alias")
        names = ((str(alias).lower(),),) if alias else tuple(tuple(part.lower() for part in path) for path in paths)
        if not names and node.get("type") == "TABLE_FUNCTION":
            names = ((str(node["function"].get("function_name", "")).lower(),),)
        result = result.renamed(node.get("column_name_alias") or ())
        return From((Table(names, replace(result, rows=NOTHING)),), result.rows)

    # --- joins -----------------------------------------------------------------------------------------------

    def _join(self, node: Node, scope: Scope) -> From:
        left = self.tables(node["left"], scope)
        beside = Scope(left.tables, scope, merged=left.merged)
        right = self.tables(node["right"], beside)
        rows = set(left.rows | right.rows)
        merged = {**left.merged, **right.merged}
        both = (*left.tables, *right.tables)
        shared = [str(name) for name in node.get("using_columns") or ()]
        if node.get("ref_type") == "NATURAL":
            shared = _common(left.tables, right.tables)
            if any(not table.result.is_closed for table in both):
                rows |= used_as(_all(both), Use.UNKNOWN)
        hidden = frozenset(name.lower() for name in shared)
        for name in shared:
            sides = [Scope(side.tables, None, merged=side.merged).column((name,)) or NOTHING for side in (left, right)]
            merged[name.lower()] = sides[0] | sides[1]
            rows |= used_as(sides[0] | sides[1], Use.JOIN)
        here = Scope(both, scope, merged=merged)
        rows |= used_as(self.expressions.origins(node.get("condition"), here), Use.JOIN)
        kept = tuple(replace(table, hidden=table.hidden | hidden) for table in right.tables)
        if node.get("join_type") in _ONE_SIDED:
            return From(left.tables, frozenset(rows), left.merged)
        return From((*left.tables, *kept), frozenset(rows), merged)

    # --- tables that are made ---------------------------------------------------------------------------------

    def _function(self, node: Node, scope: Scope) -> Result:
        """A table function: every column it gives, and how many rows, may come from any of its arguments."""
        call = node["function"]
        name = str(call.get("function_name", "")).lower()
        origins = self.expressions.origins(call, scope)
        rows = used_as(origins, Use.FILTER)
        if name in _SERIES:
            return Result((Column(name, origins),), rows)
        return Result((), rows, rest=origins)

    def _values(self, node: Node, scope: Scope) -> Result:
        lines = node.get("values") or []
        width = max((len(line) for line in lines), default=0)
        columns = []
        for at in range(width):
            origins = [self.expressions.origins(line[at], scope) for line in lines if at < len(line)]
            columns.append(Column(f"col{at}", frozenset().union(*origins)))
        return Result(tuple(columns))

    def _pivot(self, node: Node, scope: Scope) -> Result:
        made = self.tables(node["source"], scope)
        source = Scope(made.tables, scope, merged=made.merged)
        if node.get("unpivot_names"):
            return self._unpivot(node, made, source)
        aggregates = self.expressions.origins(node.get("aggregates"), source)
        pivots = self.expressions.origins(node.get("pivots"), source)
        cells = aggregates | used_as(pivots, Use.GROUP)
        named = [str(name) for name in node.get("groups") or ()]
        if not named:
            mentioned = {part.lower() for part in _mentioned(node)}
            named = [
                column.name
                for table in made.tables
                for column in table.result.columns
                if column.name.lower() not in mentioned and column.name.lower() not in table.hidden
            ]
            if any(not table.result.is_closed for table in made.tables):
                cells |= used_as(_all(made.tables), Use.UNKNOWN)
        columns = tuple(Column(name, source.column((name,)) or NOTHING) for name in named)
        groups = frozenset().union(*(column.origins for column in columns))
        # which columns there are is decided by values of the pivot, so its names are not listed
        return Result(columns, made.rows | used_as(groups, Use.GROUP), rest=cells)

    def _unpivot(self, node: Node, made: From, source: Scope) -> Result:
        entries = [entry for pivot in node.get("pivots") or () for entry in pivot.get("entries") or ()]
        taken = {str(each["column_names"][-1]).lower() for each in nodes(entries) if each.get("class") == "COLUMN_REF"}
        values = self.expressions.origins(entries, source)
        if any(each.get("class") == "STAR" for each in nodes(entries)):
            return Result((), made.rows | used_as(values, Use.FILTER), rest=values | _all(made.tables))
        columns = [
            Column(column.name, column.origins)
            for table in made.tables
            for column in table.result.columns
            if column.name.lower() not in taken and column.name.lower() not in table.hidden
        ]
        labels = [str(name) for pivot in node.get("pivots") or () for name in pivot.get("unpivot_names") or ()]
        columns += [Column(name, NOTHING) for name in labels]
        columns += [Column(str(name), values) for name in node["unpivot_names"]]
        rest = None if all(table.result.is_closed for table in made.tables) else _all(made.tables)
        # rows whose value is null are left out
        return Result(tuple(columns), made.rows | used_as(values, Use.FILTER), rest=rest)

    def _anything(self, node: Node, scope: Scope) -> Result:
        """DESCRIBE, SUMMARIZE and whatever else: its columns may come from anything in it."""
        inner = node.get("query")
        if isinstance(inner, dict) and "type" in inner:
            result = self.query(inner, scope)
            every = result.all_origins() | result.rows
            return Result((), used_as(every, Use.FILTER), rest=every)
        return Result(
            (), rest=self.expressions.origins([v for v in node.values() if isinstance(v, (dict, list))], scope)
        )


def _mentioned(node: Node) -> list[str]:
    parts = [node.get("aggregates"), node.get("pivots")]
    return [str(each["column_names"][-1]) for each in nodes(parts) if each.get("class") == "COLUMN_REF"]


def _common(left: tuple[Table, ...], right: tuple[Table, ...]) -> list[str]:
    names = {column.name.lower() for table in left for column in table.result.columns}
    return [c.name for table in right for c in table.result.columns if c.name.lower() in names]


def _all(tables: tuple[Table, ...]) -> Origins:
    return frozenset().union(*(table.result.all_origins() for table in tables))
