"""What a run came to: the values that `materialize` returns, prints and shows as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from assetflow.model.event import Json
from assetflow.model.record import Partition, RunStatus, StepStatus
from assetflow.values import dataclass

COUNTED = (
    StepStatus.MATERIALIZED, StepStatus.REUSED, StepStatus.UNCHANGED, StepStatus.SKIPPED, StepStatus.FAILED,
    StepStatus.CANCELED,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How the step of one asset partition ended; `caused_by` names the step that made a skipped one impossible.

    `undeclared` are (kind, name) of files and variables that its function read and no version knows of.
    """

    asset: str
    partition: Partition
    status: StepStatus
    attempts: int
    seconds: float
    data_version: str | None = None
    rows: int | None = None
    bytes: int | None = None
    causes: tuple[Json, ...] = ()
    error: str | None = None
    traceback: str | None = None
    caused_by: str | None = None
    undeclared: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "asset": self.asset,
            "partition": self.partition,
            "status": str(self.status),
            "attempts": self.attempts,
            "seconds": round(self.seconds, 6),
            "data_version": self.data_version,
            "rows": self.rows,
            "causes": list(self.causes),
            "error": self.error,
            "traceback": self.traceback,
            "caused_by": self.caused_by,
            "undeclared": [{"kind": kind, "name": name} for kind, name in self.undeclared],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run that ended; `run_id` is None where there was nothing to do, so that no run was made."""

    run_id: str | None
    status: RunStatus
    environment: str
    started_at: str
    finished_at: str
    steps: tuple[StepResult, ...]
    fresh: int
    notices: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.status is RunStatus.SUCCEEDED

    @property
    def counts(self) -> dict[str, int]:
        """Steps by how they ended, and how many asset partitions were fresh from the start."""
        return {**count_steps(self.steps), "fresh": self.fresh}

    def step(self, asset: str, partition: Partition = None) -> StepResult | None:
        """The step of one asset partition, or None when the run had none."""
        return next((s for s in self.steps if s.asset == asset and s.partition == partition), None)

    def to_json(self) -> dict[str, Any]:
        """The document that `materialize --json` and `run --json` print."""
        return {
            "run_id": self.run_id,
            "status": str(self.status),
            "environment": self.environment,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "counts": self.counts,
            "steps": [step.to_json() for step in self.steps],
        }


def count_steps(steps: Iterable[StepResult]) -> dict[str, int]:
    """How many steps ended how; every way is named, also with 0."""
    counts = dict.fromkeys((str(status) for status in COUNTED), 0)
    for step in steps:
        counts[str(step.status)] += 1
    return counts
