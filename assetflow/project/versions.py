"""Past versions of a value: naming one, and moving the pointer back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetflow.catalog.rows import HistoryRow
from assetflow.errors import OutputLostError, PartitionError, UsageError, ValueNotFoundError, did_you_mean
from assetflow.model.clock import from_text, to_text
from assetflow.model.event import PointerMoved
from assetflow.model.keys import show
from assetflow.model.record import Partition
from assetflow.project.process import new_run_id
from assetflow.project.recorded import check_recorded, published_at
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

LATEST, PREVIOUS, ENVIRONMENT = "latest", "previous", "env:"

_EARLIER = """
select materialization from publications
where asset = $asset and "partition" is not distinct from $partition and environment = $environment
  and materialization is not null
order by "order" desc, published_at desc"""

_PUBLISHED_THEN = """
select distinct on ("partition") materialization, "partition" from (
    select materialization, "partition", environment from as_of($moment)
    where asset = $asset and environment in ($environment, 'prod'))
order by "partition" nulls first, environment = $environment desc"""


def version_named(
    project: Project, asset: str, partition: Partition, name: str, *, environment: str | None = None
) -> tuple[HistoryRow, ...]:
    """The materializations that a name means: one, or one for each partition of a partitioned asset asked for whole.

    A name is `latest`, `previous` (published before the present one), `env:NAME`, an instant (what was published then),
    the id of a materialization or of a run. ValueNotFoundError when there is none.
    """
    check_recorded(project, asset, partition)
    where = environment or project.settings.environment
    spec = project.graph.specs.get(asset)
    if spec is not None and spec.is_source:
        raise UsageError(
            f"`{asset}` is a source: it is observed, and its past values are not kept",
            hint=f"`assetflow query \"from observations where asset = '{asset}'\"` lists its versions",
        )
    whole = partition is None and spec is not None and spec.partitions is not None
    if name.startswith(ENVIRONMENT):
        where, name = name.removeprefix(ENVIRONMENT), LATEST
        _check_environment(project, where)
    if name == LATEST:
        return _published(project, asset, partition, None, environment=where, whole=whole)
    named = [row for row in project.catalog.history(asset, partition) if name in (row.materialization, row.run_id)]
    if named and (not whole or named[0].materialization == name):
        return (named[0],)
    if whole and (named or name == PREVIOUS):
        raise PartitionError(
            f"`{asset}` is partitioned, and {name!r} means one of its partitions",
            hint=f"name it as `{asset}@PARTITION`; `latest`, `env:NAME` and instants also mean all partitions",
        )
    if name == PREVIOUS:
        return (_previous(project, asset, partition, where),)
    try:
        moment = to_text(from_text(name))
    except ValueError:
        raise _unknown(project, asset, partition, name) from None
    return _published(project, asset, partition, moment, environment=where, whole=whole)


def _unknown(project: Project, asset: str, partition: Partition, name: str) -> ValueNotFoundError:
    known = [row.materialization for row in project.catalog.history(asset, partition)]
    near = did_you_mean(name, [LATEST, PREVIOUS, *known])
    return ValueNotFoundError(
        f"{name!r} names no version of `{show(asset, partition)}`",
        hint=near
        or f"use `latest`, `previous`, `env:NAME`, an instant, or an id that `assetflow history {asset}` lists",
        version=name,
    )


def _check_environment(project: Project, name: str) -> None:
    known = {row["environment"] for row in project.query("select distinct environment from publications")}
    if name not in known | {"prod"}:
        raise ValueNotFoundError(
            f"there is no environment `{name}`", hint=did_you_mean(name, known) or "nothing was published there yet"
        )


def _published(
    project: Project, asset: str, partition: Partition, moment: str | None, *, environment: str, whole: bool
) -> tuple[HistoryRow, ...]:
    at = moment or to_text(project.clock.now())
    if whole:
        asked = {"asset": asset, "moment": at, "environment": environment}
        ids = [row["materialization"] for row in project.query(_PUBLISHED_THEN, asked)]
    else:
        one = published_at(project, asset, partition, moment, environment=environment)
        ids = [] if one is None else [one]
    rows = {row.materialization: row for row in project.catalog.history(asset, partition)} if ids else {}
    if not ids:
        when = "was never published" if moment is None else f"was not published at {moment}"
        raise ValueNotFoundError(
            f"`{show(asset, partition)}` {when} in `{environment}`", hint=f"`assetflow history {asset}` lists versions"
        )
    return tuple(rows[id] for id in ids)


def _previous(project: Project, asset: str, partition: Partition, environment: str) -> HistoryRow:
    asked = {"asset": asset, "partition": partition, "environment": environment}
    ids = [row["materialization"] for row in project.query(_EARLIER, asked)]
    before = next((id for id in ids if id != ids[0]), None)
    row = project.catalog.materialization(before) if before is not None else None
    if row is None:
        raise ValueNotFoundError(
            f"`{show(asset, partition)}` has no previous version in `{environment}`",
            hint="it was published once" if ids else f"run `assetflow materialize {asset}`",
        )
    return row


def check_kept(project: Project, row: HistoryRow) -> None:
    """OutputLostError when the value of a materialization is not in the store any more."""
    if not project.store.has(row.uri, row.bytes):
        raise OutputLostError(
            f"the value of `{row.materialization}` (`{show(row.asset, row.partition)}`) is gone from the store",
            hint=f"`assetflow history {row.asset}` lists other versions",
            materialization=row.materialization,
            uri=row.uri,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A pointer that was moved: from which materialization to which; equal where there was nothing to do."""

    asset: str
    partition: Partition
    environment: str
    before: str | None
    after: str
    data_version: str

    @property
    def moved(self) -> bool:
        """Whether anything was published by it."""
        return self.before != self.after


def rollback(
    project: Project, asset: str, to: str, *, partition: Partition = None, environment: str | None = None
) -> Rollback:
    """Publish an earlier materialization of an asset partition again; nothing is computed.

    `to` names it as `version_named` says. What is downstream compares with the value that is published then, so the
    next plan shows what follows. OutputLostError when the value is not kept any more.
    """
    where = environment or project.settings.environment
    (row, *more) = version_named(project, asset, partition, to, environment=where)
    if more:
        raise PartitionError(
            f"`{asset}` is partitioned: {to!r} means {len(more) + 1} partitions",
            hint=f"name one as `{asset}@PARTITION`",
        )
    if asset not in project.graph:
        raise UsageError(f"`{asset}` is not declared any more", hint="a pointer is moved for assets of the project")
    check_kept(project, row)
    before = published_at(project, asset, row.partition, None, environment=where)
    if before != row.materialization:
        now = project.clock.now()
        moved = PointerMoved(
            at=to_text(now), environment=where, asset=asset, partition=row.partition,
            materialization=row.materialization, order=project.snapshot(where).order + 1, reason="rollback",
        )  # fmt: skip
        project.catalog.record(f"rollback-{new_run_id(now)}", [moved])
        project.sync_catalog()
    return Rollback(
        asset=asset, partition=row.partition, environment=where, before=before, after=row.materialization,
        data_version=row.data_version,
    )  # fmt: skip
