"""Asking sensors: at their interval, each apart from the others, with a cursor that is kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from assetflow.define.schedule import AddPartitions, RunRequest, Sensor
from assetflow.errors import AssetflowError
from assetflow.model.clock import from_text, to_text
from assetflow.model.listed_partitions import DynamicPartitions
from assetflow.project.dynamic import check_name
from assetflow.project.project import Project
from assetflow.project.request import selections_of
from assetflow.scheduler.memory import Memory
from assetflow.scheduler.requests import Request, RequestKind
from assetflow.scheduler.sensor_calls import Answered, call_sensors
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorResult:
    """What asking the sensors came to: requests, partitions to add, and what went wrong, by name."""

    requests: tuple[Request, ...] = ()
    partitions: tuple[AddPartitions, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


def is_due(sensor: Sensor, memory: Memory, now: datetime) -> bool:
    """Whether a sensor has to be asked; also after a clock was set back behind its last time."""
    kept = memory.get(f"sensor:{sensor.name}")
    if kept is None:
        return True
    asked = from_text(kept["asked"])
    return now >= asked + sensor.every or now < asked


def ask_sensors(project: Project, memory: Memory) -> SensorResult:
    """Ask what is due; one that goes wrong is told of and asked again after its interval, with the cursor it had."""
    now = project.clock.now()
    due = [sensor for sensor in project.loaded.definitions.sensors if is_due(sensor, memory, now)]
    kept = {sensor.name: memory.get(f"sensor:{sensor.name}") or {} for sensor in due}
    cursors = [(sensor, kept[sensor.name].get("cursor")) for sensor in due]
    requests: list[Request] = []
    partitions: list[AddPartitions] = []
    errors: list[tuple[str, str]] = []
    for answered in call_sensors(project, cursors, now):
        name = answered.sensor.name
        error = answered.error or _problem(project, answered.partitions)
        if error is not None:
            errors.append((name, error))
            memory.set(f"sensor:{name}", {**kept[name], "asked": to_text(now), "error": error})
            continue
        partitions += answered.partitions
        requests += _new_requests(answered, memory, now)
        memory.set(f"sensor:{name}", {"asked": to_text(now), "cursor": answered.cursor, "error": None})
    return SensorResult(requests=tuple(requests), partitions=tuple(partitions), errors=tuple(errors))


def _problem(project: Project, partitions: Iterable[AddPartitions]) -> str | None:
    """Why keys that a sensor wants to add cannot be."""
    try:
        for each in partitions:
            check_name(project.graph, each.name)
            DynamicPartitions(each.name, tuple(dict.fromkeys(each.keys)))
    except AssetflowError as error:
        return error.message
    return None


def _new_requests(answered: Answered, memory: Memory, now: datetime) -> Iterable[Request]:
    """What a sensor asks for, but for run keys that were there before."""
    for place, answer in enumerate(answered.requests):
        key = None if answer.run_key is None else f"run_key:{answered.sensor.name}:{answer.run_key}"
        if key is not None and memory.get(key) is not None:
            continue
        if key is not None:
            memory.set(key, to_text(now))
        yield _request(answered.sensor, answer, place, now)


def _request(sensor: Sensor, answer: RunRequest, place: int, now: datetime) -> Request:
    return Request(
        id=f"sensor-{sensor.name}-{now:%Y%m%dT%H%M%S%f}-{place}",
        kind=RequestKind.SENSOR,
        by=f"sensor `{sensor.name}`",
        at=to_text(now),
        selection=selections_of(answer.selection),
        partitions=selections_of(answer.partitions),
        config=answer.config,
        force=answer.force,
    )


def add_partitions(project: Project, found: Iterable[AddPartitions]) -> None:
    """Add the keys that sensors found; ones that are there already change nothing."""
    for each in found:
        project.add_partitions(each.name, each.keys)
