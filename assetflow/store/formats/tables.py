"""Tables of every kind, kept as Parquet: polars, arrow, pandas and DuckDB in; any of them out.

The packages are imported inside the functions that need them: `import assetflow.store` has to stay light, and
arrow and pandas are extras.
"""

from __future__ import annotations

import json
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.errors import FormatError
from assetflow.store.asked import FRAME_KINDS, AskedKind, asked
from assetflow.store.conform import conform
from assetflow.store.formats import arrow_tables, pandas_tables, relations
from assetflow.store.formats.contract import LoadRequest, WriteRequest, Written
from assetflow.store.formats.parquet import read_notes, table_version, write_table
from assetflow.store.stored import StoredObject

if TYPE_CHECKING:
    import polars as pl

_WORKS = (
    "pl.DataFrame",
    "pl.LazyFrame",
    "duckdb.DuckDBPyRelation",
    "pa.Table",
    "pd.DataFrame",
    "Path",
    "bytes",
)
_TABLES = FRAME_KINDS | {AskedKind.POLARS_SERIES, AskedKind.PANDAS_SERIES}


class TableFormat:
    """Tables as one Parquet file."""

    names = ("parquet",)

    def accepts(self, value: object) -> bool:
        return asked(type(value)).kind in _TABLES or arrow_tables.is_batches(value)

    def write(self, value: Any, request: WriteRequest) -> Written:
        if arrow_tables.is_batches(value):
            return write_table(arrow_tables.lazy_from_batches(value), request)
        match asked(type(value)).kind:
            case AskedKind.POLARS_LAZY:
                return write_table(value, request)
            case AskedKind.POLARS_FRAME:
                _refuse_objects(value, request)
                return write_table(value.lazy(), request)
            case AskedKind.POLARS_SERIES:
                _refuse_objects(value.to_frame(), request)
                return write_table(value.to_frame().lazy(), request, notes='{"series": true}')
            case AskedKind.ARROW_TABLE:
                return write_table(arrow_tables.lazy_from_table(value), request)
            case AskedKind.PANDAS_FRAME | AskedKind.PANDAS_SERIES:
                frame, notes = pandas_tables.lazy_from_pandas(value, request)
                return write_table(frame, request, notes=notes)
            case _:
                with relations.as_lazy(value, request) as frame:
                    return write_table(frame, request)

    def load(self, request: LoadRequest) -> Any:
        if request.asked.kind is AskedKind.BYTES:
            return request.path.read_bytes()
        if request.asked.kind is AskedKind.PATH:
            return request.path
        if request.asked.kind is AskedKind.PLAIN:
            return _rows_as_plain(request)
        return load_tables([request.path], request)

    def version(self, path: Path, obj: StoredObject) -> str:
        return table_version(path, obj)


def load_tables(paths: list[Path], request: LoadRequest) -> Any:
    """One or more Parquet files of one schema, in the order given, as a table of the type asked for."""
    kind = request.asked.kind
    if kind is AskedKind.DUCKDB_RELATION:
        return relations.relation_of(paths, request.connection)
    return table_as(scan_tables(paths, request), request, index_of=paths[0])


def scan_tables(paths: list[Path], request: LoadRequest) -> pl.LazyFrame:
    """Parquet files of one schema as a lazy frame, whose reads are noted where that is asked for."""
    import polars as pl

    if request.reads is not None and request.asked.kind is AskedKind.POLARS_LAZY:
        from assetflow.store.watched_scan import watched_files  # imports polars

        frame = watched_files(paths, request.reads)
        if frame is not None:
            return frame
    # names are literal here: no globs, and no columns read out of folder names such as `day=1`
    return pl.scan_parquet(paths, glob=False, hive_partitioning=False)


def table_as(frame: pl.LazyFrame, request: LoadRequest, *, index_of: Path | None = None) -> Any:
    """A lazy frame as the table type asked for; `index_of` is the file that a pandas index is read from."""
    match request.asked.kind:
        case AskedKind.POLARS_LAZY:
            return frame
        case AskedKind.POLARS_FRAME:
            return frame.collect()
        case AskedKind.NATIVE:
            data = frame.collect()
            return data.to_series() if data.width == 1 and _was_series(index_of) else data
        case AskedKind.POLARS_SERIES:
            return _only_column(frame.collect(), request)
        case AskedKind.ARROW_TABLE:
            return arrow_tables.table_from(frame.collect(), request)
        case AskedKind.PANDAS_FRAME:
            return pandas_tables.frame_from(frame.collect(), request, index_of)
        case AskedKind.PANDAS_SERIES:
            data = pandas_tables.frame_from(frame.collect(), request, index_of)
            if data.shape[1] != 1:
                raise request.mismatch(*_WORKS)
            return data.iloc[:, 0]
        case _:
            raise request.mismatch(*_WORKS)


def _was_series(path: Path | None) -> bool:
    notes = None if path is None else read_notes(path)
    return bool(notes and json.loads(notes).get("series"))


def _only_column(data: pl.DataFrame, request: LoadRequest) -> pl.Series:
    if data.width != 1:
        raise request.mismatch(*_WORKS)
    return data.to_series()


def _rows_as_plain(request: LoadRequest) -> Any:
    """`list[dict]` and `list[Model]` read the rows of a table; everything else plain does not fit."""
    import polars as pl

    wanted = request.asked.type
    if wanted is not list and typing.get_origin(wanted) is not list:
        raise request.mismatch(*_WORKS, "list[dict[str, Any]]")
    rows = pl.read_parquet(request.path, glob=False, hive_partitioning=False).to_dicts()
    return conform(rows, request)


def _refuse_objects(frame: pl.DataFrame, request: WriteRequest) -> None:
    polars = sys.modules["polars"]  # the value is a polars frame, so the package is there
    for name, dtype in frame.schema.items():
        if dtype == polars.Object:
            raise FormatError(
                f"{request.who} returned a frame whose column `{name}` holds Python objects",
                hint="give the column a type that a table can hold, such as String, Binary or Struct",
                column=name,
            )
