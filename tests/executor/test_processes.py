"""Worker processes: a death, a limit or a crash ends one step and nothing else."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import DefinitionError, StepTimeoutError, WorkerDiedError
from tests.executor.making import ends, file_project, output

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="deaths are told by signals")

DEATHS = """
import ctypes, subprocess

@af.asset(compute="process")
def exits() -> int:
    print("said before", flush=True)
    os.system("echo said by a shell")
    os._exit(3)

@af.asset(compute="process")
def crashes() -> int:
    ctypes.string_at(0)
    return 1

@af.asset(compute="process")
def is_killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 1

@af.asset(compute="process")
def raises_exit() -> int:
    sys.exit(5)

@af.asset(compute="process")
def closes_everything() -> int:
    os.closerange(3, 256)
    return 1

@af.asset(compute="process", retry=2)
def dies_twice(context: af.Context) -> int:
    print("attempt", context.attempt)
    if context.attempt < 3:
        os._exit(9)
    return context.attempt

@af.asset(compute="process")
def neighbor() -> int:
    return 1

@af.asset
def beside() -> int:
    return 1

@af.asset(compute="process")
def after(neighbor: int, beside: int, dies_twice: int) -> int:
    return neighbor + beside + dies_twice

@af.asset
def needs_a_dead_one(exits: int) -> int:
    return exits
"""


def test_a_death_fails_its_step_and_nothing_else(tmp_path: Path) -> None:
    with file_project(tmp_path, DEATHS) as project:
        run = project.materialize(workers=3)
        assert ends(run) == {
            "exits": "failed", "crashes": "failed", "is_killed": "failed", "raises_exit": "failed",
            "closes_everything": "failed", "dies_twice": "materialized", "neighbor": "materialized",
            "beside": "materialized", "after": "materialized", "needs_a_dead_one": "skipped",
        }  # fmt: skip
        errors = {step.asset: str(step.error) for step in run.steps}
        assert "the process of `exits` ended with exit code 3" in errors["exits"]
        assert "the process of `crashes` was killed by SIGSEGV (signal 11)" in errors["crashes"]
        assert "the process of `is_killed` was killed by SIGKILL (signal 9)" in errors["is_killed"]
        assert errors["raises_exit"] == "SystemExit: 5"
        assert "WorkerDiedError: the process of `closes_everything`" in errors["closes_everything"]
        said = output(project, run)
        assert sorted(said["exits"]) == ["said before", "said by a shell"]  # two writers, two pipes
        assert said["dies_twice"] == ["attempt 1", "attempt 2", "attempt 3"]
        assert project.load("after") == 5
        rows = project.query("select attempt, status from attempts where asset = 'dies_twice' order by attempt")
        assert [tuple(row.values()) for row in rows] == [(1, "failed"), (2, "failed"), (3, "materialized")]


@pytest.mark.parametrize(
    ("rule", "attempts"), [("af.WorkerDied", 1), ("OSError", 1), ("Exception", 3), ("lambda e: 'code 7' in str(e)", 3)]
)
def test_a_retry_policy_judges_deaths_like_errors(tmp_path: Path, rule: str, attempts: int) -> None:
    rule = rule.replace("af.WorkerDied", "KeyError")
    text = f"""
    @af.asset(compute="process", retry=af.RetryPolicy(max_retries=2, retry_on={rule}))
    def dies() -> int:
        os._exit(7)
    """
    with file_project(tmp_path, text) as project:
        (step,) = project.materialize().steps
        assert (str(step.status), step.attempts) == ("failed", attempts)


def test_a_process_that_dies_while_it_loads_the_project_says_so(tmp_path: Path) -> None:
    text = """
    if os.environ.get("HERE") != str(os.getpid()):
        os._exit(11)

    @af.asset(compute="process")
    def a() -> int:
        return 1
    """
    os.environ["HERE"] = str(os.getpid())
    try:
        with file_project(tmp_path, text) as project:
            (step,) = project.materialize().steps
    finally:
        del os.environ["HERE"]
    assert "the process of `a` ended with exit code 11 while it loaded the project" in str(step.error)


def test_a_project_that_does_not_load_in_a_worker_says_why(tmp_path: Path) -> None:
    text = """
    if os.environ.get("HERE") != str(os.getpid()):
        raise LookupError("only once")

    @af.asset(compute="process")
    def a() -> int:
        return 1
    """
    os.environ["HERE"] = str(os.getpid())
    try:
        with file_project(tmp_path, text) as project:
            (step,) = project.materialize().steps
    finally:
        del os.environ["HERE"]
    assert "cannot be loaded in a worker process" in str(step.error)
    assert "only once" in str(step.error)


# --- time ---


SLOW = """
@af.asset(timeout=0.3)
def sleeps() -> int:
    print("begun")
    time.sleep(600)
    return 1

@af.asset(timeout=0.3, retry=2)
def computes() -> int:
    while True:
        pass

@af.asset(timeout=0.3)
async def waits() -> int:
    await asyncio.sleep(600)
    return 1

@af.asset(timeout=30)
def raises_its_own() -> int:
    raise TimeoutError("mine")

@af.asset(timeout=30)
async def awaits_its_own() -> int:
    raise TimeoutError("mine too")

@af.asset(timeout=0.3)
def with_child() -> int:
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    open("child.pid", "w").write(str(child.pid))
    return child.wait()

@af.asset
def free() -> int:
    return 1
"""


def test_a_step_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    with file_project(tmp_path, SLOW) as project:
        run = project.materialize(workers=2)
        assert ends(run) == {
            "sleeps": "failed", "computes": "failed", "waits": "failed", "raises_its_own": "failed",
            "awaits_its_own": "failed", "with_child": "failed", "free": "materialized",
        }  # fmt: skip
        steps = {step.asset: step for step in run.steps}
        assert str(steps["sleeps"].error).startswith(
            "StepTimeoutError: `sleeps` did not end within 0.3 s and was stopped"
        )
        assert steps["computes"].attempts == 3
        assert str(steps["waits"].error).startswith("StepTimeoutError: `waits` did not end within 0.3 s")
        assert steps["raises_its_own"].error == "TimeoutError: mine"
        assert steps["awaits_its_own"].error == "TimeoutError: mine too"
        assert output(project, run)["sleeps"] == ["begun"]
        assert not _runs(int((tmp_path / "child.pid").read_text()))


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_clock_of_a_timeout_does_not_count_the_wait_for_a_worker(tmp_path: Path) -> None:
    text = "".join(f"@af.asset(timeout=1.0)\ndef a{n}() -> int:\n    time.sleep(0.4)\n    return 1\n" for n in range(4))
    with file_project(tmp_path, text) as project:
        assert project.materialize(workers=1).ok


# --- memory ---


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is looked at in /proc")
def test_a_step_that_takes_too_much_memory_is_stopped(tmp_path: Path) -> None:
    text = """
    @af.asset(memory="200MB")
    def at_once() -> int:
        return len(bytearray(1 << 30))

    @af.asset(memory="200MB")
    def bit_by_bit() -> int:
        held = []
        while True:
            held.append(b"x" * (1 << 20))

    @af.asset(memory="200MB")
    def enough() -> int:
        return len(b"x" * (50 << 20))
    """
    with file_project(tmp_path, text) as project:
        run = project.materialize()
        assert ends(run) == {"at_once": "failed", "bit_by_bit": "failed", "enough": "materialized"}
        for step in run.steps[:2]:
            assert "StepMemoryError" in str(step.error)
            assert "200 MB" in str(step.error)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout= is 0"),
        ({"timeout": "soon"}, "timeout= is 'soon'"),
        ({"timeout": True}, "timeout= is True"),
        ({"timeout": timedelta(0)}, "timeout= is datetime.timedelta(0)"),
        ({"memory": "much"}, "memory= is 'much'"),
        ({"memory": 1}, "memory= is 1"),
        ({"compute": "proces"}, "did you mean `process`"),
        ({"compute": "thread", "timeout": 5}, "a thread cannot be stopped"),
        ({"compute": "thread", "memory": "1GB"}, "a thread cannot be stopped"),
        ({"compute": "async"}, "no coroutine function"),
    ],
)
def test_limits_that_make_no_sense_are_definition_errors(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    @af.asset(**options)
    def a() -> int:
        return 1

    with pytest.raises(DefinitionError) as raised:
        af.Project(assets=[a], root=tmp_path).plan()
    assert message in str(raised.value)


def test_memory_of_a_coroutine_is_refused(tmp_path: Path) -> None:
    @af.asset(memory="1GB")
    async def a() -> int:
        return 1

    with pytest.raises(DefinitionError, match="coroutines share one"):
        af.Project(assets=[a], root=tmp_path).plan()


# --- objects ---


def test_assets_given_as_objects_run_in_processes_too(tmp_path: Path) -> None:
    factor = 3

    @af.asset(compute="process")
    def a() -> list[int]:
        return [factor, os.getpid()]

    @af.asset(timeout=20)
    def b(a: list[int]) -> list[int]:
        return [a[0] * 2, os.getpid()]

    with af.Project(assets=[a, b], root=tmp_path) as project:
        assert project.materialize().ok
        for key, value in (("a", 3), ("b", 6)):
            assert project.load(key)[0] == value
            assert project.load(key)[1] != os.getpid()


def test_an_object_that_cannot_be_sent_is_named_before_anything_runs(tmp_path: Path) -> None:
    lock = threading.Lock()

    @af.asset(compute="process", code_version="1")
    def locked() -> int:
        with lock:
            return 1

    @af.asset(compute="process")
    def fine() -> int:
        return 1

    with af.Project(assets=[locked, fine], root=tmp_path) as project:
        with pytest.raises(DefinitionError, match="asset `locked` cannot be sent to a worker process") as raised:
            project.materialize()
        assert "`fine`" not in str(raised.value)
        assert project.runs() == []


def test_errors_have_the_classes_that_retry_policies_name() -> None:
    assert issubclass(StepTimeoutError, TimeoutError)
    assert issubclass(WorkerDiedError, af.RunError)


# --- warm ---


def test_processes_are_kept_from_run_to_run_and_gone_when_the_project_is_closed(tmp_path: Path) -> None:
    text = """
    @af.asset(compute="process")
    def a() -> int:
        return os.getpid()
    """
    before = set(threading.enumerate())
    with file_project(tmp_path, text) as project:
        project.materialize()
        first = project.load("a")
        project.materialize(force=True)
        assert project.load("a") == first
        assert _runs(first)
    assert not _runs(first)
    assert set(threading.enumerate()) <= before
    project.close()


def test_a_warm_process_that_was_killed_meanwhile_is_replaced(tmp_path: Path) -> None:
    text = """
    @af.asset(compute="process")
    def a() -> int:
        return os.getpid()
    """
    with file_project(tmp_path, text) as project:
        project.materialize()
        first = project.load("a")
        os.kill(first, 9)
        (step,) = project.materialize(force=True).steps
        assert (str(step.status), step.attempts) == ("materialized", 1)
        assert project.load("a") != first
