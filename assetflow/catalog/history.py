"""The questions about the past that commands ask: runs, steps, materializations, lineage."""

from __future__ import annotations

import json
from typing import Any

from assetflow.catalog.closure import (
    FOUND_ONLY,
    NO_SOURCE,
    asked_sql,
    downstream_sql,
    named_sql,
    published_sql,
    source_sql,
    upstream_sql,
)  # fmt: skip
from assetflow.catalog.ids import id_text
from assetflow.catalog.reader import Reader
from assetflow.catalog.rows import HistoryRow, Lineage, LineageEdge, RunRow, StepRow
from assetflow.errors import UnknownRunError, ValueNotFoundError, did_you_mean
from assetflow.model.cause import changed_components
from assetflow.model.texts import first_of


def _time(column: str) -> str:
    return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"


_RUNS = f"""
select r.run_id, r.environment, r.status, r.selection, r.options, {_time("r.started_at")}, {_time("r.finished_at")},
    r.host, r.pid, r.process_started, r.version, r.steps, r.parent_run, r.counts, r.error
from runs r {{where}} order by r.started_at desc, r.run_id desc {{limit}}"""

_STEPS = f"""
select s.run_id, s.step, s.asset, s.partition, s.status, s.attempts, s.seconds, {_time("s.started_at")},
    {_time("s.finished_at")}, s.causes, s.error, s.caused_by, s.materialization, s.data_version
from steps s where s.run_id = ? order by s.step, s.asset, s.partition nulls first"""

# the asset and the partition are said for each table: what is not asked about is then never joined
_HISTORY = f"""
select m.id, m.asset, m.partition, m.run_id, m.data_version, m.code_version, m.config_version, m.input_fingerprint,
    m.uri, m.format, m.rows, m.bytes, m.schema, m.column_versions, m.payload, m.metadata, m.seconds,
    {_time("m.finished_at")},
    (select list(distinct c.environment order by c.environment) from asset_partitions c
     where c.materialization = m.id and c.{{of}} and ($partition is null or c.partition = $partition)),
    (select any_value(s.causes) from steps s
     where s.materialization = m.id and s.status = 'materialized' and s.{{of}}
       and ($partition is null or s.partition = $partition)),
    m.code_before, m.undeclared
from (
    select *, lag(code_version) over (partition by "partition" order by "order", finished_at, id) as code_before
    from materializations k where k.{{of}} and ($partition is null or k.partition = $partition)) m
{{where}} order by m."order" desc, m.finished_at desc, m.id desc {{limit}}"""

_PLACE = "select asset, partition from materializations where id = ?"

_COMPONENTS = "select code_version, component, hash from code where asset = ? and code_version in (select unnest(?))"

_CURRENT_SEED = asked_sql(asset="$asset", partition="$partition", environment="$environment", moment="$moment")
_SHOWN = published_sql(environment="$environment", moment="null", only=FOUND_ONLY)


def _limit(limit: int | None) -> str:
    return "" if limit is None else f"limit {int(limit)}"


def _json(text: str | None, default: Any = None) -> Any:
    return default if text is None else json.loads(text)


def runs(reader: Reader, limit: int | None = None) -> list[RunRow]:
    """The runs, newest first."""
    return [_run(row) for row in reader.rows(_RUNS.format(where="", limit=_limit(limit)))]


def run(reader: Reader, run_id: str) -> RunRow:
    """The run of an id, or of the beginning of one when only one run begins like that."""
    where = "where starts_with(r.run_id, ?)"
    found = [_run(row) for row in reader.rows(_RUNS.format(where=where, limit=""), [run_id])]
    exact = [row for row in found if row.run_id == run_id]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        some = first_of([f"`{row.run_id}`" for row in found], 5)
        raise UnknownRunError(f"{len(found)} runs begin with `{run_id}`", hint=f"write more of it: {some}")
    known = [row[0] for row in reader.rows("select run_id from runs")]
    hint = did_you_mean(run_id, known) or "`assetflow runs` lists them"
    raise UnknownRunError(f"there is no run `{run_id}`", hint=hint, run_id=run_id)


def _run(row: tuple[Any, ...]) -> RunRow:
    values = list(row)
    values[3] = _json(row[3], [])
    values[4] = _json(row[4], {})
    values[13] = _json(row[13], {})
    return RunRow._make(values)


def steps(reader: Reader, run_id: str) -> list[StepRow]:
    """The steps of a run in step order, ended and running ones."""
    result = []
    for row in reader.rows(_STEPS, [run_id]):
        values = list(row)
        values[9] = _json(row[9], [])
        values[10] = _json(row[10])
        result.append(StepRow._make(values))
    return result


def history(reader: Reader, asset: str, partition: str | None, limit: int | None) -> list[HistoryRow]:
    """The materializations of an asset, or of one of its partitions, newest first."""
    return _made(reader, "", {"asset": asset, "partition": partition}, limit)


def materialization(reader: Reader, id: str) -> HistoryRow | None:
    """One materialization by its id."""
    place = reader.rows(_PLACE, [id])
    if not place:
        return None
    (asset, partition), *_ = place
    found = _made(reader, "where m.id = $id", {"asset": asset, "partition": partition, "id": id}, None)
    return found[0]


def _made(reader: Reader, where: str, asked: dict[str, Any], limit: int | None) -> list[HistoryRow]:
    rows = reader.rows(_HISTORY.format(of="asset = $asset", where=where, limit=_limit(limit)), asked)
    versions = {version for row in rows for version in (row[5], row[20]) if row[20] not in (None, row[5])}
    components: dict[str, dict[str, str]] = {}
    for version, component, hashed in reader.rows(_COMPONENTS, [asked["asset"], sorted(versions)]) if versions else ():
        components.setdefault(version, {})[component] = hashed
    found = []
    for row in rows:
        values = list(row)
        values[12] = _json(row[12])
        values[13] = _json(row[13])
        values[14] = _json(row[14], {})
        values[15] = _json(row[15], {})
        values[18] = tuple(row[18] or ())
        values[19] = _json(row[19], [])
        same = row[20] in (None, row[5])
        values[20] = None if same else changed_components(components.get(row[20]), components.get(row[5]))
        values[21] = tuple(_json(row[21], []))
        found.append(HistoryRow._make(values))
    return found


def published(reader: Reader, asset: str, partition: str | None, moment: str | None, environment: str) -> str | None:
    """What an environment shows of one asset partition, now or at a moment, by its id."""
    sql = f"""
    select {id_text("k.m", "x")} from inside.materializations k join inside.prefixes x on x.prefix = k.m >> 32
    left join inside.partitions q on q.partition = k.partition
    where k.m in ({_CURRENT_SEED}) and q.key is not distinct from $partition"""
    asked = {"asset": asset, "partition": partition, "environment": environment, "moment": moment}
    rows = reader.rows(sql, asked)
    return str(rows[0][0]) if rows else None


def lineage(
    reader: Reader,
    asset: str,
    partition: str | None,
    *,
    materialization: str | None,
    moment: str | None,
    depth: int | None,
    environment: str,
) -> Lineage:
    """The recorded edges above and below what is shown now or was at a moment, or of one materialization."""
    where: dict[str, Any] = {"depth": depth}
    if materialization is None:
        seed, source, part = _CURRENT_SEED, source_sql("$asset"), "$partition"
        asked = where | {"asset": asset, "partition": partition, "environment": environment, "moment": moment}
        up_asked = asked
    else:
        seed, source, part = named_sql("$materialization"), NO_SOURCE, "null"
        up_asked = where | {"materialization": materialization}
        asked = up_asked | {"environment": environment}
        if not reader.rows("select 1 from materializations where id = ?", [materialization]):
            raise ValueNotFoundError(
                f"there is no materialization `{materialization}`", hint=f"`assetflow history {asset}` lists them"
            )
    limit = "cast($depth as bigint)"
    down_sql = downstream_sql(seed, source=source, partition=part, shown=_SHOWN, limit=limit)
    up = reader.rows(_ordered(upstream_sql(seed, limit=limit)), up_asked)
    down = reader.rows(_ordered(down_sql), asked)
    return Lineage(
        asset=asset,
        partition=partition,
        materialization=materialization,
        upstream=tuple(LineageEdge._make(row) for row in up),
        downstream=tuple(LineageEdge._make(row) for row in down),
    )


def _ordered(sql: str) -> str:
    return f"""
select asset, partition, materialization, data_version, input_asset, input_partition, input_materialization,
    input_data_version, depth
from ({sql}) order by depth, asset, partition nulls first, materialization, input_asset, input_partition nulls first"""
