"""Carrying out what ticks requested: each request one run, ended in the log, taken up again where a process died."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assetflow.errors import AssetflowError
from assetflow.executor.result import RunResult
from assetflow.model.keys import show
from assetflow.model.record import RunStatus, StepStatus
from assetflow.project.planning import plan_request
from assetflow.project.project import Project
from assetflow.scheduler.memory import Memory, read_memory, write_memory
from assetflow.scheduler.notices import Notifier
from assetflow.scheduler.requests import Request, RequestKind
from assetflow.scheduler.sensors import add_partitions, ask_sensors
from assetflow.scheduler.tick import Tick, evaluation_json, tick
from assetflow.values import dataclass

Tell = Callable[[str, dict[str, Any]], None]
"""Hears what happens: a name and its fields as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended; `run_id` is None where there was nothing to do, `error` says why it failed."""

    request: Request
    status: str
    run_id: str | None
    error: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "request": self.request.id, "by": self.request.by, "selection": list(self.request.selection),
            "status": self.status, "run_id": self.run_id, "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One tick with everything that it led to."""

    tick: Tick
    ended: tuple[Ended, ...]

    @property
    def failed(self) -> bool:
        """Whether something that was requested failed, or a sensor or a condition went wrong."""
        return bool(self.tick.errors) or any(each.status == RunStatus.FAILED for each in self.ended)

    def to_json(self) -> dict[str, Any]:
        return {**self.tick.to_json(), "ended": [each.to_json() for each in self.ended]}


def carry_round(project: Project, tell: Tell) -> Round:
    """Take up what was left open, tick, record, and carry out what is requested; what fails ends nothing else."""
    project.recover()
    memory = read_memory(project)
    notifier = Notifier(project, memory, tell)
    ended = [_carry_out(project, memory, Request.from_json(given), tell) for given in memory.under("request:").values()]
    asked = ask_sensors(project, memory)
    add_partitions(project, asked.partitions)  # before the cursors are written: who dies in between asks again
    found = tick(project, memory, asked)
    changed = [each for each in found.evaluations if each.requested or each.errors]
    detail = {
        "requests": [request.to_json() for request in found.requests],
        "evaluations": [evaluation_json(each) for each in changed],
        "errors": [list(each) for each in found.errors],
    }
    write_memory(project, memory, "tick", detail)
    tell("tick", {key: value for key, value in found.to_json().items() if key != "evaluations"})
    for where, message in found.errors:
        tell("error", {"where": where, "message": message})
    notifier.freshness()
    ended += [_carry_out(project, memory, request, tell) for request in found.requests]
    notifier.runs()
    return Round(tick=found, ended=tuple(ended))


def _carry_out(project: Project, memory: Memory, request: Request, tell: Tell) -> Ended:
    """One request; it stays open only when it was canceled, as by the end of the scheduler."""
    error: str | None = None
    result: RunResult | None = None
    try:
        planned = plan_request(project, request.ask(), None)
        for message in planned.plan.left_out:
            tell("waiting", {"by": request.by, "message": message})
        if request.kind is not RequestKind.CONDITION or not planned.plan.is_empty:
            tell("request", {"request": request.id, "by": request.by, "steps": planned.plan.work})
        result = project.run_planned(planned)
    except AssetflowError as problem:
        error = problem.message
    except Exception as problem:  # one request that stays open would keep all the others from their turn
        error = f"{type(problem).__name__}: {problem}"
    status = "failed" if result is None else str(result.status)
    if result is not None and error is None:
        error = _first_failure(result)
    ended = Ended(request=request, status=status, run_id=None if result is None else result.run_id, error=error)
    if status == RunStatus.CANCELED:
        raise KeyboardInterrupt
    memory.set(f"request:{request.id}", None)
    write_memory(project, memory, "request_ended", ended.to_json())
    if ended.run_id is not None or error is not None:
        tell("ended", ended.to_json())
    return ended


def _first_failure(result: RunResult) -> str | None:
    """The first step that failed with the first line of why, and how many more there are."""
    failed = [step for step in result.steps if step.status is StepStatus.FAILED]
    if not failed:
        return None
    line = (failed[0].error or "failed").partition("\n")[0]
    more = f" (and {len(failed) - 1:,} more)" if len(failed) > 1 else ""
    return f"`{show(failed[0].asset, failed[0].partition)}`: {line}{more}"
