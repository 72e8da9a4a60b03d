"""Runs of the past, and of this moment, in the shape that a run has when it ends."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assetflow.catalog.rows import RunRow, StepRow
from assetflow.errors import DefinitionError, UnknownAssetError, UnknownPartitionError, UsageError, did_you_mean
from assetflow.executor.result import COUNTED, StepResult
from assetflow.model.clock import to_text
from assetflow.model.keys import show
from assetflow.model.record import RunStatus, StepStatus
from assetflow.project.folder import output_path
from assetflow.project.request import Ask
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

_PAUSE = 0.1

_MADE = """
select id, rows, bytes, coalesce(cast(undeclared as varchar), '[]') from materializations where run_id = ?"""

_FAILED = """
select asset, "partition", attempt, started_at + to_microseconds(cast(seconds * 1000000 as bigint)) as ended,
    coalesce(nullif(traceback, ''), error_message, 'failed') as text
from attempts where run_id = ? and status = 'failed' order by step, asset, "partition", attempt"""

_FIELDS = frozenset({"at", "asset", "partition", "stream", "level", "text"})
"""What every captured line has."""

LAST = "last"
"""Stands for the newest run wherever a run id is asked for."""


class _Failed(NamedTuple):
    """An attempt that failed: which one, when, and how."""

    attempt: int
    ended: datetime
    text: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a run made, as far as its steps tell of it."""

    rows: int | None = None
    bytes: int | None = None
    undeclared: str = "[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run with its steps; while it goes on, steps can be running and `row.finished_at` is None."""

    row: RunRow
    steps: tuple[StepResult, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Steps by how they ended, every way named, and what was fresh from the start."""
        counts = dict.fromkeys((str(status) for status in COUNTED), 0)
        for step in self.steps:
            if step.status in COUNTED:
                counts[str(step.status)] += 1
        return {**counts, "fresh": self.row.counts.get("fresh", 0)}

    def to_json(self) -> dict[str, Any]:
        """The document of `materialize --json`, with what only a recorded run has."""
        return {
            "run_id": self.row.run_id,
            "status": self.row.status,
            "environment": self.row.environment,
            "started_at": self.row.started_at,
            "finished_at": self.row.finished_at,
            "counts": self.counts,
            "steps": [step.to_json() for step in self.steps],
            "selection": self.row.selection,
            "options": self.row.options,
            "parent_run": self.row.parent_run,
            "error": self.row.error,
        }


def find_run(project: Project, run_id: str) -> RunRow:
    """The run of an id, the beginning of one, or `last`; UnknownRunError otherwise."""
    project.recover()
    if run_id == LAST:
        newest = project.catalog.runs(1)
        if newest:
            return newest[0]
    return project.catalog.run(run_id)


def past_run(project: Project, run_id: str) -> PastRun:
    """One run with its steps."""
    row = find_run(project, run_id)
    made = project.catalog.query(_MADE, (row.run_id,)).rows
    facts = {ident: _Facts(*more) for ident, *more in made}
    return PastRun(row=row, steps=tuple(_step(step, facts) for step in project.catalog.steps(row.run_id)))


def _step(row: StepRow, facts: dict[str, _Facts]) -> StepResult:
    error = row.error or {}
    text = ": ".join(part for part in (error.get("type"), error.get("message")) if part)
    made = facts.get(row.materialization or "", _Facts())
    return StepResult(
        asset=row.asset,
        partition=row.partition,
        status=StepStatus(row.status),
        attempts=row.attempts,
        seconds=row.seconds or 0.0,
        data_version=row.data_version,
        rows=made.rows,
        bytes=made.bytes,
        causes=tuple(row.causes),
        error=text or None,
        traceback=error.get("traceback") or None,
        caused_by=row.caused_by,
        undeclared=tuple((read["kind"], read["name"]) for read in json.loads(made.undeclared)),
    )


def ask_again(row: RunRow) -> Ask:
    """What a run was asked for, to be asked again."""
    options = row.options
    if options.get("config_hidden"):
        raise UsageError(
            f"run {row.run_id} was given secrets with -p, which are not recorded",
            hint="repeat it with `assetflow materialize` and the same -p",
        )
    return Ask(
        selection=tuple(row.selection),
        partitions=tuple(options.get("partitions", ())),
        first=options.get("first"),
        last=options.get("last"),
        only=bool(options.get("only")),
        force=bool(options.get("force")),
        freshness=bool(options.get("freshness")),
        config=options.get("config", {}),
    )


def run_output(
    project: Project, row: RunRow, asset: str | None, partition: str | None, *, follow: bool = False
) -> Iterator[dict[str, Any]]:
    """What the steps of a run wrote, and then the error of each attempt that failed; `asset` leaves others out.

    `follow` waits for more for as long as the run goes on.
    """
    yield from _captured(project, row, None if asset is None else _same_call(project, asset), partition, follow=follow)
    failed: dict[tuple[str, str | None], list[_Failed]] = {}
    for key, part, *more in project.catalog.query(_FAILED, (row.run_id,)).rows:
        failed.setdefault((key, part), []).append(_Failed(*more))
    for step in project.catalog.steps(row.run_id):
        if asset not in (None, step.asset) or partition not in (None, step.partition):
            continue
        has_failed = step.status == StepStatus.FAILED
        for earlier in failed.get((step.asset, step.partition), ()):
            if not (has_failed and earlier.attempt == step.attempts):  # the last one is the step's own error
                yield _error_line(step, earlier.attempt, to_text(earlier.ended.replace(tzinfo=UTC)), earlier.text)
        if has_failed:
            error = step.error or {}
            text = error.get("traceback") or error.get("message") or "failed"
            yield _error_line(step, step.attempts, step.finished_at, text)


def check_step(project: Project, row: RunRow, asset: str, partition: str | None) -> None:
    """Raise UnknownAssetError or UnknownPartitionError where a run that is over had no such step."""
    if row.status == RunStatus.RUNNING:
        return
    places: dict[str, set[str]] = {}
    for step in project.catalog.steps(row.run_id):
        places.setdefault(step.asset, set()).update(() if step.partition is None else (step.partition,))
    where = f"`assetflow run {row.run_id}` lists its steps"
    if asset not in places:
        hint = did_you_mean(asset, places) or where
        raise UnknownAssetError(f"run {row.run_id} had no step `{asset}`", hint=hint, asset=asset)
    if partition is not None and partition not in places[asset]:
        hint = did_you_mean(partition, places[asset]) or where
        raise UnknownPartitionError(f"run {row.run_id} had no step `{show(asset, partition)}`", hint=hint)


def _error_line(step: StepRow, attempt: int, at: str | None, text: str) -> dict[str, Any]:
    """How an attempt failed, as a line of output."""
    return {
        "at": at, "task": None, "attempt": attempt, "asset": step.asset, "partition": step.partition,
        "stream": "error", "level": "ERROR", "text": text.rstrip(),
    }  # fmt: skip


def _captured(
    project: Project, row: RunRow, names: frozenset[str] | None, partition: str | None, *, follow: bool
) -> Iterator[dict[str, Any]]:
    """The captured lines in order; a run that goes on has more later."""
    path = output_path(project.settings.catalog_root, row.run_id)
    read_to = 0
    while True:
        goes_on = follow and project.catalog.is_owned(row.run_id)  # asked first: what it wrote before it ended is read
        for text in _whole_lines(path, read_to):
            read_to += len(text)
            try:
                line = json.loads(text)
            except ValueError:
                continue  # half a line of a process that was killed
            if not isinstance(line, dict) or not line.keys() >= _FIELDS:
                continue  # damaged
            if (names is None or line["asset"] in names) and partition in (None, line["partition"]):
                yield {"attempt": 1, **line}
        if not goes_on:
            return
        time.sleep(_PAUSE)


def _whole_lines(path: Path, offset: int) -> Iterator[bytes]:
    """The lines of a file from an offset on; the last one only when it is whole, for the rest is being written."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        file.seek(offset)
        for text in file:
            if text.endswith(b"\n"):
                yield text


def _same_call(project: Project, asset: str) -> frozenset[str]:
    """The assets that are made by the same call: what it writes is filed under the first of them."""
    try:
        graph = project.graph
    except DefinitionError:
        return frozenset((asset,))  # what a run wrote can be read whatever the files hold today
    if asset not in graph:
        return frozenset((asset,))
    return frozenset((asset, *graph.computations.get(graph.specs[asset].computation, ())))
