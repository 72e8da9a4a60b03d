"""Colors and the live display: on a terminal only, and the screen is clean afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.calling import environment, process, write

pty = pytest.importorskip("pty", reason="pseudo-terminals are a matter of Unix")

STEPS = """
import time

import assetflow as af


@af.asset
def brisk() -> int:
    print("a word from brisk")
    return 1


@af.asset(partitions=af.StaticPartitions(["a", "b", "c", "d", "e", "f"]))
def slow(brisk: int) -> int:
    time.sleep(0.15)
    return brisk


@af.asset
def broken(slow: dict[str, int]) -> int:
    raise ValueError("no")
"""

COLOR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return write(tmp_path, {"assets/steps.py": STEPS})


def on_terminal(*args: str, at: Path, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit code of a command and everything that it wrote to a terminal of 100 columns."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "assetflow", *args],
        cwd=at, stdin=follower, stdout=follower, stderr=follower,
        env={**(environment() if environ is None else environ), "COLUMNS": "100", "LINES": "30"},
    )  # fmt: skip
    os.close(follower)
    written = b""
    while True:
        try:
            block = os.read(leader, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not block:
            break
        written += block
    os.close(leader)
    return child.wait(timeout=60), written.decode("utf-8")


def screen(written: str) -> list[str]:
    """The lines a terminal shows in the end: enough of one to erase lines and to move up."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part.startswith("\x1b["):
            count = int(part[2:-1]) if part[2:-1].isdigit() else 1
            if part[-1] == "A":
                row = max(0, row - count)
            elif part == "\x1b[2K":
                lines[row] = ""
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


def test_a_terminal_shows_what_runs_and_is_clean_afterwards(steps: Path) -> None:
    code, written = on_terminal("materialize", at=steps)
    assert code == 1
    plain = COLOR.sub("", written)
    assert re.search(r"slow  \d of 6 partitions", plain)
    assert re.search(r"\d of 8 done · \d running", plain)
    assert COLOR.search(written)
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor comes back
    left = screen(written)
    assert "brisk │ a word from brisk" in left
    assert not any("running" in line or "done" in line for line in left)
    finished = [line.split()[:2] for line in left if line.startswith(("materialized", "failed  "))]
    assert finished == [["materialized", "brisk"], ["materialized", "slow"], ["failed", "broken"]]
    assert any(re.match(r"7 materialized, 1 failed in .* \(run ", line) for line in left)


def test_a_second_time_nothing_is_drawn(steps: Path) -> None:
    process("materialize", "slow", at=steps)
    code, written = on_terminal("materialize", "slow", at=steps)
    assert (code, written) == (0, "everything is fresh: 7 asset partitions of 2 assets\r\n")


@pytest.mark.parametrize("way", ["variable", "option", "dumb"])
def test_colors_can_be_left_out(way: str, steps: Path) -> None:
    environ = environment(**{"variable": {"NO_COLOR": "1"}, "option": {}, "dumb": {"TERM": "dumb"}}[way])
    args = ("--no-color",) if way == "option" else ()
    _code, written = on_terminal("materialize", *args, at=steps, environ=environ)
    assert not COLOR.search(written)
    _code, written = on_terminal("list", *args, at=steps, environ=environ)
    assert "\x1b" not in written


def test_a_terminal_is_told_verdicts_in_color(steps: Path) -> None:
    _code, written = on_terminal("list", at=steps)
    assert "\x1b[36mmissing\x1b[0m" in written


def test_a_pipe_gets_no_escape_codes(steps: Path) -> None:
    for args in (("materialize",), ("list",), ("plan",), ("status",), ("show", "slow"), ("plan", "--explain")):
        ended = process(*args, at=steps)
        assert "\x1b" not in ended.out + ended.err


def test_json_stays_one_document_on_a_terminal(steps: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "assetflow", "materialize", "brisk", "--json"],
        cwd=steps, env=environment(ASSETFLOW_COLOR="always"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "\x1b" not in child.stdout
    assert "\x1b" in child.stderr


def test_a_reader_who_leaves_is_no_error(steps: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "assetflow", "materialize", "brisk", "slow"],
        cwd=steps, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    said = child.stderr.read().decode()
    child.stderr.close()
    assert child.wait(timeout=60) == 0
    assert "Error" not in said
    assert process("materialize", "slow", at=steps).out == "everything is fresh: 7 asset partitions of 2 assets\n"


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------

SLEEPER = """
import time

import assetflow as af


@af.asset
def first() -> int:
    return 1


@af.asset
def sleeper(first: int) -> int:
    print("asleep", flush=True)
    time.sleep(600)
    return 2


@af.asset
def behind(sleeper: int) -> int:
    return sleeper
"""


def asleep(root: Path) -> subprocess.Popen[str]:
    """A run whose step sleeps."""
    child = materializing(root)
    until(child, "sleeper │ asleep")
    return child


def until(child: subprocess.Popen[str], line: str) -> None:
    assert child.stderr is not None
    for said in child.stderr:
        if said.strip() == line:
            return
    raise AssertionError(f"it never said {line!r}")


def materializing(at: Path, *args: str) -> subprocess.Popen[str]:
    """A `materialize` with pipes instead of a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "assetflow", "materialize", *args],
        cwd=at, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def closed(child: subprocess.Popen[str]) -> int:
    child.communicate(timeout=60)
    return child.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_run_and_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    write(tmp_path, {"assets/sleeper.py": SLEEPER})
    child = asleep(tmp_path)
    child.send_signal(number)
    assert closed(child) == 130
    run = process("run", "last", "--json", at=tmp_path)
    document = run.json
    assert document["status"] == "canceled"
    assert {step["asset"]: step["status"] for step in document["steps"]} == {
        "first": "materialized", "sleeper": "canceled", "behind": "canceled",
    }  # fmt: skip
    query = "select count(*) as n from steps where status in ('running', 'pending')"
    assert process("query", query, "--json", at=tmp_path).json == [{"n": 0}]
    plan = process("plan", "--json", at=tmp_path).json
    assert [step["asset"] for step in plan["steps"]] == ["sleeper", "behind"]


def test_an_interrupt_ends_a_query_that_runs(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "assets/endless.sql": "select sum(a.i + b.i) as n from range(10000000) a(i), range(10000000) b(i)",
            "assets/sleeper.py": SLEEPER,
        },
    )
    child = asleep(tmp_path)
    child.send_signal(signal.SIGINT)
    assert closed(child) == 130
    steps = process("run", "last", "--json", at=tmp_path).json["steps"]
    assert {step["asset"]: step["status"] for step in steps}["endless"] == "canceled"


HOLDER = """
import subprocess

import assetflow as af


@af.asset(compute="process")
def holder() -> int:
    with open("alive", "w") as pipe:
        return subprocess.run(["sleep", "600"], stdout=pipe).returncode
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="programs are looked up in /proc")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_ends_the_programs_that_threads_wait_for(tmp_path: Path, times: int) -> None:
    in_shell = HOLDER.replace('compute="process"', "").replace('["sleep", "600"]', '"sleep 600; true", shell=True')
    write(tmp_path, {"assets/sleeper.py": SLEEPER, "assets/holder.py": in_shell})
    os.mkfifo(tmp_path / "alive")
    child = materializing(tmp_path, "--workers", "2")
    with open(tmp_path / "alive") as alive:
        until(child, "sleeper │ asleep")
        child.send_signal(signal.SIGINT)
        until(child, "canceling; Ctrl-C again ends it at once")
        if times == 2:
            child.send_signal(signal.SIGINT)
        assert closed(child) == 130
        assert alive.read() == ""


def test_a_second_interrupt_ends_worker_processes_and_what_they_started(tmp_path: Path) -> None:
    write(tmp_path, {"assets/sleeper.py": SLEEPER, "assets/holder.py": HOLDER})
    os.mkfifo(tmp_path / "alive")
    child = materializing(tmp_path, "--workers", "2")
    with open(tmp_path / "alive") as alive:  # opens when the step does, and ends when nobody holds the other end
        until(child, "sleeper │ asleep")
        child.send_signal(signal.SIGINT)
        until(child, "canceling; Ctrl-C again ends it at once")
        child.send_signal(signal.SIGINT)
        assert closed(child) == 130
        assert alive.read() == ""
    (run,) = process("runs", "--json", at=tmp_path).json
    assert run["status"] == "interrupted"
    assert [step["asset"] for step in process("plan", "--json", at=tmp_path).json["steps"]] == [
        "holder", "sleeper", "behind",
    ]  # fmt: skip


LEAVES = """
import multiprocessing, threading, time

import assetflow as af


@af.asset
def leaves() -> int:
    threading.Thread(target=time.sleep, args=(600,), name="uploader", daemon=False).start()
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,), name="helper").start()
    return 1
"""


def test_a_command_says_which_threads_it_waits_for_and_an_interrupt_ends_them(tmp_path: Path) -> None:
    write(tmp_path, {"assets/leaves.py": LEAVES})
    child = subprocess.Popen(
        [sys.executable, "-m", "assetflow", "materialize"],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    left = "thread `uploader`, process `helper`"
    until(child, f"note: waiting for what a step has started and left: {left}; Ctrl-C ends it")
    child.send_signal(signal.SIGINT)
    assert child.stderr is not None
    assert child.stderr.read() == ""  # the other process has ended, too
    assert closed(child) == 130
    (run,) = process("runs", "--json", at=tmp_path).json
    assert run["status"] == "succeeded"


def test_a_second_interrupt_ends_the_process_and_the_next_command_recovers(tmp_path: Path) -> None:
    write(tmp_path, {"assets/sleeper.py": SLEEPER})
    child = asleep(tmp_path)
    assert child.stdout is not None
    assert child.stdout.readline().startswith("materialized  first")  # said when it is safe on disk
    child.send_signal(signal.SIGINT)
    until(child, "canceling; Ctrl-C again ends it at once")
    child.send_signal(signal.SIGINT)
    assert closed(child) == 130
    (run,) = process("runs", "--json", at=tmp_path).json
    assert run["status"] == "interrupted"
    assert [row["verdict"] for row in process("list", "first", "--json", at=tmp_path).json] == ["fresh"]


def test_a_run_can_be_asked_about_while_it_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"assets/sleeper.py": SLEEPER})
    child = asleep(tmp_path)
    try:
        status = process("status", "--json", at=tmp_path).json
        assert [run["selection"] for run in status["running"]] == [[]]
        (run,) = process("runs", "--json", at=tmp_path).json
        assert (run["status"], run["run_id"]) == ("running", status["running"][0]["run_id"])
        steps = process("run", "last", "--json", at=tmp_path).json["steps"]
        assert {step["asset"]: step["status"] for step in steps}["sleeper"] == "running"
        lines = process("logs", "last", "sleeper", "--json", at=tmp_path).json
        assert [line["text"] for line in lines] == ["asleep"]
        refused = process("resume", "last", at=tmp_path)
        assert refused.code == 2
        assert "still running" in refused.err
    finally:
        child.send_signal(signal.SIGINT)
        closed(child)


ONE = "import assetflow as af\n\n\n@af.asset\ndef one() -> int:\n    print('a word')\n    return 1\n"


def in_shell(words: str, at: Path) -> tuple[int, str]:
    """The exit code and stderr of a command with redirections."""
    command = f"{sys.executable} -m assetflow {words}"
    done = subprocess.run(["sh", "-c", command], cwd=at, env=environment(), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_harm_no_run(closed: str, tmp_path: Path) -> None:
    write(tmp_path, {"assets/one.py": ONE})
    assert in_shell(f"materialize {closed}", tmp_path)[0] == 0
    assert in_shell(f"list --json {closed}", tmp_path)[0] == 0
    (run,) = process("runs", "--json", at=tmp_path).json
    assert run["status"] == "succeeded"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", ["materialize", "materialize --json", "list", "list --json"])
def test_output_that_cannot_be_written_is_said_and_harms_no_run(words: str, tmp_path: Path) -> None:
    write(tmp_path, {"assets/one.py": ONE})
    code, err = in_shell(f"{words} > /dev/full", tmp_path)
    assert code == 1
    assert err.endswith("error: the output cannot be written: No space left on device\n")
    assert "Traceback" not in err
    if "materialize" in words:
        assert [run["status"] for run in process("runs", "--json", at=tmp_path).json] == ["succeeded"]
