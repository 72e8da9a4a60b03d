"""DuckDB relations, in and out.

A relation is streamed by DuckDB into a temporary Parquet file, and from there into the store's layout: that
costs a third more time than DuckDB's own file, and gives the same data version as any other engine for the
same table. Types that only DuckDB has become what the rest can read: HUGEINT and UHUGEINT DECIMAL(38, 0),
UUID, ENUM, BIT and JSON text.

duckdb and polars are imported inside the functions: both are heavy.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.errors import FormatError
from assetflow.store.atomic import remove, temporary_path
from assetflow.store.formats.contract import WriteRequest

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_REPLACED = {
    "hugeint": "DECIMAL(38, 0)",
    "uhugeint": "DECIMAL(38, 0)",
    "uuid": "VARCHAR",
    "enum": "VARCHAR",
    "bit": "VARCHAR",
}
_NO_PLACE = frozenset({"interval", "time with time zone", "union", "time_ns", "variant"})


@contextlib.contextmanager
def as_lazy(relation: Any, request: WriteRequest) -> Iterator[pl.LazyFrame]:
    """The relation's rows as a lazy frame over a temporary file, which is removed afterwards."""
    import polars as pl

    temporary = temporary_path(request.target.parent)
    columns = storable(relation.columns, relation.types, request)
    try:
        relation.project(", ".join(columns)).write_parquet(str(temporary), compression="lz4_raw")
        yield pl.scan_parquet(temporary, glob=False, hive_partitioning=False)
    finally:
        remove(temporary)


def relation_of(paths: list[Path], connection: Any = None, *, extra: str = "") -> duckdb.DuckDBPyRelation:
    """A relation over Parquet files, in a given connection or a fresh one in memory; nothing is read yet.

    `extra` are further arguments of `read_parquet`, as SQL.
    """
    files = ", ".join(quoted(literal(path)) for path in paths)
    return opened(connection).sql(f"select * from read_parquet([{files}], hive_partitioning = false{extra})")


def opened(connection: Any = None) -> duckdb.DuckDBPyConnection:
    """The connection given, or a fresh one in memory without a progress bar."""
    if connection is not None:
        return connection  # type: ignore[no-any-return]
    import duckdb

    fresh = duckdb.connect()
    fresh.execute("set enable_progress_bar = false")
    return fresh


def quoted(text: str) -> str:
    """Text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def literal(path: Path) -> str:
    """A path as DuckDB file functions take it: no character of it is a glob."""
    # DuckDB expands globs in every path; a bracketed character stands for itself
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def storable(names: list[str], types: list[Any], request: WriteRequest) -> list[str]:
    """The columns of a result as SQL expressions of types that the store keeps; FormatError for those it cannot."""
    _refuse_duplicates(names, request)
    found: list[str] = []
    refused: dict[str, str] = {}
    for name, kind in zip(names, types, strict=True):
        column = '"' + name.replace('"', '""') + '"'
        try:
            replaced = _storable(kind)
        except NotImplementedError as error:
            refused[name] = str(error)
        else:
            found.append(column if replaced is None else f"cast({column} as {replaced}) as {column}")
    if refused:
        raise _no_place(refused, request)
    return found


def _refuse_duplicates(names: list[str], request: WriteRequest) -> None:
    # DuckDB compares names without regard to case
    lowered = [name.lower() for name in names]
    for name in names:
        if lowered.count(name.lower()) > 1:
            raise FormatError(
                f"{request.who} returned a relation with more than one column `{name}`",
                hint="give each column of the query its own name with `as`",
                column=name,
            )


def _no_place(refused: dict[str, str], request: WriteRequest) -> FormatError:
    """The error that names every column (with its type) that cannot be stored."""
    name, kind = next(iter(refused.items()))
    column = '"' + name.replace('"', '""') + '"'
    if len(refused) == 1:
        which = f"whose column `{name}` has the type {kind}, which cannot be stored"
    else:
        listed = ", ".join(f"`{each}` ({its})" for each, its in refused.items())
        which = f"with columns of types that cannot be stored: {listed}"
    return FormatError(
        f"{request.who} returned a relation {which}",
        hint=f"cast {'it' if len(refused) == 1 else 'each'} in the query, for example `{column}::varchar as {column}`",
        column=name,
    )


def _storable(kind: Any) -> str | None:
    """The SQL type to cast to, or None when the type is stored as it is; types nest a few levels only."""
    name = kind.id
    if name in _NO_PLACE:
        raise NotImplementedError(str(kind).upper())
    if name in _REPLACED:
        return _REPLACED[name]
    if str(kind) == "JSON":
        # text to DuckDB, but bytes to whoever reads its files
        return "VARCHAR"
    if name not in ("list", "array", "struct", "map", "tuple"):
        return None
    children = [(label, child) for label, child in kind.children if hasattr(child, "id")]
    inner = [_storable(child) for _, child in children]
    if not any(inner):
        return None
    texts = [text or str(child) for text, (_, child) in zip(inner, children, strict=True)]
    if name == "struct":
        labels = ['"' + label.replace('"', '""') + '"' for label, _ in children]
        return f"STRUCT({', '.join(f'{label} {text}' for label, text in zip(labels, texts, strict=True))})"
    if name in ("map", "tuple"):
        return f"{name.upper()}({', '.join(texts)})"
    size = next((str(value) for label, value in kind.children if not hasattr(value, "id")), "")
    return f"{texts[0]}[{size}]"
