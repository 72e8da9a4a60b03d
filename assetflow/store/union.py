"""Several partitions as one value: the union of tables, or a collection of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assetflow.errors import FormatError
from assetflow.store.asked import Asked, AskedKind, asked, partition_items
from assetflow.store.formats import LoadRequest
from assetflow.store.formats.relations import literal, opened, quoted
from assetflow.store.formats.tables import load_tables, scan_tables, table_as
from assetflow.store.read_log import ReadLog
from assetflow.store.stored import StoredObject
from assetflow.values import dataclass

_NULL = "Null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One partition of an input: its key, its object, and how to load it alone as some type."""

    key: str
    obj: StoredObject
    path: Path
    load: Callable[[object], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """How the parts are put together; `who` names the input in messages.

    `reads` notes what is read of lazy frames, `example` has the columns where there is no part.
    """

    who: str
    partition_column: str | None = None
    connection: Any = None
    reads: ReadLog | None = None
    example: Part | None = None


def load_parts(parts: Sequence[Part], as_type: object, union: Union) -> Any:
    """The parts, in order, as the type asked for."""
    items = partition_items(as_type)
    if items is not None:
        collection, item = items
        if collection is dict:
            return {part.key: part.load(item) for part in parts}
        return [part.load(item) for part in parts]
    wanted = asked(as_type)
    wanted = next((option for option in wanted.options if option.is_frame), wanted)
    tables = all(part.obj.format == "parquet" for part in parts)
    if wanted.kind is AskedKind.NATIVE and not (parts and tables):
        return {part.key: part.load(None) for part in parts}
    if not (wanted.is_frame or wanted.kind is AskedKind.NATIVE):
        raise FormatError(
            f"{union.who} has {len(parts)} partitions, which cannot be loaded as one `{wanted.text}`",
            hint=f"annotate it as `dict[str, {wanted.text}]` or `list[{wanted.text}]`, or a frame type",
            asked=wanted.text,
        )
    if not parts and union.example is not None:
        return _empty(union.example, wanted, union)
    if not parts:
        raise FormatError(
            f"{union.who} has no partitions, and none that ever was is kept, so nobody knows the columns of an empty "
            f"`{wanted.text}`",
            hint=f"annotate the input as `dict[str, {wanted.text}]`, which may be empty",
            asked=wanted.text,
        )
    if not tables:
        return _union_of_others(parts, wanted, union)
    return _union_of_tables(parts, wanted, union)


def _empty(example: Part, wanted: Asked, union: Union) -> Any:
    """No rows, with the columns of an example."""
    parts = [example]
    if wanted.kind is AskedKind.DUCKDB_RELATION and example.obj.format == "parquet":
        _check_partition_column(parts, union)
        return _relation(parts, union).limit(0)
    # imported here: polars is heavy, and not every project has partitioned tables
    import polars as pl

    if example.obj.format == "parquet":
        _check_partition_column(parts, union)
    frame = example.load(pl.LazyFrame).head(0)
    if union.partition_column is not None:
        frame = frame.with_columns(pl.lit("").alias(union.partition_column))
    return table_as(frame, _request(parts, wanted, union), index_of=example.path)


def _union_of_tables(parts: Sequence[Part], wanted: Asked, union: Union) -> Any:
    promoted = _common_types(parts, union)
    _check_partition_column(parts, union)
    request = _request(parts, wanted, union)
    if wanted.kind is AskedKind.DUCKDB_RELATION:
        return _relation(parts, union)
    if not promoted and union.partition_column is None:
        # one scan over all files is far cheaper to plan than a thousand scans
        return load_tables([part.path for part in parts], request)
    # imported here: polars is heavy, and not every project has partitioned tables
    import polars as pl

    frames = []
    for part in parts:
        frame = scan_tables([part.path], request)
        if union.partition_column is not None:
            frame = frame.with_columns(pl.lit(part.key).alias(union.partition_column))
        frames.append(frame)
    union_frame = pl.concat(frames, how="vertical_relaxed" if promoted else "vertical")
    return table_as(union_frame, request, index_of=parts[0].path)


def _union_of_others(parts: Sequence[Part], wanted: Asked, union: Union) -> Any:
    """Partitions that are no stored tables (rows as JSON, files): each read as a frame, then put together."""
    import polars as pl  # heavy, and needed only here

    frames = []
    for part in parts:
        frame = part.load(pl.LazyFrame)
        if union.partition_column is not None:
            frame = frame.with_columns(pl.lit(part.key).alias(union.partition_column))
        frames.append(frame)
    return table_as(pl.concat(frames, how="vertical_relaxed"), _request(parts, wanted, union))


def _relation(parts: Sequence[Part], union: Union) -> Any:
    """DuckDB reads all files at once; the key of a row is found by the name of its file."""
    connection = opened(union.connection)
    files = ", ".join(quoted(literal(part.path)) for part in parts)
    if union.partition_column is None:
        return connection.sql(f"select * from read_parquet([{files}], hive_partitioning = false, union_by_name = true)")
    keys = ", ".join(quoted(part.key) for part in parts)
    names = ", ".join(quoted(str(part.path)) for part in parts)
    column = '"' + union.partition_column.replace('"', '""') + '"'
    return connection.sql(
        f"select * exclude (__file), map([{names}], [{keys}])[__file] as {column} from read_parquet("
        f"[{files}], hive_partitioning = false, union_by_name = true, filename = '__file')"
    )


def _request(parts: Sequence[Part], wanted: Asked, union: Union) -> LoadRequest:
    return LoadRequest(
        path=parts[0].path,
        who=union.who,
        format=parts[0].obj.format,
        asked=wanted,
        python_type=None,
        connection=union.connection,
        reads=union.reads,
    )


def _common_types(parts: Sequence[Part], union: Union) -> bool:
    """Whether columns without any value have to take the type they have in another partition.

    All else has to be equal: a union that changes types in silence, or fills in columns, is never built.
    """
    first = parts[0]
    known = dict(first.obj.schema or ())
    promoted = False
    for part in parts[1:]:
        schema = dict(part.obj.schema or ())
        if list(schema) != list(known):
            _refuse(first, part, union, f"columns {list(known)} and {list(schema)}")
        for name, kind in schema.items():
            if kind == known[name]:
                continue
            if _NULL not in (kind, known[name]):
                _refuse(first, part, union, f"column `{name}` of type {known[name]} and {kind}")
            promoted = True
            known[name] = kind if known[name] == _NULL else known[name]
    return promoted


def _refuse(first: Part, other: Part, union: Union, difference: str) -> None:
    raise FormatError(
        f"{union.who}: the partitions `{first.key}` and `{other.key}` differ: {difference}",
        hint="materialize the older partitions again, or annotate the input as `dict[str, …]`",
        partitions=[first.key, other.key],
    )


def _check_partition_column(parts: Sequence[Part], union: Union) -> None:
    column = union.partition_column
    if column is not None and column in dict(parts[0].obj.schema or ()):
        raise FormatError(
            f"{union.who} already has a column `{column}`, so the partition key needs another name",
            hint="choose another name for the partition column",
            column=column,
        )
