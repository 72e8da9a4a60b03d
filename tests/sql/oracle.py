"""The obvious answer to where columns come from: change one column of a table and see which outputs move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from assetflow.define.sql.column_lineage import ColumnLineage, Known
from assetflow.define.sql.columns import EVERY, Origins, Use
from assetflow.define.sql.parse import Parser

Tables = Mapping[str, Mapping[str, Sequence[Any]]]
AGGREGATES = frozenset(
    row[0]
    for row in duckdb.connect()
    .execute("select distinct function_name from duckdb_functions() where function_type = 'aggregate'")
    .fetchall()
)


PARSER = Parser()
CONNECTION = duckdb.connect(config={"threads": 1})


def fill(tables: Tables) -> None:
    """Make the tables what is given: integers and texts."""
    for name, columns in tables.items():
        rows = ", ".join(
            "(" + ", ".join("null" if v is None else repr(v) for v in row) + ")"
            for row in zip(*columns.values(), strict=True)
        )
        CONNECTION.execute(f"create or replace table {name} as from (values {rows}) t({', '.join(columns)})")


def outputs(tables: Tables, sql: str) -> dict[str, list[Any]]:
    """The columns of a query's result, by name."""
    fill(tables)
    found = CONNECTION.execute(sql)
    names = [column[0] for column in found.description or ()]
    rows = found.fetchall()
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def is_valid(tables: Tables, sql: str) -> bool:
    """Whether DuckDB takes a query: it refuses some places for a subquery."""
    fill(tables)
    try:
        CONNECTION.execute(f"describe {sql}")
    except duckdb.BinderException:
        return False
    return True


def moved(tables: Tables, sql: str, table: str, column: str) -> set[str]:
    """The output columns that differ when the values of one column are others."""
    before = outputs(tables, sql)
    changed: set[str] = set()
    values = tables[table][column]
    for shift in (1, 4):
        other = [None if v is None else f"{v}{shift}" if isinstance(v, str) else v + shift * (at + 1)
                 for at, v in enumerate(values)]  # fmt: skip
        after = outputs({**tables, table: {**tables[table], column: other}}, sql)
        if list(after) != list(before):
            return set(before)  # a PIVOT, whose columns are values
        changed |= {name for name in before if before[name] != after[name]}
    return changed


def found(tables: Tables, sql: str, *, known: bool = True, named: bool = True) -> dict[str, Origins]:
    """What the lineage says; with `known=False` it does not know the columns of any table.

    With `named=False` it does not know those of the result, as before it was made.
    """
    tree, _ = PARSER.statement(sql)
    assert not tree["error"], tree
    fill(tables)
    names = [row[0] for row in CONNECTION.execute(f"describe {sql}").fetchall()] if known and named else None
    schemas = {name: list(columns) for name, columns in tables.items()} if known else {}
    outside = Known(
        assets={(each,): name for name in tables for each in (name, name.upper())},
        schemas=schemas,
        text=PARSER.expression,
        aggregates=AGGREGATES,
    )
    return ColumnLineage(outside).of(tree["statements"][0]["node"], names)


def has(origins: Origins, table: str, column: str) -> bool:
    """Whether an input column is among the origins, by itself or as one of all that may be."""
    return any(
        origin.asset == table
        and (origin.column.lower() == column.lower() or (origin.column == EVERY and origin.use is Use.UNKNOWN))
        for origin in origins
    )


def missed(tables: Tables, sql: str, *, known: bool = True) -> list[str]:
    """Every influence that the lineage does not know of, in words."""
    said = found(tables, sql, known=known)
    every = frozenset().union(*said.values()) if EVERY in said else frozenset()
    wrong = []
    for table, columns in tables.items():
        for column in columns:
            for output in moved(tables, sql, table, column):
                if not has(said.get(output, frozenset()) | every, table, column):
                    wrong.append(f"{table}.{column} moves {output}")
    return wrong
