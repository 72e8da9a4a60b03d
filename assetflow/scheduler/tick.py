"""One tick: look, evaluate, decide what is requested, and keep what the next tick needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from assetflow.define.schedule import Job, Sensor
from assetflow.model.clock import from_text, to_text
from assetflow.model.condition import AutomationCondition, CronTick
from assetflow.model.ticks import next_tick
from assetflow.model.time_partitions import TimePartitions
from assetflow.planner.automation import Evaluation, Evaluator
from assetflow.planner.freshness import next_change
from assetflow.planner.universe import Universe
from assetflow.project.planning import Planned, look_over
from assetflow.project.project import Project
from assetflow.project.request import Ask
from assetflow.scheduler.facts import gather
from assetflow.scheduler.memory import Memory
from assetflow.scheduler.requests import Request, condition_request, due_jobs, due_policies
from assetflow.scheduler.sensors import SensorResult
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What a tick decided: requests in the order in which they are carried out, trees, and the next instant.

    `next` is the first instant at which time alone can change what would be decided; None for never.
    """

    at: datetime
    requests: tuple[Request, ...]
    evaluations: tuple[Evaluation, ...]
    errors: tuple[tuple[str, str], ...]
    next: datetime | None
    planned: Planned

    def to_json(self) -> dict[str, Any]:
        """`{"at", "requests", "evaluations", "errors", "next"}`."""
        return {
            "at": to_text(self.at),
            "requests": [request.to_json() for request in self.requests],
            "evaluations": [evaluation_json(each) for each in self.evaluations],
            "errors": [{"where": where, "message": message} for where, message in self.errors],
            "next": None if self.next is None else to_text(self.next),
        }


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluated condition as JSON."""
    return {
        "asset": evaluation.asset,
        "requested": evaluation.memory.requested,
        "tree": evaluation.tree.to_json(),
    }


def tick(project: Project, memory: Memory, asked: SensorResult) -> Tick:
    """Decide at the project's present instant; what is to be kept is put into `memory`, and nothing is written.

    `asked` is what sensors answered before, so that conditions see the partitions that those have added. A clock that
    was set back stands still for conditions, so that nothing happens twice.
    """
    now = project.clock.now()
    planned = look_over(project, Ask(), None)  # an asset that cannot be planned holds nobody else up
    definitions = project.loaded.definitions
    at = now if memory.previous is None else max(now, memory.previous)
    conditions = {key: spec.automation for key, spec in project.graph.specs.items() if spec.automation is not None}
    facts = gather(project, planned, memory)
    evaluations = Evaluator(planned.universe, facts, memory.assets()).run(conditions)
    stamp = f"{at:%Y%m%dT%H%M%S%f}"
    requested = {each.asset: each.requested for each in evaluations if each.requested}
    requests = due_jobs(definitions.jobs, memory, at)
    if requested:
        requests.append(condition_request(f"conditions-{stamp}", at, requested))
    requests += due_policies(planned, memory, f"policies-{stamp}")
    errors = [
        *asked.errors,
        *((asset, f"cannot be planned: {error.message}") for asset, error in planned.blocked.items()),
    ]
    for each in evaluations:
        errors += [(each.asset, message) for message in each.errors]
        memory.set(f"asset:{each.asset}", each.memory.to_json())
        if each.requested:
            memory.set(f"code:{each.asset}", planned.basis.versions[each.asset].code.version)
    for gone in memory.under("asset:").keys() - conditions.keys():
        memory.set(f"asset:{gone}", None)
        memory.set(f"code:{gone}", None)
    requests += asked.requests
    for request in requests:
        memory.set(f"request:{request.id}", request.to_json())
    memory.set("tick", {"at": to_text(at), "order": planned.basis.snapshot.order})
    return Tick(
        at=at,
        requests=tuple(requests),
        evaluations=tuple(evaluations),
        errors=tuple(errors),
        next=next_instant(planned, conditions.values(), definitions.jobs, definitions.sensors, memory),
        planned=planned,
    )


def next_instant(
    planned: Planned,
    conditions: Iterable[AutomationCondition],
    jobs: Iterable[Job],
    sensors: Iterable[Sensor],
    memory: Memory,
) -> datetime | None:
    """The first instant after now at which a cron, a policy, a window or a sensor asks to be looked at."""
    universe = planned.universe
    now = universe.as_of
    instants = [next_tick(job.cron, job.tz, now) for job in jobs if job.cron is not None]
    for cron, tz in sorted(_crons(conditions)):
        instants.append(next_tick(cron, tz, now))
    for sensor in sensors:
        kept = memory.get(f"sensor:{sensor.name}")
        instants.append(now if kept is None else from_text(kept["asked"]) + sensor.every)
    change = next_change(universe, planned.basis.snapshot.current, universe.graph.specs)
    if change is not None:
        instants.append(change)
    instants += _window_ends(universe)
    return min(instants, default=None)


def _crons(conditions: Iterable[AutomationCondition]) -> set[tuple[str, str]]:
    found = set()
    left = list(conditions)
    while left:
        each = left.pop()
        if isinstance(each, CronTick):
            found.add((each.cron, each.tz))
        left += each.children
    return found


def _window_ends(universe: Universe) -> Iterable[datetime]:
    """When the next window of each asset with a condition or a policy comes to be there."""
    for spec in universe.graph.specs.values():
        if spec.partitions is None or (spec.automation is None and spec.freshness is None):
            continue
        for axis in spec.partitions.axes:
            if isinstance(axis, TimePartitions):
                key = axis.key_at(universe.as_of)
                if key is not None:
                    yield axis.window(key)[1]
