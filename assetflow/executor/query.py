"""A step of a SQL asset: its inputs as tables of a connection, its parameters, its errors in the user's file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from assetflow.define.definitions import Computation
from assetflow.define.sql.lineage import column_edges, read_columns
from assetflow.define.sql.parse import QueryCache
from assetflow.define.sql.query import Query
from assetflow.define.values import Context
from assetflow.errors import AssetflowError, QueryFailedError, did_you_mean
from assetflow.executor.call import Call, InputCall
from assetflow.executor.reading import Reading
from assetflow.model.keys import show
from assetflow.model.multi_partitions import MultiPartitions
from assetflow.model.time_partitions import TimePartitions
from assetflow.store import StoredObject
from assetflow.store.layout import asset_folder
from assetflow.store.query import EngineError, QueryConnection, QueryRequest, name, not_a_table, query_connection

if TYPE_CHECKING:
    from assetflow.executor.body import Worker

_RELATION = "duckdb.DuckDBPyRelation"


@contextlib.contextmanager
def query_value(
    worker: Worker, call: Call, computation: Computation, context: Context, reading: Reading
) -> Iterator[Any]:
    """The result of a SQL asset's query as a lazy frame, which is there until the block ends.

    QueryFailedError at the place in the user's file, with the nearest name of a column, when DuckDB refuses.
    """
    query = computation.query
    assert query is not None
    asset, partition = call.places[0]
    folders = {worker.store.root}
    folders.update((worker.project / file).parent for i in call.inputs for part in i.items for file in part.files or ())
    request = QueryRequest(
        sql=query.text.text,
        parameters=_parameters(query, computation, call, context),
        create=query.create,
        zone=query.zone,
        folders=sorted(folders),
        asset=asset,
        partition=partition,
    )
    folder = worker.store.path(asset_folder(asset, partition))
    known: dict[str, list[str]] = {}
    try:
        with query_connection(request, folder, worker.queries) as opened:
            _add_tables(worker, call, query, opened, known)
            opened.create_macros()
            columns = opened.describe()
            check_columns(query, columns, asset)
            frame = opened.stream(columns)
            _note_reads(worker, call, query, known, [column for column, _ in columns], reading)
            yield frame
    except EngineError as error:
        raise query_failed(query, error, known, who=show(asset, call.label)) from None


def _note_reads(
    worker: Worker,
    call: Call,
    query: Query,
    known: Mapping[str, list[str]],
    output: list[str],
    reading: Reading,
) -> None:
    """Which columns of each input the query reads: what it does not, makes nothing stale."""
    cache = worker.definitions.queries or QueryCache()
    reads = read_columns(column_edges(query, known, output, cache))
    for item in call.inputs:
        columns = reads.get(item.upstream)
        added = item.partition_column
        stored = None if columns is None else [column for column in columns if column != added]
        # a source has no versions by column
        reading.saw(item, None if any(part.files is not None for part in item.items) else stored)


def _add_tables(worker: Worker, call: Call, query: Query, opened: QueryConnection, known: dict[str, list[str]]) -> None:
    inputs = {item.upstream: item for item in call.inputs}
    relations: dict[str, str] = {}
    for table in query.tables:
        if table.asset not in relations:
            sql, columns = _source(worker, call, query, inputs.get(table.asset), table.asset, opened.connection)
            relations[table.asset], known[table.asset] = sql, columns
        opened.add_table(table.parts, relations[table.asset])


def _source(
    worker: Worker, call: Call, query: Query, item: InputCall | None, asset: str, connection: Any
) -> tuple[str, list[str]]:
    """What an upstream is in SQL, and its columns."""
    try:
        relation = _relation(worker, call, item, connection)
    except AssetflowError as error:
        formats = {str((part.payload or {}).get("format")) for part in item.items} if item is not None else set()
        stored = ", ".join(sorted(formats - {"parquet", "None"}))
        raise not_a_table(asset, f"it is stored as {stored}" if stored else error.message) from error
    if relation is None:
        empty = ", ".join(f"cast(null as {kind}) as {name(column)}" for column, kind in query.columns)
        return f"select {empty} where false", [column for column, _ in query.columns]
    if not hasattr(relation, "sql_query"):  # what the function of a source returned
        relation = _registered(relation, asset, connection)
    return relation.sql_query(), list(relation.columns)


def _registered(value: Any, asset: str, connection: Any) -> Any:
    """The relation of a frame that the function of a source made."""
    known = f"loaded {asset}"
    try:
        connection.register(known, value.collect() if hasattr(value, "collect") else value)
        return connection.table(name(known))
    except Exception as error:  # whatever DuckDB says to a value that it does not know
        raise not_a_table(asset, f"its load= returns a {type(value).__name__}") from error


def _relation(worker: Worker, call: Call, item: InputCall | None, connection: Any) -> Any:
    """The relation of an upstream, or None where a self-reference has nothing before it."""
    if item is None:
        before = [StoredObject.from_json(payload) for payload in call.previous.values()]
        return worker.store.load(before[0], _RELATION, connection=connection) if before else None
    return worker.load_input(item, _RELATION, connection=connection)


def _parameters(query: Query, computation: Computation, call: Call, context: Context) -> dict[str, Any]:
    """The parameters that the query names, each with a value of the right type."""
    definition = computation.declaration.options.partitions
    window = context.window
    found: dict[str, Any] = {"partition": context.partition, "partitions": list(context.partitions)}
    if isinstance(definition, MultiPartitions) and context.partition is not None:
        keys = dict(zip(definition.axis_names, context.partition.split("|"), strict=True))
        found.update({f"partition_{axis}": key for axis, key in keys.items()})
        timed = [(key, axis) for key, axis in zip(keys.values(), definition.axes, strict=True)
                 if isinstance(axis, TimePartitions)]  # fmt: skip
        if len(timed) == 1:
            window = timed[0][1].window(timed[0][0])
    found["window_start"], found["window_end"] = window if window is not None else (None, None)
    found.update(call.config)
    return {parameter: found[parameter] for parameter in query.parameters}


def check_columns(query: Query, columns: list[tuple[str, Any]], asset: str) -> None:
    """QueryFailedError when the result has other columns or types than the asset declares."""
    if not query.columns:
        return
    made = {column: str(kind) for column, kind in columns}
    for column, kind in query.columns:
        if column not in made:
            raise QueryFailedError(
                f"`{asset}` declares a column `{column}`, which its query does not return",
                hint=did_you_mean(column, made) or f"it returns {', '.join(made)}",
            )
        if _type(kind) != _type(made[column]):
            raise QueryFailedError(
                f"`{asset}` declares `{column}` as {kind.upper()}, and its query returns {made[column]}",
                hint=f"cast it in the query: `{column}::{kind.lower()}`, or correct columns",
            )


_ALIASES = {
    "int": "integer", "int4": "integer", "int2": "smallint", "short": "smallint", "int8": "bigint", "long": "bigint",
    "text": "varchar", "string": "varchar", "bool": "boolean", "float8": "double", "float4": "float", "real": "float",
    "datetime": "timestamp", "timestamptz": "timestamp with time zone", "numeric": "decimal(18,3)",
}  # fmt: skip


def _type(text: str) -> str:
    plain = re.sub(r"\s*([(),\[\]])\s*", r"\1", text.strip().lower())
    return _ALIASES.get(plain, plain)


def query_failed(
    query: Query, error: EngineError, known: Mapping[str, list[str]], *, who: str | None = None
) -> QueryFailedError:
    """DuckDB's error at its place in the user's text, with the nearest name of a column or function."""
    first = error.message.strip().splitlines()[0].rstrip("!")
    hint = None
    if error.subtype == "COLUMN_NOT_FOUND":
        first = f"there is no column `{error.name}` in {_listed(known)}"
        every = sorted({column for columns in known.values() for column in columns})
        hint = did_you_mean(error.name, every) or f"there are {', '.join(every)}"
    elif error.subtype == "MISSING_ENTRY":
        found = re.search(r'Did you mean "([^"]+)"', error.message)
        hint = f"did you mean `{found[1]}`?" if found else None
    elif "\n" in error.message.strip():
        hint = " ".join(error.message.strip().split("\n", 1)[1].split())[:300]
    lead = f"`{who}`: " if who else ""
    if error.at is None:
        return QueryFailedError(f"{lead}{first}", hint=hint)
    place, shown = query.place(error.at)
    return QueryFailedError(f"{lead}{place}: {first}\n{shown}", hint=hint, place=place)


def _listed(known: Mapping[str, list[str]]) -> str:
    return ", ".join(f"`{asset}`" for asset in known) or "the query"
