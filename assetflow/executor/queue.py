"""The queue: which task may run next, and what an end means for the others. A pure state machine without a clock."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

from assetflow.errors import InternalError
from assetflow.executor.tasks import Task
from assetflow.model.record import StepStatus

_ALLOWED: dict[StepStatus, frozenset[StepStatus]] = {
    StepStatus.PENDING: frozenset({StepStatus.RUNNING, StepStatus.SKIPPED, StepStatus.CANCELED, StepStatus.FAILED}),
    StepStatus.RUNNING: frozenset(
        {
            StepStatus.MATERIALIZED,
            StepStatus.REUSED,
            StepStatus.UNCHANGED,
            StepStatus.SKIPPED,
            StepStatus.FAILED,
            StepStatus.CANCELED,
            StepStatus.PENDING,  # another attempt
        }
    ),
}
_GOOD = frozenset({StepStatus.MATERIALIZED, StepStatus.REUSED, StepStatus.UNCHANGED})


class Queue:
    """Ready tasks by priority (larger first), then in plan order; dependents wait until every upstream ended well.

    With `shuffle`, tasks of equal priority come in an order drawn from it: nothing may rest on an accidental order.

    A batch is ready when every upstream has ended, however: which of its partitions lack an input shows at its turn.
    """

    def __init__(self, tasks: Sequence[Task], *, shuffle: random.Random | None = None) -> None:
        self._tasks = list(tasks)
        self._shuffle = shuffle
        self._status = [StepStatus.PENDING] * len(tasks)
        self._waiting = [len(task.waits_for) for task in tasks]
        self._dependents: list[list[int]] = [[] for _ in tasks]
        for task in tasks:
            for other in task.waits_for:
                self._dependents[other].append(task.number)
        self._ready = [self._place(task.number) for task in tasks if not task.waits_for]
        heapq.heapify(self._ready)
        self._open = len(tasks)

    @property
    def open(self) -> int:
        """How many tasks have not ended."""
        return self._open

    def status(self, number: int) -> StepStatus:
        """Where a task stands."""
        return self._status[number]

    def is_open(self, number: int) -> bool:
        """Whether a task has not ended."""
        return self._status[number] in _ALLOWED

    def next(self) -> Task | None:
        """The next task to run, now `running`; None when none is ready."""
        while self._ready:
            *_, number = heapq.heappop(self._ready)
            if self._status[number] is StepStatus.PENDING:
                self._move(number, StepStatus.RUNNING)
                return self._tasks[number]
        return None

    def retry(self, number: int) -> None:
        """Put a running task back for another attempt; it is not ready before `release`."""
        self._move(number, StepStatus.PENDING)

    def release(self, number: int) -> None:
        """Make a task that waited for its next attempt ready again."""
        heapq.heappush(self._ready, self._place(number))

    def finish(self, number: int, status: StepStatus) -> list[int]:
        """End a running task; the tasks that can no longer run because of it, now `skipped`, in plan order."""
        self._move(number, status)
        self._open -= 1
        if status in _GOOD:
            for dependent in self._dependents[number]:
                self._count_down(dependent)
            return []
        return self._skip_dependents(number)

    def dependents(self, number: int) -> tuple[int, ...]:
        """The tasks that wait for this one, in plan order."""
        return tuple(self._dependents[number])

    def split(self, number: int, parts: Sequence[tuple[Task, Sequence[int]]]) -> None:
        """Put parts in the place of a running task, each with the tasks that wait for it.

        The first part keeps the number and runs; the others, numbered after all tasks, are ready.
        """
        waiting = self._dependents[number]
        for dependent in waiting:
            self._waiting[dependent] += sum(dependent in needed for _, needed in parts) - 1
        for task, needed in parts:
            if task.number == number:
                self._tasks[number], self._dependents[number] = task, list(needed)
                continue
            self._tasks.append(task)
            self._dependents.append(list(needed))
            self._status.append(StepStatus.PENDING)
            self._waiting.append(0)
            self._open += 1
            heapq.heappush(self._ready, self._place(task.number))

    def cancel_pending(self) -> list[int]:
        """End every task that has not started as `canceled`; their numbers in plan order."""
        pending = [number for number, status in enumerate(self._status) if status is StepStatus.PENDING]
        for number in pending:
            self._move(number, StepStatus.CANCELED)
            self._open -= 1
        return pending

    def _skip_dependents(self, number: int) -> list[int]:
        skipped: list[int] = []
        stack = [number]
        while stack:
            for dependent in self._dependents[stack.pop()]:
                if self._tasks[dependent].is_batch:
                    self._count_down(dependent)
                elif self._status[dependent] is StepStatus.PENDING:
                    self._move(dependent, StepStatus.SKIPPED)
                    self._open -= 1
                    skipped.append(dependent)
                    stack.append(dependent)
        return sorted(skipped)

    def _place(self, number: int) -> tuple[int, float, int]:
        tie = 0.0 if self._shuffle is None else self._shuffle.random()
        return -self._tasks[number].priority, tie, number

    def _count_down(self, dependent: int) -> None:
        """One task less to wait for."""
        self._waiting[dependent] -= 1
        if not self._waiting[dependent] and self._status[dependent] is StepStatus.PENDING:
            heapq.heappush(self._ready, self._place(dependent))

    def _move(self, number: int, status: StepStatus) -> None:
        before = self._status[number]
        if status not in _ALLOWED.get(before, frozenset()):
            raise InternalError(
                f"step {number} of `{self._tasks[number].computation}` cannot go from {before} to {status}"
            )
        self._status[number] = status
