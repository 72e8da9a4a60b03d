"""What users of other orchestrators expect of a run, each as a small run: resume, events, values, cancel, processes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import UsageError
from assetflow.model.event import Event
from assetflow.project.request import Ask
from tests.executor.making import await_writer, ends, file_project

DIAMOND = """
def note(name):
    with open("notes", "a") as file:
        file.write(name + "\\n")

@af.asset
def a() -> int:
    note("a")
    return 1

@af.asset
def b(a: int) -> int:
    note("b")
    if os.path.exists("broken"):
        raise ValueError("as told")
    return a + 1

@af.asset
def c(a: int) -> int:
    note("c")
    return a + 2

@af.asset
def d(b: int, c: int) -> int:
    note("d")
    return b + c
"""


def executed(root: Path) -> list[str]:
    """What ran since the last question, in order."""
    path = root / "notes"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return names


# --- resume and parts -----------------------------------------------------------------------------------------------


def test_after_a_failure_a_run_takes_up_what_failed_and_what_waited_for_it(tmp_path: Path) -> None:
    with file_project(tmp_path, DIAMOND) as project:
        (tmp_path / "broken").touch()
        run = project.materialize()
        assert ends(run) == {"a": "materialized", "b": "failed", "c": "materialized", "d": "skipped"}
        assert {step.asset: step.caused_by for step in run.steps}["d"] == "b"
        assert sorted(executed(tmp_path)) == ["a", "b", "c"]
        (tmp_path / "broken").unlink()
    with file_project(tmp_path, DIAMOND) as project:  # as a new process would
        assert project.materialize().ok
        assert executed(tmp_path) == ["b", "d"]
        assert project.load("d") == 5
        assert project.materialize().run_id is None


def test_from_an_asset_on_everything_runs_again_and_its_siblings_do_not(tmp_path: Path) -> None:
    with file_project(tmp_path, DIAMOND) as project:
        assert project.materialize().ok
        assert sorted(executed(tmp_path)) == ["a", "b", "c", "d"]
        assert project.materialize("b+", force=True).ok
        assert executed(tmp_path) == ["b", "d"]


def test_a_part_of_the_graph_runs_alone_and_in_order(tmp_path: Path) -> None:
    with file_project(tmp_path, DIAMOND) as project:
        assert ends(project.materialize("+b")) == {"a": "materialized", "b": "materialized"}
        assert executed(tmp_path) == ["a", "b"]
        assert ends(project.materialize("+d")) == {"c": "materialized", "d": "materialized"}
        assert executed(tmp_path) == ["c", "d"]
        with pytest.raises(UsageError, match="`dd`"):
            project.materialize("dd")


# --- events ---------------------------------------------------------------------------------------------------------

EVENTFUL = """
@af.asset(retry=1)
def flaky(context: af.Context) -> int:
    if context.attempt == 1:
        raise ValueError("first")
    return 1

@af.asset
def skips(flaky: int) -> int:
    raise af.Skip("nothing new")

@af.asset
def after(skips: int) -> int:
    return skips

@af.asset
def talks(context: af.Context) -> int:
    for number in range(100):
        context.emit("count", str(number), {"b": 2, "a": number})
    return 1
"""


def test_subscribers_hear_all_in_order_with_what_they_need_to_know(tmp_path: Path) -> None:
    heard: list[Event] = []
    again: list[Event] = []
    with file_project(tmp_path, EVENTFUL) as project:
        run = project.materialize("after", on_event=[heard.append, again.append], workers=1)
        assert ends(run) == {"flaky": "materialized", "skips": "skipped", "after": "skipped"}
    assert heard == again
    told = [
        (event.kind, *(record.get(name) for name in ("asset", "attempt", "status", "caused_by")))
        for event in heard
        if (record := event.to_json())["kind"] != "code_recorded"
    ]
    assert told == [
        ("run_started", None, None, None, None),
        ("step_started", "flaky", 1, None, None),
        ("attempt_finished", "flaky", 1, "failed", None),
        ("step_started", "flaky", 2, None, None),
        ("attempt_finished", "flaky", 2, "materialized", None),
        ("step_finished", "flaky", None, "materialized", None),
        ("step_started", "skips", 1, None, None),
        ("step_finished", "skips", None, "skipped", None),
        ("step_finished", "after", None, "skipped", "skips"),
        ("run_finished", None, None, "succeeded", None),
    ]
    errors: list[Any] = [record["error"]["message"] for event in heard if (record := event.to_json()).get("error")]
    assert errors == ["first", "nothing new"]


def test_a_hundred_events_read_back_in_the_order_of_the_calls(tmp_path: Path) -> None:
    with file_project(tmp_path, EVENTFUL) as project:
        assert project.materialize("talks").ok
        rows = project.query("select key, payload from events where event_type = 'count' order by id")
    assert [(row["key"], row["payload"]) for row in rows] == [(str(n), f'{{"b":2,"a":{n}}}') for n in range(100)]


# --- values ---------------------------------------------------------------------------------------------------------

ALIKE = """
class Alike:
    def __init__(self, number):
        self.number = number
    def __repr__(self):
        return "Alike()"

@af.asset(pure=True)
def nothing() -> None:
    print("made nothing")

@af.asset
def alike() -> Alike:
    return Alike(NUMBER)

@af.asset
def reads(alike: Alike, nothing: None) -> list:
    return [alike.number, nothing]
"""


def test_none_is_a_value_and_equal_looks_are_not_equal_values(tmp_path: Path) -> None:
    with file_project(tmp_path, ALIKE.replace("NUMBER", "1")) as project:
        assert project.materialize().ok
        assert project.load("reads") == [1, None]
        assert project.materialize().run_id is None
    with file_project(tmp_path, ALIKE.replace("NUMBER", "2")) as project:
        assert ends(project.materialize()) == {"alike": "materialized", "reads": "materialized"}
        assert project.load("reads") == [2, None]
    with file_project(tmp_path, ALIKE.replace("NUMBER", "1")) as project:
        assert project.materialize().ok
        assert project.load("reads") == [1, None]


# --- cancel ---------------------------------------------------------------------------------------------------------

FAN_OUT = """
files = af.DynamicPartitions("files")

@af.asset(adds_partitions="files")
def listing(context: af.Context) -> list:
    context.set_partitions("files", ["x", "y", "z"])
    return ["x", "y", "z"]

@af.asset(partitions=files, compute="process")
def child(context: af.Context) -> str:
    if context.partition != "x" and not os.path.exists("free"):
        with open("hangs", "w") as pipe:
            pipe.write("here")
        time.sleep(600)
    return context.partition

@af.asset
def all_of(child: dict[str, str]) -> list:
    return sorted(child)
"""


def test_a_cancel_during_a_fan_out_keeps_what_was_made_and_the_next_run_makes_the_rest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hangs")
    with file_project(tmp_path, FAN_OUT) as project:
        run = project.start(workers=1)
        await_writer(tmp_path / "hangs")
        run.cancel()
        assert ends(run.result(60)) == {
            "listing": "materialized", "child@x": "materialized", "child@y": "canceled", "child@z": "canceled",
        } | {name: "canceled" for name in ends(run.result()) if name == "all_of"}  # fmt: skip
        assert project.load("listing") == ["x", "y", "z"]
        assert project.load("child", partition="x") == "x"
        (tmp_path / "free").touch()
        rest = project.materialize()
        assert ends(rest) == {"child@y": "materialized", "child@z": "materialized", "all_of": "materialized"}
        assert project.load("all_of") == ["x", "y", "z"]


# --- where a step runs ----------------------------------------------------------------------------------------------

IN_A_WORKER = """
def note(text):
    with open("notes", "a") as file:
        file.write(f"{os.getpid()} {text}\\n")

class First(af.Resource):
    def open(self):
        note("open First")
    def close(self):
        note("close First")

class Second(af.Resource):
    def open(self):
        note("open Second")
    def close(self):
        note("close Second")
        raise ValueError("stuck")

@af.asset
def one(first: First) -> int:
    return 1

@af.asset
def two(one: int, first: First, second: Second) -> int:
    return one + 1
"""


def test_a_worker_process_opens_resources_once_and_closes_them_in_reverse(tmp_path: Path) -> None:
    notices: list[str] = []
    with file_project(tmp_path, IN_A_WORKER, executor="process") as project:
        planned = project.planned(Ask())
        assert project.run_planned(planned, workers=1, notify=notices.append).ok
        lines = [line.split(" ", 1) for line in (tmp_path / "notes").read_text().splitlines()]
    assert len({pid for pid, _ in lines}) == 1
    assert [text for _, text in lines] == ["open First", "open Second", "close Second", "close First"]
    assert [notice for notice in notices if "stuck" in notice] != []


def test_queries_are_as_good_in_worker_processes(tmp_path: Path) -> None:
    text = """
    import polars as pl

    @af.asset
    def numbers() -> pl.DataFrame:
        return pl.DataFrame({"n": [0, 1, 2, 3]})
    """
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "total.sql").write_text("select cast(sum(n) as integer) as total from numbers")
    found = {}
    for executor in ("thread", "process"):
        with file_project(tmp_path, text, executor=executor) as project:
            assert project.materialize(force=True).ok
            found[executor] = project.query("select data_version from asset_partitions where asset = 'total'")
            assert project.query("select total from data.total") == [{"total": 6}]
    assert found["thread"] == found["process"]


def test_functions_run_on_other_threads_and_beside_each_other() -> None:
    meet = threading.Barrier(2, timeout=60)
    threads: Counter[bool] = Counter()

    @af.asset
    def left() -> int:
        threads[threading.current_thread() is threading.main_thread()] += 1
        return meet.wait()

    @af.asset
    def right() -> int:
        threads[threading.current_thread() is threading.main_thread()] += 1
        return meet.wait()

    assert sorted(af.materialize([left, right]).values()) == [0, 1]
    assert threads == {False: 2}


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True])
def test_a_number_of_workers_that_is_none_is_refused(tmp_path: Path, workers: Any) -> None:
    with file_project(tmp_path, DIAMOND) as project, pytest.raises(UsageError, match="workers"):
        project.materialize(workers=workers)


def test_an_option_that_is_none_is_refused_before_a_run_starts(tmp_path: Path) -> None:
    with file_project(tmp_path, DIAMOND) as project:
        with pytest.raises(TypeError, match="bogus"):
            project.start(bogus=1)
        assert project.materialize("a").ok
    assert executed(tmp_path) == ["a"]


# --- declarations ---------------------------------------------------------------------------------------------------

DECLARED = """

class Size(af.Config):
    size: int = 3

def fetch(table: str, context: af.Context) -> str:
    return f"{table} of {context.asset}"

template = af.asset_template(fetch)
users = template.bind("users", table="u")
orders = template.bind("orders", table="o")

@af.asset(deps=[users])
def both(orders: str, config: Size, users: str) -> list:
    return [users, orders, config.size]

class Later:
    async def __call__(self) -> int:
        await asyncio.sleep(0)
        return 7

later = af.asset(key="later")(Later())
"""


def test_templates_are_assets_and_callables_are_awaited(tmp_path: Path) -> None:
    with file_project(tmp_path, DECLARED) as project:
        assert project.materialize().ok
        assert project.load("both") == ["u of users", "o of orders", 3]
        assert project.load("later") == 7
        rows = project.query("select input_asset from lineage where asset = 'both' order by all")
        assert [row["input_asset"] for row in rows] == ["orders", "users"]


def test_config_of_the_call_goes_before_the_settings_and_those_before_the_default(tmp_path: Path) -> None:
    with file_project(tmp_path, DECLARED) as project:
        assert project.materialize("+both").ok
        assert project.load("both")[-1] == 3
    (tmp_path / "pyproject.toml").write_text("[tool.assetflow.config.both]\nsize = 5\n")
    with af.Project.at(tmp_path) as project:
        assert project.materialize("+both").ok
        assert project.load("both")[-1] == 5
        assert project.materialize("+both", config={"both": {"size": 7}}).ok
        assert project.load("both")[-1] == 7
        with pytest.raises(UsageError, match="sice"):
            project.materialize("+both", config={"both": {"sice": 7}})
