"""Several processes, killed ones, and disks that fill up: what a project keeps and how it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import assetflow as af
from assetflow.errors import AssetflowError

CHAIN = """
import assetflow as af
from pathlib import Path

@af.asset
def a() -> int:
    return 1

@af.asset
def b(a: int) -> int:
    return a + 1

@af.asset
def c(b: int) -> int:
    return b + 1
"""


def write_assets(root: Path, text: str) -> None:
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "main.py").write_text(text)


def spawn(root: Path, code: str) -> subprocess.Popen[str]:
    """A process that runs some code in a project's folder."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import assetflow as af\nproject = af.Project.at('.')\n{code}"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip


def no_temporary_files(root: Path) -> bool:
    return not [path for path in (root / "catalog" / "store").rglob("*") if ".tmp" in path.name or "~" in path.name]


def statuses(run: af.RunResult) -> dict[str, str]:
    return {step.asset: str(step.status) for step in run.steps}


# --- at once ---


def test_two_runs_at_once_both_succeed_and_the_catalog_holds_both(tmp_path: Path) -> None:
    write_assets(tmp_path, CHAIN)
    both = [spawn(tmp_path, "input(); print(project.materialize(force=True).ok)") for _ in range(2)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "True\n"), err
    with af.Project.at(tmp_path) as project:
        assert project.plan().is_empty
        assert [str(run.status) for run in project.runs()] == ["succeeded", "succeeded"]
        assert project.load("c") == 3
        assert project.query("select count(*) n from materializations") == [{"n": 6}]
        assert project.query("select count(*) n from asset_partitions") == [{"n": 3}]
        before = project.query("select * from asset_partitions order by all")
        project.rebuild_catalog()
        assert project.query("select * from asset_partitions order by all") == before


def test_runs_in_two_threads_of_one_process_both_succeed(tmp_path: Path) -> None:
    write_assets(tmp_path, CHAIN)
    code = """
import threading
ends = []
def go():
    ends.append(af.Project.at('.').materialize(force=True).ok)
threads = [threading.Thread(target=go) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
print(ends, af.Project.at('.').plan().is_empty)
"""
    process = spawn(tmp_path, code)
    out, err = process.communicate(timeout=60)
    assert out == "[True, True, True] True\n", err


GATE = """
class Gate(af.Resource):
    def pass_through(self, value):
        print("at work")
        input()
        return value
"""

ECHOING = """
import os
from assetflow.project.request import Ask
project.run_planned(project.planned(Ask()), echo=lambda line: os.write(1, line["text"].encode() + b"\\n"))
"""


def at_work(root: Path) -> subprocess.Popen[str]:
    """A run in another process, whose last step has begun and waits."""
    before, _, last = CHAIN.rpartition("@af.asset")
    last = last.replace("b: int", "b: int, gate: Gate").replace("b + 1", "gate.pass_through(b) + 1")
    write_assets(root, f"{before}{GATE}\n@af.asset{last}")
    runner = spawn(root, ECHOING)
    assert runner.stdout is not None
    assert runner.stdout.readline() == "at work\n", runner.communicate("\n", timeout=60)
    deadline = time.monotonic() + 30
    with af.Project.at(root) as project:
        while len(project.query("select asset from materializations")) < 2:  # records follow beside the work
            assert time.monotonic() < deadline
    return runner


def test_the_catalog_answers_while_a_run_goes_on(tmp_path: Path) -> None:
    runner = at_work(tmp_path)
    try:
        with af.Project.at(tmp_path) as project:
            (run,) = project.runs()
            assert str(run.status) == "running"
            assert project.load("b") == 2
            assert [step.asset for step in project.plan().steps] == ["c"]
    finally:
        _, err = runner.communicate("\n", timeout=60)
    assert runner.returncode == 0, err
    with af.Project.at(tmp_path) as project:
        assert [str(run.status) for run in project.runs()] == ["succeeded"]
        assert project.load("c") == 3


# --- killed ---


def test_a_killed_run_is_interrupted_and_its_finished_steps_count(tmp_path: Path) -> None:
    runner = at_work(tmp_path)
    runner.kill()
    runner.communicate(timeout=60)
    with af.Project.at(tmp_path) as project:
        assert [str(run.status) for run in project.runs()] == ["interrupted"]
        assert project.load("b") == 2
    write_assets(tmp_path, CHAIN)
    with af.Project.at(tmp_path) as project:
        assert statuses(project.materialize()) == {"c": "materialized"}
        assert project.load("c") == 3
        assert no_temporary_files(tmp_path)


@pytest.mark.parametrize("events", [1, 4, 9])
def test_killed_anywhere_nothing_is_lost_and_nothing_half_there(tmp_path: Path, events: int) -> None:
    """Killed after so many events; whatever is published can be loaded, and the next run completes the rest."""
    write_assets(tmp_path, CHAIN)
    code = f"""
import os, signal
heard = []
def listen(event):
    heard.append(event)
    if len(heard) == {events}:
        os.kill(os.getpid(), signal.SIGKILL)
project.materialize(on_event=[listen], workers=1)
"""
    runner = spawn(tmp_path, code)
    runner.communicate(timeout=60)
    assert runner.returncode in (-signal.SIGKILL, 0)
    truth = {"a": 1, "b": 2, "c": 3}
    with af.Project.at(tmp_path) as project:
        published = {row["asset"] for row in project.query("select asset from asset_partitions")}
        assert {key: project.load(key) for key in published} == {key: truth[key] for key in published}
        assert {step.asset for step in project.plan().steps} == truth.keys() - published
        project.materialize()
        assert {key: project.load(key) for key in truth} == truth
        assert project.plan().is_empty


# --- damage ---


def test_a_damaged_catalog_file_is_made_anew(tmp_path: Path) -> None:
    write_assets(tmp_path, CHAIN)
    with af.Project.at(tmp_path) as project:
        project.materialize()
    (tmp_path / "catalog" / "catalog.duckdb").write_bytes(b"not a database" * 1000)
    with af.Project.at(tmp_path) as project:
        assert project.plan().is_empty
        assert project.load("c") == 3


def test_a_lost_catalog_file_is_made_anew(tmp_path: Path) -> None:
    write_assets(tmp_path, CHAIN)
    with af.Project.at(tmp_path) as project:
        project.materialize()
    (tmp_path / "catalog" / "catalog.duckdb").unlink()
    with af.Project.at(tmp_path) as project:
        assert project.plan().is_empty


def test_a_lost_object_is_rebuilt_for_that_reason(tmp_path: Path) -> None:
    write_assets(tmp_path, CHAIN)
    with af.Project.at(tmp_path) as project:
        project.materialize()
        project.store.path(project.current("b").uri).unlink()
        run = project.materialize()
        assert statuses(run) == {"b": "materialized", "c": "unchanged"}
        assert [cause["kind"] for cause in run.steps[0].causes] == ["output_lost"]


# --- full ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_is_an_error_and_what_was_there_stays(small_disk: Path) -> None:
    write_assets(
        small_disk,
        "import assetflow as af\n\n@af.asset\ndef small() -> int:\n    return 1\n\n"
        "@af.asset\ndef large(small: int) -> bytes:\n    return b'x' * (32 << 20)\n",
    )
    with af.Project.at(small_disk) as project:
        assert project.materialize("small").ok
        try:
            run = project.materialize()
        except AssetflowError as error:
            assert error.exit_code == 4  # noqa: PT017 (both ends are right: a failed step, or a stopped run)
        else:
            assert statuses(run) == {"large": "failed"}
            assert "space" in str(run.steps[0].error)
        assert project.load("small") == 1
    assert no_temporary_files(small_disk)
    write_assets(small_disk, (small_disk / "assets" / "main.py").read_text().replace("32 << 20", "1 << 10"))
    with af.Project.at(small_disk) as project:
        assert statuses(project.materialize()) == {"large": "materialized"}
        assert project.plan().is_empty
