"""Recorded lineage as SQL: where a question starts, and the walks up and down from there.

A walk asks, level by level, for the edges of all that the level before has found (`where e.m in (from closure)`): the
few numbers become the build side of the join, and DuckDB skips the row groups of edges that cannot hold any of them.
Written as a join with the edges, each question would first hash all of them.
"""

from __future__ import annotations

from assetflow.catalog.ids import id_number, id_prefix, id_text

LINEAGE_COLUMNS = f"""
    {id_text("e.m", "ep")} as materialization, ea.key as asset, eq.key as partition, em.data_version as data_version,
    ia.key as input_asset, iq.key as input_partition, {id_text("e.input_m", "ip")} as input_materialization,
    coalesce(e.input_data_version, im.data_version) as input_data_version"""


def lineage_joins(made: str = "inside.materializations") -> str:
    """SQL that joins edges `e` with all that `LINEAGE_COLUMNS` names; `made` holds the materializations at both ends.

    A walk passes those that it has found: of a join with all of them DuckDB would hash every one.
    """
    return f"""
    join {made} em on em.m = e.m
    join inside.prefixes ep on ep.prefix = e.m >> 32
    join inside.assets ea on ea.asset = em.asset
    left join inside.partitions eq on eq.partition = em.partition
    join inside.assets ia on ia.asset = e.input_asset
    left join inside.partitions iq on iq.partition = e.input_partition
    left join inside.prefixes ip on ip.prefix = e.input_m >> 32
    left join {made} im on im.m = e.input_m"""


_FOUND_MADE = """
made as materialized (
    select k.m, k.asset, k.partition, k.data_version from inside.materializations k
    where k.m in (select f.m from found f union all select f.input_m from found f where f.input_m is not null))"""

LAST_MOVES = f"""(
    select t.environment, t.asset, t.partition,
        arg_max(struct_pack(m := t.m),
            struct_pack(o := t."order", w := t.moved_at, i := coalesce({id_text("t.m", "y")}, ''))).m as m,
        max(t.moved_at) as moved_at
    from inside.publications t left join inside.prefixes y on y.prefix = t.m >> 32
    where t.moved_at <= cast({{moment}} as timestamp)
    group by all)"""
"""SQL for the pointers of every environment as they were at an instant."""


def published_sql(*, environment: str, moment: str, only: str = "true") -> str:
    """SQL for what an environment shows (asset, partition, m), now or at `moment` (null: now).

    What an environment has no pointer of, it shows as `prod` has it; a pointer to nothing hides that. `only` is a
    condition on the pointers `k`.
    """
    own, prod = (_pointers(name, moment=moment, only=only) for name in (environment, "'prod'"))
    hides = _pointers(environment, moment=moment, only="true")
    return f"""
    select own.asset, own.partition, own.m from ({own}) own
    union all
    select below.asset, below.partition, below.m from ({prod}) below
    where {environment} <> 'prod' and not exists (
        select 1 from ({hides}) h where h.asset = below.asset and h.partition = below.partition)"""


def _pointers(environment: str, *, moment: str, only: str) -> str:
    """The pointers of one environment itself; one branch of the two is empty, which DuckDB sees before it starts."""
    return f"""
    select k.asset, k.partition, k.m from inside.pointers k
    join inside.environments v on v.environment = k.environment
    where {moment} is null and v.name = {environment} and {only}
    union all
    select k.asset, k.partition, k.m from {LAST_MOVES.format(moment=moment)} k
    join inside.environments v on v.environment = k.environment
    where {moment} is not null and v.name = {environment} and {only}"""


def asked_sql(*, asset: str, partition: str, environment: str, moment: str) -> str:
    """SQL for the materializations (m) that an environment shows of an asset, or of one of its partitions."""
    only = f"""k.asset in (select a.asset from inside.assets a where a.key = {asset}) and ({partition} is null
        or k.partition in (select q.partition from inside.partitions q where q.key = {partition}))"""
    shown = published_sql(environment=environment, moment=moment, only=only)
    return f"select p.m from ({shown}) p where p.m is not null"


FOUND_ONLY = "k.m in (select f.m from found f)"
"""For `only`: of the pointers those to what a walk has found."""


def named_sql(id: str) -> str:
    """SQL for one materialization (m) by its id."""
    return f"""
    select (cast(x.prefix as bigint) << 32) | {id_number(id)} as m
    from inside.prefixes x where x.text = {id_prefix(id)}"""


def source_sql(asset: str) -> str:
    """SQL for the number of an asset (column asset) of which there is no materialization: an observed source."""
    return f"""
    select a.asset from inside.assets a
    where a.key = {asset} and not exists (select 1 from inside.materializations x where x.asset = a.asset)"""


NO_SOURCE = "select cast(null as integer) as asset where false"


def upstream_sql(seed: str, *, limit: str = "null") -> str:
    """SQL for the edges above the materializations that `seed` selects (column m), with their depth.

    `limit` is the SQL of the depth to stop at. Each materialization is reached once, at its least depth.
    """
    return f"""
with recursive seed as materialized ({seed}),
closure(m, depth) using key (m) as (
    select seed.m, 0 from seed
    union
    select n.m, n.depth
    from (select distinct e.input_m as m, (select max(c.depth) + 1 from closure c) as depth
          from inside.edges e where e.m in (select c.m from closure c) and e.input_m is not null) n
    where ({limit} is null or n.depth < {limit})
      and not exists (select 1 from recurring.closure r where r.m = n.m)),
{_reached("m")},
found as materialized (
    select e.m, e.input_asset, e.input_partition, e.input_m, e.input_data_version, c.depth + 1 as depth
    from reached c join inside.edges e on e.m = c.m),
{_FOUND_MADE}
select {LINEAGE_COLUMNS}, e.depth as depth from found e {lineage_joins("made")}"""


def downstream_sql(seed: str, *, source: str, partition: str, shown: str, limit: str = "null") -> str:
    """SQL for the edges below the materializations of `seed`, with their depth and whether they are current.

    Who read an equal version of the same asset partition has read that value, whichever materialization it came from:
    the walk goes by `same`. `source` selects the number of the asset asked for (column asset) if it is an observed
    source: no materialization stands for it, so whatever recorded a read of it is where its downstream begins.
    `partition` is the SQL of the partition key asked for, or null; `shown` selects what counts as current (column m)
    among what is `found`.
    """
    return f"""
with recursive seed as materialized ({seed}),
source as materialized ({source}),
direct as materialized ({_source_reads(partition)}),
{_walk_down("select k.same, 0 from inside.materializations k where k.m in (select seed.m from seed)", limit=limit)},
{_reached("same")},
found as materialized (
    select e.m, e.input_asset, e.input_partition, e.input_m, e.input_data_version, c.depth + 1 as depth
    from reached c join inside.edges e on e.input_same = c.same
    union all
    select d.m, d.input_asset, d.input_partition, d.input_m, d.input_data_version, 1 from direct d),
current as materialized ({shown}),
{_FOUND_MADE}
select {LINEAGE_COLUMNS}, e.depth as depth, e.m in (select w.m from current w) as is_current
from found e {lineage_joins("made")}"""


def _reached(key: str) -> str:
    """The closure once more, as rows of a list: DuckDB takes those for few, and does not hash all edges for a join."""
    return f"""
reached as materialized (
    select unnest(l.keys) as {key}, unnest(l.depths) as depth
    from (select list(c.{key}) as keys, list(c.depth) as depths from closure c) l)"""


def _source_reads(partition: str) -> str:
    return f"""
    select e.m, e.same, e.input_asset, e.input_partition, e.input_m, e.input_data_version
    from inside.edges e
    where e.input_asset in (select source.asset from source) and ({partition} is null or e.input_partition in (
        select q.partition from inside.partitions q where q.key = {partition}))"""


def _walk_down(start: str, *, limit: str) -> str:
    """The common table expression `closure(same, depth)` below what `start` selects and what `direct` has read."""
    return f"""
closure(same, depth) using key (same) as (
    select b.same, min(b.depth) from (
        {start} union all
        select distinct d.same, 1 from direct d where {limit} is null or 1 < {limit}) b(same, depth)
    group by b.same
    union
    select n.same, n.depth
    from (select distinct e.same as same, (select max(c.depth) + 1 from closure c) as depth
          from inside.edges e where e.input_same in (select c.same from closure c)) n
    where ({limit} is null or n.depth < {limit})
      and not exists (select 1 from recurring.closure r where r.same = n.same))"""


def affected_sql(*, asset: str, first: str, last: str, partition: str, environment: str) -> str:
    """SQL for what an environment shows that goes back to a version of an asset held between two instants.

    A version counts when it was there at any time from `first` to `last`: observed, or published, before the end and
    not yet followed by another at the beginning. The asset itself is not in the answer.
    """
    shown = published_sql(environment=environment, moment="null", only="k.m in (select d.m from made d)")
    return f"""
with recursive mine as materialized (
    select a.asset from inside.assets a where a.key = {asset}),
held as (
    select o.partition, o.data_version, o.observed_at as since,
        lead(o.observed_at) over (partition by o.partition order by o."order", o.observed_at) as until
    from inside.observations o where o.asset in (select mine.asset from mine)
    union all
    select t.partition, k.data_version, t.moved_at,
        lead(t.moved_at) over (partition by t.environment, t.partition order by t."order", t.moved_at)
    from inside.publications t left join inside.materializations k on k.m = t.m
    where t.asset in (select mine.asset from mine)),
wrong as materialized (
    select distinct h.partition, h.data_version from held h
    left join inside.partitions q on q.partition = h.partition
    where h.data_version is not null and ({partition} is null or q.key = {partition})
      and h.since <= cast({last} as timestamp) and coalesce(h.until > cast({first} as timestamp), true)),
direct as materialized (
    select distinct e.same from inside.edges e
    left join inside.materializations k on k.m = e.input_m
    join wrong w on w.partition = e.input_partition
        and w.data_version = coalesce(e.input_data_version, k.data_version)
    where e.input_asset in (select mine.asset from mine)),
{_walk_down("select null, null where false", limit="null")},
{_reached("same")},
made as materialized (
    select k.m, k.asset, k.partition, k.finished_at, c.depth
    from reached c join inside.materializations k on k.same = c.same)
select a.key as asset, q.key as partition, {id_text("p.m", "x")} as materialization, m.finished_at as materialized_at,
    m.depth
from made m join ({shown}) p on p.m = m.m
join inside.assets a on a.asset = p.asset
left join inside.partitions q on q.partition = p.partition
join inside.prefixes x on x.prefix = p.m >> 32"""
