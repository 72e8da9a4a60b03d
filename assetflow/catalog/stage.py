"""Log lines into a typed DuckDB table: the first half of a fold.

The lines go through a temporary file that DuckDB's own JSON reader parses in parallel: half a million a second, where
Python's parser and row-wise inserts manage a few thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from assetflow.catalog.disk import writing
from assetflow.catalog.schema import Connection
from assetflow.catalog.views import id_number, id_prefix


class Line(NamedTuple):
    """A verified line: the number and name of its log, its offset there, its JSON text."""

    log: int
    name: str
    offset: int
    body: bytes


_COLUMNS = {
    "_l": "INTEGER", "_o": "BIGINT", "kind": "VARCHAR", "at": "TIMESTAMP", "run_id": "VARCHAR",
    "environment": "VARCHAR", "selection": "JSON", "options": "JSON", "host": "VARCHAR", "pid": "BIGINT",
    "process_started": "VARCHAR", "version": "VARCHAR", "steps": "INTEGER", "parent_run": "VARCHAR",
    "status": "VARCHAR", "counts": "JSON", "error": "JSON", "asset": "VARCHAR", "partition": "VARCHAR",
    "code_version": "VARCHAR", "components": "VARCHAR[][]", "packages": "JSON", "texts": "MAP(VARCHAR, VARCHAR)",
    "id": "VARCHAR", "data_version": "VARCHAR", "detail": "JSON", "order": "BIGINT", "step": "INTEGER",
    "attempt": "INTEGER", "attempts": "INTEGER", "started_at": "TIMESTAMP", "seconds": "DOUBLE", "causes": "JSON",
    "caused_by": "VARCHAR", "published": "VARCHAR", "materialization": "JSON", "reason": "VARCHAR",
    "definition": "VARCHAR", "added": "VARCHAR[]", "removed": "VARCHAR[]", "event_type": "VARCHAR",
    "key": "VARCHAR", "payload": "JSON", "check": "VARCHAR", "passed": "BOOLEAN", "severity": "VARCHAR",
    "message": "VARCHAR", "metadata": "JSON",
}  # fmt: skip

_MATERIALIZATION = """{
    "id": "VARCHAR", "data_version": "VARCHAR", "code_version": "VARCHAR", "config": "JSON",
    "config_version": "VARCHAR", "input_fingerprint": "VARCHAR", "inputs": [["VARCHAR"]],
    "dependencies": ["VARCHAR"], "uri": "VARCHAR", "format": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
    "schema": "JSON", "column_versions": "JSON", "payload": "JSON", "metadata": "JSON", "packages": "JSON"}"""

_LARGEST = 16 << 20

# What is made of the raw lines before anything is inserted; every conversion that can fail happens in these.
_DERIVED = f"""
create or replace temp table _made as
    select _l, _o, s.run_id, s.environment, s.asset, s.partition, s.seconds, s.started_at, s.at, s."order",
        json_transform(s.materialization, '{_MATERIALIZATION}') as x
    from _stage s where s.kind = 'step_finished' and s.materialization is not null;
create or replace temp table _inputs as
    select m.x.id as id, n.i[1] as asset, n.i[2] as partition, n.i[3] as input_id, n.i[4] as data_version
    from _made m, unnest(m.x.inputs) n(i);
create or replace temp table _moves as
    select s.environment, s.asset, s.partition, s.published as id, s."order", s.at, s.status as reason
    from _stage s
    where s.kind = 'step_finished' and s.published is not null and s.status in ('materialized', 'reused')
    union all
    select s.environment, s.asset, s.partition, s.materialization ->> '$', s."order", s.at, s.reason
    from _stage s where s.kind = 'pointer_moved';
"""

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
    ("inside.assets", "asset", "key", "select asset as t from _stage union all select asset from _inputs"),
    (
        "inside.partitions",
        "partition",
        "key",
        "select partition as t from _stage union all select partition from _inputs",
    ),
    ("inside.environments", "environment", "name", "select environment as t from _stage"),
    (
        "inside.prefixes",
        "prefix",
        "text",
        """select run_id as t from _stage
        union all select prefix_of(id) from (select distinct x.id as id from _made)
        union all select prefix_of(id) from (select distinct input_id as id from _inputs)
        union all select prefix_of(id) from (select distinct id from _moves)
        union all select prefix_of(materialization ->> '$') from _stage where kind = 'checked'""",
    ),
)


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
    with writing(scratch), open(scratch, "wb") as file:
        file.writelines(b'{"_l":%d,"_o":%d,%b\n' % (line.log, line.offset, line.body[1:]) for line in lines)
    largest = max((len(line.body) for line in lines), default=0) + 100
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
    con.execute(
        "create or replace temp table _stage as select * from read_json($path, format = 'newline_delimited', "
        f"columns = {{{columns}}}, maximum_object_size = {max(largest, _LARGEST)})",
        {"path": str(scratch)},
    )
    con.execute(_DERIVED)


def kinds(con: Connection) -> dict[str, int]:
    """How many lines of each kind are staged."""
    return dict(con.execute("select kind, count(*) from _stage where kind is not null group by kind").fetchall())


def intern(con: Connection) -> None:
    """Give every text that is staged its number, the same ones whichever fold comes first to it within a catalog."""
    for table, number, text, source in _TEXTS:
        con.execute(_INTERN.format(table=table, number=number, text=text, source=source))
