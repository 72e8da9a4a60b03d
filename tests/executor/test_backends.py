"""One contract for all back ends: the same functions leave the same records, wherever they run and in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.executor.backends.launch import can_fork
from assetflow.executor.backends.pool import ProcessPool
from tests.executor.making import ends, file_project, output

KINDS = ["inline", "thread", "async", "process", "spawned"]

STEPS = """
import logging

class Top(af.Config):
    top: int = 3

class Box(af.Resource):
    label: str = "none"
    def open(self):
        self.__dict__["opened"] = True

box = Box(label="kept")
days = af.DailyPartitions("2024-01-01", "2024-01-03")

@af.asset
def root(context: af.Context) -> dict:
    context.add_metadata(size=2)
    context.emit("began", "k", {"n": 1})
    context.emit("went on", None, {"n": [1, 2]})
    print("one")
    print("two", file=sys.stderr)
    logging.getLogger("mine").warning("three %s", 3)
    print("four", end="")
    return {"a": 1, "b": [1.5, None]}

@af.asset
def child(root: dict, config: Top, box: Box) -> af.Result:
    assert box.opened
    return af.Result([root["a"], config.top, box.label], metadata={"from": "result"})

@af.multi_asset(outs=["left", "right"])
def both(root: dict):
    return {"left": root["a"], "right": root["b"]}

@af.asset(partitions=days)
def day(context: af.Context, root: dict) -> list:
    start, end = context.window
    return [context.partition, context.asset, context.attempt, start.isoformat(), end.isoformat(), context.previous()]

@af.asset
def fails(root: dict) -> int:
    print("before the end")
    raise ValueError("no\\nway")

@af.asset
def needs_it(fails: int) -> int:
    return fails

@af.asset(retry=2)
def flaky(context: af.Context) -> int:
    context.emit("try", str(context.attempt))
    if context.attempt < 3:
        raise OSError(f"attempt {context.attempt}")
    return context.attempt

@af.asset(retry=af.RetryPolicy(max_retries=5, retry_on=lambda error: "again" in str(error)))
def choosy(context: af.Context) -> int:
    raise ValueError("again" if context.attempt < 2 else "enough")

def broken_rule(error):
    raise LookupError("the rule")

@af.asset(retry=af.RetryPolicy(max_retries=5, retry_on=broken_rule))
def badly_retried() -> int:
    raise ValueError("x")

@af.asset
def leaves() -> int:
    sys.exit(4)

@af.asset
def skips(root: dict) -> int:
    raise af.Skip("not today")

@af.asset
def after_skip(skips: int) -> int:
    return skips

@af.asset
def cannot_stay() -> int:
    return af.Unchanged()

@af.asset
def forgot() -> int:
    pass

@af.asset
def strange(root: dict) -> dict:
    return {"f": 1.25, "t": (1, 2), "s": {3}, "none": None, "bytes": b"x"}
"""

EXPECTED = {
    "root": "materialized", "child": "materialized", "left": "materialized", "right": "materialized",
    "day@2024-01-01": "materialized", "day@2024-01-02": "materialized", "fails": "failed", "needs_it": "skipped",
    "flaky": "materialized", "choosy": "failed", "badly_retried": "failed", "leaves": "failed", "skips": "skipped",
    "after_skip": "skipped", "cannot_stay": "failed", "forgot": "failed", "strange": "materialized",
}  # fmt: skip


def open_project(root: Path, kind: str, text: str) -> af.Project:
    """The same functions for a back end: as coroutines for the event loop, as they are for the others."""
    if kind == "async":
        text = re.sub(r"(?m)^(@af\.(?:multi_)?asset.*\n)def ", r"\1async def ", text)
    executor = {"async": "thread", "spawned": "process"}.get(kind, kind)
    project = file_project(root, text, executor=executor)
    if kind == "spawned":
        project.processes = ProcessPool(lambda everywhere: project.loaded.blueprint(everywhere), forks=False)
    elif kind == "process" and not can_fork():
        pytest.skip("workers are not forked here")
    return project


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every back end in turn."""
    return str(request.param)


def records(project: af.Project, run: af.RunResult) -> dict[str, Any]:
    """All that a run left behind, but for times and ids."""
    root = str(project.settings.root)
    steps = [
        (s.asset, s.partition, str(s.status), s.attempts, s.error, s.caused_by, s.rows, s.data_version)
        for s in run.steps
    ]
    tracebacks = {
        step.asset: (step.traceback or "").replace(root, "").replace("async def", "def") for step in run.steps
    }
    return {
        "steps": sorted(steps, key=str),
        "tracebacks": tracebacks,
        "attempts": project.query("select asset, partition, attempt, status, error_message from attempts order by all"),
        "events": project.query("select asset, event_type, key, payload from events order by asset, length(id), id"),
        "made": project.query("select asset, partition, data_version, config, metadata, rows from materializations "
                              "order by asset, partition"),
        "lineage": project.query("select asset, partition, input_asset, input_partition, input_data_version "
                                 "from lineage order by all"),
        "output": output(project, run),
        "values": {key: project.load(key) for key in ("root", "child", "left", "right", "day", "flaky", "strange")},
    }  # fmt: skip


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What one thread, in plan order, leaves behind."""
    with open_project(tmp_path_factory.mktemp("reference"), "thread", STEPS) as project:
        run = project.materialize(workers=1)
        assert ends(run) == EXPECTED
        yield records(project, run)


@pytest.mark.parametrize(("workers", "seed"), [(1, 1), (4, 2), (4, None)])
def test_every_back_end_leaves_the_same_records(
    kind: str, workers: int, seed: int | None, reference: dict[str, Any], tmp_path: Path
) -> None:
    with open_project(tmp_path, kind, STEPS) as project:
        run = project.materialize(workers=workers, seed=seed)
        assert ends(run) == EXPECTED
        found = records(project, run)
        for part, expected in reference.items():
            assert found[part] == expected, part
        assert project.plan(list(found["values"])).is_empty


def test_unchanged_is_accepted_from_every_back_end(kind: str, tmp_path: Path) -> None:
    text = """
    @af.asset(code_version=VERSION)
    def a(context: af.Context) -> int:
        return 1 if context.previous(int) is None else af.Unchanged()

    @af.asset
    def b(a: int) -> int:
        return a
    """
    with open_project(tmp_path, kind, text.replace("VERSION", "'1'").replace("\n    ", "\n")) as project:
        assert ends(project.materialize()) == {"a": "materialized", "b": "materialized"}
    with open_project(tmp_path, kind, text.replace("VERSION", "'2'").replace("\n    ", "\n")) as project:
        assert ends(project.materialize()) == {"a": "unchanged", "b": "unchanged"}
        assert project.plan().is_empty


def test_edited_code_is_what_runs_next(kind: str, tmp_path: Path) -> None:
    text = "@af.asset\ndef a() -> int:\n    return HELPER\n"
    for value in (1, 2):
        with open_project(tmp_path, kind, text.replace("HELPER", str(value))) as project:
            assert project.materialize().ok
            assert project.load("a") == value


def test_a_reloaded_project_runs_its_new_code_in_the_same_pool(kind: str, tmp_path: Path) -> None:
    text = "@af.asset\ndef a() -> int:\n    return HELPER\n"
    with open_project(tmp_path, kind, text.replace("HELPER", "1")) as project:
        project.materialize()
        file = tmp_path / "assets" / "main.py"
        file.write_text(file.read_text().replace("return 1", "return 2"))
        project.reload()
        assert ends(project.materialize()) == {"a": "materialized"}
        assert project.load("a") == 2


def test_what_is_saved_after_planning_does_not_run_before_it_is_planned(kind: str, tmp_path: Path) -> None:
    """The record of a value names the code that made it, also when a worker starts after the file has changed."""
    with open_project(tmp_path, kind, "@af.asset\ndef a() -> int:\n    return 1\n") as project:
        assert project.plan().steps
        file = tmp_path / "assets" / "main.py"
        file.write_text(file.read_text().replace("return 1", "return 2"))
        assert project.materialize().ok
        assert project.load("a") == 1
        project.reload()
        assert [step.asset for step in project.plan().steps] == ["a"]
