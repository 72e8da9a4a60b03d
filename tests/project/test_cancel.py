"""Ending runs from elsewhere, and telling dead runs from live ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import assetflow as af
from assetflow.catalog import access
from assetflow.errors import UnknownRunError, UsageError
from assetflow.model.clock import to_text
from assetflow.model.event import RunStarted
from assetflow.project import canceling
from assetflow.project.process import is_alive, this_process
from tests.cli.calling import assetflow, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and named pipes")

SLOW = """
import assetflow as af

@af.asset
def first() -> int:
    return 1

@af.asset
def slow(first: int) -> int:
    open("started", "w").close()
    with open("gate") as gate:  # a pipe that nobody writes to
        gate.read()
    return 2

@af.asset
def last(slow: int) -> int:
    return 3
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.py").write_text(SLOW)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def hear_all_signals() -> None:
    """Undo what `nohup` or a shell's `&` around the tests told their children to ignore: the command would obey."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def at_work(slow: Path) -> Iterator[subprocess.Popen[str]]:
    """A command whose second step has begun and does not end by itself."""
    runner = subprocess.Popen(
        [sys.executable, "-m", "assetflow", "materialize"],
        cwd=slow, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=hear_all_signals,
    )  # fmt: skip
    while not (slow / "started").exists():
        assert runner.poll() is None, runner.communicate()
        threading.Event().wait(0.02)
    yield runner
    runner.kill()
    runner.communicate()


def steps_of(root: Path) -> tuple[str, dict[str, str]]:
    with af.Project.at(root) as project:
        run, steps = project.run(project.runs(1)[0].run_id)
        return str(run.status), {step.asset: str(step.status) for step in steps}


CANCELED = {"first": "materialized", "slow": "canceled", "last": "canceled"}


@pytest.mark.parametrize("words", [["last"], ["--all"]])
def test_a_run_is_canceled_from_another_terminal(slow: Path, at_work: subprocess.Popen[str], words: list[str]) -> None:
    ended = assetflow("cancel", *words, at=slow)
    assert (ended.code, ended.out.split()[0]) == (0, "canceled"), ended.err
    _out, err = at_work.communicate(timeout=60)
    assert (at_work.returncode, "assetflow resume" in err) == (130, True)
    assert steps_of(slow) == ("canceled", CANCELED)
    assert not list((slow / "catalog" / "live").glob("*.cancel"))
    over = assetflow("cancel", "last", at=slow)
    assert (over.code, "is over: canceled" in over.err) == (2, True)
    none = assetflow("cancel", "--all", at=slow)
    assert (none.code, none.err) == (0, "no run goes on\n")


def test_a_program_cancels_its_own_run(slow: Path) -> None:
    with af.Project.at(slow) as project:
        ends: list[af.RunResult] = []
        thread = threading.Thread(target=lambda: ends.append(af.Project.at(slow).materialize()))
        thread.start()
        while not (slow / "started").exists():
            thread.join(0.02)
        row = project.cancel(project.runs(1)[0].run_id)
        thread.join(60)
        assert str(row.status) == str(ends[0].status) == "canceled"
        assert {step.asset: str(step.status) for step in ends[0].steps} == CANCELED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_run_in_order(slow: Path, at_work: subprocess.Popen[str], number: signal.Signals) -> None:
    at_work.send_signal(number)
    at_work.communicate(timeout=60)
    assert at_work.returncode == 130
    assert steps_of(slow) == ("canceled", CANCELED)


def test_a_run_is_killed(slow: Path, at_work: subprocess.Popen[str]) -> None:
    ended = assetflow("cancel", "--kill", "--json", "last", at=slow)
    assert [row["status"] for row in ended.json] == ["interrupted"]
    assert at_work.wait(60) == -signal.SIGKILL
    (slow / "gate").unlink()
    (slow / "gate").write_text("a file now")
    again = assetflow("resume", "last", at=slow)
    assert again.code == 0, again.err
    assert steps_of(slow) == ("succeeded", {"slow": "materialized", "last": "materialized"})
    with af.Project.at(slow) as project:
        newest, before = project.runs()
        assert newest.parent_run == before.run_id


def test_a_run_that_does_not_end_is_told(slow: Path, at_work: subprocess.Popen[str]) -> None:
    at_work.send_signal(signal.SIGSTOP)
    with af.Project.at(slow) as project:
        with pytest.raises(af.RunError, match="has not ended within") as caught:
            canceling.cancel_run(project, project.runs(1)[0].run_id, patience=0.2)
        assert "--kill" in str(caught.value.hint)
    at_work.send_signal(signal.SIGCONT)
    at_work.communicate(timeout=60)
    assert at_work.returncode == 130  # it has read the request since


def test_what_cannot_be_canceled_says_so(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.py").write_text("import assetflow as af\n\n@af.asset\ndef a() -> int:\n    return 1\n")
    with af.Project.at(tmp_path) as project:
        run = project.materialize()
        with pytest.raises(UsageError, match="is over: succeeded"):
            project.cancel(str(run.run_id))
        with pytest.raises(UnknownRunError):
            project.cancel("20000101")
    for words in ([], ["last", "--all"]):
        assert assetflow("cancel", *words, at=tmp_path).code == 2


# --- who is dead ---


def begun(project: af.Project, run_id: str, **owner: object) -> Path:
    """A run that has begun, and whose writer is gone."""
    own = this_process()
    about = {"host": own.host, "pid": own.pid, "process_started": own.started, **owner}
    with project.catalog.open_log(run_id) as log:
        log.append(
            [
                RunStarted(
                    at=to_text(project.clock.now()), run_id=run_id, environment="prod", selection=[], options={},
                    version="0", steps=1, **about,  # type: ignore[arg-type]
                )
            ]
        )  # fmt: skip
        return log.path


def test_a_process_number_that_is_used_again_is_another_process() -> None:
    own = this_process()
    boot, start, space = own.started.split(":")
    assert is_alive(own.host, own.pid, own.started) is True
    assert is_alive(own.host, own.pid, f"{boot}:{int(start) - 1}:{space}") is False
    assert is_alive(own.host, own.pid, f"{boot}:{start}:0") is None
    assert is_alive("elsewhere", own.pid, own.started) is None


def test_a_run_elsewhere_is_judged_by_its_heartbeat(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    with af.Project.at(tmp_path) as project:
        log = begun(project, "far", host="elsewhere")
        assert project.recover() == ()
        old = log.stat().st_mtime - access.LEASE - 1
        os.utime(log, (old, old))
        held = project.catalog.open_log("far")
        os.utime(log, (old, old))
        assert project.recover() == ()  # its lock says that it lives
        held.close()
        assert project.recover() == ("far",)
        assert [str(run.status) for run in project.runs()] == ["interrupted"]


def test_a_run_that_was_given_up_in_a_living_process_is_over(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    with af.Project.at(tmp_path) as project:
        log = begun(project, "given-up")
        assert project.recover() == ()
        old = log.stat().st_mtime - access.LEASE - 1
        os.utime(log, (old, old))
        assert project.recover() == ("given-up",)


def test_a_run_whose_process_is_gone_is_over_at_once(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    with af.Project.at(tmp_path) as project:
        boot, _start, space = this_process().started.split(":")
        begun(project, "gone", pid=2**22 + 1, process_started=f"{boot}:1:{space}")
        assert project.recover() == ("gone",)
