"""Binding queries without running them: DuckDB says which columns and types they give, or what does not fit.

duckdb is imported inside the functions: it is heavy, and needed only where a query is about to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assetflow.store.external import read_file
from assetflow.store.formats.contract import WriteRequest
from assetflow.store.formats.relations import storable
from assetflow.store.query import dotted, engine_errors, name

_LEAD = "describe\n"


class Binding:
    """A database in memory whose tables have the columns of assets, as far as these are known."""

    def __init__(self) -> None:
        import duckdb

        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(config={"threads": 1})
        for setting in ("enable_progress_bar = false", "python_enable_replacements = false", "errors_as_json = true"):
            self.connection.execute(f"set {setting}")
        self._columns: dict[str, list[str]] = {}

    def knows(self, asset: str) -> bool:
        """Whether the columns of an asset are known."""
        return asset in self._columns

    def columns(self, asset: str) -> list[str]:
        """The names of an asset's columns."""
        return self._columns[asset]

    def add_file(self, asset: str, path: Path) -> None:
        """Take the columns of a file."""
        relation = read_file(path, "duckdb.DuckDBPyRelation", connection=self.connection)
        self.connection.execute(f"create or replace table {_own(asset)} as from ({relation.sql_query()}) limit 0")
        self._columns[asset] = list(relation.columns)

    def add_declared(self, asset: str, columns: Sequence[tuple[str, str]]) -> None:
        """Take columns by name and type."""
        listed = ", ".join(f"{name(column)} {kind}" for column, kind in columns)
        self.connection.execute(f"create or replace table {_own(asset)} ({listed})")
        self._columns[asset] = [column for column, _ in columns]

    def name_table(self, parts: Sequence[str], asset: str, *, added: str | None = None) -> None:
        """Make a table name of a query stand for an asset; `added` is a column for the partition key."""
        if len(parts) == 3:
            self.connection.execute(f"attach if not exists ':memory:' as {name(parts[0])}")
        if len(parts) > 1:
            self.connection.execute(f"create schema if not exists {dotted(parts[:-1])}")
        more = f", null::varchar as {name(added)}" if added else ""
        self.connection.execute(
            f"create or replace view {dotted(parts)} as select *{more} from memory.main.{_own(asset)}"
        )

    def describe(
        self, sql: str, parameters: Mapping[str, Any], *, create: Sequence[str] = (), zone: str = "UTC"
    ) -> list[tuple[str, Any]]:
        """Names and types of a query's columns; EngineError at the place of what does not fit."""
        self.connection.execute(f"set TimeZone = '{zone}'")
        for statement in create:
            with engine_errors(None, 0):
                self.connection.execute(statement)
        with engine_errors(sql, len(_LEAD)):
            found = self.connection.execute(f"{_LEAD}{sql}", dict(parameters)).fetchall()
        return [(str(row[0]), self.connection.type(str(row[1]))) for row in found]

    def add_result(self, asset: str, columns: Sequence[tuple[str, Any]]) -> None:
        """Take the columns that a query gives, in the types that they are stored in."""
        request = WriteRequest(file="", asset=asset, partition=None)
        kept = storable([each for each, _ in columns], [kind for _, kind in columns], request)
        given = ", ".join(f"null::{kind} as {name(column)}" for column, kind in columns)
        self.connection.execute(
            f"create or replace table {_own(asset)} as select {', '.join(kept)} from (select {given}) limit 0"
        )
        self._columns[asset] = [column for column, _ in columns]

    def close(self) -> None:
        """Let go of the database."""
        self.connection.close()


def _own(asset: str) -> str:
    """The name of the table that holds an asset's columns; no asset key has a colon."""
    return name(f"asset:{asset}")
