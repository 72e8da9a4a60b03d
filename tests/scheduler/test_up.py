"""`up` as a process: rounds in fresh processes, code that changes, signals, and being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import assetflow as af

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("ASSETFLOW_")}
PATIENCE = 90.0


class Watched:
    """An `assetflow up` with the JSON lines that it wrote so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = root / "up.jsonl"
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "assetflow", "-C", str(root), "up", "--json", "--pause", "0.2"],
                stdout=file, stderr=subprocess.STDOUT, env=ENVIRON, cwd=root,
            )  # fmt: skip

    def events(self, name: str) -> list[dict[str, Any]]:
        found = []
        for line in self.output.read_text().splitlines():
            if line.startswith("{") and (event := json.loads(line))["event"] == name:
                found.append(event)
        return found

    def until(self, test: Callable[[], Any]) -> None:
        """Wait until something is true; the events so far are told when it never is."""
        end = time.monotonic() + PATIENCE
        while not test():
            assert time.monotonic() < end, self.output.read_text()
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], Watched]]:
    running: list[Watched] = []

    def start() -> Watched:
        running.append(Watched(tmp_path))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop(signal.SIGKILL)


def write(root: Path, text: str) -> None:
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "main.py").write_text("import os, time, assetflow as af\n" + text)


def made(root: Path) -> list[str]:
    with af.Project.at(root, environ={}) as project:
        rows = project.query("select asset from steps where status = 'materialized' order by run_id, step")
        return [row["asset"] for row in rows]


EAGER = "@af.asset(automation=af.eager())\ndef a(): return {}\n"


def test_code_is_as_the_files_say_and_broken_files_are_waited_with(
    tmp_path: Path, started: Callable[[], Watched]
) -> None:
    write(tmp_path, EAGER.format(1))
    up = started()
    up.until(lambda: len(up.events("ended")) == 1)
    write(tmp_path, "def (\n")
    up.until(lambda: up.events("error"))
    assert "SyntaxError" in up.events("error")[0]["message"]
    write(tmp_path, EAGER.format(2))
    up.until(lambda: len(up.events("ended")) == 2)
    assert up.stop() == 0
    assert up.events("down")
    assert made(tmp_path) == ["a", "a"]


def test_killed_at_any_time_it_goes_on_where_it_was(tmp_path: Path, started: Callable[[], Watched]) -> None:
    slow = "@af.asset(automation=af.eager())\ndef b(a):\n    open('began', 'a').write('.')\n"
    slow += "    while os.path.exists('wait'): time.sleep(0.02)\n    return a\n"
    write(tmp_path, EAGER.format(1) + slow)
    (tmp_path / "wait").touch()
    up = started()
    up.until((tmp_path / "began").exists)
    up.stop(signal.SIGKILL)  # its round goes on without it, and the next scheduler waits for that
    again = started()
    again.until(lambda: len(again.events("up")) == 2)
    (tmp_path / "wait").unlink()
    again.until(lambda: len(again.events("tick")) >= 2)
    assert again.stop(signal.SIGINT) == 0
    assert sorted(made(tmp_path)) == ["a", "b"]
    assert (tmp_path / "began").read_text() == "."


def test_a_run_is_ended_in_order_and_its_request_taken_up(tmp_path: Path, started: Callable[[], Watched]) -> None:
    slow = "@af.asset(automation=af.eager())\ndef a():\n    open('began', 'a').write('.')\n"
    slow += "    while os.path.exists('wait'): time.sleep(0.02)\n    return 1\n"
    write(tmp_path, slow)
    (tmp_path / "wait").touch()
    up = started()
    up.until((tmp_path / "began").exists)
    assert up.stop() == 0
    with af.Project.at(tmp_path, environ={}) as project:
        assert [run.status for run in project.runs()] == ["canceled"]
    (tmp_path / "wait").unlink()
    once = subprocess.run(
        [sys.executable, "-m", "assetflow", "-C", str(tmp_path), "up", "--once"],
        check=False, capture_output=True, text=True, env=ENVIRON, timeout=PATIENCE,
    )  # fmt: skip
    assert (once.returncode, "succeeded" in once.stdout) == (0, True), once.stdout + once.stderr
    assert made(tmp_path) == ["a"]
