"""The run loop: takes ready tasks from the queue, decides, hands calls to the back end, records what comes back."""

from __future__ import annotations

import heapq
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from assetflow.define.definitions import Definitions
from assetflow.define.values import Unchanged
from assetflow.errors import AssetflowError
from assetflow.executor.backends.threads import ThreadBackend
from assetflow.executor.body import Worker, describe_failure
from assetflow.executor.call import Failure, Made, Outcome
from assetflow.executor.calls import Decision, Produced, State
from assetflow.executor.commit import Committer, Entry, Log
from assetflow.executor.queue import Queue
from assetflow.executor.recording import Recorder, Texts, step_finished, step_result
from assetflow.executor.result import RunResult, StepResult, count_steps
from assetflow.executor.subscribers import Audience, Subscriber
from assetflow.executor.tasks import Task, build_tasks
from assetflow.model.clock import Clock, to_text
from assetflow.model.event import Event, Json, RunFinished, RunStarted, StepStarted
from assetflow.model.keys import show
from assetflow.model.plan import Plan
from assetflow.model.record import RunStatus, StepStatus
from assetflow.planner.basis import Basis
from assetflow.planner.dependencies import dependencies_text
from assetflow.planner.universe import Universe

__all__ = ["Run", "RunOptions", "Setting", "Subscriber"]

GRACE = 1.0
"""Seconds that running steps get to end by themselves after a cancel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is carried out: steps at once, whether a failure cancels the rest, and the seed of jitter."""

    workers: int = 4
    fail_fast: bool = False
    seed: int | None = None
    subscribers: tuple[Subscriber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything a run works with besides its plan.

    `config` maps computation to its resolved config, `config_shown` asset to what is recorded of it; `preamble` are
    events that come right after the run's first, `first_materialization` how many ids of the run they used; `tick` is
    called beside the work about once a second, to fold the log.
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


class Run:
    """One run of one plan."""

    def __init__(self, plan: Plan, setting: Setting, options: RunOptions, started: RunStarted) -> None:
        self.plan = plan
        self.setting = setting
        self.options = options
        self.started = started
        basis = setting.basis
        universe = Universe(basis.graph, as_of=basis.as_of, dynamic=basis.snapshot.dynamic)
        self.tasks = build_tasks(plan, universe)
        self.specs = basis.graph.specs
        store = setting.worker.store
        self.state = State(
            basis=basis,
            universe=universe,
            definitions=setting.definitions,
            exists=store.exists,
            config=setting.config,
        )
        self.recorder = Recorder(
            run_id=started.run_id, basis=basis, config_shown=setting.config_shown, texts=setting.texts,
            used=setting.first_materialization,
        )  # fmt: skip
        self.recorder.dependencies = {
            asset: dependencies_text(universe, asset) for task in self.tasks for asset in task.assets
        }
        self.queue = Queue(self.tasks)
        self.results: dict[int, StepResult] = {}
        self.rng = random.Random(options.seed)
        self._outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
        self._audience = Audience(options.subscribers, setting.notify)
        self._decisions: dict[int, tuple[Decision, ...]] = {}
        self._attempts: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._retries: list[tuple[float, int]] = []
        self._running: set[int] = set()
        self._committer = Committer(setting.log, store.sync, tick=setting.tick)
        self._backend = ThreadBackend(setting.worker, workers=options.workers, deliver=self._outcomes.put)

    def execute(self) -> RunResult:
        """Run to the end; what fails is in the result, and only what makes a run impossible is raised."""
        self._record((self.started, *self.setting.preamble))
        status, error = RunStatus.SUCCEEDED, None
        try:
            self._loop()
        except KeyboardInterrupt:
            status = RunStatus.CANCELED
            self._cancel()
        except BaseException as raised:
            status, error = RunStatus.FAILED, describe_failure(raised).text
            self._close(status, error)
            raise
        if status is RunStatus.SUCCEEDED and any(r.status is StepStatus.FAILED for r in self.results.values()):
            status = RunStatus.FAILED
        return self._close(status, error)

    # --- the loop --------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while self.queue.open:
            self._committer.check()
            self._release_retries()
            while len(self._running) < self.options.workers and (task := self.queue.next()) is not None:
                self._start(task)
            self._audience.tell()
            if not self.queue.open:
                break
            outcome = self._next_outcome()
            if outcome is not None:
                self._running.discard(outcome.call.task)
                self._ended(self.tasks[outcome.call.task], outcome)

    def _next_outcome(self) -> Outcome | None:
        try:
            if not self._running and not self._retries:
                return self._outcomes.get_nowait()
            timeout = 0.5
            if self._retries:
                timeout = min(timeout, max(0.0, self._retries[0][0] - time.monotonic()))
            return self._outcomes.get(timeout=timeout)
        except Empty:
            return None

    def _release_retries(self) -> None:
        while self._retries and self._retries[0][0] <= time.monotonic():
            self.queue.release(heapq.heappop(self._retries)[1])

    def _start(self, task: Task) -> None:
        attempt = self._attempts.get(task.number, 0) + 1
        self._attempts[task.number] = attempt
        if attempt == 1:
            try:
                decisions = self.state.decide(task)
            except AssetflowError as error:
                self._fail(task, describe_failure(error))
                return
            self._decisions[task.number] = decisions
            if not any(decision.runs for decision in decisions):
                self._settle(task, decisions)
                return
        wanted = tuple(decision.asset for decision in self._decisions[task.number] if decision.runs)
        at = self._now()
        self._record(
            tuple(
                StepStarted(
                    at=at,
                    run_id=self.run_id,
                    step=task.step(asset),
                    asset=asset,
                    partition=task.partition,
                    attempt=attempt,
                )
                for asset in wanted
            )
        )
        self._running.add(task.number)
        computation = self.setting.definitions.computations[task.computation]
        call = self.state.call(task, wanted, run_id=self.run_id, attempt=attempt)
        self._backend.submit(call, is_async=computation.is_async)

    # --- ends ------------------------------------------------------------------------------------------------

    def _ended(self, task: Task, outcome: Outcome) -> None:
        self._seconds[task.number] = self._seconds.get(task.number, 0.0) + outcome.seconds
        match outcome.status:
            case StepStatus.MATERIALIZED:
                self._materialized(task, outcome)
            case StepStatus.SKIPPED:
                self._skipped(task, outcome)
            case StepStatus.CANCELED:
                self._canceled(task)
            case _:
                self._failed(task, outcome)

    def _materialized(self, task: Task, outcome: Outcome) -> None:
        at = self._now()
        events: list[Event] = self.recorder.emitted(task, outcome, at)
        if outcome.call.attempt > 1:
            events.append(self.recorder.attempt(task, outcome, at))
        uris: list[str] = []
        good = StepStatus.UNCHANGED
        for decision in self._decisions[task.number]:
            made = outcome.made.get(decision.asset)
            if made is None:
                events.append(self._settled(task, decision, at))
            elif isinstance(made, Unchanged):
                payload = self.state.published(decision.asset, task.partition)
                if payload is None:
                    self._fail(task, _nothing_published(decision.asset, task), outcome)
                    return
                kept = Made(payload=payload, metadata={})
                events.extend(self._publish(task, decision, kept, outcome, at, status=StepStatus.UNCHANGED))
            else:
                good = StepStatus.MATERIALIZED
                events.extend(self._publish(task, decision, made, outcome, at))
                uris.append(made.payload["uri"])
        self._record(tuple(events), uris=tuple(uris))
        self.queue.finish(task.number, good)

    def _publish(
        self,
        task: Task,
        decision: Decision,
        made: Made,
        outcome: Outcome,
        at: str,
        *,
        status: StepStatus = StepStatus.MATERIALIZED,
    ) -> list[Event]:
        """The record of a value and its publication; `unchanged` is a new record of the old value."""
        ident, record = self.recorder.materialized(decision, made)
        payload = made.payload
        self.state.produced[(decision.asset, task.partition)] = Produced(ident, payload["data_version"], payload)
        result = self._result(task, decision.asset, status, payload)
        finished = step_finished(
            result, at=at, run_id=self.run_id, environment=self.plan.environment, number=task.step(decision.asset),
            started_at=outcome.started_at, published=ident, order=self.recorder.next_order(), materialization=record,
        )  # fmt: skip
        return [*self.recorder.code(decision.asset, at), finished]

    def _settle(self, task: Task, decisions: Sequence[Decision]) -> None:
        """End a task that has nothing to run."""
        self._attempts[task.number] = 0
        at = self._now()
        self._record(tuple(self._settled(task, decision, at) for decision in decisions))
        is_new = any(decision.reuse is not None for decision in decisions)
        self.queue.finish(task.number, StepStatus.REUSED if is_new else StepStatus.UNCHANGED)

    def _settled(self, task: Task, decision: Decision, at: str) -> Event:
        """The end of an output that needs no call: what is published still holds, or an earlier value is again."""
        earlier = decision.reuse
        if earlier is None:
            result = step_result(task, decision.asset, StepStatus.UNCHANGED, attempts=0)
            self.results[task.step(decision.asset)] = result
            return self._event(task, result, at=at)
        payload = json.loads(earlier.payload)
        place = (decision.asset, task.partition)
        self.state.produced[place] = Produced(earlier.materialization, earlier.data_version, payload)
        result = _with_payload(step_result(task, decision.asset, StepStatus.REUSED, attempts=0), payload)
        self.results[task.step(decision.asset)] = result
        return step_finished(
            result, at=at, run_id=self.run_id, environment=self.plan.environment, number=task.step(decision.asset),
            published=earlier.materialization, order=self.recorder.next_order(),
        )  # fmt: skip

    def _failed(self, task: Task, outcome: Outcome) -> None:
        policy = self.specs[task.assets[0]].retry
        failure = outcome.failure
        assert failure is not None
        if policy is not None and outcome.call.attempt <= policy.max_retries and outcome.error is not None:
            try:
                again = policy.retries(outcome.error)
            except Exception as error:  # the user's own predicate
                failure, again = describe_failure(error), False
            if again:
                at = self._now()
                self._record((*self.recorder.emitted(task, outcome, at), self.recorder.attempt(task, outcome, at)))
                self.queue.retry(task.number)
                due = time.monotonic() + policy.wait(outcome.call.attempt, self.rng)
                heapq.heappush(self._retries, (due, task.number))
                return
        self._fail(task, failure, outcome)

    def _fail(self, task: Task, failure: Failure, outcome: Outcome | None = None) -> None:
        at = self._now()
        events: list[Event] = []
        if outcome is not None:
            events.extend(self.recorder.emitted(task, outcome, at))
            events.append(self.recorder.attempt(task, replace(outcome, status=StepStatus.FAILED, failure=failure), at))
        for asset in task.assets:
            result = replace(
                self._result(task, asset, StepStatus.FAILED), error=failure.text, traceback=failure.traceback or None
            )
            self.results[task.step(asset)] = result
            events.append(self._event(task, result, at=at, error=failure.to_json()))
        self._end_badly(task, StepStatus.FAILED, events, at)
        if self.options.fail_fast:
            self._cancel_pending(at)

    def _skipped(self, task: Task, outcome: Outcome) -> None:
        at = self._now()
        events = self.recorder.emitted(task, outcome, at)
        for asset in task.assets:
            result = replace(self._result(task, asset, StepStatus.SKIPPED), error=outcome.skipped)
            self.results[task.step(asset)] = result
            events.append(self._event(task, result, at=at))
        self._end_badly(task, StepStatus.SKIPPED, events, at)

    def _end_badly(self, task: Task, status: StepStatus, events: list[Event], at: str) -> None:
        """End a task without a value: what depends on it is skipped, with the culprit named."""
        culprit = show(task.assets[0], task.partition)
        for number in self.queue.finish(task.number, status):
            dependent = self.tasks[number]
            for asset in dependent.assets:
                result = replace(self._result(dependent, asset, StepStatus.SKIPPED), caused_by=culprit)
                self.results[dependent.step(asset)] = result
                events.append(self._event(dependent, result, at=at))
        self._record(tuple(events))

    # --- cancel ----------------------------------------------------------------------------------------------

    def _cancel_pending(self, at: str) -> None:
        events: list[Event] = []
        for number in self.queue.cancel_pending():
            task = self.tasks[number]
            events.extend(self._finished(task, asset, StepStatus.CANCELED, at=at) for asset in task.assets)
        self._retries.clear()
        if events:
            self._record(tuple(events))

    def _cancel(self) -> None:
        """Stop: nothing new starts, coroutines are canceled, threads get a moment to end by themselves."""
        self._cancel_pending(self._now())
        self._backend.cancel()
        deadline = time.monotonic() + GRACE
        while self._running and time.monotonic() < deadline:
            try:
                outcome = self._outcomes.get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                break
            if outcome is None:
                continue
            self._running.discard(outcome.call.task)
            task = self.tasks[outcome.call.task]
            if outcome.status is StepStatus.FAILED and outcome.failure is not None:
                self._fail(task, outcome.failure, outcome)
            else:
                self._ended(task, outcome)
        for number in sorted(self._running):
            self._canceled(self.tasks[number])

    def _canceled(self, task: Task) -> None:
        at = self._now()
        events: list[Event] = [self._finished(task, asset, StepStatus.CANCELED, at=at) for asset in task.assets]
        self._end_badly(task, StepStatus.CANCELED, events, at)

    def _close(self, status: RunStatus, error: str | None) -> RunResult:
        self._backend.close(wait=not self._running)
        for problem in self.setting.worker.resources.close():
            self.setting.notify(f"a resource failed to close: {describe_failure(problem).text}")
        at = self._now()
        steps = tuple(self.results[number] for number in sorted(self.results))
        counts = {**count_steps(steps), "fresh": self.plan.fresh}
        finished = RunFinished(at=at, run_id=self.run_id, status=str(status), counts=counts, error=error)
        self._record((finished,))
        try:
            self._committer.close()
        finally:
            self._audience.tell()
        return RunResult(
            run_id=self.run_id, status=status, environment=self.plan.environment, started_at=self.started.at,
            finished_at=at, steps=steps, fresh=self.plan.fresh,
        )  # fmt: skip

    # --- recording -------------------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        return self.started.run_id

    def _now(self) -> str:
        return to_text(self.setting.clock.now())

    def _result(self, task: Task, asset: str, status: StepStatus, payload: Json | None = None) -> StepResult:
        result = step_result(
            task,
            asset,
            status,
            attempts=self._attempts.get(task.number, 0),
            seconds=self._seconds.get(task.number, 0.0),
        )
        if payload is not None:
            result = _with_payload(result, payload)
        self.results[task.step(asset)] = result
        return result

    def _finished(self, task: Task, asset: str, status: StepStatus, *, at: str) -> Event:
        return self._event(task, self._result(task, asset, status), at=at)

    def _event(self, task: Task, result: StepResult, *, at: str, error: Json | None = None) -> Event:
        return step_finished(
            result, at=at, run_id=self.run_id, environment=self.plan.environment, number=task.step(result.asset),
            error=error,
        )  # fmt: skip

    def _record(self, events: tuple[Event, ...], *, uris: tuple[str, ...] = ()) -> None:
        """Commit events in order; subscribers hear of them in that order, when they are durable."""
        self._committer.put(Entry(events, uris, lambda: self._recorded(events)))

    def _recorded(self, events: tuple[Event, ...]) -> None:
        """Called on the committer's thread; wakes the loop, on whose thread subscribers are told."""
        if self.options.subscribers:
            self._audience.announce(events)
            self._outcomes.put(None)


def _with_payload(result: StepResult, payload: Json) -> StepResult:
    return replace(result, data_version=payload["data_version"], rows=payload["rows"], bytes=payload["bytes"])


def _nothing_published(asset: str, task: Task) -> Failure:
    return Failure(
        type="FormatError",
        message=f"`{show(asset, task.partition)}` returned Unchanged, but nothing is published for it yet",
        traceback="",
    )
