"""Log lines into a typed DuckDB table: the first half of a fold.

The lines go through a temporary file that DuckDB's own JSON reader parses in parallel: half a million a second, where
Python's parser and row-wise inserts manage a few thousand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from assetflow.catalog.disk import writing
from assetflow.catalog.engine import duckdb
from assetflow.catalog.ids import id_number, id_prefix
from assetflow.catalog.schema import Connection

_CHUNK_BYTES = 64 << 20


class Line(NamedTuple):
    """A verified line: the number and name of its log, its offset there, its JSON text."""

    log: int
    name: str
    offset: int
    body: bytes


# Columns of a step's end; its materialization is read straight into typed fields, since most lines are of this kind.
_DONE = {
    "_l": "INTEGER", "_o": "BIGINT", "kind": "VARCHAR", "at": "TIMESTAMP", "run_id": "VARCHAR",
    "environment": "VARCHAR", "step": "INTEGER", "asset": "VARCHAR", "partition": "VARCHAR", "status": "VARCHAR",
    "attempts": "INTEGER", "seconds": "DOUBLE", "started_at": "TIMESTAMP", "causes": "JSON", "error": "JSON",
    "caused_by": "VARCHAR", "published": "VARCHAR", "order": "BIGINT",
    "materialization": "STRUCT(id VARCHAR, data_version VARCHAR, code_version VARCHAR, config JSON, "
    "config_version VARCHAR, input_fingerprint VARCHAR, inputs VARCHAR[][], dependencies VARCHAR, uri VARCHAR, "
    'format VARCHAR, "rows" BIGINT, bytes BIGINT, "schema" JSON, column_versions JSON, payload JSON, metadata JSON, '
    "packages JSON, reads JSON, made_at TIMESTAMP, undeclared JSON, column_lineage JSON)",
}  # fmt: skip

_REST = {
    "_l": "INTEGER", "_o": "BIGINT", "kind": "VARCHAR", "at": "TIMESTAMP", "run_id": "VARCHAR",
    "environment": "VARCHAR", "selection": "JSON", "options": "JSON", "host": "VARCHAR", "pid": "BIGINT",
    "process_started": "VARCHAR", "version": "VARCHAR", "steps": "INTEGER", "parent_run": "VARCHAR",
    "status": "VARCHAR", "counts": "JSON", "error": "JSON", "asset": "VARCHAR", "partition": "VARCHAR",
    "code_version": "VARCHAR", "components": "VARCHAR[][]", "packages": "JSON", "texts": "MAP(VARCHAR, VARCHAR)",
    "id": "VARCHAR", "data_version": "VARCHAR", "detail": "JSON", "order": "BIGINT", "step": "INTEGER",
    "attempt": "INTEGER", "started_at": "TIMESTAMP", "seconds": "DOUBLE", "materialization": "VARCHAR",
    "reason": "VARCHAR", "definition": "VARCHAR", "added": "VARCHAR[]", "removed": "VARCHAR[]",
    "event_type": "VARCHAR", "key": "VARCHAR", "payload": "JSON", "check": "VARCHAR", "passed": "BOOLEAN",
    "severity": "VARCHAR", "message": "VARCHAR", "metadata": "JSON",
    "number": "BIGINT", "what": "VARCHAR", "state": "MAP(VARCHAR, JSON)",
}  # fmt: skip

_LARGEST = 16 << 20

# What is made of the raw lines before anything is inserted; every conversion that can fail happens before these.
_INPUTS = """
create or replace temp table _inputs as
    select d.p, d.n, u.i[1] as asset, u.i[2] as partition, prefix_of(u.i[3]) as input_p, number_of(u.i[3]) as input_n,
        u.i[4] as data_version
    from (select prefix_of(s.materialization.id) as p, number_of(s.materialization.id) as n,
            s.materialization.inputs as inputs
          from _done s where s.materialization is not null) d, unnest(d.inputs) u(i)"""

_MOVES = """
create or replace temp table _moves as
    select s.environment, s.asset, s.partition, s.published as id, s."order", s.at, s.status as reason
    from _done s where s.published is not null and s.status in ('materialized', 'reused', 'unchanged')
    union all
    select s.environment, s.asset, s.partition, s.materialization, s."order", s.at, s.reason
    from _stage s where s.kind = 'pointer_moved'"""

_REPEATED = "select count(s.materialization.id) - count(distinct s.materialization.id) from _done s"
_FIRST_ONLY = """
update _done set materialization = null
where materialization is not null and rowid not in (
    select min(rowid) from _done where materialization is not null group by materialization.id)"""

_MACROS = f"""
create or replace temp macro prefix_of(t) as {id_prefix("t")};
create or replace temp macro number_of(t) as {id_number("t")};
"""

_INTERN = """
insert into {table}
select coalesce((select max({number}) from {table}), 0) + row_number() over (order by n.t), n.t
from (select distinct t from ({source}) where t is not null) n anti join {table} k on k.{text} = n.t
"""

_TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "inside.assets",
        "asset",
        "key",
        "select asset as t from _stage union all select asset from _done union all select asset from _inputs",
    ),
    (
        "inside.partitions",
        "partition",
        "key",
        """select partition as t from _stage union all select partition from _done
        union all select partition from _inputs""",
    ),
    (
        "inside.environments",
        "environment",
        "name",
        "select environment as t from _stage union all select environment from _done",
    ),
    (
        "inside.prefixes",
        "prefix",
        "text",
        """select run_id as t from _stage union all select run_id from _done
        union all select p from _inputs union all select input_p from _inputs
        union all select prefix_of(s.materialization.id) from _done s union all select prefix_of(id) from _moves
        union all select prefix_of(materialization) from _stage where kind = 'checked'""",
    ),
)


def chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines in lists of at most some 64 MB each."""
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.body)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def prepare(con: Connection) -> None:
    """Give a connection what `load` and the inserts need."""
    con.execute(_MACROS)


def load(con: Connection, lines: Sequence[Line], *, scratch: Path, reject: Callable[[Line, str], None]) -> None:
    """Fill the temporary tables from lines; a line that DuckDB cannot read as an event goes to `reject`.

    Halves what fails until the culprit stands alone, so one strange line never holds up the others.
    """
    good: list[Line] = []
    parts: list[Sequence[Line]] = [lines]
    while parts:
        part = parts.pop()
        try:
            _load(con, part, scratch)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            if len(part) == 1:
                reject(part[0], str(error))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            continue
        if len(part) == len(lines):
            return
        good += part
    _load(con, good, scratch)


def _load(con: Connection, lines: Sequence[Line], scratch: Path) -> None:
    done: list[Line] = []
    rest: list[Line] = []
    for line in lines:
        (done if _is_done(line.body) else rest).append(line)
    _read(con, "_done", _DONE, done, scratch)
    _read(con, "_stage", _REST, rest, scratch)
    row = con.execute(_REPEATED).fetchone()
    if row is not None and row[0]:
        con.execute(_FIRST_ONLY)
    con.execute(_INPUTS)
    con.execute(_MOVES)


def _is_done(body: bytes) -> bool:
    if body.startswith(b'{"kind":'):
        return body.startswith(b'{"kind":"step_finished"')
    # written by another hand, with its fields in another order
    record = json.loads(body) if b'"step_finished"' in body else {}
    return isinstance(record, dict) and record.get("kind") == "step_finished"


def _read(con: Connection, table: str, fields: Mapping[str, str], lines: Sequence[Line], scratch: Path) -> None:
    if not lines:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
        con.execute(f"create or replace temp table {table}({columns})")
        return
    with writing(scratch), open(scratch, "wb") as file:
        file.writelines(b'{"_l":%d,"_o":%d,%b\n' % (line.log, line.offset, line.body[1:]) for line in lines)
    largest = max(len(line.body) for line in lines) + 100
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in fields.items())
    con.execute(
        f"create or replace temp table {table} as select * from read_json($path, format = 'newline_delimited', "
        f"columns = {{{columns}}}, maximum_object_size = {max(largest, _LARGEST)})",
        {"path": str(scratch)},
    )


def kinds(con: Connection) -> dict[str, int]:
    """How many lines of each kind are staged."""
    rows = con.execute(
        "select kind, count(*) from (select kind from _stage union all select kind from _done) "
        "where kind is not null group by kind"
    )
    return dict(rows.fetchall())


def has_tables(con: Connection) -> bool:
    """Whether a staged materialization is a table."""
    sql = "select 1 from _done s where s.materialization.format = 'parquet' limit 1"
    return con.execute(sql).fetchone() is not None


def intern(con: Connection) -> None:
    """Give every text that is staged its number, the same ones whichever fold comes first to it within a catalog."""
    for table, number, text, source in _TEXTS:
        con.execute(_INTERN.format(table=table, number=number, text=text, source=source))
