"""The documented views and macros of `catalog.duckdb`, as SQL over its tables.

Times are timestamps in UTC. No name says which database it is in, so that the views also work where the file
is attached under another name.
"""

from __future__ import annotations

from zlib import crc32

from assetflow.catalog.closure import (
    FOUND_ONLY,
    LAST_MOVES,
    LINEAGE_COLUMNS,
    affected_sql,
    asked_sql,
    downstream_sql,
    lineage_joins,
    published_sql,
    source_sql,
    upstream_sql,
)  # fmt: skip
from assetflow.catalog.ids import id_text

_CURRENT = f"""
select v.name as environment, a.key as asset, q.key as partition, {id_text("p.m", "x")} as materialization,
    m.data_version, m.code_version, m.config_version, m.input_fingerprint, m.finished_at as materialized_at,
    x.text as run_id, m.uri, m.format, m.rows, m.bytes, p.moved_at as published_at, o.asset is not null as outside
from {{pointers}} p
left join inside.outside o on o.asset = p.asset and o.partition = p.partition
join inside.environments v on v.environment = p.environment
join inside.assets a on a.asset = p.asset
left join inside.partitions q on q.partition = p.partition
join inside.materializations m on m.m = p.m
join inside.prefixes x on x.prefix = p.m >> 32"""

VIEWS: dict[str, str] = {
    "assets": """
        select d.asset, d."group", d.kind, d.code_version, d.config_version, d.partitions, d.policies, d.upstreams,
            d.tags, d.owners, d.description, d.location from inside.definitions d""",
    "asset_partitions": _CURRENT.format(pointers="inside.pointers"),
    "materializations": f"""
        select {id_text("m.m", "x")} as id, a.key as asset, q.key as partition, x.text as run_id,
            v.name as environment, m.data_version, m.code_version, m.config, m.config_version, m.input_fingerprint,
            m.uri, m.format, m.rows, m.bytes, m.seconds, m.started_at, m.finished_at, m.metadata, m.schema,
            m.column_versions, m.payload, m.packages, m.reads, m.undeclared, m."order", m.column_lineage
        from inside.materializations m
        join inside.prefixes x on x.prefix = m.m >> 32
        join inside.assets a on a.asset = m.asset
        left join inside.partitions q on q.partition = m.partition
        left join inside.environments v on v.environment = m.environment""",
    "metadata": f"""
        select {id_text("m.m", "x")} as materialization, a.key as asset, q.key as partition, e.key as name,
            case when e.type = 'OBJECT' then coalesce(e.value ->> '$."$type"', 'json')
                 when e.type in ('UBIGINT', 'BIGINT', 'DOUBLE', 'UHUGEINT', 'HUGEINT') then 'number'
                 when e.type = 'VARCHAR' then 'text' when e.type = 'BOOLEAN' then 'boolean'
                 when e.type = 'NULL' then 'null' else 'json' end as type,
            case when e.type not in ('OBJECT', 'ARRAY', 'VARCHAR', 'BOOLEAN', 'NULL')
                 and isfinite(try_cast(e.value as double)) then try_cast(e.value as double)
                 when e.type = 'OBJECT' and e.value ->> '$."$type"' = 'number'
                 then try_cast(e.value ->> '$.value' as double) end as number,
            case when e.type = 'VARCHAR' then e.value ->> '$' when e.type = 'OBJECT'
                 then coalesce(e.value ->> '$.url', e.value ->> '$.text', e.value ->> '$.at') end as text,
            coalesce(case when e.type = 'OBJECT' then e.value -> '$.value' end, e.value) as value,
            case when e.type = 'OBJECT' then e.value ->> '$.uri' end as uri, m.finished_at as recorded_at
        from inside.materializations m
        join inside.prefixes x on x.prefix = m.m >> 32
        join inside.assets a on a.asset = m.asset
        left join inside.partitions q on q.partition = m.partition, json_each(m.metadata) e""",
    "lineage": f"select {LINEAGE_COLUMNS} from inside.edges e {lineage_joins()}",
    "column_lineage": """
        with made as (
            select distinct d.asset, cast(m.column_lineage as struct(inputs varchar[],
                "groups" struct(columns varchar[], origins varchar[][])[])) as l
            from inside.definitions d
            join inside.assets a on a.key = d.asset
            join inside.pointers p on p.asset = a.asset
            join inside.materializations m on m.m = p.m and m.code_version = d.code_version),
        seen as (
            select k.asset, g.columns, g.origins from made k, unnest(k.l."groups") u(g))
        select c.asset, c."column", c.input_asset, c.input_column, c.kind
        from inside.column_edges c
        where c.asset not in (select asset from made where l is not null) or exists (
            select 1 from made k
            where k.asset = c.asset and (k.l is null or not list_contains(k.l.inputs, c.input_asset)))
        union
        select s.asset, n.name as "column", o.origin[1] as input_asset, o.origin[2] as input_column,
            o.origin[3] as kind
        from seen s, unnest(s.columns) n(name), unnest(s.origins) o(origin)""",
    "runs": """
        select x.text as run_id, v.name as environment, coalesce(e.status, 'running') as status, r.selection,
            r.options, r.started_at, e.finished_at, r.host, r.pid, r.process_started, r.version, r.steps,
            r.parent_run, coalesce(e.counts, '{}') as counts, e.error
        from inside.runs r
        join inside.prefixes x on x.prefix = r.run
        join inside.environments v on v.environment = r.environment
        left join (
            select n.run, arg_max(n, struct_pack(w := n.finished_at, s := n.status)) as e
            from inside.run_ends n group by n.run) l on l.run = r.run
        left join lateral (select unnest(l.e)) e(run, status, finished_at, counts, error) on true""",
    "steps": f"""
        select x.text as run_id, s.step, a.key as asset, q.key as partition, s.status, s.attempts, s.seconds,
            s.started_at, s.finished_at, s.causes, s.error, s.caused_by, {id_text("s.m", "y")} as materialization,
            m.data_version
        from (
            select * from inside.steps
            union all by name
            select b.run, b.step, b.asset, b.partition, max(b.attempt) as attempts, min(b.started_at) as started_at,
                case when b.run in (select run from inside.run_ends) then 'canceled' else 'running' end as status
            from inside.step_starts b group by all) s
        join inside.prefixes x on x.prefix = s.run
        join inside.assets a on a.asset = s.asset
        left join inside.partitions q on q.partition = s.partition
        left join inside.prefixes y on y.prefix = s.m >> 32
        left join inside.materializations m on m.m = s.m""",
    "attempts": """
        select x.text as run_id, t.step, a.key as asset, q.key as partition, t.attempt, t.status,
            t.error ->> '$.type' as error_type, t.error ->> '$.message' as error_message,
            t.error ->> '$.traceback' as traceback, t.started_at, t.seconds
        from (
            select * from inside.attempts
            union all by name
            select s.run, s.step, s.asset, s.partition, s.attempts as attempt, s.status, s.started_at, s.seconds,
                s.error
            from inside.steps s anti join inside.attempts o
              on o.run = s.run and o.step = s.step and o.asset = s.asset and o.partition = s.partition
              and o.attempt = s.attempts
            where s.attempts > 0 and s.started_at is not null
            union all by name
            select b.run, b.step, b.asset, b.partition, b.attempt, b.started_at,
                case when b.run in (select run from inside.run_ends) then 'canceled' else 'running' end as status
            from inside.step_starts b anti join inside.attempts o
              on o.run = b.run and o.step = b.step and o.asset = b.asset and o.partition = b.partition
              and o.attempt = b.attempt) t
        join inside.prefixes x on x.prefix = t.run
        join inside.assets a on a.asset = t.asset
        left join inside.partitions q on q.partition = t.partition""",
    "events": """
        select e.id, x.text as run_id, e.step, a.key as asset, q.key as partition, e.event_type, e.key, e.payload,
            e.emitted_at
        from inside.events e
        join inside.prefixes x on x.prefix = e.run
        join inside.assets a on a.asset = e.asset
        left join inside.partitions q on q.partition = e.partition""",
    "checks": f"""
        select c.id, x.text as run_id, a.key as asset, q.key as partition, {id_text("c.m", "y")} as materialization,
            c.name as "check", c.passed, c.severity, c.message, c.metadata, c.checked_at
        from inside.checks c
        join inside.prefixes x on x.prefix = c.run
        join inside.assets a on a.asset = c.asset
        left join inside.partitions q on q.partition = c.partition
        left join inside.prefixes y on y.prefix = c.m >> 32""",
    "observations": """
        select o.id, x.text as run_id, a.key as asset, q.key as partition, o.data_version, o.detail, o.observed_at,
            o."order"
        from inside.observations o
        left join inside.prefixes x on x.prefix = o.run
        join inside.assets a on a.asset = o.asset
        left join inside.partitions q on q.partition = o.partition""",
    "publications": f"""
        select v.name as environment, a.key as asset, q.key as partition, {id_text("t.m", "y")} as materialization,
            t."order", t.moved_at as published_at, t.reason
        from inside.publications t
        join inside.environments v on v.environment = t.environment
        join inside.assets a on a.asset = t.asset
        left join inside.partitions q on q.partition = t.partition
        left join inside.prefixes y on y.prefix = t.m >> 32""",
    "code": """
        select a.key as asset, c.code_version, c.component, c.hash, t.text
        from inside.code_components c
        join inside.assets a on a.asset = c.asset
        left join inside.code_texts t on t.hash = c.hash""",
    "code_versions": """
        select a.key as asset, c.code_version, c.packages, c.recorded_at
        from inside.code c join inside.assets a on a.asset = c.asset""",
    "ticks": "select k.environment, k.number, k.what, k.ticked_at, k.detail from inside.ticks k",
    "evaluations": """
        select k.environment, k.number, k.ticked_at, e.asset, e.requested, e.tree
        from inside.ticks k, unnest(cast(json_extract(k.detail, '$.evaluations')
            as struct(asset varchar, requested json, tree json)[])) u(e)
        where k.what = 'tick'""",
    "asset_freshness": """
        select s.environment, s.name[11:] as asset, s.value ->> '$.status' as status,
            try_cast(s.value ->> '$.since' as timestamp) as since,
            try_cast(s.value ->> '$.deadline' as timestamp) as deadline, s.value ->> '$.policy' as policy,
            s.value ->> '$.partition' as partition, try_cast(s.value ->> '$.seen_at' as timestamp) as seen_at
        from inside.scheduler s
        where starts_with(s.name, 'freshness:') and s.value is not null""",
}

_SEED = asked_sql(asset="asset", partition='"partition"', environment="environment", moment="moment")

MACROS: dict[str, str] = {
    "upstream_of(asset, \"partition\" := null, environment := 'prod', moment := null)": upstream_sql(_SEED),
    "downstream_of(asset, \"partition\" := null, environment := 'prod', moment := null)": downstream_sql(
        _SEED,
        source=source_sql("asset"),
        partition='"partition"',
        shown=published_sql(environment="environment", moment="null", only=FOUND_ONLY),
    ),
    "affected_by(asset, first, last, \"partition\" := null, environment := 'prod')": affected_sql(
        asset="asset", first='"first"', last='"last"', partition='"partition"', environment="environment"
    ),
    'as_of("timestamp")': _CURRENT.format(pointers=LAST_MOVES.format(moment='"timestamp"')),
}

STATEMENTS: tuple[str, ...] = (
    *(f"create or replace view {name} as {body}" for name, body in VIEWS.items()),
    *(f"create or replace macro {name} as table {body}" for name, body in MACROS.items()),
    "create schema if not exists data",
)

DIGEST = f"{crc32(chr(10).join(STATEMENTS).encode()):08x}"
"""Changes with any of these statements, so that a catalog made by another version gets them anew."""
