"""Partitions that are published and that the declared definition of their asset does not have, or not any more.

They are kept and can be read by their key, and count in no whole. `inside.outside` holds them, as of the definitions
that were folded last; an asset that nobody declares has none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from assetflow.catalog.schema import Connection
from assetflow.errors import PartitionError
from assetflow.model.partitions import partitions_from_json

_DEFINITION = "join inside.definitions d on d.asset = a.key"

_OF_ASSETS = f"""
select distinct p.asset, d.definition, p.partition, q.key
from inside.pointers p
join inside.assets a on a.asset = p.asset {_DEFINITION}
left join inside.partitions q on q.partition = p.partition
where a.key in (select unnest(?::varchar[])) and not (d.definition is null and p.partition = 0)
order by p.asset, p.partition"""

_MOVED = f"""
select distinct w.asset, d.definition, w.partition, q.key
from _winners w
join inside.assets a on a.asset = w.asset {_DEFINITION}
left join inside.partitions q on q.partition = w.partition
where not (d.definition is null and w.partition = 0)
order by w.asset, w.partition"""

_DYNAMIC = """
select a.asset, a.key from inside.definitions d join inside.assets a on a.key = d.asset
where contains(d.definition, '"kind":"dynamic"')"""

_CHANGES = """
select d.definition, d.added, d.removed
from inside.dynamic d left join inside.logs l on l.log = d.log
order by d."order", d.changed_at, l.name, d.position"""

Row = tuple[int, str | None, int, str | None]
"""An asset's number, its definition as JSON, a partition's number and its key."""


def remake(con: Connection, assets: Collection[str]) -> set[int]:
    """Look at every published partition of these assets anew; the numbers of the assets."""
    keys = sorted(assets)
    if not keys:
        return set()
    numbers = con.execute(
        "select asset from inside.assets where key in (select unnest(?::varchar[]))", [keys]
    ).fetchall()
    con.execute(
        "delete from inside.outside where asset in (select unnest(?::integer[]))", [[number for (number,) in numbers]]
    )
    _insert(con, con.execute(_OF_ASSETS, [keys]).fetchall())
    return {number for (number,) in numbers}


def mark_moved(con: Connection) -> None:
    """Look at the partitions whose pointers the staged events have moved."""
    rows = con.execute(_MOVED).fetchall()
    if rows:
        con.execute(
            "delete from inside.outside o using _winners w where w.asset = o.asset and w.partition = o.partition"
        )
        _insert(con, rows)


def remake_dynamic(con: Connection) -> None:
    """Look at every asset whose keys are added and removed while the project lives."""
    remake(con, [key for _, key in con.execute(_DYNAMIC).fetchall()])


def with_dynamic_keys(con: Connection) -> set[int]:
    """The numbers of the assets whose keys are added and removed while the project lives."""
    return {number for number, _ in con.execute(_DYNAMIC).fetchall()}


def replay(changes: Iterable[tuple[str, list[str] | None, list[str] | None]]) -> dict[str, tuple[str, ...]]:
    """The keys of every dynamic partitions definition after all its changes, in the order they came in."""
    keys: dict[str, dict[str, None]] = {}
    for definition, added, removed in changes:
        have = keys.setdefault(definition, {})
        for key in removed or ():
            have.pop(key, None)
        for key in added or ():
            have.setdefault(key)
    return {definition: tuple(have) for definition, have in keys.items()}


def _insert(con: Connection, rows: list[Row]) -> None:
    by_asset: dict[tuple[int, str | None], list[tuple[int, str | None]]] = {}
    for asset, definition, partition, key in rows:
        by_asset.setdefault((asset, definition), []).append((partition, key))
    dynamic: dict[str, tuple[str, ...]] | None = None
    assets: list[int] = []
    partitions: list[int] = []
    for (asset, text), places in by_asset.items():
        if text is not None and '"dynamic"' in text and dynamic is None:
            dynamic = replay(con.execute(_CHANGES).fetchall())
        found = _outside(text, places, dynamic or {})
        assets += [asset] * len(found)
        partitions += found
    if assets:
        con.execute(
            "insert into inside.outside select unnest(?::integer[]), unnest(?::integer[])", [assets, partitions]
        )


def _outside(text: str | None, places: list[tuple[int, str | None]], dynamic: dict[str, tuple[str, ...]]) -> list[int]:
    """The numbers of the partitions that a definition, given as JSON, does not have; a whole is one without a key."""
    if text is None:
        return [partition for partition, key in places if key is not None]
    try:
        definition = partitions_from_json(json.loads(text))
    except PartitionError:
        return []  # of a kind that a newer assetflow knows
    definition = definition.bind({name: dynamic.get(name, ()) for name in definition.dynamic_names})
    unknown = set(definition.known(key for _, key in places if key is not None)[1])
    return [partition for partition, key in places if key is None or key in unknown]
