"""Reading `catalog.duckdb` as it is at one moment, and the queries of users.

The file is attached read-only to a database in memory. That way DuckDB's cache of open files, which goes by path, never
hands out an old file after a fold has put a new one under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assetflow.catalog.disk import copy_file, replace, writing
from assetflow.catalog.engine import duckdb
from assetflow.catalog.interruptible import interruptible
from assetflow.catalog.lock import held
from assetflow.catalog.no_table import in_words
from assetflow.catalog.rows import QueryResult
from assetflow.catalog.schema import Connection
from assetflow.catalog.sidecar import Paths, identity
from assetflow.catalog.tables import literal
from assetflow.errors import CatalogLockedError, QueryError, UsageError

_FORMATS = {
    "csv": "format csv, header",
    "parquet": "format parquet, compression zstd",
    "json": "format json, array true",
}

ZONED = "TIMESTAMP WITH TIME ZONE"

Params = Sequence[Any] | Mapping[str, Any]


class Reader:
    """One open file of the catalog; a fold does not change what it sees."""

    def __init__(self, path: Path) -> None:
        self.identity = identity(path)
        con = duckdb.connect(":memory:")
        try:
            con.execute("set enable_progress_bar = false")
            con.execute("set TimeZone = 'UTC'")  # answers are the same on every machine
            con.execute(f"attach {literal(str(path))} as catalog (read_only)")
        except BaseException:
            con.close()
            raise
        self._con: Connection | None = con

    def cursor(self) -> Connection:
        """A connection of one's own for one question; the caller closes it."""
        if self._con is None:
            raise duckdb.ConnectionException("the catalog was closed")
        cursor = self._con.cursor()
        cursor.execute("use catalog")
        return cursor

    def rows(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a question of our own."""
        cursor = self.cursor()
        try:
            return cursor.execute(sql, params or None).fetchall()
        finally:
            cursor.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._con is not None:
            self._con.close()
        self._con = None  # else DuckDB's library may tell the end of the process that it is left over


def open_reader(paths: Paths, *, lock_timeout: float) -> Reader:
    """A reader of the file as it is now.

    Somebody else who opened it for writing shuts readers of that file out; then a copy takes its place.
    """
    try:
        return Reader(paths.database)
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        holder = re.search(r"PID (\d+)", str(error))
    with held(paths.lock, timeout=lock_timeout), writing(paths.database):
        copy_file(paths.database, paths.scratch)
        replaced = replace(paths.scratch, paths.database)
    if not replaced:
        who = holder.group(1) if holder else "unknown"
        raise CatalogLockedError(
            f"`{paths.database}` is opened for writing by process {who}",
            hint="open the catalog with `read_only=True`: assetflow alone writes it",
        )
    return Reader(paths.database)


def query(con: Connection, sql: str, params: Params = ()) -> QueryResult:
    """The rows of a read-only query; QueryError with DuckDB's own words when it refuses."""
    check_read_only(con, sql)
    try:
        described, rows = interruptible(con, lambda: _rows(con, sql, params))
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException):
        raise
    except duckdb.Error as error:
        raise in_words(con, sql, query_error(error)) from error
    return QueryResult(
        columns=tuple(column[0] for column in described),
        types=tuple(str(column[1]) for column in described),
        rows=rows,
    )


def _rows(con: Connection, sql: str, params: Params) -> tuple[list[Any], list[Any]]:
    con.execute(sql, params or None)
    described = con.description or []
    if any(ZONED in str(column[1]) for column in described):
        con.execute(_without_zones(sql, [str(column[1]) for column in described]), params or None)
    return described, con.fetchall()


def in_utc(expression: str, kind: str) -> str:
    """An expression of a DuckDB type with its instants as naive times in UTC, others as they are."""
    return f"cast({expression} as {kind.replace(ZONED, 'TIMESTAMP')})" if ZONED in kind else expression


def _without_zones(sql: str, types: Sequence[str]) -> str:
    """The query with instants as naive times in UTC, as DuckDB hands zoned ones out with the package pytz only."""
    names = ", ".join(f"c{at}" for at in range(len(types)))
    casts = ", ".join(in_utc(f"c{at}", kind) for at, kind in enumerate(types))
    # the line break ends a comment on the last line of the query
    return f"select {casts} from ({sql.strip().rstrip(';')}\n) as t({names})"


def write_query(con: Connection, sql: str, path: Path, *, format: str, params: Params = ()) -> int:
    """Write the rows of a query to a file, whole or not at all, and return their number."""
    options = _FORMATS.get(format)
    if options is None:
        raise UsageError(f"the format {format!r} cannot be written", hint=f"use one of {', '.join(sorted(_FORMATS))}")
    check_read_only(con, sql)
    temporary = path.with_name(f"{path.name}.tmp")
    body = sql.strip().rstrip(";")
    try:
        with writing(path):
            # the line break ends a comment on the last line of the query
            copy = f"copy ({body}\n) to {literal(str(temporary))} ({options})"
            row = interruptible(con, lambda: con.execute(copy, params or None).fetchone())
            replace(temporary, path)
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException):
        raise
    except duckdb.Error as error:
        raise in_words(con, sql, query_error(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return int(row[0]) if row else 0


def check_read_only(con: Connection, sql: str) -> None:
    """QueryError unless the text is one statement that only reads."""
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise query_error(error) from error
    if len(statements) != 1:
        raise QueryError(f"the query has {len(statements)} statements", hint="ask one question at a time")
    kind = statements[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise QueryError(
            f"a query may only read, and this is a statement of type {kind.name}",
            hint="use `select`, `from`, `describe`, `show` or `explain`; assetflow alone writes the catalog",
        )


def query_error(error: duckdb.Error) -> QueryError:
    """DuckDB's error as ours; the hint is the nearest name where DuckDB offers one."""
    text = str(error).strip()
    hint = None
    if meant := re.search(r'Did you mean "([^"]+)"', text):
        # of `inside.events or main.events` the second is ours to name
        names = [name.removeprefix("main.") for name in meant.group(1).split(" or ") if not name.startswith("inside.")]
        hint = f"did you mean `{names[0]}`?" if names else None
    elif unbound := re.search(r"Values were not provided for the following parameters: (.+)", text):
        text = f"the query has parameters without a value: {unbound.group(1)}"
        hint = "give each a value: " + " ".join(f"-p {name}=…" for name in unbound.group(1).split(", "))
    elif candidates := re.search(r"Candidate bindings: (.+)", text):
        names = re.findall(r'"([^"]+)"', candidates.group(1))
        hint = f"columns there: {', '.join(f'`{name}`' for name in names)}" if names else None
    return QueryError(text, hint=hint)
