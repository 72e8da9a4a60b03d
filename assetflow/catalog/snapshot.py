"""The snapshot: what is published in an environment at one moment, as the values a plan is made from."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from assetflow.catalog.ids import id_number, id_prefix, id_text
from assetflow.catalog.moves import moved_since, position_of
from assetflow.catalog.outside import replay
from assetflow.catalog.published import CURRENT, TIME, Published
from assetflow.catalog.reader import Reader
from assetflow.catalog.recorded_code import RecordedCode
from assetflow.model.reads import Read, TableFacts
from assetflow.model.record import Current, Edge, Observation, Partition, Snapshot

_OBSERVATIONS = f"""
with latest as (
    select asset, partition, max(struct_pack(o := "order", w := observed_at, i := id, v := data_version,
        d := cast(detail as varchar))) as b
    from inside.observations group by asset, partition)
select a.key, q.key, b.v, {TIME.format("b.w")}, b.d, b.i
from latest l
join inside.assets a on a.asset = l.asset
left join inside.partitions q on q.partition = l.partition
where $assets is null or a.key in (select unnest($assets))
order by a.key, q.key nulls first"""

_DYNAMIC = """
select d.definition, d.added, d.removed
from inside.dynamic d join inside.logs l on l.log = d.log
order by d."order", d.changed_at, l.name, d.position"""

_ORDER = """
select greatest(0, (select max("order") from inside.publications), (select max("order") from inside.materializations),
    (select max("order") from inside.observations), (select max("order") from inside.dynamic))"""

_EDGES = f"""
with asked as (
    select i.id, (cast(x.prefix as bigint) << 32) | {id_number("i.id")} as m
    from (select unnest($ids) as id) i join inside.prefixes x on x.text = {id_prefix("i.id")})
select k.id, a.key, q.key, {id_text("e.input_m", "x")}, coalesce(e.input_data_version, i.data_version)
from asked k
join inside.edges e on e.m = k.m
join inside.assets a on a.asset = e.input_asset
left join inside.partitions q on q.partition = e.input_partition
left join inside.prefixes x on x.prefix = e.input_m >> 32
left join inside.materializations i on i.m = e.input_m
order by k.id, a.key, e.input_partition"""

_ASKED = f"""
with asked as (
    select i.id, (cast(x.prefix as bigint) << 32) | {id_number("i.id")} as m
    from (select unnest($ids) as id) i join inside.prefixes x on x.text = {id_prefix("i.id")})"""

_READS = f"""{_ASKED}
select k.id, cast(m.reads as varchar) from asked k join inside.materializations m on m.m = k.m
where m.reads is not null"""

_TABLES = f"""{_ASKED}
select k.id, m.data_version, m.rows, cast(m.schema as varchar), cast(m.column_versions as varchar)
from asked k join inside.materializations m on m.m = k.m"""

REMEMBERED_FROM = 1_000
"""A catalog with fewer partitions has no position."""

_KNOWN_CODE = """
select distinct a.key, m.code_version, m.config_version
from inside.materializations m join inside.assets a on a.asset = m.asset"""

_REUSABLE = f"""
select q.key, {CURRENT.format(order='m."order"')}
from inside.materializations m
left join inside.partitions q on q.partition = m.partition
join inside.prefixes x on x.prefix = m.m >> 32
where m.asset = (select asset from inside.assets where key = ?) and m.code_version = ? and m.config_version = ?
order by m."order", m.finished_at, {id_text("m.m", "x")}"""


_PACKAGES = "select distinct cast(packages as varchar) from inside.materializations where packages is not null"

_MADE_WITH = """
with nearest as (
    select p.asset, p.m from inside.pointers p join inside.environments v on v.environment = p.environment
    where v.name in (select unnest($chain))
    qualify row_number() over (partition by p.asset, p.partition order by list_position($chain, v.name)) = 1)
select distinct a.key, cast(m.packages as varchar)
from nearest n
join inside.materializations m on m.m = n.m and cast(m.packages as varchar) in (select unnest($moved))
join inside.assets a on a.asset = n.asset"""


def _differing(packages: str, present: Mapping[str, str]) -> list[tuple[str, str]]:
    """The packages of a record that have another version at present."""
    return [(name, version) for name, version in json.loads(packages) if present.get(name, version) != version]


class Lazy:
    """What a snapshot answers on demand, from the file it was read from."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._code: set[tuple[str, ...]] | None = None
        self._earlier: dict[tuple[str, str, str], dict[Partition, list[Current]]] = {}
        self._made: dict[tuple[str, str, str], dict[tuple[Partition, str], Current]] = {}

    def edges(self, ids: Iterable[str]) -> Mapping[str, tuple[Edge, ...]]:
        """The inputs of each of those materializations; empty for one that is unknown or had none."""
        asked = list(dict.fromkeys(ids))
        found: dict[str, list[Edge]] = {id: [] for id in asked}
        if asked:
            for id, *edge in self._reader.rows(_EDGES, {"ids": asked}):
                found[id].append(Edge(*edge))
        return {id: tuple(edges) for id, edges in found.items()}

    def reads(self, ids: Iterable[str]) -> Mapping[str, Mapping[str, Read]]:
        """What those materializations read, by upstream; nothing for what was read whole."""
        asked = list(dict.fromkeys(ids))
        rows = self._reader.rows(_READS, {"ids": asked}) if asked else []
        return {
            id: {upstream: Read.from_json(read) for upstream, read in json.loads(reads).items()} for id, reads in rows
        }

    def tables(self, ids: Iterable[str]) -> Mapping[str, TableFacts]:
        """The stored tables of those materializations; nothing for what is no table."""
        asked = list(dict.fromkeys(ids))
        rows = self._reader.rows(_TABLES, {"ids": asked}) if asked else []
        found: dict[str, TableFacts] = {}
        for id, version, count, schema, columns in rows:
            if count is not None and schema is not None and columns is not None:
                pairs = [tuple((pair[0], pair[1]) for pair in json.loads(text)) for text in (schema, columns)]
                found[id] = TableFacts(version, count, *pairs)
        return found

    def earlier(self, asset: str, partition: Partition, code_version: str, config_version: str) -> tuple[Current, ...]:
        """Every materialization of that key in any environment, whatever its inputs, newest first."""
        key = (asset, code_version, config_version)
        by_partition = self._earlier.get(key)
        if by_partition is None:
            by_partition = self._earlier[key] = {}
            for (part, _), record in self._results(*key).items():
                by_partition.setdefault(part, []).append(record)
        return tuple(sorted(by_partition.get(partition, ()), key=lambda record: record.order, reverse=True))

    def made_with(self, chain: Sequence[str], present: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Packages that what is published was made with, where they are another version by now."""
        moved = [text for (text,) in self._reader.rows(_PACKAGES) if _differing(text, present)]
        if not moved:  # as a rule; one column says so
            return []
        rows = self._reader.rows(_MADE_WITH, {"chain": list(chain), "moved": moved})
        return sorted({(asset, *pair) for asset, text in rows for pair in _differing(text, present)})

    def reusable(
        self, asset: str, partition: Partition, code_version: str, config_version: str, input_fingerprint: str
    ) -> Current | None:
        """The newest materialization of any environment with exactly that key."""
        return self._results(asset, code_version, config_version).get((partition, input_fingerprint))

    def _results(self, asset: str, code_version: str, config_version: str) -> Mapping[tuple[Partition, str], Current]:
        """The newest materialization by partition and input fingerprint."""
        if self._code is None:
            self._code = set(self._reader.rows(_KNOWN_CODE))
        key = (asset, code_version, config_version)
        if key not in self._code:
            return {}
        made = self._made.get(key)
        if made is None:
            # newest last, so that it is the one that stays
            rows = self._reader.rows(_REUSABLE, list(key))
            made = self._made[key] = {(row[0], row[5]): Current._make(row[1:]) for row in rows}
        return made


def read_snapshot(
    reader: Reader, environment: str, *, parents: Sequence[str], assets: Collection[str] | None
) -> Snapshot:
    """The snapshot of an environment over its parents, nearest first."""
    wanted = None if assets is None else sorted(assets)
    lazy, code = Lazy(reader), RecordedCode(reader)
    chain = tuple(dict.fromkeys((environment, *parents)))
    current = Published(reader, chain, assets)
    cursor = reader.cursor()
    try:
        observations: dict[str, dict[Partition, Observation]] = {}
        for asset, partition, version, at, detail, id in cursor.execute(_OBSERVATIONS, {"assets": wanted}).fetchall():
            observations.setdefault(asset, {})[partition] = Observation(
                asset=asset,
                partition=partition,
                data_version=version,
                observed_at=at,
                detail=json.loads(detail) if detail else {},
                id=id,
            )
        dynamic = replay(cursor.execute(_DYNAMIC).fetchall())
        order = cursor.execute(_ORDER).fetchone()
    finally:
        cursor.close()
    return Snapshot(
        environment=environment,
        current=current,
        observations=observations,
        dynamic=dynamic,
        order=int(order[0]) if order else 0,
        edges=lazy.edges,
        reads=lazy.reads,
        tables=lazy.tables,
        earlier=lazy.earlier,
        components=code.components,
        reusable=lazy.reusable,
        # what is few is read faster than remembered
        position=position_of(reader, chain) if assets is None and current.count() >= REMEMBERED_FROM else "",
        moved=lambda position: moved_since(reader, chain, position),
        need=current.need,
        need_code=code.need,
        objects=current.objects,
        has_code=code.has,
        made_with=lambda present: lazy.made_with(chain, present),
    )
