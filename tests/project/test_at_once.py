"""Several runs of one project at once: each step is done once, nobody waits for ever, pools hold over all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import assetflow as af
from assetflow.errors import SettingsError
from assetflow.project.request import Ask

HEAD = """
import os
import assetflow as af

def note(line):
    with open("notes.txt", "a") as file:
        file.write(line + "\\n")

"""

GATED = f"""{HEAD}
@af.asset
def a() -> int:
    note(f"a {{os.getpid()}}")
    with open("gate") as gate:  # a pipe: opens when somebody writes to it
        word = gate.read()
    if word == "fail":
        raise ValueError("as told")
    if word == "die":
        os._exit(9)
    return 1

@af.asset
def b(a: int) -> int:
    note("b")
    return a + 1
"""

RUN = """
import sys
import assetflow as af
run = af.Project.at(".").materialize(*sys.argv[1:2], environment=(sys.argv[2:] or ["prod"])[0])
print({step.asset: str(step.status) for step in run.steps})
"""


def write_assets(root: Path, text: str) -> None:
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "main.py").write_text(text)


def runner(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def notes(root: Path) -> list[str]:
    path = root / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def gated(tmp_path: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("named pipes")
    write_assets(tmp_path, GATED)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def waiting(root: Path) -> tuple[af.Project, threading.Thread, list[af.RunResult], threading.Event]:
    """A run in a thread of this process, known to wait for the one that is at work."""
    said = threading.Event()
    project, ends = af.Project.at(root), list[af.RunResult]()
    planned = project.planned(Ask())

    def go() -> None:
        ends.append(project.run_planned(planned, notify=lambda _text: said.set()))

    thread = threading.Thread(target=go)
    thread.start()
    return project, thread, ends, said


@pytest.mark.parametrize(
    ("word", "theirs", "ours"),
    [
        ("go", "{'a': 'materialized', 'b': 'materialized'}\n", {"a": "unchanged", "b": "unchanged"}),
        ("fail", "{'a': 'failed', 'b': 'skipped'}\n", {"a": "materialized", "b": "materialized"}),
        ("die", "", {"a": "materialized", "b": "materialized"}),
    ],
)
def test_a_step_that_another_run_is_at_is_waited_for(gated: Path, word: str, theirs: str, ours: dict[str, str]) -> None:
    first = runner(gated)
    until(lambda: len(notes(gated)) == 1)
    project, thread, ends, said = waiting(gated)
    with project:
        assert said.wait(60)
        assert len(notes(gated)) == 1
        (gated / "gate").write_text(word)
        out, err = first.communicate(timeout=60)
        assert out == theirs, err
        if word != "go":
            until(lambda: len(notes(gated)) == 2)
            (gated / "gate").write_text("go")
        thread.join(60)
        found = {step.asset: str(step.status) for step in ends[0].steps}
        assert found["a"] == ours["a"]
        assert found["b"] in (ours["b"], "materialized")  # who comes to it first makes it
        assert Counter(notes(gated))["b"] == 1
        assert project.load("b") == 2
        assert project.plan().is_empty


MANY = f"""{HEAD}
def make(number):
    @af.asset(key=f"a{{number}}", pure=True)
    def a() -> int:
        note(f"a{{number}}")
        return number

    @af.asset(key=f"b{{number}}", deps=[f"a{{number}}", f"b{{number - 1}}"] if number else [f"a{{number}}"])
    def b() -> int:
        note(f"b{{number}}")
        return number

    return a, b

made = [make(number) for number in range(25)]
globals().update({{f"a{{n}}": a for n, (a, b) in enumerate(made)}}, **{{f"b{{n}}": b for n, (a, b) in enumerate(made)}})
"""


@pytest.mark.parametrize("environments", [("prod", "prod", "prod"), ("prod", "dev", "prod")])
def test_runs_at_once_do_each_step_once(tmp_path: Path, environments: tuple[str, ...]) -> None:
    write_assets(tmp_path, MANY)
    for process in [runner(tmp_path, "*", environment) for environment in environments]:
        _out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert Counter(notes(tmp_path)) == {f"{name}{number}": 1 for name in "ab" for number in range(25)}
    with af.Project.at(tmp_path) as project:
        assert project.plan().is_empty
        assert {str(run.status) for run in project.runs()} == {"succeeded"}
        assert project.query("select count(*) n, count(distinct id) d from materializations") == [{"n": 50, "d": 50}]


def test_runs_in_threads_of_one_process_do_each_step_once(tmp_path: Path) -> None:
    write_assets(tmp_path, MANY)
    ends: list[bool] = []
    projects = [af.Project.at(tmp_path) for _ in range(2)]
    threads = [threading.Thread(target=lambda p=project: ends.append(p.materialize().ok)) for project in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends == [True, True]
    assert set(Counter(notes(tmp_path)).values()) == {1}
    for project in projects:
        project.close()


def test_batches_that_overlap_are_made_once(tmp_path: Path) -> None:
    write_assets(
        tmp_path,
        f"""{HEAD}
@af.asset(partitions=af.StaticPartitions([f"p{{n}}" for n in range(40)]), batch=8)
def parts(context: af.Context) -> dict[str, int]:
    for key in context.partitions:
        note(key)
    return {{key: 1 for key in context.partitions}}
""",
    )
    for process in [runner(tmp_path, "parts@p0..p29"), runner(tmp_path, "parts@p10..p39")]:
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    counts = Counter(notes(tmp_path))
    assert len(counts) == 40
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("batch", ["True", "8"])
def test_batches_of_two_environments_are_made_once(tmp_path: Path, batch: str) -> None:
    write_assets(
        tmp_path,
        f"""{HEAD}
import time

@af.asset(partitions=af.StaticPartitions([f"p{{n}}" for n in range(16)]), batch={batch}, pure=True)
def parts(context: af.Context) -> dict[str, int]:
    for key in context.partitions:
        note(key)
    time.sleep(0.05 * len(context.partitions))  # long enough for the other run to come by
    return {{key: 1 for key in context.partitions}}
""",
    )
    for process in [runner(tmp_path, "parts", "prod"), runner(tmp_path, "parts", "dev")]:
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert Counter(notes(tmp_path)) == {f"p{n}": 1 for n in range(16)}


# --- pools ---

POOLED = f"""{HEAD}
import threading
import time

class Meter(af.Resource):
    pass

def make(number):
    @af.asset(key=f"p{{number}}", pool="db", priority=number)
    def p() -> int:
        note(f"in {{number}}")
        time.sleep(0.03)
        note(f"out {{number}}")
        return number
    return p

globals().update({{f"p{{n}}": make(n) for n in range(POOLED)}})

@af.asset
def free() -> int:
    note("free")
    return 1
"""


def most_at_once(lines: list[str]) -> int:
    now = most = 0
    for line in lines:
        now += {"in": 1, "out": -1}.get(line.split()[0], 0)
        most = max(most, now)
    return most


def pooled(root: Path, size: int, count: int) -> None:
    (root / "pyproject.toml").write_text(f"[tool.assetflow.pools]\ndb = {size}\n")
    write_assets(root, POOLED.replace("POOLED", str(count)))


def test_a_pool_holds_over_runs(tmp_path: Path) -> None:
    pooled(tmp_path, 2, 16)
    halves = ["p0 p1 p2 p3 p4 p5 p6 p7", "p8 p9 p10 p11 p12 p13 p14 p15 free"]
    for process in [runner(tmp_path, " or ".join(half.split())) for half in halves]:
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert most_at_once(notes(tmp_path)) == 2
    assert len(notes(tmp_path)) == 33


def test_a_step_that_waits_for_a_pool_holds_no_worker_and_goes_by_priority(tmp_path: Path) -> None:
    pooled(tmp_path, 1, 6)
    with af.Project.at(tmp_path) as project:
        assert project.materialize(workers=2).ok
    lines = notes(tmp_path)
    assert most_at_once(lines) == 1
    assert lines.index("free") < lines.index("in 3")  # with a worker held it would have come last
    assert [line for line in lines if line.startswith("in ")] == [f"in {n}" for n in reversed(range(6))]


def test_a_pool_without_a_size_is_a_definition_error(tmp_path: Path) -> None:
    pooled(tmp_path, 1, 1)
    (tmp_path / "pyproject.toml").write_text("[tool.assetflow.pools]\ndbs = 1\n")
    with af.Project.at(tmp_path) as project, pytest.raises(af.DefinitionError) as caught:
        project.plan()
    (problem,) = caught.value.problems
    assert problem.message == "`p0` is in the pool `db`, which has no size"
    assert problem.hint == "did you mean `dbs`?"
    assert problem.line is not None


def test_the_size_of_a_pool_comes_from_the_environment_too(tmp_path: Path) -> None:
    pooled(tmp_path, 1, 1)
    with af.Project.at(tmp_path, environ={"ASSETFLOW_POOLS__DB": "3"}) as project:
        assert project.settings.pools == {"db": 3}
    with pytest.raises(SettingsError, match="pool `db` must be at least 1"):
        af.Project.at(tmp_path, environ={"ASSETFLOW_POOLS__DB": "0"})
