"""Staged events into the tables, one set-wise statement at a time: the second half of a fold."""

from __future__ import annotations

from assetflow.catalog import outside
from assetflow.catalog.schema import Connection


def _m(text: str, prefix: str) -> str:
    return f"((cast({prefix}.prefix as bigint) << 32) | number_of({text}))"


_RUN = "join inside.prefixes r on r.text = s.run_id"
_ASSET = "join inside.assets a on a.key = s.asset left join inside.partitions p on p.key = s.partition"
_PART = "coalesce(p.partition, 0)"

_RUN_STARTED = f"""
insert into inside.runs
select r.prefix, s._l, v.environment, s.selection, s.options, s.host, s.pid, s.process_started, s.version, s.steps,
    s.parent_run, s.at
from _stage s {_RUN} join inside.environments v on v.name = s.environment
where s.kind = 'run_started'"""

_RUN_FINISHED = f"""
insert into inside.run_ends
select r.prefix, s.status, s.at, s.counts, s.error ->> '$' from _stage s {_RUN} where s.kind = 'run_finished'"""

_STEP_STARTED = f"""
insert into inside.step_starts
select r.prefix, s.step, a.asset, {_PART}, s.attempt, s.at
from _stage s {_RUN} {_ASSET}
where s.kind = 'step_started' and not exists (
    select 1 from _done f where f.run_id = s.run_id and f.step = s.step
    and f.asset = s.asset and f.partition is not distinct from s.partition)"""

# Order of folding must not matter, so a start is also taken out when its end was folded before it.
_STARTS_ENDED = """
delete from inside.step_starts b using inside.steps s
where s.run = b.run and s.step = b.step and s.asset = b.asset and s.partition = b.partition"""

_NEW = "create or replace temp table _made as select * exclude (same) from inside.materializations where false"
_MADE = f"""
insert into _made
select {_m("s.x.id", "i")} as m, a.asset, {_PART}, v.environment, s.x.data_version, s.x.code_version, s.x.config,
    coalesce(s.x.config_version, ''), s.x.input_fingerprint, coalesce(s.x.dependencies,
        array_to_string(list_sort(list_distinct(list_transform(s.x.inputs, lambda e: e[1]))), chr(10)), ''),
    s.x.uri, s.x.format, s.x.rows, s.x.bytes, s.x.schema, s.x.column_versions, s.x.payload, s.x.metadata,
    s.x.packages, s.seconds, s.started_at, coalesce(s.x.made_at, s.at), s."order", s.x.reads,
    s.x.undeclared, s.x.column_lineage
from (select d.*, d.materialization as x from _done d where d.materialization is not null) s {_ASSET}
join inside.prefixes i on i.text = prefix_of(s.x.id)
left join inside.environments v on v.name = s.environment
where not exists (select 1 from inside.materializations k where k.m = {_m("s.x.id", "i")})"""

_SAME = (
    """insert into inside.materializations by name
       with earlier as (
           select k.asset, k.partition, k.data_version, min(k.same) as same from inside.materializations k
           semi join _made n on n.asset = k.asset and n.partition = k.partition and n.data_version = k.data_version
           group by all)
       select n.*, coalesce(k.same, min(n.m) over (partition by n.asset, n.partition, n.data_version)) as same
       from _made n
       left join earlier k on k.asset = n.asset and k.partition = n.partition and k.data_version = n.data_version""",
    # a log may be folded after one that read from it
    """update inside.edges e set input_same = k.same, input_data_version = case
           when k.data_version = e.input_data_version then null else e.input_data_version end
       from inside.materializations k semi join _made n on n.m = k.m
       where e.input_same is null and e.input_m = k.m""",
)

# The version read is that of the materialization read, as a rule: then its number says it all.
_EDGES = f"""
insert into inside.edges
with input as materialized (
    select (cast(i.prefix as bigint) << 32) | s.n as m, a.asset, {_PART} as partition,
        (cast(j.prefix as bigint) << 32) | s.input_n as input_m, s.data_version
    from _inputs s {_ASSET}
    join inside.prefixes i on i.text = s.p
    left join inside.prefixes j on j.text = s.input_p)
select n.m, n.asset, n.partition, n.input_m,
    case when k.data_version = n.data_version then null else n.data_version end,
    own.same, k.same
from input n
left join inside.materializations own on own.m = n.m
left join inside.materializations k on k.m = n.input_m
where not exists (select 1 from inside.edges o where o.m = n.m)"""

_STEP_FINISHED = f"""
insert into inside.steps
select r.prefix, s.step, a.asset, {_PART}, s.status, s.attempts, s.seconds, s.started_at, s.at, s.causes, s.error,
    s.caused_by, {_m("s.id", "i")}
from (select d.*, coalesce(d.published, d.materialization.id) as id from _done d) s {_RUN} {_ASSET}
left join inside.prefixes i on i.text = prefix_of(s.id)"""

_ATTEMPT_FINISHED = f"""
insert into inside.attempts
select r.prefix, s.step, a.asset, {_PART}, s.attempt, s.status, s.started_at, s.seconds, s.error
from _stage s {_RUN} {_ASSET} where s.kind = 'attempt_finished'"""

_MOVED = f"""
create or replace temp table _moved as
select v.environment, a.asset, {_PART} as partition, {_m("s.id", "i")} as m, s."order", s.at as moved_at, s.reason,
    coalesce(s.id, '') as id
from _moves s {_ASSET}
join inside.environments v on v.name = s.environment
left join inside.prefixes i on i.text = prefix_of(s.id)"""

_PUBLICATIONS = "insert into inside.publications select * exclude (id) from _moved order by moved_at"

_WINNERS = """
create or replace temp table _winners as
with best as (
    select * from _moved
    qualify row_number() over (
        partition by environment, asset, partition order by "order" desc, moved_at desc, id desc) = 1)
select b.environment, b.asset, b.partition, b.m, b."order", b.moved_at
from best b
left join inside.pointers p on p.environment = b.environment and p.asset = b.asset and p.partition = b.partition
left join inside.prefixes x on x.prefix = p.m >> 32
where p.asset is null
   or (b."order", b.moved_at, b.id) > (p."order", p.moved_at, coalesce(
       case when (p.m & 4294967295) = 4294967295 then x.text else x.text || '.' || (p.m & 4294967295) end, ''))"""

_POINTERS = (
    """delete from inside.pointers p using _winners w
       where w.environment = p.environment and w.asset = p.asset and w.partition = p.partition""",
    "insert into inside.pointers select * from _winners order by environment, asset, partition",
)

_OBSERVED = f"""
insert into inside.observations
select s.id, r.prefix, a.asset, {_PART}, s.data_version, s.detail, s."order", s.at
from _stage s left join inside.prefixes r on r.text = s.run_id {_ASSET} where s.kind = 'observed'"""

_EMITTED = f"""
insert into inside.events
select s.id, r.prefix, s.step, a.asset, {_PART}, s.event_type, s.key, s.payload, s.at
from _stage s {_RUN} {_ASSET} where s.kind = 'emitted'"""

_CHECKED = f"""
insert into inside.checks
select s.id, r.prefix, a.asset, {_PART}, {_m("s.materialization", "i")}, s."check", s.passed, s.severity,
    s.message, s.metadata, s.at
from _stage s {_RUN} {_ASSET}
left join inside.prefixes i on i.text = prefix_of(s.materialization)
where s.kind = 'checked'"""

_PARTITIONS_CHANGED = """
insert into inside.dynamic
select s.definition, s._l, s._o, s.added, s.removed, s.at, coalesce(s."order", 0) from _stage s
where s.kind = 'partitions_changed'"""

_CODE_RECORDED = (
    """create or replace temp table _coded as
       select a.asset, s.code_version, s.components, s.packages, s.texts, s.at as recorded_at
       from _stage s join inside.assets a on a.key = s.asset where s.kind = 'code_recorded'""",
    """insert into inside.code_components
       with pair as (select asset, code_version, unnest(components) as c from _coded)
       select distinct asset, code_version, c[1], c[2] from pair
       except select * from inside.code_components order by 1, 2, 3""",
    """insert into inside.code_texts
       with text as (select unnest(map_entries(texts)) as e from _coded)
       select e.key, min(e.value) from text
       where e.key not in (select hash from inside.code_texts) group by e.key order by e.key""",
    # the earliest recording stands, whichever is folded first
    """create or replace temp table _code_new as
       select asset, code_version, arg_min(packages, recorded_at) as packages, min(recorded_at) as recorded_at
       from (select asset, code_version, packages, recorded_at from _coded
             union all select k.* from inside.code k semi join _coded c
               on c.asset = k.asset and c.code_version = k.code_version)
       group by asset, code_version""",
    "delete from inside.code k using _code_new n where n.asset = k.asset and n.code_version = k.code_version",
    "insert into inside.code select * from _code_new order by asset, code_version",
)

_PUBLISH = (_MOVED, _PUBLICATIONS, _WINNERS, *_POINTERS)

_SCHEDULED = (
    """insert into inside.ticks
       select s.environment, s.number, s.what, s.detail, s.at from _stage s where s.kind = 'scheduled'""",
    """create or replace temp table _kept as
       with entry as (
           select s.environment, s.number, unnest(map_entries(s.state)) as e from _stage s where s.kind = 'scheduled')
       select environment, e.key as name, e.value as value, number from entry
       qualify row_number() over (partition by environment, name order by number desc) = 1""",
    """delete from inside.scheduler k using _kept n
       where n.environment = k.environment and n.name = k.name and k.number < n.number""",
    """insert into inside.scheduler
       select n.environment, n.name, n.value, n.number from _kept n
       anti join inside.scheduler k on k.environment = n.environment and k.name = n.name
       order by n.environment, n.name""",
)

STATEMENTS: dict[str, tuple[str, ...]] = {
    "run_started": (_RUN_STARTED,),
    "run_finished": (_RUN_FINISHED,),
    "step_started": (_STEP_STARTED,),
    "step_finished": (_NEW, _MADE, *_SAME, _EDGES, _STEP_FINISHED),
    "attempt_finished": (_ATTEMPT_FINISHED,),
    "observed": (_OBSERVED,),
    "emitted": (_EMITTED,),
    "checked": (_CHECKED,),
    "partitions_changed": (_PARTITIONS_CHANGED,),
    "code_recorded": _CODE_RECORDED,
    "scheduled": _SCHEDULED,
    "pointer_moved": (),
}
"""What each kind of event adds to the tables; a kind that is not here is unknown to this assetflow."""


def insert(con: Connection, kinds: dict[str, int]) -> None:
    """Insert the staged events of these kinds."""
    for kind, statements in STATEMENTS.items():
        if kind in kinds:
            for statement in statements:
                con.execute(statement)
    if "step_started" in kinds or "step_finished" in kinds:
        con.execute(_STARTS_ENDED)
    if "step_finished" in kinds or "pointer_moved" in kinds:
        for statement in _PUBLISH:
            con.execute(statement)
        outside.mark_moved(con)
    if "partitions_changed" in kinds:
        outside.remake_dynamic(con)
