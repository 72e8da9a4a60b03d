"""One tick as the watch keeps it: what it is about, how far its worker is, and what will be told of it."""

from __future__ import annotations

import signal
from collections.abc import Container, Iterable
from dataclasses import field
from enum import StrEnum

from assetflow.errors import AssetflowError, CanceledError, RunError
from assetflow.executor.result import RunResult
from assetflow.model.change import Change
from assetflow.model.event import Event, StepFinished, StepStarted
from assetflow.model.keys import show
from assetflow.model.record import Partition
from assetflow.model.texts import first_of
from assetflow.project.tick import Difference, Tick
from assetflow.values import dataclass
from assetflow.watch.messages import Planned
from assetflow.watch.parent import Hand


class Stage(StrEnum):
    """Where a tick stands."""

    PLANNING = "planning"
    HELD = "held"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(slots=True)
class Job:
    """A tick in progress; `began` is the time of its first change (monotonic seconds), `forced` that all is rebuilt."""

    number: int
    hand: Hand
    changes: tuple[Change, ...]
    began: float
    stage: Stage = Stage.PLANNING
    planned: Planned | None = None
    remaining: dict[str, int] = field(default_factory=dict)
    running: set[tuple[str, Partition]] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)
    kill_at: float | None = None
    forced: bool = False

    def plan_is(self, planned: Planned) -> None:
        """Take in the plan; the steps that it has left are counted by asset."""
        self.planned = planned
        self.remaining = {}
        for step in planned.plan.steps:
            self.remaining[step.asset] = self.remaining.get(step.asset, 0) + step.count

    def hear(self, event: Event, difference: Difference | None) -> None:
        """Take in an event of the run."""
        match event:
            case StepStarted():
                self.running.add((event.asset, event.partition))
            case StepFinished():
                self.running.discard((event.asset, event.partition))
                left = self.remaining.get(event.asset, 0) - 1
                if left > 0:
                    self.remaining[event.asset] = left
                else:
                    self.remaining.pop(event.asset, None)
            case _:
                pass
        if difference is not None:
            self.differences.append(difference)

    def divided(self, newer: Planned) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The assets that are left to make: those a newer plan does not want as this run makes them, and the others."""
        assert self.planned is not None
        before, after = self.planned.worth, newer.worth
        pointless = sorted(asset for asset in self.remaining if before.get(asset) != after.get(asset))
        return tuple(pointless), tuple(sorted(self.remaining.keys() - pointless))

    def is_at(self, assets: Container[str]) -> bool:
        """Whether a step of one of these assets runs."""
        return any(asset in assets for asset, _ in self.running)

    def tick(self, now: float, *, result: RunResult | None = None, error: AssetflowError | None = None) -> Tick:
        """What the tick came to."""
        return Tick(
            number=self.number,
            changes=self.changes,
            plan=None if self.planned is None else self.planned.plan,
            result=result,
            differences=tuple(self.differences),
            error=error,
            seconds=now - self.began,
        )

    def death(self, status: int | None) -> AssetflowError:
        """The error of a worker that is gone before it said how it ended."""
        if self.stage is Stage.STOPPING:
            return CanceledError("canceled, because what it was making changed meanwhile")
        during = first_of([f"`{show(*place)}`" for place in sorted(self.running, key=str)], 3)
        doing = f" while {during} ran" if during else ""
        how = "was gone" if status is None else f"ended with code {status}"
        if status is not None and status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        return RunError(
            f"the worker process {how}{doing}",
            hint="native code that crashes, `os._exit`, or too little memory; the watch goes on with the next change",
        )


def together(older: tuple[Change, ...], newer: Iterable[Change]) -> tuple[Change, ...]:
    """The changes that a tick answers which takes over those of another."""
    return (*older, *(change for change in newer if change not in older))
