"""Where a project stands: verdicts counted, runs that are going on, and the latest failures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assetflow.catalog.rows import RunRow
from assetflow.model.freshness import Freshness, FreshnessState
from assetflow.model.plan import Verdict
from assetflow.model.record import Partition, RunStatus
from assetflow.planner.freshness import freshness_of
from assetflow.project.planning import Planned, look_over
from assetflow.project.request import Ask
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

_FAILURES = """
select asset, "partition", run_id, strftime(finished_at, '%Y-%m-%dT%H:%M:%S.%fZ') as at, error
from (
    select *, row_number() over (
        partition by asset, "partition" order by coalesce(finished_at, started_at) desc, run_id desc) as latest
    from steps
    where status not in ('pending', 'running', 'canceled') and not (status = 'skipped' and caused_by is not null)
)
where latest = 1 and status = 'failed'
order by finished_at desc, asset, "partition"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStatus:
    """The asset partitions of one asset by verdict; `overdue` is 1 beside them when it is; `why` is in words."""

    asset: str
    verdict: str
    fresh: int
    stale: int
    missing: int
    overdue: int
    why: str
    freshness: Freshness | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "asset": self.asset, "verdict": self.verdict, "fresh": self.fresh, "stale": self.stale,
            "missing": self.missing, "overdue": self.overdue,
            "freshness": None if self.freshness is None else self.freshness.to_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
    """An asset partition whose latest step failed, and with what."""

    asset: str
    partition: Partition
    run_id: str
    at: str
    error: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The error on one line."""
        message = str(self.error.get("message") or "").strip().partition("\n")[0]
        return ": ".join(part for part in (str(self.error.get("type") or ""), message) if part)

    def to_json(self) -> dict[str, Any]:
        return {
            "asset": self.asset, "partition": self.partition, "run_id": self.run_id, "at": self.at,
            "error": dict(self.error),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """One look at a project; assets are in the order of their keys, sources left out."""

    environment: str
    as_of: str
    assets: tuple[AssetStatus, ...]
    sources: int
    running: tuple[RunRow, ...]
    failures: tuple[LastFailure, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Asset partitions by verdict, and how many assets are overdue."""
        return {name: sum(getattr(a, name) for a in self.assets) for name in ("fresh", "stale", "missing", "overdue")}

    def to_json(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "as_of": self.as_of,
            "counts": self.counts,
            "assets": [asset.to_json() for asset in self.assets],
            "running": [
                {"run_id": run.run_id, "started_at": run.started_at, "selection": run.selection, "steps": run.steps,
                 "counts": run.counts, "host": run.host, "pid": run.pid}
                for run in self.running
            ],
            "failures": [failure.to_json() for failure in self.failures],
        }  # fmt: skip


def project_status(project: Project) -> ProjectStatus:
    """The status of the project's environment now."""
    project.recover()
    planned = look_over(project, Ask(), None)
    plan = planned.plan
    sources = sum(spec.is_source for spec in project.graph.specs.values())
    return ProjectStatus(
        environment=plan.environment,
        as_of=plan.as_of,
        assets=tuple(_asset(planned, key) for key in sorted(plan.verdicts)),
        sources=sources,
        running=tuple(run for run in project.catalog.runs() if run.status == RunStatus.RUNNING),
        failures=last_failures(project),
    )


def last_failures(project: Project) -> tuple[LastFailure, ...]:
    """The asset partitions whose latest step failed, latest first."""
    if not project.catalog.runs(1):
        return ()
    rows = project.catalog.query(_FAILURES)
    return tuple(
        LastFailure(asset=asset, partition=partition, run_id=run_id, at=at, error=_error(error))
        for asset, partition, run_id, at, error in rows.rows
    )


def _error(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    return value or {}


def _asset(planned: Planned, key: str) -> AssetStatus:
    judged = planned.plan.verdicts[key]
    freshness = freshness_of(planned.universe, planned.basis.snapshot.current, planned.universe.graph.specs[key])
    causes = dict.fromkeys(cause.describe() for group in judged.groups for cause in group.causes)
    if key in planned.blocked:
        causes = dict.fromkeys([f"cannot be planned: {planned.blocked[key].message}"])
    return AssetStatus(
        asset=key,
        verdict=str(judged.verdict),
        fresh=judged.count(Verdict.FRESH),
        stale=judged.count(Verdict.STALE),
        missing=judged.count(Verdict.MISSING),
        overdue=int(freshness is not None and freshness.state is FreshnessState.OVERDUE),
        freshness=freshness,
        why="; ".join(causes),
    )
