"""Ending a run early: by a handle, by a task, by a signal, by a failure; and what is left behind, which is nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import assetflow as af
from assetflow.executor.subscribers import HURRY, Audience
from assetflow.model.event import Event, RunFinished
from tests.executor.making import await_writer, ends, file_project

BUSY = """
@af.asset
def done() -> int:
    return 1

@af.asset(compute="process", deps=["done"])
def sleeps() -> int:
    time.sleep(600)
    return 1

@af.asset(compute="process", deps=["done"])
def computes() -> int:
    while True:
        pass

@af.asset(deps=["done"])
async def waits() -> int:
    await asyncio.sleep(600)
    return 1

@af.asset
def later(sleeps: int, computes: int) -> int:
    return 1
"""
RUNNING = {"sleeps", "computes", "waits"}


class Begun:
    """A subscriber that tells when all of some steps have begun."""

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = set(wanted)
        self.all = threading.Event()

    def __call__(self, event: Event) -> None:
        if event.kind == "step_started":
            self.wanted.discard(event.asset)  # type: ignore[attr-defined]
            if not self.wanted:
                self.all.set()


def check_canceled(project: af.Project, run: af.RunResult) -> None:
    """Nothing runs any more, here or in the records, and what had ended counts."""
    assert str(run.status) == "canceled"
    assert ends(run) == {
        "done": "materialized", "sleeps": "canceled", "computes": "canceled", "waits": "canceled", "later": "canceled",
    }  # fmt: skip
    rows = project.query("select asset, status from steps order by asset")
    assert {row["asset"]: row["status"] for row in rows} == ends(run)
    assert [row["status"] for row in project.query("select status from runs")] == ["canceled"]
    assert {step.asset for step in project.plan().steps} == {*RUNNING, "later"}


def test_a_handle_cancels_its_run(tmp_path: Path) -> None:
    begun = Begun(RUNNING)
    with file_project(tmp_path, BUSY) as project:
        run = project.start(on_event=[begun], workers=4)
        assert begun.all.wait(60)
        assert not run.done
        with pytest.raises(TimeoutError):
            run.result(timeout=0.01)
        run.cancel()
        run.cancel()
        check_canceled(project, run.result(timeout=60))
        run.cancel()


def test_a_cancel_before_the_run_begins_counts(tmp_path: Path) -> None:
    with file_project(tmp_path, "@af.asset\ndef a() -> int:\n    return 1\n") as project:
        begun = Begun({"a"})
        run = project.start(on_event=[begun])
        run.cancel()
        assert str(run.result(60).status) in ("canceled", "succeeded")


def test_a_started_run_raises_what_made_it_impossible_when_asked(tmp_path: Path) -> None:
    with file_project(tmp_path, "@af.asset\ndef a() -> int:\n    return 1\n") as project:
        with pytest.raises(af.UsageError, match="nowhere"):
            project.start("nowhere").result(60)
        assert project.start("a").result(60).ok


def test_closing_the_project_ends_what_was_started(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    begun = Begun(RUNNING)
    project = file_project(tmp_path, BUSY)
    run = project.start(on_event=[begun], workers=4)
    assert begun.all.wait(60)
    project.close()
    assert run.done
    check_canceled(project, run.result())
    project.close()
    assert set(threading.enumerate()) <= before


def test_canceling_the_task_that_awaits_a_run_cancels_the_run(tmp_path: Path) -> None:
    begun = Begun(RUNNING)

    async def main(project: af.Project) -> None:
        task = asyncio.create_task(project.amaterialize(on_event=[begun], workers=4))
        assert await asyncio.to_thread(begun.all.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row["status"] for row in project.query("select status from runs")] == ["canceled"]

    with file_project(tmp_path, BUSY) as project:
        asyncio.run(main(project))
        assert {step.asset for step in project.plan().steps} == {*RUNNING, "later"}


HANGS = """
def hang() -> int:
    with open("hangs", "w") as pipe:
        pipe.write("here")
    time.sleep(600)
    return 1

src = af.source("src", observe=lambda: "1", load=hang)

@af.asset(compute=COMPUTE)
DEF loads(src: int) -> int:
    return src

@af.asset
async def hands_over() -> int:
    return await asyncio.to_thread(hang)
"""


@pytest.mark.parametrize(
    ("asset", "compute"), [("loads", None), ("loads", "async"), ("loads", "process"), ("hands_over", None)]
)
def test_a_cancel_is_prompt_while_an_input_or_a_thread_hangs(tmp_path: Path, asset: str, compute: str | None) -> None:
    text = HANGS.replace("COMPUTE", repr("process" if compute == "process" else None))
    os.mkfifo(tmp_path / "hangs")
    with file_project(tmp_path, text.replace("DEF", "async def" if compute == "async" else "def")) as project:
        run = project.start(asset)
        await_writer(tmp_path / "hangs")
        run.cancel()
        assert ends(run.result(timeout=60)) == {asset: "canceled"}
        assert [row["status"] for row in project.query("select status from steps")] == ["canceled"]


def test_a_script_ends_though_a_canceled_coroutine_left_a_thread_behind(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, threading, time\nimport assetflow as af\nhangs = threading.Event()\n\n"
        "def hang():\n    hangs.set()\n    time.sleep(600)\n\n"
        "@af.asset\nasync def a() -> int:\n    await asyncio.to_thread(hang)\n    return 1\n\n"
        f"with af.Project(assets=[a], catalog={str(tmp_path / 'catalog')!r}) as project:\n"
        "    run = project.start()\n    hangs.wait()\n    run.cancel()\n    print(run.result().status)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "canceled\n", "")


@pytest.mark.parametrize("executor", ["thread", "inline"])
def test_a_blocking_run_inside_an_event_loop_works(tmp_path: Path, executor: str) -> None:
    text = "@af.asset\nasync def a() -> int:\n    return 1\n\n@af.asset\ndef b(a: int) -> int:\n    return a + 1\n"

    async def main(project: af.Project) -> af.RunResult:
        return project.materialize(executor=executor)

    with file_project(tmp_path, text) as project:
        assert asyncio.run(main(project)).ok
        assert project.load("b") == 2


def test_fail_fast_ends_what_can_be_stopped(tmp_path: Path) -> None:
    text = (
        BUSY
        + """
@af.asset(deps=["done"])
def fails() -> int:
    while len([name for name in os.listdir(".") if name.startswith("up_")]) < 3:
        time.sleep(0.01)
    raise ValueError("now")
"""
    )
    for name in RUNNING:
        text = text.replace(f"def {name}() -> int:\n", f"def {name}() -> int:\n    open('up_{name}', 'w').close()\n")
    with file_project(tmp_path, text) as project:
        run = project.materialize(fail_fast=True, workers=5)
        assert str(run.status) == "failed"
        assert ends(run) == {
            "done": "materialized", "fails": "failed", "sleeps": "canceled", "computes": "canceled",
            "waits": "canceled", "later": "canceled",
        }  # fmt: skip


# --- signals ---


SCRIPT = """
import os, sys
import assetflow as af

heard = []
def hear(event):
    if event.kind == "step_started":
        heard.append(event.asset)
        if set(heard) >= {"sleeps", "computes", "waits"}:
            print("up", flush=True)

project = af.Project.at(".")
try:
    project.materialize(workers=4, on_event=[hear])
except KeyboardInterrupt:
    print("interrupted", flush=True)
project.close()
print("closed", flush=True)
"""


def run_script(root: Path) -> subprocess.Popen[str]:
    """A script whose run has begun with everything."""
    file_project(root, BUSY).close()
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def workers_of(root: Path) -> set[int]:
    """The live processes whose working folder is the project."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if Path(os.readlink(entry / "cwd")) == root and (entry / "stat").read_text().split()[2] != "Z":
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def gone(root: Path, *, within: float = 20.0) -> bool:
    """Whether no process of the project is left, or soon will not be: the kernel ends them one after the other."""
    deadline = time.monotonic() + within
    while workers_of(root):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_ctrl_c_in_a_script_ends_the_run_in_order_and_then_the_script(tmp_path: Path) -> None:
    process = run_script(tmp_path)
    assert len(workers_of(tmp_path)) >= 2
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out.split() == ["interrupted", "closed"]
    assert process.returncode == 0
    assert gone(tmp_path)
    with af.Project.at(tmp_path) as project:
        assert [row["status"] for row in project.query("select status from runs")] == ["canceled"]
        assert not project.query("select * from steps where status in ('running', 'pending')")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_no_process_outlives_a_killed_run(tmp_path: Path) -> None:
    process = run_script(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert gone(tmp_path)
    with af.Project.at(tmp_path) as project:
        assert [str(run.status) for run in project.runs()] == ["interrupted"]


# --- subscribers ---


def test_a_slow_subscriber_does_not_slow_the_run(tmp_path: Path) -> None:
    hold, heard = threading.Event(), []

    def slow(event: Event) -> None:
        hold.wait(60)
        heard.append(event.kind)

    text = "".join(f"@af.asset\ndef a{n}() -> int:\n    return 1\n\n" for n in range(20))
    with file_project(tmp_path, text) as project:
        run = project.start(on_event=[slow])
        deadline = time.monotonic() + 60
        while project.query("select count(*) as n from materializations")[0]["n"] < 20:
            assert time.monotonic() < deadline, "the steps wait for the subscriber"
        assert heard == []
        hold.set()
        assert run.result(60).ok
    assert heard[0] == "run_started"
    assert heard[-1] == "run_finished"
    assert heard.count("step_finished") == 20


def test_a_subscriber_that_hangs_is_left_behind_and_the_others_hear_everything() -> None:
    hold, notes = threading.Event(), list[str]()
    heard: dict[str, list[Event]] = {"hangs": [], "listens": []}

    def hangs(event: Event) -> None:
        heard["hangs"].append(event)
        hold.wait(60)

    events = tuple(
        RunFinished(at=f"2026-01-01T00:00:0{n}.000000Z", run_id="r", status="succeeded", counts={}) for n in range(3)
    )
    audience = Audience([hangs, heard["listens"].append], notes.append)
    audience.announce(events)
    audience.close(patience=0.2)
    hold.set()
    assert heard["listens"] == list(events)
    assert heard["hangs"] == [events[0]]
    assert notes == ["an event subscriber is still busy 0.2 s after the run, and is not told the rest"]


def test_a_run_that_is_canceled_does_not_wait_long_for_a_subscriber_that_hangs(tmp_path: Path) -> None:
    hold, begun = threading.Event(), Begun({"waits"})
    with file_project(tmp_path, BUSY) as project:
        run = project.start("waits", on_event=[lambda _event: bool(hold.wait(60)), begun])
        assert begun.all.wait(60)
        run.cancel()
        assert ends(run.result(timeout=HURRY + 30)) == {"done": "materialized", "waits": "canceled"}
        assert not hold.is_set()
        hold.set()


def test_a_subscriber_that_raises_is_named_once_and_harms_nobody(tmp_path: Path) -> None:
    notes: list[str] = []
    heard: list[str] = []

    def bad(event: Event) -> None:
        raise SystemExit("no more")

    text = "@af.asset\ndef a() -> int:\n    return 1\n\n@af.asset\ndef b(a: int) -> int:\n    return a\n"
    with file_project(tmp_path, text) as project:
        from assetflow.project.request import Ask

        run = project.run_planned(
            project.planned(Ask()), on_event=[bad, lambda event: heard.append(event.kind)], notify=notes.append
        )
    assert run.ok
    assert notes == ["an event subscriber failed and is left out: SystemExit: no more"]
    assert heard.count("step_finished") == 2


# --- many at once ---


def test_two_projects_run_at_once_in_two_threads(tmp_path: Path) -> None:
    text = """
    @af.asset(compute="process")
    def a() -> int:
        return NUMBER

    @af.asset
    async def b(a: int) -> int:
        return a * 10
    """
    projects = [file_project(tmp_path / str(n), text.replace("NUMBER", str(n))) for n in (1, 2)]
    for project in projects:
        project.graph  # noqa: B018 (loaded before the threads begin)
    runs = [project.start() for project in projects]
    for number, (project, run) in enumerate(zip(projects, runs, strict=True), 1):
        assert run.result(60).ok
        assert project.load("b") == number * 10
        project.close()
