"""Requests: what a tick asks to be made, kept in the log until it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from assetflow.define.schedule import Job
from assetflow.model.clock import from_text, to_text
from assetflow.model.freshness import FreshnessState
from assetflow.model.subset import PartitionSubset
from assetflow.model.ticks import has_tick, last_tick
from assetflow.planner.extents import Extent
from assetflow.planner.freshness import freshness_of
from assetflow.planner.newest import newest_window
from assetflow.planner.universe import Universe
from assetflow.project.planning import Planned
from assetflow.project.request import Ask
from assetflow.scheduler.memory import Memory
from assetflow.values import dataclass

_PATIENCE = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)


class RequestKind(StrEnum):
    """Who asks."""

    CONDITION = "condition"
    POLICY = "policy"
    JOB = "job"
    SENSOR = "sensor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something to be made: a selection, who asks for it, and since when (UTC text)."""

    id: str
    kind: RequestKind
    by: str
    at: str
    selection: tuple[str, ...]
    partitions: tuple[str, ...] = ()
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refresh: bool = False
    force: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "selection": list(self.selection), "partitions": list(self.partitions)}

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Request:
        """What `to_json` wrote."""
        return Request(
            **{
                **given,
                "kind": RequestKind(given["kind"]),
                "selection": tuple(given["selection"]),
                "partitions": tuple(given["partitions"]),
            }
        )

    def ask(self) -> Ask:
        """The request as `materialize` takes it. Conditions run what they name and nothing upstream of it."""
        return Ask(
            selection=self.selection,
            partitions=self.partitions,
            config=self.config,
            force=self.force,
            only=self.kind is RequestKind.CONDITION,
            ready=self.kind is RequestKind.CONDITION,
            freshness=self.kind is not RequestKind.CONDITION,
            in_time=self.kind is RequestKind.POLICY,
            by=self.by if self.refresh else None,
            at=from_text(self.at) if self.refresh else None,
        )


def place_text(asset: str, extent: Extent) -> str:
    """An asset, or some of its partitions, as a selection."""
    return f"{asset}@{extent}" if isinstance(extent, PartitionSubset) else asset


def condition_request(id: str, at: datetime, requested: Mapping[str, Extent]) -> Request:
    """One request for all that conditions asked for at a tick."""
    return Request(
        id=id,
        kind=RequestKind.CONDITION,
        by="automation",
        at=to_text(at),
        selection=tuple(place_text(asset, extent) for asset, extent in sorted(requested.items())),
        refresh=True,
    )


def due_jobs(jobs: Iterable[Job], memory: Memory, now: datetime) -> list[Request]:
    """The jobs of which a tick has passed since they were last looked at; several ticks of one count once.

    A job that is seen for the first time waits for its next tick.
    """
    found = []
    for job in jobs:
        if job.cron is None:
            continue
        name = f"job:{job.name}"
        kept = memory.get(name)
        if kept is None or (kept["cron"], kept["tz"]) != (job.cron, job.tz):
            memory.set(name, {"cron": job.cron, "tz": job.tz, "until": to_text(now)})
            continue
        until = from_text(kept["until"])
        if has_tick(job.cron, job.tz, until, now):
            tick = last_tick(job.cron, job.tz, now)
            memory.set(name, {**kept, "until": to_text(tick)})
            found.append(job_request(job, f"job-{job.name}-{tick:%Y%m%dT%H%M%S}", tick))
    return found


def job_request(job: Job, id: str, at: datetime) -> Request:
    """What a job asks for."""
    return Request(
        id=id, kind=RequestKind.JOB, by=f"job `{job.name}`", at=to_text(at), selection=job.selection,
        config=job.config, refresh=job.refresh,
    )  # fmt: skip


def due_policies(planned: Planned, memory: Memory, id: str) -> list[Request]:
    """One request for the assets that policies call overdue, or warn of; one that failed waits longer each time."""
    now = planned.universe.as_of
    places = []
    for key, spec in sorted(planned.universe.graph.specs.items()):
        found = freshness_of(planned.universe, planned.basis.snapshot.current, spec)
        name = f"freshness:{key}"
        if found is None:
            memory.set(name, None)
            continue
        kept = memory.get(name) or {}
        told = found.to_json()
        changed = any(kept.get(field) != told[field] for field in ("status", "since", "policy"))
        tries, asked = (0, None) if changed else (kept.get("tries", 0), kept.get("asked"))
        late = found.state in (FreshnessState.OVERDUE, FreshnessState.WARNING)
        if late and (asked is None or now >= from_text(asked) + min(_LONGEST, _PATIENCE * 2**tries)):
            tries, asked = min(tries + 1, 10), to_text(now)
            places.append(place_text(key, _spoken_of(planned.universe, key)))
        seen_at = to_text(now) if changed else kept.get("seen_at")
        memory.set(name, {**told, "tries": tries, "asked": asked, "seen_at": seen_at})
    if not places:
        return []
    by = "freshness policies"
    return [Request(id=id, kind=RequestKind.POLICY, by=by, at=to_text(now), selection=tuple(places))]


def _spoken_of(universe: Universe, asset: str) -> Extent:
    """What a policy speaks of."""
    whole = universe.all(asset)
    return True if whole is None else newest_window(whole)
