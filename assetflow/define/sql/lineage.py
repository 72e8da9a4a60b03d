"""The column lineage of a project's SQL assets, and the columns that each query reads of its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assetflow.define.sql.column_lineage import ColumnLineage, Known
from assetflow.define.sql.columns import EVERY, Origin, Origins, Use
from assetflow.define.sql.parse import QueryCache
from assetflow.define.sql.query import Query
from assetflow.define.sql.tree import nodes

Edges = tuple[tuple[str, str, str, str], ...]
"""(column, input asset, input column, kind), sorted."""

_AGGREGATES = "select distinct function_name from duckdb_functions() where function_type = 'aggregate' order by all"


def column_edges(
    query: Query, schemas: Mapping[str, Sequence[str]], output: Sequence[str] | None, cache: QueryCache
) -> Edges:
    """Where the columns of a query come from, given the columns of its inputs as far as they are known.

    `output` are the names of its own columns where they are known. Kept by everything that decides.
    """
    used = {asset: list(schemas[asset]) for asset in query.upstreams if asset in schemas}
    tables = [[list(table.parts), table.asset] for table in query.tables]
    key = json.dumps([query.text.text, query.create, tables, used, None if output is None else list(output)])
    found = cache.kept("columns", key, lambda: _edges(query, used, output, cache))
    return tuple((edge[0], edge[1], edge[2], edge[3]) for edge in found)


def read_columns(edges: Edges) -> dict[str, tuple[str, ...] | None]:
    """The columns that a query reads of each input, sorted; None for all of them, where that cannot be told.

    An input of which only the rows count has no columns: a change of any value in it changes nothing.
    """
    found: dict[str, set[str] | None] = {}
    for _column, asset, name, kind in edges:
        known = found.setdefault(asset, set())
        if name == EVERY and kind != Use.ROWS:
            found[asset] = None
        elif known is not None and name != EVERY:
            known.add(name)
    return {asset: None if columns is None else tuple(sorted(columns)) for asset, columns in found.items()}


def _edges(
    query: Query, schemas: Mapping[str, Sequence[str]], output: Sequence[str] | None, cache: QueryCache
) -> list[list[str]]:
    tree, _ = cache.parser.statement(query.text.text)
    rows = cache.parser.connection.execute(_AGGREGATES).fetchall()
    known = Known(
        assets={table.parts: table.asset for table in query.tables},
        schemas=schemas,
        macros=_macros(query, cache),
        aggregates=frozenset(row[0] for row in rows),
        text=cache.parser.expression,
    )
    node: Any = tree["statements"][0]["node"]
    found = ColumnLineage(known).of(node, output)
    return sorted(
        [name, origin.asset, origin.column, str(origin.use)] for name, origins in found.items() for origin in origins
    )


def _macros(query: Query, cache: QueryCache) -> dict[str, Origins | None]:
    """What the macros of a query read beside their arguments; None is any column in scope where they are called.

    Columns are not followed into a macro: of an asset that one reads, any column may be the one.
    """
    found: dict[str, Origins | None] = {}
    for macro in query.macros:
        mentioned = [
            str(node["column_names"][0]).lower()
            for body in macro.bodies
            for node in nodes(cache.parser.statement(body)[0])
            if node.get("class") == "COLUMN_REF"
        ]
        takes_from_outside = not macro.assets and not set(mentioned) <= set(macro.parameters)
        unknown = frozenset(Origin(asset, EVERY, Use.UNKNOWN) for asset in macro.assets)
        found[macro.name.lower()] = None if takes_from_outside else unknown
    return found
