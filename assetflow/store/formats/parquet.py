"""Writing tables: every kind becomes a lazy frame, streamed into one Parquet file of known layout.

polars is imported inside the functions: `import assetflow.store` has to stay light, and a build in which
nothing is stale never touches a table.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from assetflow.errors import FormatError
from assetflow.store import hashing
from assetflow.store.formats.contract import WriteRequest, Written
from assetflow.store.parquet_layout import read_layout
from assetflow.store.stored import StoredObject

if TYPE_CHECKING:
    import polars as pl

# part of the algorithm: with another size the same table has other bytes, thus another version
ROW_GROUP_SIZE = 131_072

# the key in the Parquet footer of what belongs to the value beside the columns: a JSON object, see `notes`
NOTES_KEY = "assetflow"

_LATE = 100
"""How often, every two milliseconds, the file of a failed query is looked for."""

Schema = tuple[tuple[str, str], ...]


def write_table(frame: pl.LazyFrame, request: WriteRequest, *, notes: str | None = None) -> Written:
    """Stream a lazy frame into `request.target` and hash what was written.

    `notes` is a JSON object of what belongs to the value beside its columns: `index`, the columns that were a
    pandas index, and `series`, true for what was one column alone. With `request.unordered` the rows are put
    into one canonical order first (which holds them in memory, as any sort does), so that the version stands
    for the multiset of whole rows.
    """
    if request.unordered:
        frame = _in_canonical_order(frame, request)
    try:
        frame.sink_parquet(
            request.target,
            compression="zstd",
            row_group_size=ROW_GROUP_SIZE,
            maintain_order=True,
            metadata=None if notes is None else {NOTES_KEY: notes},
        )
    except BaseException:
        _await_late(request.target)
        raise
    schema = read_schema(request.target)
    layout = read_layout(request.target)
    version, columns = hashing.table_versions(request.target, layout, schema, metadata=notes)
    return Written(
        format="parquet",
        suffix=".parquet",
        data_version=version,
        rows=layout.rows,
        schema=schema,
        column_versions=columns,
    )


def _await_late(target: Path) -> None:
    """Wait for the file of a query that failed: polars opens it beside the query, and who removes it must find it."""
    for _ in range(_LATE):
        if target.exists():
            return
        time.sleep(0.002)


def table_version(path: Path, obj: StoredObject) -> str:
    """The data version of a Parquet object, computed anew from the file."""
    schema = read_schema(path)
    return hashing.table_versions(path, read_layout(path), schema, metadata=read_notes(path))[0]


def read_schema(path: Path) -> Schema:
    """(column name, type text) of a Parquet file as polars reads it."""
    import polars as pl

    # a folder may be called `year=2013` or hold a `*`: the path is meant literally
    schema = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()
    return tuple((name, type_text(dtype)) for name, dtype in schema.items())


def read_notes(path: Path) -> str | None:
    """The JSON object that was given to `write_table` as `notes`, or None."""
    import polars as pl

    return pl.read_parquet_metadata(path).get(NOTES_KEY)


def type_text(dtype: pl.DataType) -> str:
    """A column type as text that does not follow the wording of polars releases."""
    import polars as pl

    match dtype:
        case pl.Datetime():
            zone = "" if dtype.time_zone is None else f", {dtype.time_zone}"
            return f"Datetime({dtype.time_unit}{zone})"
        case pl.Duration():
            return f"Duration({dtype.time_unit})"
        case pl.Decimal():
            return f"Decimal({dtype.precision}, {dtype.scale})"
        case pl.List():
            return f"List({type_text(_inner(dtype.inner))})"
        case pl.Array():
            return f"Array({type_text(_inner(dtype.inner))}, {dtype.size})"
        case pl.Struct():
            fields = ", ".join(f"{field.name!r}: {type_text(_inner(field.dtype))}" for field in dtype.fields)
            return f"Struct({{{fields}}})"
        case pl.Enum():
            return f"Enum({dtype.categories.to_list()!r})"
        case _:
            return str(dtype)


def _inner(dtype: object) -> pl.DataType:
    # nested types may hold the class instead of an instance
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[return-value]


def _in_canonical_order(frame: pl.LazyFrame, request: WriteRequest) -> pl.LazyFrame:
    import polars as pl

    keys: list[pl.Expr] = []
    values: list[pl.Expr] = []
    for name, dtype in frame.collect_schema().items():
        try:
            values.append(_one_bit_pattern(pl.col(name), dtype).alias(name))
            if dtype != pl.Null:
                keys.append(pl.col(name).cast(_sort_type(dtype)))
        except NotImplementedError as error:
            raise FormatError(
                f"{request.who} is declared unordered, and its column `{name}` of type {error} has no order",
                hint="drop `unordered=True` and sort the rows by a key, or store the column as List(Struct)",
                column=name,
            ) from None
    frame = frame.select(values)
    return frame.sort(keys, maintain_order=False, nulls_last=False) if keys else frame


def _one_bit_pattern(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Floats that compare equal made equal in bits: one zero, one NaN, at any depth.

    Sorting cannot order what compares equal, so two files of the same rows could differ otherwise.
    """
    if not _holds_float(dtype):
        return value
    import polars as pl

    match dtype:
        case pl.List():
            return value.list.eval(_one_bit_pattern(pl.element(), _inner(dtype.inner)))
        case pl.Array():
            inner = pl.List(dtype.inner)
            return _one_bit_pattern(value.cast(inner), inner).cast(dtype)
        case pl.Struct():
            fields = [
                _one_bit_pattern(value.struct.field(field.name), _inner(field.dtype)).alias(field.name)
                for field in dtype.fields
            ]
            # a missing struct is no struct of missing fields
            return pl.when(value.is_not_null()).then(pl.struct(fields))
        case _ if dtype.is_float():
            zero, nan = pl.lit(0.0, dtype=dtype), pl.lit(float("nan"), dtype=dtype)
            return pl.when(value == 0).then(zero).when(value.is_nan()).then(nan).otherwise(value)
        case _:
            raise NotImplementedError(type_text(dtype))


def _holds_float(dtype: pl.DataType) -> bool:
    return "Float" in type_text(dtype)


def _sort_type(dtype: pl.DataType) -> pl.DataType:
    """The type to sort by: categories by their text, because their codes differ from process to process."""
    import polars as pl

    match dtype:
        case pl.Categorical():
            return pl.String()
        case pl.List():
            return pl.List(_sort_type(_inner(dtype.inner)))
        case pl.Array():
            return pl.Array(_sort_type(_inner(dtype.inner)), dtype.size)
        case pl.Struct():
            return pl.Struct({field.name: _sort_type(_inner(field.dtype)) for field in dtype.fields})
        case _ if dtype.is_nested() or dtype.is_object():
            raise NotImplementedError(type_text(dtype))
        case _:
            return dtype
