"""The ledger of a run: what ended how, as results, as events for the log, and as news for subscribers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Any

from assetflow.catalog.claims import Claims, Key
from assetflow.define.definitions import Definitions
from assetflow.executor.backends.pool import ProcessPool
from assetflow.executor.body import Worker
from assetflow.executor.call import Made, Outcome
from assetflow.executor.calls import Decision, Produced
from assetflow.executor.commit import Committer, Entry, Log
from assetflow.executor.recording import Recorder, Texts, step_finished, step_result
from assetflow.executor.result import StepResult
from assetflow.executor.subscribers import Audience, Subscriber
from assetflow.executor.tasks import Place, Task
from assetflow.executor.undeclared.findings import Finding
from assetflow.model.clock import Clock, to_text
from assetflow.model.event import Event, Json, PartitionsChanged, RunStarted
from assetflow.model.plan import Plan
from assetflow.model.record import Observation, Snapshot, StepStatus
from assetflow.planner.basis import Basis
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything a run works with besides its plan.

    `config` maps computation to its resolved config, `config_shown` asset to what is recorded of it; `preamble` are
    events that come right after the run's first, `first_materialization` how many ids of the run they used; `tick` is
    called beside the work about once a second, to fold the log; `replan` makes the plan anew from what is recorded by
    now, after dynamic partitions may have changed, and gives the sources that were seen for the first time with it;
    `pool` has the worker processes of the project. `claims` keep other runs off the steps of this one (None: there
    are no others), `pools` are sizes by name, `look` reads the catalog again, `is_canceled` tells whether somebody has
    asked to end the run; `undeclared` leaves of what a function read beside its inputs what its version does not cover.
    """

    basis: Basis
    definitions: Definitions
    worker: Worker
    log: Log
    clock: Clock
    config: Mapping[str, Any]
    config_shown: Mapping[str, Json] = field(default_factory=dict)
    texts: Texts = lambda _asset: {}
    tick: Callable[[], None] = lambda: None
    notify: Callable[[str], None] = lambda _text: None
    preamble: tuple[Event, ...] = ()
    first_materialization: int = 0
    max_partitions: int = 10_000
    claims: Claims | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
    look: Callable[[], Snapshot] = Snapshot.empty
    is_canceled: Callable[[], bool] = lambda: False
    replan: Callable[[], tuple[Plan, Basis, tuple[Observation, ...]]] | None = None
    pool: ProcessPool | None = None
    undeclared: Callable[[str, tuple[Finding, ...]], tuple[Finding, ...]] = lambda _asset, found: found


class Ledger:
    """Keeps the results of a run and commits its events, in order; subscribers hear of what is durable."""

    def __init__(self, setting: Setting, started: RunStarted, subscribers: tuple[Subscriber, ...]) -> None:
        self.setting = setting
        self.run_id = started.run_id
        self.environment = started.environment
        self.results: dict[int, StepResult] = {}
        self.ended: dict[Place, StepResult] = {}
        self.dynamic: dict[str, tuple[str, ...]] = {
            name: tuple(keys) for name, keys in setting.basis.snapshot.dynamic.items()
        }
        self.added: Counter[tuple[str, str]] = Counter()
        self._steady = dict(self.dynamic)
        self._by_step: dict[str, dict[int, tuple[str, ...]]] = {}
        self.recorder = Recorder(
            run_id=started.run_id, basis=setting.basis, config_shown=setting.config_shown, texts=setting.texts,
            used=setting.first_materialization,
        )  # fmt: skip
        self.audience = Audience(subscribers, setting.notify)
        self.committer = Committer(setting.log, setting.worker.store.sync, tick=setting.tick, claims=setting.claims)
        self.record((started, *setting.preamble))

    def now(self) -> str:
        """The present instant, as text."""
        return to_text(self.setting.clock.now())

    def record(self, events: tuple[Event, ...], *, uris: tuple[str, ...] = ()) -> None:
        """Commit events in order; subscribers hear of them in that order, when they are durable."""
        self.committer.put(Entry(events, uris, lambda: self._recorded(events)))

    def give_back(self, keys: Iterable[Key]) -> None:
        """Give claims back when everything recorded so far is on disk."""
        self.committer.put(Entry((), free=tuple(keys)))

    def _recorded(self, events: tuple[Event, ...]) -> None:
        """Called on the committer's thread."""
        self.audience.announce(events)

    def finished(
        self, number: int, result: StepResult, *, at: str | None = None, error: Json | None = None, **more: Any
    ) -> Event:
        """Keep the result of a step and word its event, of the present instant unless `at` says another."""
        self.results[number] = result
        self.ended[(result.asset, result.partition)] = result
        return step_finished(
            result, at=at or self.now(), run_id=self.run_id, environment=self.environment, number=number, error=error,
            **more,
        )  # fmt: skip

    def all_finished(
        self, task: Task, status: StepStatus, *, attempts: int, seconds: float, **more: Any
    ) -> list[Event]:
        """The same end for every place of a task; `more` are fields of the result, `failure` its error as JSON.

        The places of a batch share the time it took, and only those of its first partition have the traceback.
        """
        failure = more.pop("failure", None)
        share = seconds / task.partition_count
        events: list[Event] = []
        for number, place in task.steps():
            if place[1] != task.partition and more.get("traceback"):
                more["traceback"], failure = None, {**(failure or {}), "traceback": ""}
            result = step_result(task, place, status, attempts=attempts, seconds=share, **more)
            events.append(self.finished(number, result, error=failure))
        return events

    def settled(self, task: Task, number: int, decision: Decision) -> tuple[Event, Produced | None]:
        """The end of a place that needs no call: what is published still holds, or an earlier value does again."""
        earlier = decision.reuse
        if earlier is None:
            return self.finished(number, step_result(task, decision.place, StepStatus.UNCHANGED)), None
        payload = json.loads(earlier.payload)
        result = step_result(task, decision.place, StepStatus.REUSED, **_facts(payload))
        event = self.finished(number, result, published=earlier.materialization, order=self.recorder.next_order())
        return event, Produced(earlier.materialization, earlier.data_version, payload)

    def published(
        self, task: Task, number: int, decision: Decision, made: Made, outcome: Outcome, *, at: str, is_new: bool
    ) -> tuple[list[Event], Produced]:
        """The events that publish a value at an instant; what is not `is_new` is a new record of the old value."""
        found = self.setting.undeclared(decision.asset, outcome.undeclared) if outcome.undeclared else ()
        ident, record = self.recorder.materialized(decision, made, outcome)
        record["undeclared"] = [{"kind": kind, "name": name} for kind, name in found] or None
        payload = made.payload
        status = StepStatus.MATERIALIZED if is_new else StepStatus.UNCHANGED
        result = step_result(
            task, decision.place, status, attempts=outcome.call.attempt, seconds=outcome.seconds, undeclared=found,
            **_facts(payload),
        )  # fmt: skip
        event = self.finished(
            number, result, at=at, started_at=outcome.started_at, published=ident, order=self.recorder.next_order(),
            materialization=record,
        )  # fmt: skip
        produced = Produced(ident, payload["data_version"], payload)
        return [*self.recorder.code(decision.asset, at), event], produced

    def observed(self, basis: Basis, seen: Iterable[Observation]) -> Basis:
        """Record what was seen of sources since the run began, and give it ids in the basis."""
        found = {asset: dict(by_partition) for asset, by_partition in basis.snapshot.observations.items()}
        events: list[Event] = []
        for observation in seen:
            named, event = self.recorder.observed(observation, self.now())
            found[named.asset][named.partition] = named
            events.append(event)
        if not events:
            return basis
        self.record(tuple(events))
        return replace(basis, snapshot=replace(basis.snapshot, observations=found))

    def partitions_changed(self, task: Task, outcome: Outcome) -> list[Event]:
        """The events of the dynamic keys that a step added and removed.

        Keys that several steps add stand in the order of the steps, whichever ended first.
        """
        events: list[Event] = []
        for name, (replaces, keys) in sorted(outcome.partitions.items()):
            before = self.dynamic.get(name, ())
            self.added[(task.asset, name)] += len(set(keys).difference(before))
            if replaces:
                self._steady[name], self._by_step[name] = keys, {}
            else:
                self._by_step.setdefault(name, {})[task.first_step] = keys
            ordered = dict.fromkeys(self._steady.get(name, ()))
            for _, added in sorted(self._by_step[name].items()):
                ordered.update(dict.fromkeys(added))
            now = tuple(ordered)
            # what stays in its place is kept; the rest goes, and comes again in its new order
            kept = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new),
                        min(len(before), len(now)))  # fmt: skip
            if before != now:
                self.dynamic[name] = now
                events.append(
                    PartitionsChanged(
                        at=self.now(), definition=name, added=list(now[kept:]), removed=list(before[kept:]),
                        run_id=self.run_id, order=self.recorder.next_order(),
                    )
                )  # fmt: skip
        return events


def _facts(payload: Json) -> Json:
    """What the result of a step says of a stored object."""
    return {"data_version": payload["data_version"], "rows": payload["rows"], "bytes": payload["bytes"]}
