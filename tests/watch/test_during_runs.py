"""A change during a run cancels what it makes pointless and keeps the rest; what ends by violence leaves nothing."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import assetflow as af
from assetflow.model.event import StepFinished, StepStarted
from assetflow.project.request import Ask
from assetflow.project.tick import Tick
from assetflow.watch.engine import Engine
from assetflow.watch.library import WatchWay, make_engine
from assetflow.watch.reports import Canceling, GoingOn, Happened, Report, TickEnded
from tests.watch.making import fails, made, ran, save, until, watching, write

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="steps that wait here wait for a named pipe")

SLOW = {
    "assets/slow.py": """
import assetflow as af


@af.asset
def before() -> int:
    return 1


@af.asset
def slow(before: int) -> str:
    with open("gate") as gate:
        return gate.read()


@af.asset
def after(slow: str) -> str:
    return slow
""",
    "assets/other.py": "import assetflow as af\n\n\n@af.asset\ndef other() -> int:\n    return 1\n",
}


@contextmanager
def reports(root: Path, *selection: str) -> Iterator[Iterator[Report]]:
    engine: Engine = make_engine(af.Project.load(root), Ask(selection=selection), WatchWay())
    try:
        yield engine.reports()
    finally:
        engine.close()


def first(found: Iterator[Report], wanted: Callable[[Report], bool], *, at_most: int = 60) -> Report:
    for _ in range(at_most):
        report = next(found)
        if wanted(report):
            return report
    raise AssertionError(f"not among {at_most} reports")


def started(asset: str) -> Callable[[Report], bool]:
    return lambda report: (
        isinstance(report, Happened) and isinstance(report.event, StepStarted) and report.event.asset == asset
    )


def finished(status: str) -> Callable[[Report], bool]:
    return lambda report: (
        isinstance(report, Happened) and isinstance(report.event, StepFinished) and report.event.status == status
    )


def tick_of(found: Iterator[Report], wanted: Callable[[Tick], bool]) -> Tick:
    report = first(found, lambda report: isinstance(report, TickEnded) and wanted(report.tick))
    assert isinstance(report, TickEnded)
    return report.tick


def test_a_run_goes_on_when_the_change_is_about_something_else(tmp_path: Path) -> None:
    project = write(tmp_path, SLOW)
    os.mkfifo(project / "gate")
    with reports(project) as found:
        first(found, started("slow"))
        save(project / "assets/other.py", SLOW["assets/other.py"].replace("return 1", "return 2"))
        save(project / "assets/slow.py", SLOW["assets/slow.py"] + "# a comment\n")
        first(found, lambda report: isinstance(report, GoingOn))
        (project / "gate").write_text("opened")
        tick = tick_of(found, made("slow"))
        assert ran(tick)["after"] == "materialized"
        if not made("other")(tick):
            tick_of(found, made("other"))
        assert [run.status for run in af.Project.load(project).runs() if run.status != "succeeded"] == []
    assert af.Project.load(project).load("after") == "opened"


def test_a_run_is_canceled_when_what_it_makes_is_not_wanted_and_finished_steps_count(tmp_path: Path) -> None:
    project = write(tmp_path, SLOW)
    os.mkfifo(project / "gate")
    with reports(project, "after") as found:
        first(found, started("slow"))
        changed = SLOW["assets/slow.py"].replace(
            'with open("gate") as gate:\n        return gate.read()', 'return "new"'
        )
        save(project / "assets/slow.py", changed)
        report = first(found, lambda report: isinstance(report, Canceling))
        assert report == Canceling(number=report.number, assets=("after", "slow"), rest=())
        canceled = tick_of(found, lambda tick: True)
        assert canceled.result is not None
        assert str(canceled.result.status) == "canceled"
        assert ran(canceled) == {"before": "materialized", "slow": "canceled", "after": "canceled"}
        tick = tick_of(found, made("slow"))
        assert ran(tick) == {"slow": "materialized", "after": "materialized"}, "`before` was finished"
    assert af.Project.load(project).load("after") == "new"


PAIR = {
    "assets/wanted.py": """
import assetflow as af
from pathlib import Path


@af.asset
def wanted() -> str:
    with Path("began").open("a") as file:
        file.write("once")
    with open("gate") as gate:
        return gate.read()


@af.asset
def after_wanted(wanted: str) -> str:
    return wanted
""",
    "assets/unwanted.py": """
import assetflow as af
import asyncio, os, subprocess, time
from pathlib import Path


@af.asset
OPTIONS
def unwanted() -> int:
    Path("process.new").write_text(str(os.getpid()))
    os.rename("process.new", "process")
    BODY
    Path("survived").write_text("its end was reached")
    return 1


@af.asset
def after_unwanted(unwanted: int) -> int:
    return unwanted + 1


@af.asset
def after_both(unwanted: int, wanted: str) -> str:
    return f"{unwanted} {wanted}"
""",
}
UNWANTED = {
    "thread": ("", "for _ in range(6000):\n        time.sleep(0.01)"),
    "blocked": ("", "os.mkfifo('never')\n    open('never').read()"),
    "coroutine": ("async ", "await asyncio.sleep(600)"),
    "process": ('compute="process"', "time.sleep(600)"),
}


@pytest.mark.parametrize("kind", UNWANTED)
def test_only_what_is_not_wanted_any_more_is_canceled_and_what_waits_for_it(kind: str, tmp_path: Path) -> None:
    options, body = UNWANTED[kind]
    old = PAIR["assets/unwanted.py"].replace("BODY", body)
    if options.startswith("async"):
        old = old.replace("OPTIONS\ndef", "async def")
    old = old.replace("@af.asset\nOPTIONS", f"@af.asset({options})" if "=" in options else "@af.asset")
    project = write(tmp_path, {**PAIR, "assets/unwanted.py": old})
    os.mkfifo(project / "gate")
    with reports(project) as found:
        begun = {"wanted", "unwanted"}
        while begun:
            report = first(found, lambda each: isinstance(each, Happened) and isinstance(each.event, StepStarted))
            assert isinstance(report, Happened)
            begun.discard(report.event.asset)
        while not (project / "process").exists():
            select.select([], [], [], 0.01)
        save(project / "assets/unwanted.py", old.replace(body, "pass").replace("return 1", "return 2"))
        report = first(found, lambda each: isinstance(each, Canceling))
        unwanted = ("after_both", "after_unwanted", "unwanted")
        assert report == Canceling(number=report.number, assets=unwanted, rest=("after_wanted", "wanted"))
        canceled = {first(found, finished("canceled")).event.asset for _ in unwanted}  # type: ignore[union-attr]
        assert canceled == set(unwanted), "at once, while the other goes on"
        if kind == "process":
            assert ended([int((project / "process").read_text())])
        assert not (project / "survived").exists()
        (project / "gate").write_text("opened")
        kept = tick_of(found, lambda tick: True)
        assert ran(kept) == {
            "wanted": "materialized", "after_wanted": "materialized",
            "unwanted": "canceled", "after_unwanted": "canceled", "after_both": "canceled",
        }  # fmt: skip
        assert kept.result is not None
        assert str(kept.result.status) == "canceled"
        follows = tick_of(found, made("unwanted"))
        assert ran(follows) == dict.fromkeys(("unwanted", "after_unwanted", "after_both"), "materialized")
    assert (project / "began").read_text() == "once"
    assert af.Project.load(project).load("after_both") == "2 opened"
    assert af.Project.load(project).plan().is_empty


def test_a_second_change_cancels_what_it_makes_pointless_of_the_rest(tmp_path: Path) -> None:
    old = PAIR["assets/unwanted.py"].replace("OPTIONS\n", "").replace("BODY", "open('never').read()")
    project = write(tmp_path, {**PAIR, "assets/unwanted.py": old})
    os.mkfifo(project / "gate")
    os.mkfifo(project / "never")
    with reports(project, "after_wanted", "unwanted") as found:
        first(found, started("wanted"))
        while not (project / "process").exists():
            select.select([], [], [], 0.01)
        save(project / "assets/unwanted.py", old.replace("open('never').read()", "pass"))
        report = first(found, lambda each: isinstance(each, Canceling))
        assert report == Canceling(number=report.number, assets=("unwanted",), rest=("after_wanted", "wanted"))
        changed = PAIR["assets/wanted.py"].replace("return gate.read()", "return gate.name")
        save(project / "assets/wanted.py", changed.replace('open("gate")', 'open("began")'))
        report = first(found, lambda each: isinstance(each, Canceling))
        assert report == Canceling(number=report.number, assets=("after_wanted", "wanted"), rest=())
        tick = tick_of(found, made("after_wanted"))
        assert ran(tick) == dict.fromkeys(("unwanted", "wanted", "after_wanted"), "materialized")


def test_a_broken_file_during_a_run_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    project = write(tmp_path, SLOW)
    os.mkfifo(project / "gate")
    with reports(project, "slow") as found:
        first(found, started("slow"))
        save(project / "assets/other.py", "def other(:\n")
        tick_of(found, fails("other.py:1"))
        (project / "gate").write_text("opened")
        tick_of(found, made("slow"))


def test_a_worker_that_dies_is_an_error_of_its_tick(tmp_path: Path) -> None:
    body = "import os\nimport assetflow as af\n\n\n@af.asset\ndef crash() -> int:\n    BODY\n    return 1\n"
    project = write(tmp_path, {"assets/crash.py": body.replace("BODY", "os._exit(7)")})
    with watching(project) as watch:
        tick = until(watch, fails("the worker process ended with code 7"))
        assert isinstance(tick.error, af.RunError)
        save(project / "assets/crash.py", body.replace("BODY", "os.kill(os.getpid(), 9)"))
        until(watch, fails("was killed by SIGKILL"))
        save(project / "assets/crash.py", body.replace("    BODY\n", ""))
        until(watch, made("crash"))


STATE = """
import sys

warm = "sortedcontainers" in sys.modules
import sortedcontainers
import counted
import assetflow as af

counted.times += 1


@af.asset
def state() -> list[int]:
    counted.times += 1
    return [counted.times, int(warm)]
"""


def test_no_module_keeps_state_and_installed_ones_become_warm(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/state.py": STATE, "assets/counted.py": "times = 0\n"})
    seen = []
    with watching(project) as watch:
        for _ in range(12):
            until(watch, made("state"))
            seen.append(af.Project.load(project).load("state"))
            if seen[-1][1]:
                break
            watch.rebuild(force=True)
    assert {times for times, _ in seen} == {2}
    assert seen[0] == [2, 0]
    assert seen[-1] == [2, 1]


CHILD = """
import os, subprocess, time
import assetflow as af


@af.asset
def child() -> int:
    started = subprocess.Popen(["sleep", "1000"])
    with open("pids.new", "w") as file:
        file.write(f"{os.getpid()} {os.getppid()} {started.pid}")
    os.rename("pids.new", "pids")
    with open("gate") as gate:
        return len(gate.read())
"""


def ended(pids: list[int]) -> bool:
    """Whether these processes end, in a time that is long enough for any machine."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], 30)[0]:
                return False
        finally:
            os.close(handle)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="processes are followed by their descriptors")
def test_closing_ends_every_process(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/child.py": CHILD})
    os.mkfifo(project / "gate")
    handle = os.open(project / "gate", os.O_RDWR)
    with reports(project) as found:
        first(found, started("child"))
        while not (project / "pids").exists():
            select.select([], [], [], 0.01)
        pids = [int(pid) for pid in (project / "pids").read_text().split()]
    assert ended(pids)
    os.close(handle)
    assert [run.status for run in af.Project.load(project).runs()] == ["canceled"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are followed by their descriptors")
def test_a_watch_that_is_killed_leaves_no_process_and_a_good_catalog(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/child.py": CHILD})
    os.mkfifo(project / "gate")
    handle = os.open(project / "gate", os.O_RDWR)
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "assetflow", "-C", str(project), "watch", "-q"])
    while not (project / "pids").exists():
        select.select([], [], [], 0.01)
    pids = [int(pid) for pid in (project / "pids").read_text().split()]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert ended(pids)
    os.close(handle)
    assert af.Project.load(project).runs()[0].status in ("canceled", "interrupted")


def test_in_an_event_loop(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/other.py": SLOW["assets/other.py"]})

    async def watch() -> list[int]:
        values = []
        async for tick in af.Project.load(project).watch():
            if made("other")(tick):
                values.append(af.Project.load(project).load("other"))
                save(
                    project / "assets/other.py",
                    SLOW["assets/other.py"].replace("return 1", f"return {len(values) + 1}"),
                )
            if len(values) == 2:
                break
        return values

    async def give_up() -> None:
        async for _ in af.Project.load(project).watch():
            asyncio.current_task().cancel()  # type: ignore[union-attr]

    assert asyncio.run(watch()) == [1, 2]
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())


def test_two_watches_at_once(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/other.py": SLOW["assets/other.py"]})
    with watching(project) as one, watching(project) as two:
        until(one, lambda tick: tick.ok)
        until(two, lambda tick: tick.ok)
        save(project / "assets/other.py", SLOW["assets/other.py"].replace("return 1", "return 5"))
        for watch in (one, two):
            until(watch, lambda tick: tick.ok and "other.py" in str(tick.changes))
    found = af.Project.load(project)
    assert found.load("other") == 5
    assert {run.status for run in found.runs()} == {"succeeded"}
    assert found.plan().is_empty
