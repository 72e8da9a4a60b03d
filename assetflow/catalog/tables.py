"""The `data` schema: one view per table-shaped asset over the files it currently consists of.

Partitions that the definition does not have are no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from pathlib import Path

from assetflow.catalog import outside
from assetflow.catalog.engine import duckdb
from assetflow.catalog.rows import Notice
from assetflow.catalog.schema import Connection

ENVIRONMENT = "prod"

_FILES = """
select a.key, q.key, m.uri, m.schema
from inside.pointers p
join inside.environments v on v.environment = p.environment and v.name = ?
join inside.assets a on a.asset = p.asset
join inside.materializations m on m.m = p.m and m.format = 'parquet'
left join inside.partitions q on q.partition = p.partition
where a.asset in (select unnest(?::integer[]))
  and not exists (select 1 from inside.outside o where o.asset = p.asset and o.partition = p.partition)
order by a.key, q.key nulls first, p.partition"""

_TOUCHED = """
select distinct w.asset from _winners w
join inside.environments v on v.environment = w.environment and v.name = ?
left join inside.materializations m on m.m = w.m
left join inside.assets a on a.asset = w.asset
where m.format = 'parquet' or a.key in (select view_name from duckdb_views() where schema_name = 'data')"""


def touched(con: Connection, kinds: Container[str]) -> set[int]:
    """The numbers of the assets whose view the staged events of these kinds have made out of date."""
    found = outside.with_dynamic_keys(con) if "partitions_changed" in kinds else set()
    if "step_finished" in kinds or "pointer_moved" in kinds:
        found |= {row[0] for row in con.execute(_TOUCHED, [ENVIRONMENT]).fetchall()}
    return found


def every(con: Connection) -> set[int]:
    """The numbers of all assets that may have a view."""
    return {row[0] for row in con.execute("select asset from inside.assets").fetchall()}


_NO_COLUMNS = "[]"
"""The schema of a frame without columns, which polars makes and DuckDB reads as no table."""


def refresh(con: Connection, assets: Iterable[int], *, store_root: Path) -> list[Notice]:
    """Make the views of these assets anew; a view whose files cannot be read is left out, with a notice."""
    numbers = sorted(set(assets))
    if not numbers:
        return []
    files: dict[str, list[tuple[str | None, str, str | None]]] = {}
    for asset, partition, uri, schema in con.execute(_FILES, [ENVIRONMENT, numbers]).fetchall():
        if schema != _NO_COLUMNS:
            files.setdefault(asset, []).append((partition, uri, schema))
    existing = {
        row[0] for row in con.execute("select view_name from duckdb_views() where schema_name = 'data'").fetchall()
    }
    names = con.execute(
        "select key from inside.assets where asset in (select unnest(?::integer[]))", [numbers]
    ).fetchall()
    for (name,) in names:
        if name in existing and name not in files:
            con.execute(f"drop view data.{quoted(name)}")
    notices: list[Notice] = []
    for asset, parts in files.items():
        try:
            con.execute(f"create or replace view data.{quoted(asset)} as {view_sql(parts, store_root=store_root)}")
        except duckdb.Error as error:
            con.execute(f"drop view if exists data.{quoted(asset)}")
            notices.append(
                Notice(
                    slug="data_view",
                    message=f"`data.{asset}` cannot be queried: {str(error).splitlines()[0]}",
                    hint=f"materialize `{asset}` again",
                )
            )
    return notices


def view_sql(parts: list[tuple[str | None, str, str | None]], *, store_root: Path) -> str:
    """The query over the files of one asset, given as (partition, uri, schema as JSON).

    The rows of a partitioned asset get a `partition` column, unless the table has one of that name.
    """
    paths = [str((store_root / uri).absolute()) for _partition, uri, _schema in parts]
    listed = ", ".join(literal(path) for path in sorted(set(paths)))
    partitioned = any(partition is not None for partition, _uri, _schema in parts)
    if not partitioned:
        return f"select * from read_parquet([{listed}])"
    if any(_has_partition_column(schema) for _partition, _uri, schema in parts):
        if len(set(paths)) == len(paths):
            return f"select * from read_parquet([{listed}], union_by_name = true)"
        return " union all by name ".join(f"select * from read_parquet({literal(path)})" for path in paths)
    pairs = ", ".join(
        f"({literal(path)}, {'null' if part is None else literal(part)})"
        for path, (part, _uri, _schema) in zip(paths, parts, strict=True)
    )
    # equal content is stored once, so two partitions may share a file: its rows count for both
    return (
        f"select _t.* exclude (_file), _p.partition from (values {pairs}) _p(_file, partition) join "
        f"read_parquet([{listed}], union_by_name = true, filename = '_file') _t on _t._file = _p._file"
    )


def _has_partition_column(schema: str | None) -> bool:
    columns = json.loads(schema) if schema else []
    return any(str(column[0]).lower() == "partition" for column in columns)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
