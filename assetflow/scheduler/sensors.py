"""Asking sensors: at their interval, each apart from the others, with a cursor that is kept."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assetflow.define.schedule import AddPartitions, RunRequest, Sensor, SensorContext
from assetflow.errors import AssetflowError, UsageError
from assetflow.model.clock import from_text, to_text
from assetflow.project.project import Project
from assetflow.project.request import selections_of
from assetflow.scheduler.memory import Memory
from assetflow.scheduler.requests import Request, RequestKind


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


def ask_sensors(sensors: Iterable[Sensor], memory: Memory, now: datetime) -> SensorResult:
    """Ask what is due; one that raises is told of and asked again after its interval, with the cursor it had."""
    requests: list[Request] = []
    partitions: list[AddPartitions] = []
    errors: list[tuple[str, str]] = []
    for sensor in sensors:
        if not is_due(sensor, memory, now):
            continue
        name = f"sensor:{sensor.name}"
        kept = memory.get(name) or {}
        context = SensorContext(now=now, cursor=kept.get("cursor"))
        error = None
        try:
            answers = _answers(sensor, context)
        except AssetflowError as problem:
            error = problem.message
        except Exception as problem:  # a user's function: it must not end the tick
            error = f"{type(problem).__name__}: {problem}"
        if error is not None:
            errors.append((sensor.name, error))
            memory.set(name, {**kept, "asked": to_text(now), "error": error})
            continue
        for place, answer in enumerate(answers):
            if isinstance(answer, AddPartitions):
                partitions.append(answer)
                continue
            key = None if answer.run_key is None else f"run_key:{sensor.name}:{answer.run_key}"
            if key is not None and memory.get(key) is not None:
                continue
            if key is not None:
                memory.set(key, to_text(now))
            requests.append(_request(sensor, answer, place, now))
        memory.set(name, {"asked": to_text(now), "cursor": context.cursor, "error": None})
    return SensorResult(requests=tuple(requests), partitions=tuple(partitions), errors=tuple(errors))


def _answers(sensor: Sensor, context: SensorContext) -> list[RunRequest | AddPartitions]:
    found: Any = sensor.fn(context) if inspect.signature(sensor.fn).parameters else sensor.fn()
    if found is None:
        return []
    listed = [found] if isinstance(found, (RunRequest, AddPartitions)) else list(found)
    for each in listed:
        if not isinstance(each, (RunRequest, AddPartitions)):
            raise UsageError(f"it returned {each!r}", hint="return or yield RunRequest(...) and AddPartitions(...)")
    if context.cursor is not None and not isinstance(context.cursor, str):
        raise UsageError(f"its cursor is {context.cursor!r}", hint="a cursor is text")
    return listed


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
