"""The declared assets in the catalog: what the `assets` and `column_lineage` views show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from assetflow.catalog import outside
from assetflow.catalog.disk import writing
from assetflow.catalog.rows import AssetRow
from assetflow.catalog.schema import Connection

_ASSETS = """
insert into inside.definitions by name
select * from read_json($path, format = 'newline_delimited', maximum_object_size = 67108864, columns = {
    asset: 'VARCHAR', "group": 'VARCHAR', kind: 'VARCHAR', code_version: 'VARCHAR', config_version: 'VARCHAR',
    partitions: 'VARCHAR', policies: 'JSON', upstreams: 'VARCHAR[]', tags: 'JSON', owners: 'VARCHAR[]',
    description: 'VARCHAR', location: 'VARCHAR', definition: 'VARCHAR'})"""

_COLUMNS = """
insert into inside.column_edges
select d.asset, c[1], c[2], c[3], c[4]
from read_json($path, format = 'newline_delimited', maximum_object_size = 67108864, columns = {
    asset: 'VARCHAR', columns: 'VARCHAR[][]'}) d, unnest(d.columns) t(c)"""


_dumps = json.JSONEncoder(sort_keys=True).encode
_FIELDS = tuple(field.name for field in fields(AssetRow))


def _line(row: AssetRow) -> str:
    """A row as JSON; its values are plain already, and `asdict` would copy each of them."""
    return _dumps({name: getattr(row, name) for name in _FIELDS})


def digest_of(definitions: Sequence[AssetRow]) -> str:
    """A fingerprint of the rows, for callers that have none of their own."""
    return xxh3_128_hexdigest("\n".join(map(_line, definitions)).encode())


def replace_definitions(con: Connection, definitions: Sequence[AssetRow], *, scratch: Path) -> set[int]:
    """Fill the tables of declared assets with exactly these rows, in a transaction of its own.

    The numbers of the assets whose partitions are defined otherwise than before.
    """
    con.execute("begin")
    before = dict(con.execute("select asset, coalesce(definition, '') from inside.definitions").fetchall())
    con.execute("delete from inside.definitions")
    con.execute("delete from inside.column_edges")
    rows = sorted(definitions, key=lambda row: row.asset)
    if rows:
        with writing(scratch):
            scratch.write_text("".join(f"{_line(row)}\n" for row in rows), encoding="utf-8")
        con.execute(_ASSETS, {"path": str(scratch)})
    if any(row.columns for row in rows):
        con.execute(_COLUMNS, {"path": str(scratch)})
    now = {row.asset: row.definition or "" for row in rows}
    changed = outside.remake(con, [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)])
    con.execute("commit")
    return changed
