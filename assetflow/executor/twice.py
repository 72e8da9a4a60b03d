"""Running a step twice, to see whether it makes the same value both times."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assetflow.executor.call import Call, Made, Outcome
from assetflow.executor.tasks import Place
from assetflow.model.event import Json
from assetflow.model.record import StepStatus
from assetflow.store import LocalStore, StoredObject
from assetflow.store.rounding import ROUNDING, difference

if TYPE_CHECKING:
    from assetflow.executor.body import Worker

EVENT = "determinism"
"""The type of the domain event: `{"asset", "partition", "deterministic", "rounding", "columns", "rows", …}`."""


def verified(worker: Worker, first: Outcome) -> Outcome:
    """The outcome of a call with what a second one made different; the second one's values are thrown away."""
    with _again(worker, first) as (second, call):
        return _with_findings(worker, first, second.run(call), second.outputs)


async def verified_async(worker: Worker, first: Outcome) -> Outcome:
    """The same for a coroutine function."""
    with _again(worker, first) as (second, call):
        return _with_findings(worker, first, await second.run_async(call), second.outputs)


def wants_verifying(outcome: Outcome) -> bool:
    """Whether a call is to be repeated: it made something, and repeating it does no harm."""
    return outcome.call.verify and outcome.status is StepStatus.MATERIALIZED


@contextmanager
def _again(worker: Worker, first: Outcome) -> Iterator[tuple[Worker, Call]]:
    with tempfile.TemporaryDirectory(prefix="assetflow-verify-") as folder:
        yield (
            replace(worker, outputs=LocalStore(Path(folder)), began=lambda _call: None),
            replace(first.call, verify=False, close_to={}),
        )


def _with_findings(worker: Worker, first: Outcome, second: Outcome, outputs: LocalStore | None) -> Outcome:
    assert outputs is not None
    events: list[tuple[str, str | None, Json]] = []
    for place, made in first.made.items():
        other = second.made.get(place)
        finding = {"asset": place[0], "partition": place[1], **_finding(worker, made, other, second, outputs)}
        events.append((EVENT, place[1], json.loads(json.dumps(finding, default=str))))
    return replace(first, emitted=(*first.emitted, *events), seconds=first.seconds + second.seconds)


def _finding(worker: Worker, made: object, other: object, second: Outcome, outputs: LocalStore) -> Json:
    if second.failure is not None:
        return {"deterministic": False, "error": second.failure.text}
    if not isinstance(made, Made) or not isinstance(other, Made):
        return {"deterministic": type(made) is type(other)}
    if made.payload["data_version"] == other.payload["data_version"]:
        return {"deterministic": True}
    left, right = StoredObject.from_json(made.payload), StoredObject.from_json(other.payload)
    found = difference(left, worker.store.path(left.uri), right, outputs.path(right.uri))
    if found is None:
        return {"deterministic": False}
    return {"deterministic": False, "rounding": found.within(ROUNDING), **found.to_json()}


def kept_within(
    store: LocalStore, close_to: Mapping[Place, tuple[Json, float]], place: Place, made: StoredObject
) -> Json | None:
    """The published value, where what was made equals it but for rounding: then it stays published."""
    published = close_to.get(place)
    if published is None:
        return None
    payload, tolerance = published
    before = StoredObject.from_json(payload)
    found = difference(before, store.path(before.uri), made, store.path(made.uri))
    return payload if found is not None and found.within(tolerance) else None
