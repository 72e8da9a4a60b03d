"""The queue against what it promises, over random graphs and random ends."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import InternalError
from assetflow.executor.queue import Queue
from assetflow.executor.tasks import Task
from assetflow.model.record import StepStatus

GOOD = (StepStatus.MATERIALIZED, StepStatus.REUSED, StepStatus.UNCHANGED)
ENDS = (*GOOD, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELED)


def task(number: int, waits_for: tuple[int, ...] = (), priority: int = 0) -> Task:
    place = (f"a{number}", None)
    return Task(
        number=number,
        first_step=number,
        computation=f"a{number}",
        places=(place,),
        causes={place: ()},
        priority=priority,
        waits_for=waits_for,
    )


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    count = draw(st.integers(1, 12))
    return [
        task(
            number,
            tuple(sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))) if number else (),
            draw(st.integers(-1, 1)),
        )
        for number in range(count)
    ]


def closure(tasks: list[Task], number: int) -> set[int]:
    """What depends on a task, at any distance."""
    found = {number}
    for each in tasks:
        if found & set(each.waits_for):
            found.add(each.number)
    return found - {number}


@settings(max_examples=200, deadline=None)
@given(tasks=graphs(), data=st.data())
def test_any_order_of_ends_keeps_the_promises(tasks: list[Task], data: st.DataObject) -> None:
    queue = Queue(tasks)
    running: list[int] = []
    waiting: set[int] = set()
    while queue.open:
        ready = {
            each.number
            for each in tasks
            if queue.status(each.number) is StepStatus.PENDING
            and each.number not in waiting
            and all(queue.status(other) in GOOD for other in each.waits_for)
        }
        choices = ["start"] * bool(ready) + ["end", "retry"] * bool(running) + ["release"] * bool(waiting)
        match data.draw(st.sampled_from(choices)):
            case "start":
                started = queue.next()
                assert started is not None
                assert started.number == min(ready, key=lambda n: (-tasks[n].priority, n))
                running.append(started.number)
            case "retry":
                number = running.pop(data.draw(st.integers(0, len(running) - 1)))
                queue.retry(number)
                waiting.add(number)
            case "release":
                number = waiting.pop()
                queue.release(number)
            case _:
                number = running.pop(data.draw(st.integers(0, len(running) - 1)))
                end = data.draw(st.sampled_from(ENDS))
                before = [queue.status(each.number) for each in tasks]
                skipped = queue.finish(number, end)
                expected = {n for n in closure(tasks, number) if end not in GOOD and before[n] is StepStatus.PENDING}
                assert skipped == sorted(expected)
    assert queue.next() is None
    assert all(queue.status(each.number) in ENDS for each in tasks)


@settings(max_examples=100, deadline=None)
@given(tasks=graphs(), started=st.integers(0, 4))
def test_a_cancel_ends_what_has_not_started(tasks: list[Task], started: int) -> None:
    queue = Queue(tasks)
    running = [found.number for _ in range(started) if (found := queue.next()) is not None]
    canceled = queue.cancel_pending()
    assert sorted([*running, *canceled]) == list(range(len(tasks)))
    assert queue.next() is None
    for number in running:
        assert queue.finish(number, StepStatus.MATERIALIZED) == []
    assert queue.open == 0


@pytest.mark.parametrize("end", ENDS)
def test_what_has_ended_stays_ended(end: StepStatus) -> None:
    queue = Queue([task(0)])
    queue.next()
    queue.finish(0, end)
    for again in ENDS:
        with pytest.raises(InternalError, match=f"cannot go from {end} to {again}"):
            queue.finish(0, again)
    with pytest.raises(InternalError, match="cannot go from"):
        queue.retry(0)


def test_a_task_that_does_not_run_cannot_succeed() -> None:
    queue = Queue([task(0)])
    for end in GOOD:
        with pytest.raises(InternalError, match=f"cannot go from pending to {end}"):
            queue.finish(0, end)


def test_a_chain_of_fifty_thousand_is_skipped_without_recursion() -> None:
    count = 50_000
    queue = Queue([task(number, (number - 1,) if number else ()) for number in range(count)])
    queue.next()
    assert len(queue.finish(0, StepStatus.FAILED)) == count - 1


def drained(tasks: list[Task], seed: int | None) -> list[int]:
    queue = Queue(tasks, shuffle=None if seed is None else random.Random(seed))
    order = []
    while (taken := queue.next()) is not None:
        order.append(taken.number)
        queue.finish(taken.number, StepStatus.MATERIALIZED)
    return order


def test_a_seed_shuffles_equals_and_nothing_else() -> None:
    tasks = [task(number, priority=number % 2) for number in range(20)]
    plain = drained(tasks, None)
    assert plain == [*range(1, 20, 2), *range(0, 20, 2)]
    shuffled = drained(tasks, 7)
    assert shuffled != plain
    assert shuffled == drained(tasks, 7)
    assert sorted(shuffled[:10]) == plain[:10]
    assert sorted(shuffled[10:]) == plain[10:]
