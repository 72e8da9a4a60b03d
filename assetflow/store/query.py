"""Running a query in DuckDB over stored objects and source files, its result streamed into a file of the store.

A connection of its own for every call: tables are views over the files, nothing is copied, nothing outside the store
and the files that were named can be reached, and no variable of the process is taken for a table.

duckdb and polars are imported inside the functions: both are heavy.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.errors import FormatError
from assetflow.store.atomic import disk_errors, remove, temporary_path
from assetflow.store.formats.contract import WriteRequest
from assetflow.store.formats.relations import storable
from assetflow.values import dataclass

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_LEAD = "describe\n"


class EngineError(Exception):
    """What DuckDB said, with the offset in the query's text (None: it does not say) and what it names."""

    def __init__(self, message: str, *, at: int | None, kind: str = "", name: str = "", subtype: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.kind = kind
        self.name = name
        self.subtype = subtype


@dataclass(slots=True)
class RunningQueries:
    """The connections that run queries now, so that they share the machine and can be interrupted."""

    interrupted: bool = False
    _connections: list[tuple[int, Any]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def running(self, connection: Any) -> Iterator[int]:
        """Count a connection in while its query runs; how many there are with it."""
        entry = threading.get_ident(), connection
        with self._lock:
            self._connections.append(entry)
            count = len(self._connections)
        try:
            yield count
        finally:
            with self._lock:
                self._connections.remove(entry)

    def interrupt(self) -> None:
        """End what runs; each query fails with an error that says so."""
        with self._lock:
            self.interrupted = True
            for _, connection in self._connections:
                connection.interrupt()

    def interrupt_thread(self, ident: int) -> None:
        """End what one thread runs."""
        with self._lock:
            for thread, connection in self._connections:
                if thread == ident:
                    connection.interrupt()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """A query to run: its text and parameters, macros to create first, the zone that times are seen in."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    create: Sequence[str] = ()
    zone: str = "UTC"
    folders: Sequence[Path] = ()
    asset: str
    partition: str | None = None


class QueryConnection:
    """One connection for one query: tables are declared, then the result is streamed."""

    def __init__(self, request: QueryRequest, scratch: Path, count: int = 1) -> None:
        import duckdb

        self.request = request
        self.scratch = scratch
        self.connection: duckdb.DuckDBPyConnection = duckdb.connect()
        cores = os.cpu_count() or 1
        folders = ", ".join(_text(str(folder)) for folder in (*request.folders, scratch))
        for statement in (
            "set enable_progress_bar = false",
            "set python_enable_replacements = false",
            f"set threads = {max(1, cores // count)}",
            f"set memory_limit = '{max(1, 80 // count)}%'",
            f"set temp_directory = {_text(str(scratch / 'spill'))}",
            f"set TimeZone = {_text(request.zone)}",
            f"set allowed_directories = [{folders}]",
            "set enable_external_access = false",
            "set errors_as_json = true",
        ):
            self.connection.execute(statement)

    def add_table(self, parts: Sequence[str], sql: str) -> None:
        """Make a name of the query, given in its parts, a view over `sql`."""
        if len(parts) == 3:
            self.connection.execute(f"attach if not exists ':memory:' as {name(parts[0])}")
        if len(parts) > 1:
            self.connection.execute(f"create schema if not exists {dotted(parts[:-1])}")
        self.connection.execute(f"create or replace view {dotted(parts)} as {sql}")

    def create_macros(self) -> None:
        """Create the macros of the request; EngineError without a place when one cannot be."""
        for statement in self.request.create:
            with engine_errors(None, 0):
                self.connection.execute(statement)

    def describe(self) -> list[tuple[str, Any]]:
        """Names and DuckDB types of the result's columns; EngineError with the place of what does not fit."""
        sql = self.request.sql
        with engine_errors(sql, len(_LEAD)):
            found = self.connection.execute(f"{_LEAD}{sql}", dict(self.request.parameters)).fetchall()
        return [(str(row[0]), self.connection.type(str(row[1]))) for row in found]

    def stream(self, columns: Sequence[tuple[str, Any]]) -> pl.LazyFrame:
        """Write the result into a file of the scratch folder, in the order of the query, and scan that."""
        import polars as pl

        target = self.scratch / "result.parquet"
        who = WriteRequest(file=str(target), asset=self.request.asset, partition=self.request.partition)
        wanted = storable([each for each, _ in columns], [kind for _, kind in columns], who)
        plain = all(text == name(each) for text, (each, _) in zip(wanted, columns, strict=True))
        lead = "copy (\n" if plain else f"copy (select {', '.join(wanted)} from (\n"
        tail = f"\n{')' if plain else '))'} to {_text(str(target))} (format parquet, compression lz4_raw)"
        full = disk_errors(self.scratch.parent, what=f"`{self.request.asset}`")
        with full, engine_errors(self.request.sql, len(lead)):
            self.connection.execute(f"{lead}{self.request.sql}{tail}", dict(self.request.parameters))
        return pl.scan_parquet(target, glob=False, hive_partitioning=False)

    def close(self) -> None:
        """Let go of the files."""
        self.connection.close()


@contextlib.contextmanager
def query_connection(request: QueryRequest, folder: Path, running: RunningQueries) -> Iterator[QueryConnection]:
    """A connection for one query, with a scratch folder below `folder` that is removed afterwards."""
    scratch = temporary_path(folder)
    scratch.mkdir()
    try:
        with running.running(_Nothing()) as count:
            opened = QueryConnection(request, scratch, count)
            try:
                with running.running(opened.connection):
                    yield opened
            finally:
                opened.close()
    finally:
        remove(scratch)


class _Nothing:
    """Counts as a query while its connection is being opened."""

    def interrupt(self) -> None:
        return None


@contextlib.contextmanager
def engine_errors(sql: str | None, lead: int) -> Iterator[None]:
    """Turn DuckDB's errors into `EngineError`, offsets counted in characters of `sql`, which begins `lead` bytes in."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise engine_error(error, sql, lead) from None


def engine_error(error: Exception, sql: str | None, lead: int) -> EngineError:
    """What DuckDB said, as it says it in JSON; as plain text where it does not."""
    text = str(error)
    head, _, body = text.partition(": ")
    try:
        said = json.loads(body)
        message = str(said["exception_message"])
    except (ValueError, KeyError, TypeError):
        return EngineError(text, at=None)
    at = None
    if sql is not None and "position" in said:
        place = int(said["position"]) - lead
        data = sql.encode()
        at = len(data[:place].decode("utf-8", "ignore")) if 0 <= place <= len(data) else None
    return EngineError(
        message, at=at, kind=head.removesuffix(" Error"), name=str(said.get("name", "")),
        subtype=str(said.get("error_subtype", "")),
    )  # fmt: skip


def file_columns(path: Path) -> list[tuple[str, str]]:
    """Names and DuckDB types of the columns of a table file; FormatError for what is none."""
    import duckdb

    from assetflow.store.external import read_file  # it imports what this module does, and only this needs it

    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            relation = read_file(path, "duckdb.DuckDBPyRelation", connection=connection)
            return [(str(n), str(kind)) for n, kind in zip(relation.columns, relation.types, strict=True)]
        except duckdb.Error as error:
            raise FormatError(f"{path.name} is no table: {error}") from None


def not_a_table(upstream: str, reason: str) -> FormatError:
    """The error for an upstream whose value a query cannot read."""
    return FormatError(
        f"the query reads `{upstream}`, which is no table: {reason}",
        hint=f"return a frame from `{upstream}`, or name it in deps if the query only waits for it",
    )


def name(text: str) -> str:
    """A name as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def dotted(parts: Sequence[str]) -> str:
    """The parts of a name as an SQL identifier."""
    return ".".join(name(part) for part in parts)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
