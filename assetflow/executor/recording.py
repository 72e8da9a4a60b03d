"""From what happened to events and results: the one place that words a run's log lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from assetflow.executor.call import Made, Outcome
from assetflow.executor.calls import Decision
from assetflow.executor.result import StepResult
from assetflow.executor.tasks import Place, Task
from assetflow.model.event import AttemptFinished, CodeRecorded, Emitted, Event, Json, Observed, StepFinished
from assetflow.model.keys import materialization_id
from assetflow.model.record import Observation, StepStatus
from assetflow.planner.basis import Basis

Texts = Callable[[str], Mapping[str, str]]
"""Asset to the normalized source of its code components, by component hash."""


class Recorder:
    """Words the events of one run; counts materializations and logical time."""

    def __init__(
        self, *, run_id: str, basis: Basis, config_shown: Mapping[str, Json], texts: Texts, used: int = 0
    ) -> None:
        self.run_id = run_id
        self._basis = basis
        self._config_shown = config_shown
        self._texts = texts
        self._materializations = used
        self._events = 0
        self._order = basis.snapshot.order
        self._known_texts: set[str] = set()
        self._known_code: set[str] = set()
        self.dependencies: dict[str, str] = {}

    def next_order(self) -> int:
        """The next instant of logical time."""
        self._order += 1
        return self._order

    def take_in(self, order: int) -> None:
        """Go on from a logical time that other runs have reached."""
        self._order = max(self._order, order)

    def code(self, asset: str, at: str) -> tuple[Event, ...]:
        """The code of an asset, when it was never recorded."""
        if asset in self._known_code:
            return ()
        self._known_code.add(asset)
        code = self._basis.versions[asset].code
        if code.version is None or self._basis.snapshot.has_code(asset, code.version):
            return ()
        texts = {key: text for key, text in self._texts(asset).items() if key not in self._known_texts}
        self._known_texts.update(texts)
        return (
            CodeRecorded(
                at=at,
                asset=asset,
                code_version=code.version,
                components=[list(pair) for pair in code.components],
                packages=[list(pair) for pair in code.packages],
                texts=texts,
            ),
        )

    def materialized(self, decision: Decision, made: Made, outcome: Outcome) -> tuple[str, Json]:
        """The id and the full record of a new materialization."""
        self._materializations += 1
        ident = materialization_id(self.run_id, self._materializations)
        versions = self._basis.versions[decision.asset]
        payload = made.payload
        record: Json = {
            "id": ident,
            "data_version": payload["data_version"],
            "code_version": versions.code.version or "",
            "config": self._config_shown.get(decision.asset, {}),
            "config_version": versions.config_version,
            "input_fingerprint": decision.fingerprint,
            "dependencies": self.dependencies[decision.asset],
            "inputs": [list(edge) for edge in decision.edges],
            "uri": payload["uri"],
            "format": payload["format"],
            "rows": payload["rows"],
            "bytes": payload["bytes"],
            "schema": payload["schema"],
            "column_versions": payload["column_versions"],
            "payload": payload,
            "metadata": made.metadata,
            "packages": [list(pair) for pair in versions.code.packages],
            "reads": dict(outcome.reads) or None,
        }
        if (columns := outcome.columns.get(decision.asset)) is not None:
            record["column_lineage"] = columns
        return ident, record

    def observed(self, observation: Observation, at: str) -> tuple[Observation, Event]:
        """An observation with an id of this run, and its event."""
        self._materializations += 1
        named = replace(observation, id=materialization_id(self.run_id, self._materializations))
        event = Observed(
            at=at, id=str(named.id), run_id=self.run_id, asset=named.asset, partition=named.partition,
            data_version=named.data_version, detail=dict(named.detail), order=self.next_order(),
        )  # fmt: skip
        return named, event

    def emitted(self, task: Task, outcome: Outcome, at: str) -> list[Event]:
        """The domain events of an attempt, in the order of the calls."""
        events: list[Event] = []
        for event_type, key, payload in outcome.emitted:
            self._events += 1
            events.append(
                Emitted(
                    at=at,
                    id=f"{self.run_id}.e{self._events:08}",  # so many digits that text order is the order of the calls
                    run_id=self.run_id,
                    step=task.first_step,
                    asset=task.asset,
                    partition=None if outcome.call.batch else task.partition,
                    event_type=event_type,
                    key=key,
                    payload=json.loads(json.dumps(payload, default=str)),
                )
            )
        return events

    def attempts(self, task: Task, outcome: Outcome, at: str) -> list[Event]:
        """One attempt that failed, or the last of several: an event for every asset partition that it was to make.

        The partitions of a batch share its time, and only the first has the traceback.
        """
        numbers = {place: number for number, place in task.steps()}
        shared = outcome.shared_out()
        error = None if outcome.failure is None else outcome.failure.to_json()
        events: list[Event] = []
        for asset, partition in outcome.call.places:
            events.append(
                AttemptFinished(
                    at=at,
                    run_id=self.run_id,
                    step=numbers[asset, partition],
                    asset=asset,
                    partition=partition,
                    attempt=outcome.call.attempt,
                    status=str(outcome.status),
                    started_at=outcome.started_at,
                    seconds=shared.seconds,
                    error=error if error is None or not events else {**error, "traceback": ""},
                )
            )
        return events


def step_finished(
    result: StepResult,
    *,
    at: str,
    run_id: str,
    environment: str,
    number: int,
    started_at: str | None = None,
    error: Json | None = None,
    published: str | None = None,
    order: int = 0,
    materialization: Json | None = None,
) -> StepFinished:
    """The event of a step result."""
    return StepFinished(
        at=at,
        run_id=run_id,
        environment=environment,
        step=number,
        asset=result.asset,
        partition=result.partition,
        status=str(result.status),
        attempts=result.attempts,
        seconds=round(result.seconds, 6),
        started_at=started_at,
        causes=list(result.causes),
        error=error if error is not None or result.error is None else {"type": "", "message": result.error},
        caused_by=result.caused_by,
        published=published,
        order=order,
        materialization=materialization,
    )


def step_result(
    task: Task, place: Place, status: StepStatus, *, attempts: int = 0, seconds: float = 0.0, **more: Any
) -> StepResult:
    """The result of a step; `more` are fields of it, of a step without a value none."""
    return StepResult(
        asset=place[0],
        partition=place[1],
        status=status,
        attempts=attempts,
        seconds=seconds,
        causes=tuple([cause.to_json() for cause in task.causes[place]]),
        **more,
    )
