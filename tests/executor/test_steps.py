"""What a step may return, raise, emit and print, and what is made of it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import UsageError
from assetflow.model.event import Event
from assetflow.project.request import Ask


class Notes(af.Resource):
    """Where steps leave word of themselves: what a resource holds makes nothing stale."""

    folder: Path


def project(root: Path, *assets: Any, **options: Any) -> af.Project:
    return af.Project(assets=list(assets), root=root, resources=[Notes(folder=root)], **options)


def ends(run: af.RunResult) -> dict[str, str]:
    return {
        step.asset if step.partition is None else f"{step.asset}@{step.partition}": str(step.status)
        for step in run.steps
    }


# --- early ends ---


def test_unchanged_keeps_the_value_and_settles_the_asset(tmp_path: Path) -> None:
    def keeper(version: str) -> Any:
        @af.asset(code_version=version)
        def a(context: af.Context) -> Any:
            return 1 if context.previous(int) is None else af.Unchanged("same")

        return a

    @af.asset
    def b(a: int) -> int:
        return a

    project(tmp_path, keeper("1"), b).materialize()
    changed = project(tmp_path, keeper("2"), b)
    assert ends(changed.materialize()) == {"a": "unchanged", "b": "unchanged"}
    assert changed.plan().is_empty
    assert changed.load("a") == 1


def test_unchanged_without_a_value_fails(tmp_path: Path) -> None:
    @af.asset
    def a() -> Any:
        return af.Unchanged()

    run = project(tmp_path, a).materialize()
    assert run.steps[0].error == "FormatError: `a` returned Unchanged, but nothing is published for it yet"


def test_unchanged_does_not_stand_for_a_lost_value(tmp_path: Path) -> None:
    @af.asset
    def a(context: af.Context) -> Any:
        return af.Unchanged() if (tmp_path / "lazy").exists() else 1

    p = project(tmp_path, a)
    p.materialize()
    (tmp_path / "lazy").touch()
    p.store.path(p.current("a").uri).unlink()
    assert ends(p.materialize()) == {"a": "failed"}


def test_skip_ends_the_step_and_what_needs_it(tmp_path: Path) -> None:
    @af.asset
    def a() -> int:
        raise af.Skip("no data today")

    @af.asset
    def b(a: int) -> int:
        return a

    @af.asset
    def c(b: int) -> int:
        return b

    @af.asset
    def other() -> int:
        return 1

    run = project(tmp_path, a, b, c, other).materialize()
    assert run.ok
    assert ends(run) == {"a": "skipped", "b": "skipped", "c": "skipped", "other": "materialized"}
    assert [run.step(key).caused_by for key in "abc"] == [None, "a", "a"]  # type: ignore[union-attr]
    assert run.step("a").error == "no data today"  # type: ignore[union-attr]


def test_previous_is_none_where_the_value_is_lost(tmp_path: Path) -> None:
    @af.asset
    def a(context: af.Context) -> int:
        return int(context.previous(int) or 0) + 1

    p = project(tmp_path, a)
    p.materialize()
    p.materialize(force=True)
    assert p.load("a") == 2
    p.store.path(p.current("a").uri).unlink()
    assert ends(p.materialize()) == {"a": "materialized"}
    assert p.load("a") == 1


# --- failures ---


def test_a_failure_stays_with_what_depends_on_it(tmp_path: Path) -> None:
    @af.asset
    def bad() -> int:
        raise ValueError("no")

    @af.asset
    def after(bad: int) -> int:
        return bad

    @af.asset
    def far(after: int) -> int:
        return after

    @af.asset
    def apart() -> int:
        return 1

    p = project(tmp_path, bad, after, far, apart)
    run = p.materialize()
    assert not run.ok
    assert ends(run) == {"apart": "materialized", "bad": "failed", "after": "skipped", "far": "skipped"}
    assert [run.step(key).caused_by for key in ("after", "far")] == ["bad", "bad"]  # type: ignore[union-attr]
    again = p.plan()
    assert {step.asset for step in again.steps} == {"bad", "after", "far"}


class Unspeakable(Exception):
    """An error whose text cannot be made."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError("full"), asyncio.CancelledError(), Unspeakable()],
    ids=lambda error: type(error).__name__,
)
def test_a_step_that_raises_anything_fails_and_the_run_goes_on(tmp_path: Path, error: BaseException) -> None:
    @af.asset
    def bad() -> int:
        raise error

    @af.asset
    async def bad_coroutine() -> int:
        raise error

    @af.asset
    def good() -> int:
        return 1

    run = project(tmp_path, bad, bad_coroutine, good).materialize()
    assert ends(run) == {"bad": "failed", "bad_coroutine": "failed", "good": "materialized"}
    assert str(run.status) == "failed"


def test_the_traceback_begins_in_the_asset(tmp_path: Path) -> None:
    @af.asset
    def bad() -> int:
        raise ValueError("here")

    step = project(tmp_path, bad).materialize().steps[0]
    assert step.traceback is not None
    frames = [line for line in step.traceback.splitlines() if line.startswith("  File")]
    assert len(frames) == 1
    assert "in bad" in frames[0]


def test_a_value_that_cannot_be_stored_fails_its_step(tmp_path: Path) -> None:
    @af.asset
    def locked() -> Any:
        return threading.Lock()

    step = project(tmp_path, locked).materialize().steps[0]
    assert str(step.status) == "failed"
    assert "`locked` returned a `thread.lock` that cannot be stored" in str(step.error)


def test_fail_fast_cancels_what_has_not_started(tmp_path: Path) -> None:
    @af.asset(priority=10)
    def bad() -> int:
        raise ValueError("no")

    @af.asset
    def later() -> int:
        return 1

    run = project(tmp_path, bad, later).materialize(workers=1, fail_fast=True)
    assert ends(run) == {"bad": "failed", "later": "canceled"}
    assert str(run.status) == "failed"


# --- several outputs ---


@pytest.mark.parametrize("value", [{"b": 1, "a": 2}, (1, 2)])
def test_outputs_by_key_and_in_order(tmp_path: Path, value: Any) -> None:
    @af.multi_asset(outs=["b", "a"])
    def both() -> Any:
        return value

    p = project(tmp_path, both)
    assert p.materialize().ok
    assert (p.load("b"), p.load("a")) == (1, 2)


@pytest.mark.parametrize("value", [{"a": 1}, (1,)])
def test_a_multi_asset_may_have_one_output(tmp_path: Path, value: Any) -> None:
    @af.multi_asset(outs=["a"])
    def one() -> Any:
        return value

    p = project(tmp_path, one)
    p.materialize()
    assert p.load("a") == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, "returned no value for `b`"),
        ({"a": 1, "b": 2, "c": 3}, "returned a value for 'c', which it does not declare"),
        ((1, 2, 3), "returned a tuple"),
        (7, "returned a int"),
    ],
)
def test_outputs_that_do_not_fit_fail_the_call(tmp_path: Path, value: Any, message: str) -> None:
    @af.multi_asset(outs=["a", "b"])
    def both() -> Any:
        return value

    run = project(tmp_path, both).materialize()
    assert ends(run) == {"a": "failed", "b": "failed"}
    assert message in str(run.steps[0].error)


def test_a_call_is_asked_for_what_is_needed_of_it(tmp_path: Path) -> None:
    p = project(tmp_path, _subset_of())
    p.materialize("b")
    p.materialize()
    p.materialize(["a"], force=True)
    assert _asked(tmp_path) == ["b", "a", "a"]


def test_a_conditional_output_that_proves_unchanged_is_not_made_with_its_sibling(tmp_path: Path) -> None:
    def upstream(version: str) -> Any:
        @af.asset(code_version=version)
        def up() -> str:
            return (tmp_path / "up").read_text()

        return up

    maker = _subset_of(deps=["up"])
    (tmp_path / "up").write_text("1")
    project(tmp_path, upstream("1"), maker).materialize()
    (tmp_path / "up").write_text("2")
    project(tmp_path, upstream("2"), maker).materialize("a")
    run = project(tmp_path, upstream("3"), maker).materialize()
    assert ends(run) == {"up": "materialized", "a": "unchanged", "b": "materialized"}
    assert _asked(tmp_path) == ["a b", "a", "b"]


def _subset_of(**options: Any) -> Any:
    """An asset of two outputs that notes in a file what it is asked for."""

    @af.multi_asset(outs=["a", "b"], can_subset=True, **options)
    def some(context: af.Context, notes: Notes) -> dict[str, int]:
        with (notes.folder / "asked.txt").open("a") as file:
            file.write(" ".join(context.selected) + "\n")
        return dict.fromkeys(context.selected, 1)

    return some


def _asked(root: Path) -> list[str]:
    return (root / "asked.txt").read_text().splitlines()


# --- facts ---


def test_metadata_is_kept_as_json(tmp_path: Path) -> None:
    @af.asset
    def a(context: af.Context) -> Any:
        context.add_metadata({"n": 1}, where=Path("x"))
        return af.Result(1, {"n": 2})

    p = project(tmp_path, a)
    p.materialize()
    (row,) = p.query("select metadata from materializations")
    assert row["metadata"] in ('{"n":2,"where":"x"}', {"n": 2, "where": "x"})


def test_a_result_may_bring_its_own_version(tmp_path: Path) -> None:
    @af.asset(code_version="1")
    def a() -> Any:
        return af.Result((tmp_path / "n").read_text(), data_version="same")

    @af.asset
    def b(a: str) -> str:
        return a

    p = project(tmp_path, a, b)
    (tmp_path / "n").write_text("1")
    p.materialize()
    (tmp_path / "n").write_text("2")
    assert ends(p.materialize(["a"], force=True)) == {"a": "materialized"}
    assert p.plan().is_empty


def test_events_of_every_attempt_are_kept_in_order(tmp_path: Path) -> None:
    @af.asset(retry=1)
    def a(context: af.Context) -> int:
        context.emit("began", f"try {context.attempt}")
        if context.attempt == 1:
            raise ValueError("once")
        context.emit("ended", None, {"ratio": float("nan"), "at": Path("p")})
        return 1

    p = project(tmp_path, a)
    assert p.materialize().steps[0].attempts == 2
    rows = p.query("select event_type, key from events order by id")
    assert [(row["event_type"], row["key"]) for row in rows] == [
        ("began", "try 1"),
        ("began", "try 2"),
        ("ended", None),
    ]


@pytest.mark.parametrize("given", [(5,), ("x", 5), ("x", None, [1]), ("x", None, {(1, 2): 3})])
def test_an_event_that_is_no_event_fails_the_step_and_not_the_run(tmp_path: Path, given: tuple[Any, ...]) -> None:
    @af.asset
    def a(context: af.Context) -> int:
        context.emit(*given)
        return 1

    @af.asset
    def b() -> int:
        return 1

    run = project(tmp_path, a, b).materialize()
    assert ends(run) == {"a": "failed", "b": "materialized"}
    assert str(run.steps[0].error).startswith("UsageError: emit(")


# --- output ---


def test_what_steps_print_and_log_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = threading.Barrier(2)

    def talker(name: str) -> Any:
        @af.asset(key=name)
        def talk() -> int:
            for number in range(20):
                both.wait(10)
                print(f"{name} says", end=" ")
                print(number)
                logging.getLogger("talk").info("%s logs %d", name, number)
                print(f"{name} warns", file=sys.stderr)
            return 1

        return talk

    lines: list[dict[str, Any]] = []
    p = project(tmp_path, talker("left"), talker("right"))
    run = p.run_planned(p.planned(Ask()), workers=2, echo=lines.append)
    assert run.ok
    for name in ("left", "right"):
        mine = [line for line in lines if line["asset"] == name]
        assert [line["text"] for line in mine if line["stream"] == "stdout"] == [f"{name} says {n}" for n in range(20)]
        assert [line["text"] for line in mine if line["stream"] == "log"] == [f"{name} logs {n}" for n in range(20)]
        assert [line["text"] for line in mine if line["stream"] == "stderr"] == [f"{name} warns"] * 20
    print("outside")
    assert capsys.readouterr().out == "outside\n"


def test_a_line_may_come_in_very_many_pieces(tmp_path: Path) -> None:
    @af.asset
    def dots() -> int:
        for _ in range(300_000):
            sys.stdout.write(".")
        sys.stdout.write("\n|\nrest")
        return 1

    lines: list[dict[str, Any]] = []
    p = project(tmp_path, dots)
    assert p.run_planned(p.planned(Ask()), echo=lines.append).ok
    assert [line["text"] for line in lines] == ["." * 300_000, "|", "rest"]


def test_a_step_that_closes_its_streams_closes_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @af.asset
    def closer() -> int:
        sys.stdout.close()
        sys.stderr.close()
        return 1

    assert project(tmp_path, closer).materialize().ok
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_runs_side_by_side_leave_logging_and_streams_as_they_were(tmp_path: Path) -> None:
    inner_started, outer_ended = threading.Event(), threading.Event()

    @af.asset
    def outer() -> int:
        assert inner_started.wait(10)
        return 1

    @af.asset
    def inner() -> int:
        logging.getLogger("x").info("heard once")
        inner_started.set()
        assert outer_ended.wait(10)
        logging.getLogger("x").info("still heard")
        return 1

    before = (sys.stdout, sys.stderr, logging.getLogger().level, list(logging.getLogger().handlers))
    lines: list[dict[str, Any]] = []
    p = project(tmp_path / "inner", inner)
    late = threading.Thread(target=lambda: p.run_planned(p.planned(Ask()), echo=lines.append))

    def start_inner(event: Event) -> None:
        if event.kind == "step_started":
            late.start()

    project(tmp_path / "outer", outer).materialize(on_event=[start_inner])
    outer_ended.set()
    late.join(20)
    assert [line["text"] for line in lines] == ["heard once", "still heard"]
    assert (sys.stdout, sys.stderr, logging.getLogger().level, list(logging.getLogger().handlers)) == before


# --- who listens ---


def test_a_subscriber_that_raises_is_named_and_left_out(tmp_path: Path) -> None:
    @af.asset
    def a() -> int:
        return 1

    heard: list[str] = []
    told: list[str] = []

    def broken(event: Event) -> None:
        raise ValueError("I am broken")

    p = project(tmp_path, a)
    run = p.run_planned(p.planned(Ask()), on_event=[broken, lambda e: heard.append(e.kind)], notify=told.append)
    assert run.ok
    assert told == ["an event subscriber failed and is left out: ValueError: I am broken"]
    assert heard[0] == "run_started"
    assert heard[-1] == "run_finished"
    assert heard.index("step_started") < heard.index("step_finished")


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_is_refused(tmp_path: Path, workers: int) -> None:
    @af.asset
    def a() -> int:
        return 1

    with pytest.raises(UsageError, match=f"{workers} workers cannot run anything"):
        project(tmp_path, a).materialize(workers=workers)
