"""`assetflow watch` as a user sees it: lines, JSON lines, keys on a terminal, hooks, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import environment, process
from tests.watch.making import PATIENCE, save, write

ONE = "import assetflow as af\n\n\n@af.asset\ndef one() -> int:\n    return 1\n"
TABLE = """import polars as pl
import assetflow as af


@af.asset
def sales() -> pl.DataFrame:
    return pl.DataFrame({"id": [1, 2]})


@af.asset
def count(sales: pl.DataFrame) -> int:
    return sales.height
"""


@contextmanager
def command(root: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A watch as a process; interrupted at the end, if it still goes on."""
    child = subprocess.Popen(
        [sys.executable, "-m", "assetflow", "watch", *args],
        cwd=root, env=environment(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    guard = threading.Timer(PATIENCE, child.kill)
    guard.daemon = True
    guard.start()
    try:
        yield child
    finally:
        guard.cancel()
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)


def event(child: subprocess.Popen[str], kind: str, **facts: Any) -> dict[str, Any]:
    """The next JSON line of a kind and with these facts."""
    assert child.stdout is not None
    for line in child.stdout:
        document: dict[str, Any] = json.loads(line)
        assert document["at"]
        if document["event"] == kind and facts.items() <= document.items():
            return document
    raise AssertionError(f"the watch ended without {kind} {facts}")


def test_every_event_is_a_line_of_json(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/sales.py": TABLE})
    with command(project, "--json", "--exec", "cat >> hook.json; echo $ASSETFLOW_TICK_STATUS >&2; exit 3") as child:
        watching = event(child, "watching")
        assert (watching["assets"], watching["polls"]) == (2, False)
        event(child, "step_finished", asset="count", status="materialized")
        assert event(child, "tick")["result"]["counts"]["materialized"] == 2
        assert event(child, "hook")["code"] == 3

        save(project / "assets/sales.py", TABLE.replace("[1, 2]", "[1, 2, 3]"))
        changed = event(child, "changed")
        while not changed["changes"]:
            changed = event(child, "changed")
        number = changed["tick"]
        assert event(child, "plan", tick=number)["plan"]["steps"][0]["asset"] == "sales"
        event(child, "step_started", tick=number, asset="sales")
        finished = event(child, "step_finished", tick=number, asset="sales")
        assert (finished["rows"], finished["difference"]["rows_before"]) == (3, 2)
        assert event(child, "tick", number=number)["error"] is None
        event(child, "hook")

        save(project / "assets/sales.py", "def (")
        broken = event(child, "tick", plan=None)
        assert broken["error"]["problems"][0]["file"] == "assets/sales.py"
        event(child, "hook")
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 130
        assert child.stderr is not None
        said = child.stderr.read()
        assert "succeeded\n" in said
        assert "broken\n" in said
        assert said.endswith("canceled\n")
    assert process("query", "select count(*) as n from materializations", "--json", at=project).json == [{"n": 4}]


def test_a_watch_ends_when_nobody_reads_it_any_more(tmp_path: Path) -> None:
    with command(write(tmp_path, {"assets/one.py": ONE}), "--json") as child:
        event(child, "tick")
        assert child.stdout is not None
        child.stdout.close()  # as an editor that is gone: there is nothing to write, and yet it is noticed
        assert child.wait(timeout=PATIENCE) == 0
        child.stdout = None


def test_a_full_disk_behind_the_output_ends_a_watch(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device that is always full")
    write(tmp_path, {"assets/one.py": ONE})
    with full.open("w") as out:
        ended = subprocess.run(
            [sys.executable, "-m", "assetflow", "watch"], cwd=tmp_path, env=environment(), timeout=PATIENCE,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr.splitlines()[-1][:37]) == (1, "error: the output cannot be written: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the hook waits for a named pipe")
def test_a_hook_that_goes_on_ends_with_the_watch(tmp_path: Path) -> None:
    write(tmp_path, {"assets/one.py": ONE})
    os.mkfifo(tmp_path / "held")
    with command(tmp_path, "--exec", "sleep 1000 > held; true") as child, (tmp_path / "held").open() as held:
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=PATIENCE) == 130
        assert held.read() == ""  # at its end: no process has it open for writing


def test_lines_without_a_terminal(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/sales.py": TABLE})
    with command(project) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(_plain(line))
            if line.startswith("2 materialized") and len(lines) < 8:
                save(project / "assets/sales.py", TABLE.replace("[1, 2]}", '[1, 2, 3], "k": "a"}'))
            if line.startswith("  count:"):
                break
    assert lines == [
        "run  sales  never materialized",
        "run  count  never materialized",
        "",
        "2 to run; 0 fresh",
        "materialized  sales  2 rows  SECONDS",
        "materialized  count  SECONDS",
        "2 materialized in SECONDS (run RUN)",
        "",
        "changed assets/sales.py",
        "run    sales  code changed: `assets/sales.py:sales`",
        "maybe  count  `sales` is rebuilt first",
        "",
        "1 to run, 1 maybe; 0 fresh",
        "materialized  sales  3 rows  SECONDS",
        "materialized  count  SECONDS",
        "2 materialized in SECONDS (run RUN)",
        "  sales: +1 row, new `k`, `id` changed",
        "  count: other content",
    ]


def _plain(line: str) -> str:
    line = re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "RUN", line.rstrip("\n"))
    return re.sub(r" +(?=[\d.]+ s\b)", "  ", re.sub(r"(?<= )[\d.]+ s\b", "SECONDS", line)).replace(
        "count         SECONDS", "count  SECONDS"
    )


def test_a_selection_that_means_nothing_and_options_that_cannot_be(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/one.py": ONE})
    ended = process("watch", "onne", at=project)
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean `one`?" in ended.err
    assert process("watch", "--debounce", "soon", at=project).code == 2


def test_checking_runs_nothing(tmp_path: Path) -> None:
    project = write(tmp_path, {"assets/one.py": ONE})
    with command(project, "--check", "--json") as child:
        assert event(child, "tick")["plan"]["steps"][0]["asset"] == "one"
        save(project / "assets/one.py", ONE + "\n\n@af.asset\ndef two(one: int) -> int:\n    return one\n")
        tick = event(child, "tick")
        while len(tick["plan"]["steps"]) < 2:
            tick = event(child, "tick")
        assert tick["result"] is None
    assert not (project / "catalog").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a matter of Unix")
@pytest.mark.parametrize("columns", [100, 24])
def test_keys_on_a_terminal_which_is_as_before_in_the_end(tmp_path: Path, columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    project = write(tmp_path, {"assets/one.py": ONE})
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    before = termios.tcgetattr(follower)
    child = subprocess.Popen(
        [sys.executable, "-m", "assetflow", "watch", "--no-color"], cwd=project, env=environment(),
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    written = ""

    def expect(words: str) -> None:
        nonlocal written
        while words not in written:
            written += os.read(leader, 65536).decode("utf-8")
        written = written.partition(words)[2]

    expect("1 materialized")
    expect("watching 1 asset")
    os.write(leader, b"?")
    expect("rebuild what is selected")
    os.write(leader, b"e")
    expect("one  missing")
    os.write(leader, b"p")
    expect("paused")
    os.write(leader, b"p")
    expect("going on")
    os.write(leader, b"R")
    expect("forced")
    expect("1 materialized")
    expect("watching 1 asset")
    os.write(leader, b"q")
    assert child.wait(60) == 0
    assert termios.tcgetattr(follower) == before
    os.close(leader)
    os.close(follower)
