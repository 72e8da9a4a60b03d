"""One wave of a run: the tasks of one plan, from the first that is ready to the last that ends.

A run is one wave, unless steps add dynamic partitions: what is partitioned by them waits for the next wave, whose plan
knows the keys.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Mapping
from queue import Empty
from types import MappingProxyType

from assetflow.define.values import Unchanged
from assetflow.errors import AssetflowError
from assetflow.executor.backends.lanes import Lanes
from assetflow.executor.call import Call, Failure, Made, Outcome
from assetflow.executor.calls import Decision, Produced, State
from assetflow.executor.failure import describe_failure
from assetflow.executor.fan_out import BAD
from assetflow.executor.gate import SOON, Gate
from assetflow.executor.ledger import Ledger
from assetflow.executor.options import RunOptions
from assetflow.executor.parts import divided
from assetflow.executor.queue import Queue
from assetflow.executor.refusals import nothing_published, refused_partitions
from assetflow.executor.tasks import Place, Task
from assetflow.model.event import Event, StepStarted
from assetflow.model.keys import show
from assetflow.model.record import StepStatus

_LOOK = 0.2
"""Seconds after which a wave looks whether it is canceled, when nothing ends."""

GRACE = 1.0
"""Seconds that running steps get to end by themselves after a cancel."""


class Wave:
    """Carries out tasks: takes ready ones from the queue, decides, hands calls to the back end, records what comes.

    `blocked` are assets that cannot run, with the step to blame.
    """

    def __init__(
        self,
        tasks: tuple[Task, ...],
        state: State,
        ledger: Ledger,
        options: RunOptions,
        *,
        lanes: Lanes,
        blocked: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.tasks = list(tasks)
        self.state = state
        self.blocked = blocked
        self.ledger = ledger
        self.workers = 1 if options.executor == "inline" else options.workers
        self.fail_fast = options.fail_fast
        self.queue = Queue(tasks, shuffle=None if options.seed is None else random.Random(options.seed))
        self.gate = Gate(ledger, state, self)
        self.specs = state.universe.graph.specs
        self._rng = random.Random(options.seed)
        self._lanes = lanes
        self._outcomes = lanes.outcomes
        self._decisions: dict[int, tuple[Decision, ...]] = {}
        self._attempts: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._retries: list[tuple[float, int]] = []
        self._running: dict[int, Call] = {}
        self._dropped: frozenset[str] = frozenset()
        self.cancel_request = options.cancel
        self._is_stopping = False

    @property
    def is_busy(self) -> bool:
        """Whether calls have not come back: only after a cancel, from threads that cannot be stopped."""
        return bool(self._running) or self._lanes.has_dropped

    def run(self) -> None:
        """Run every task to its end."""
        while self.queue.open:
            self.ledger.committer.check()
            if self.cancel_request.asked or self.ledger.setting.is_canceled():
                raise KeyboardInterrupt
            self._drop_unwanted()
            self._release_retries()
            is_waiting = self.gate.tick()
            while len(self._running) < self.workers and (task := self.queue.next()) is not None:
                self._start(task)
            if not self.queue.open:
                break
            outcome = self._next_outcome(SOON if is_waiting else _LOOK)
            if outcome is not None and not self._lanes.is_late(outcome):
                del self._running[outcome.call.task]
                self._ended(self.tasks[outcome.call.task], outcome)

    def _next_outcome(self, timeout: float) -> Outcome | None:
        try:
            if self._retries:
                timeout = min(timeout, max(0.0, self._retries[0][0] - time.monotonic()))
            return self._masked(self._outcomes.get(timeout=timeout))
        except Empty:
            return None

    def _masked(self, outcome: Outcome | None) -> Outcome | None:
        return None if outcome is None else self.ledger.setting.worker.capture.masker.outcome(outcome)

    def put_back(self, number: int, seconds: float | None) -> None:
        """Let a task that was to begin wait: so long, or until it is released."""
        self.queue.retry(number)
        if seconds is not None:
            heapq.heappush(self._retries, (time.monotonic() + seconds, number))

    def release(self, number: int) -> bool:
        """Make a task that waits ready; False when it has ended meanwhile."""
        if self.queue.status(number) is not StepStatus.PENDING:
            return False
        self.queue.release(number)
        return True

    def _release_retries(self) -> None:
        while self._retries and self._retries[0][0] <= time.monotonic():
            self.queue.release(heapq.heappop(self._retries)[1])

    # --- start -----------------------------------------------------------------------------------------------

    def _start(self, task: Task) -> None:
        attempt = self._attempts.get(task.number, 0) + 1
        if attempt == 1:
            if not self.gate.enter(task):
                return
            if task.is_batch:
                task = self._first_part(task)
                self.gate.narrow(task)
            culprit = self._ended_badly_before(task)
            if culprit is not None:
                self._skip_for(task, culprit)
                return
            try:
                decisions = self.state.decide(task)
            except AssetflowError as error:
                self._attempts[task.number] = attempt
                self._fail(task, describe_failure(error))
                return
            self._decisions[task.number] = decisions
            if not any(decision.runs for decision in decisions):
                self._settle(task, decisions)
                return
        if not self.gate.admit(task, self._decisions[task.number], first=attempt == 1):
            return
        self._attempts[task.number] = attempt
        wanted = tuple(decision.place for decision in self._decisions[task.number] if decision.runs)
        at, numbers = self.ledger.now(), {place: number for number, place in task.steps()}
        started = tuple(
            StepStarted(
                at=at, run_id=self.ledger.run_id, step=numbers[place], asset=place[0], partition=place[1],
                attempt=attempt,
            )
            for place in wanted
        )  # fmt: skip
        self.ledger.record(started)
        call = self.state.call(task, wanted, run_id=self.ledger.run_id, attempt=attempt)
        self._running[task.number] = call
        self._lanes.submit(call)

    def _first_part(self, task: Task) -> Task:
        """What of a batch goes on under its number; the other parts become tasks of their own."""
        groups = divided(task, self.state, self._culprit)
        if len(groups) == 1:
            return task
        numbers = [task.number, *range(len(self.tasks), len(self.tasks) + len(groups) - 1)]
        parts = task.parts(groups, numbers)
        owner = {place: part.number for part in parts for place in part.places}
        waiting: dict[int, list[int]] = {number: [] for number in numbers}
        for dependent in self.queue.dependents(task.number):
            places = self.tasks[dependent].places
            needed = {owner[up] for place in places for up in self.state.universe.inputs(*place) if up in owner}
            for number in needed:
                waiting[number].append(dependent)
        self.queue.split(task.number, [(part, waiting[part.number]) for part in parts])
        self.tasks[task.number] = parts[0]
        self.tasks += parts[1:]
        return parts[0]

    def _ended_badly_before(self, task: Task) -> str | None:
        """The step that left this task without an input, if any did and the queue let it come to its turn."""
        return next((found for place in task.places if (found := self._culprit(place)) is not None), None)

    def _culprit(self, place: Place) -> str | None:
        if place[0] in self.blocked:
            return self.blocked[place[0]]
        for upstream in self.state.universe.inputs(*place):
            result = self.ledger.ended.get(upstream)
            if result is not None and result.status in BAD:
                return result.caused_by or show(result.asset, result.partition)
        return None

    # --- ends ------------------------------------------------------------------------------------------------

    def _ended(self, task: Task, outcome: Outcome) -> None:
        self._seconds[task.number] = self._seconds.get(task.number, 0.0) + outcome.seconds
        match outcome.status:
            case StepStatus.MATERIALIZED:
                self._materialized(task, outcome)
            case StepStatus.SKIPPED:
                events = self.ledger.recorder.emitted(task, outcome, self.ledger.now())
                events += self._all(task, StepStatus.SKIPPED, error=outcome.skipped)
                self._end_badly(task, StepStatus.SKIPPED, events, show(*task.places[0]))
            case StepStatus.CANCELED:
                self._canceled(task)
            case _:
                self._failed(task, outcome)

    def _materialized(self, task: Task, outcome: Outcome) -> None:
        refused = refused_partitions(task, outcome, self.ledger, self.specs[task.asset].max_partitions)
        refused = refused or nothing_published(outcome, self.state)
        if refused is not None:
            self._fail(task, refused, outcome)
            return
        at = self.ledger.now()
        events: list[Event] = self.ledger.recorder.emitted(task, outcome, at)
        events += self.ledger.partitions_changed(task, outcome)
        if outcome.call.attempt > 1:
            events += self.ledger.recorder.attempts(task, outcome, at)
        outcome = outcome.shared_out()
        uris: list[str] = []
        good = StepStatus.UNCHANGED
        numbers = {place: number for number, place in task.steps()}
        for decision in self._decisions[task.number]:
            number, made = numbers[decision.place], outcome.made.get(decision.place)
            if made is None:
                event, produced = self.ledger.settled(task, number, decision)
                events.append(event)
                self._keep(decision.place, produced)
            else:
                value = self._kept(decision.place) if isinstance(made, Unchanged) else made
                is_new = value is made
                published, produced = self.ledger.published(
                    task, number, decision, value, outcome, at=at, is_new=is_new
                )
                events += published
                self._keep(decision.place, produced)
                if is_new:
                    good = StepStatus.MATERIALIZED
                    uris.append(value.payload["uri"])
        self.ledger.record(tuple(events), uris=tuple(uris))
        self.queue.finish(task.number, good)
        self._leave(task.number)

    def _leave(self, number: int) -> None:
        """Let go of what was kept for a task that has ended."""
        self._decisions.pop(number, None)
        self.gate.leave(number)

    def _kept(self, place: Place) -> Made:
        """The value that is published already, for a step that returned Unchanged."""
        payload = self.state.published(*place)
        assert payload is not None  # checked before anything of the task is recorded
        return Made(payload=payload, metadata={})

    def _keep(self, place: Place, produced: Produced | None) -> None:
        if produced is not None:
            self.state.produced[place] = produced

    def _settle(self, task: Task, decisions: tuple[Decision, ...]) -> None:
        """End a task that has nothing to run."""
        self._attempts[task.number] = 0
        events = []
        for (number, _), decision in zip(task.steps(), decisions, strict=True):
            event, produced = self.ledger.settled(task, number, decision)
            events.append(event)
            self._keep(decision.place, produced)
        self.ledger.record(tuple(events))
        is_new = any(decision.reuse is not None for decision in decisions)
        self.queue.finish(task.number, StepStatus.REUSED if is_new else StepStatus.UNCHANGED)
        self._leave(task.number)

    def _failed(self, task: Task, outcome: Outcome) -> None:
        policy, failure = self.specs[task.asset].retry, outcome.failure
        assert failure is not None
        if policy is not None and outcome.again and not self._is_stopping:
            at, recorder = self.ledger.now(), self.ledger.recorder
            self.ledger.record((*recorder.emitted(task, outcome, at), *recorder.attempts(task, outcome, at)))
            self.queue.retry(task.number)
            self.gate.pause(task.number)
            due = time.monotonic() + policy.wait(outcome.call.attempt, self._rng)
            heapq.heappush(self._retries, (due, task.number))
            return
        self._fail(task, failure, outcome)

    def _fail(self, task: Task, failure: Failure, outcome: Outcome | None = None) -> None:
        events: list[Event] = []
        if outcome is not None:
            at = self.ledger.now()
            events += self.ledger.recorder.emitted(task, outcome, at)
            events += self.ledger.recorder.attempts(task, outcome.failed_with(failure), at)
        events += self._all(
            task, StepStatus.FAILED, error=failure.text, traceback=failure.traceback or None, failure=failure.to_json()
        )
        self._end_badly(task, StepStatus.FAILED, events, show(*task.places[0]))
        if self.fail_fast and not self._is_stopping:
            self.cancel_pending()
            self._lanes.cancel()

    def _skip_for(self, task: Task, culprit: str) -> None:
        self._attempts[task.number] = 0
        events = self._all(task, StepStatus.SKIPPED, caused_by=culprit)
        self._end_badly(task, StepStatus.SKIPPED, events, culprit)

    def _end_badly(self, task: Task, status: StepStatus, events: list[Event], culprit: str) -> None:
        """End a task without a value: what depends on it is skipped, with the culprit named."""
        for number in self.queue.finish(task.number, status):
            events += self._all(self.tasks[number], StepStatus.SKIPPED, caused_by=culprit)
        self.ledger.record(tuple(events))
        self._leave(task.number)

    def _all(self, task: Task, status: StepStatus, **more: object) -> list[Event]:
        return self.ledger.all_finished(
            task,
            status,
            attempts=self._attempts.get(task.number, 0),
            seconds=self._seconds.get(task.number, 0.0),
            **more,
        )

    # --- cancel ----------------------------------------------------------------------------------------------

    def cancel_pending(self) -> None:
        """Cancel what has not started; from now on there is no further attempt either."""
        self._is_stopping = True
        events: list[Event] = []
        for number in self.queue.cancel_pending():
            events += self._all(self.tasks[number], StepStatus.CANCELED)
        self._retries.clear()
        if events:
            self.ledger.record(tuple(events))

    def _drop_unwanted(self) -> None:
        """End the steps of assets that nobody wants any more, and what waits for them; all others go on."""
        new = self.cancel_request.dropped - self._dropped
        if not new:
            return
        self._dropped |= new
        for task in reversed(self.tasks):  # what waits for one of them first, so that it is canceled, too
            if self.queue.is_open(task.number) and any(asset in new for asset, _ in task.places):
                call = self._running.pop(task.number, None)
                if call is not None:
                    self._lanes.drop(call, self.gate.keep_slot(task.number))
                self._canceled(task)

    def cancel(self) -> None:
        """Stop: nothing new starts, coroutines are canceled, threads get a moment to end by themselves."""
        self.cancel_pending()
        self._lanes.cancel()
        deadline = time.monotonic() + GRACE
        while self._running and time.monotonic() < deadline:
            try:
                outcome = self._masked(self._outcomes.get(timeout=max(0.01, deadline - time.monotonic())))
            except Empty:
                break
            if outcome is None or self._lanes.is_late(outcome):
                continue
            del self._running[outcome.call.task]
            task = self.tasks[outcome.call.task]
            if outcome.status is StepStatus.FAILED and outcome.failure is not None:
                self._fail(task, outcome.failure, outcome)
            else:
                self._ended(task, outcome)
        for number in sorted(self._running):
            self._canceled(self.tasks[number])

    def _canceled(self, task: Task) -> None:
        self._end_badly(task, StepStatus.CANCELED, self._all(task, StepStatus.CANCELED), show(*task.places[0]))
