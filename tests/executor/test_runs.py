"""How a run is carried out: attempts, workers, coroutines, config and resources."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import UsageError
from assetflow.model.event import Event
from assetflow.project.past_runs import find_run, run_output
from assetflow.project.request import Ask


def project(root: Path, *assets: Any, resources: tuple[Any, ...] = ()) -> af.Project:
    return af.Project(assets=list(assets), root=root, resources=resources)


def ends(run: af.RunResult) -> dict[str, str]:
    return {step.asset: str(step.status) for step in run.steps}


# --- attempts ---


def test_every_attempt_has_a_row(tmp_path: Path) -> None:
    @af.asset(retry=2)
    def flaky(context: af.Context) -> int:
        if context.attempt < 3:
            raise ValueError(f"attempt {context.attempt}")
        return context.attempt

    @af.asset
    def after(flaky: int) -> int:
        return flaky

    p = project(tmp_path, flaky, after)
    run = p.materialize()
    assert ends(run) == {"flaky": "materialized", "after": "materialized"}
    assert [step.attempts for step in run.steps] == [3, 1]
    rows = p.query("select attempt, status, error_message from attempts where asset = 'flaky' order by attempt")
    assert [(row["attempt"], row["status"]) for row in rows] == [(1, "failed"), (2, "failed"), (3, "materialized")]
    assert [row["error_message"] for row in rows] == ["attempt 1", "attempt 2", None]


def test_the_logs_have_the_error_of_each_attempt(tmp_path: Path) -> None:
    @af.asset(retry=2)
    def flaky(context: af.Context) -> int:
        if context.attempt < 3:
            raise ValueError(f"attempt {context.attempt}")
        return context.attempt

    @af.asset(retry=1)
    def hopeless(context: af.Context) -> int:
        raise KeyError(f"again {context.attempt}")

    p = project(tmp_path, flaky, hopeless)
    run = p.materialize()
    lines = [line for line in run_output(p, find_run(p, str(run.run_id)), None, None) if line["stream"] == "error"]
    assert [(line["asset"], line["attempt"], line["text"].splitlines()[-1]) for line in lines] == [
        ("flaky", 1, "ValueError: attempt 1"),
        ("flaky", 2, "ValueError: attempt 2"),
        ("hopeless", 1, "KeyError: 'again 1'"),
        ("hopeless", 2, "KeyError: 'again 2'"),
    ]
    assert all("Traceback" in line["text"] for line in lines)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines if line["asset"] == "flaky") + sorted(
        line["at"] for line in lines if line["asset"] == "hopeless"
    )


@pytest.mark.parametrize(
    ("policy", "attempts"),
    [
        (None, 1),
        (0, 1),
        (1, 2),
        (af.RetryPolicy(max_retries=3), 4),
        (af.RetryPolicy(max_retries=3, retry_on=KeyError), 1),
        (af.RetryPolicy(max_retries=3, retry_on=(KeyError, ValueError)), 4),
        (af.RetryPolicy(max_retries=3, retry_on=lambda error: "no" not in str(error)), 1),
    ],
)
def test_retries_are_as_many_as_declared(tmp_path: Path, policy: Any, attempts: int) -> None:
    @af.asset(retry=policy)
    def bad() -> int:
        raise ValueError("no")

    run = project(tmp_path, bad).materialize()
    assert [(str(step.status), step.attempts) for step in run.steps] == [("failed", attempts)]


def test_a_retry_rule_that_raises_ends_the_step(tmp_path: Path) -> None:
    def rule(error: BaseException) -> bool:
        raise LookupError("rule")

    @af.asset(retry=af.RetryPolicy(max_retries=3, retry_on=rule))
    def bad() -> int:
        raise ValueError("no")

    (step,) = project(tmp_path, bad).materialize().steps
    told = "ValueError: no\n(no other attempt: retry_on= failed with LookupError: rule)"
    assert (str(step.status), step.attempts, step.error) == ("failed", 1, told)


def test_a_step_that_waits_for_its_next_attempt_holds_no_worker(tmp_path: Path) -> None:
    finished: list[str] = []

    @af.asset(retry=af.RetryPolicy(max_retries=1, delay=0.5), priority=10)
    def waits(context: af.Context) -> int:
        if context.attempt == 1:
            raise ValueError("once")
        return 1

    @af.asset
    def meanwhile() -> int:
        return 1

    def note(event: Event) -> None:
        if event.kind == "step_finished":
            finished.append(event.asset)  # type: ignore[attr-defined]

    run = project(tmp_path, waits, meanwhile).materialize(workers=1, on_event=[note])
    assert run.ok
    assert finished == ["meanwhile", "waits"]


def test_what_depends_on_a_retried_step_is_not_skipped_before_its_last_attempt(tmp_path: Path) -> None:
    @af.asset(retry=af.RetryPolicy(max_retries=2, delay=0.05, backoff="exponential", jitter=0.5))
    def flaky(context: af.Context) -> int:
        if context.attempt < 3:
            raise ValueError("not yet")
        return 1

    @af.asset
    def after(flaky: int) -> int:
        return flaky

    assert ends(project(tmp_path, flaky, after).materialize()) == {"flaky": "materialized", "after": "materialized"}


# --- workers ---


def _crowd(count: int, gauge: Gauge) -> list[Any]:
    def one(number: int) -> Any:
        @af.asset(key=f"a{number:02}")
        def busy(gauge: Gauge) -> int:
            with gauge:
                return number

        return busy

    return [one(number) for number in range(count)]


class Gauge(af.Resource):
    """Counts how many steps are inside at once, and how many were; the first `hold` wait for each other."""

    hold: int = 1

    def open(self) -> None:
        self.__dict__.update(lock=threading.Lock(), now=0, peak=0, barrier=threading.Barrier(self.hold), entered=0)

    def __enter__(self) -> None:
        state = self.__dict__
        with state["lock"]:
            state["now"] += 1
            state["entered"] += 1
            state["peak"] = max(state["peak"], state["now"])
            waits = state["entered"] <= self.hold
        if waits:
            state["barrier"].wait(20)

    def __exit__(self, *_exc: object) -> None:
        with self.__dict__["lock"]:
            self.__dict__["now"] -= 1

    @property
    def peak(self) -> int:
        return int(self.__dict__["peak"])


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_as_many_steps_run_at_once_as_there_are_workers(tmp_path: Path, workers: int) -> None:
    gauge = Gauge(hold=workers)
    run = project(tmp_path, *_crowd(20, gauge), resources=(gauge,)).materialize(workers=workers)
    assert run.ok
    assert gauge.peak == workers


def test_priority_decides_what_comes_first(tmp_path: Path) -> None:
    order: list[str] = []

    def one(key: str, priority: int) -> Any:
        @af.asset(key=key, priority=priority)
        def step() -> int:
            return 1

        return step

    def note(event: Event) -> None:
        if event.kind == "step_started":
            order.append(event.asset)  # type: ignore[attr-defined]

    assets = [one("c", 0), one("a", 0), one("d", 5), one("b", -1)]
    project(tmp_path, *assets).materialize(workers=1, on_event=[note])
    assert order == ["d", "a", "c", "b"]


def test_coroutines_share_a_loop_and_mix_with_functions(tmp_path: Path) -> None:
    @af.asset
    async def left(meet: Meeting) -> str:
        await asyncio.wait_for(meet.arrive(), 20)
        return "left"

    @af.asset
    async def right(meet: Meeting) -> str:
        await asyncio.wait_for(meet.arrive(), 20)
        return "right"

    @af.asset
    def both(left: str, right: str) -> str:
        return left + right

    p = project(tmp_path, left, right, both)
    assert p.materialize(workers=2).ok
    assert p.load("both") == "leftright"


class Meeting(af.Resource):
    """Two coroutines that wait for each other: they can only meet on one loop, at the same time."""

    def open(self) -> None:
        self.__dict__.update(here=0, full=None)

    async def arrive(self) -> None:
        if self.__dict__["full"] is None:
            self.__dict__["full"] = asyncio.Event()
        self.__dict__["here"] += 1
        if self.__dict__["here"] == 2:
            self.__dict__["full"].set()
        await self.__dict__["full"].wait()


def test_a_project_runs_inside_an_event_loop(tmp_path: Path) -> None:
    @af.asset
    async def a() -> int:
        return 1

    async def main() -> af.RunResult:
        return await project(tmp_path, a).amaterialize("a")

    assert asyncio.run(main()).ok


# --- config and context ---


class Report(af.Config):
    top: int = 5
    title: str = "report"


def test_config_and_plain_parameters_are_set_and_count(tmp_path: Path) -> None:
    @af.asset
    def report(config: Report, scale: int = 1) -> str:
        return f"{config.title}: {config.top * scale}"

    p = project(tmp_path, report)
    p.materialize()
    assert p.load("report") == "report: 5"
    run = p.materialize(config={"report": {"top": "7", "scale": 2}})
    assert run.steps[0].causes[0] == {"kind": "config_changed", "fields": ["scale", "top"]}
    assert p.load("report") == "report: 14"
    (row,) = p.query("select config from materializations order by finished_at desc limit 1")
    assert "14" not in str(row["config"])
    assert "7" in str(row["config"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"reprot": {"top": 1}}, "config names the asset `reprot`"),
        ({"report": {"tpo": 1}}, "has no config field `tpo`"),
        ({"report": {"top": "many"}}, "`top`"),
    ],
)
def test_config_that_does_not_fit_is_refused_before_anything_runs(
    tmp_path: Path, config: dict[str, dict[str, Any]], message: str
) -> None:
    @af.asset
    def report(config: Report) -> int:
        return config.top

    p = project(tmp_path, report)
    with pytest.raises(UsageError, match=message):
        p.materialize(config=config)
    assert p.runs() == []


def test_the_context_tells_partition_window_and_run(tmp_path: Path) -> None:
    days = af.DailyPartitions("2024-03-30", "2024-04-01", tz="Europe/Berlin")

    @af.asset(partitions=days)
    def day(context: af.Context) -> dict[str, Any]:
        assert context.window is not None
        start, end = context.window
        return {
            "hours": (end - start).total_seconds() / 3600 if start.tzinfo is UTC else _hours(start, end),
            "partition": context.partition,
            "run": context.run_id,
            "attempt": context.attempt,
            "asset": context.asset,
        }

    p = project(tmp_path, day)
    run = p.materialize()
    assert [step.partition for step in run.steps] == ["2024-03-30", "2024-03-31"]
    assert p.load("day", partition="2024-03-31") == {
        "hours": 23.0,
        "partition": "2024-03-31",
        "run": run.run_id,
        "attempt": 1,
        "asset": "day",
    }


def _hours(start: datetime, end: datetime) -> float:
    return (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600


# --- resources ---


told: list[str] = []
"""What the resources below did, in order."""


class First(af.Resource):
    def open(self) -> None:
        told.append(f"open {type(self).__name__}")

    def close(self) -> None:
        told.append(f"close {type(self).__name__}")


class Second(First):
    def close(self) -> None:
        super().close()
        raise ValueError("stuck")


class Unused(First):
    pass


class Broken(af.Resource):
    def open(self) -> None:
        raise ConnectionError("nobody there")


def test_resources_are_opened_once_and_closed_in_reverse(tmp_path: Path) -> None:
    @af.asset
    def a(first: First) -> int:
        return 1

    @af.asset
    def b(a: int, first: First, second: Second) -> int:
        return a

    told.clear()
    notices: list[str] = []
    p = project(tmp_path, a, b, resources=(First(), Second(), Unused()))
    run = p.run_planned(p.planned(Ask()), notify=notices.append)
    assert run.ok
    assert told == ["open First", "open Second", "close Second", "close First"]
    assert notices == ["a resource failed to close: ValueError: stuck"]


def test_a_resource_that_does_not_open_fails_its_steps(tmp_path: Path) -> None:
    @af.asset
    def a(broken: Broken) -> int:
        return 1

    @af.asset
    def b() -> int:
        return 1

    run = project(tmp_path, a, b).materialize()
    assert ends(run) == {"a": "failed", "b": "materialized"}
    assert "nobody there" in str(run.steps[0].error)
