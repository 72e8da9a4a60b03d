"""A death and a failing disk at every fault point: nothing is lost, nothing is half there, the next command goes on."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import assetflow as af
from assetflow.catalog.range_lock import open_locks
from assetflow.faults import POINTS, arm
from assetflow.model.record import Current
from tests.cli.calling import environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork and SIGKILL")

ASSETS = """
import assetflow as af

numbers = af.source("numbers", path="numbers.txt")

@af.asset
def parsed(numbers: str) -> list[int]:
    print("parsing", len(numbers))
    return [int(word) for word in numbers.split()]

@af.asset(adds_partitions=["keys"])
def listing(context: af.Context, parsed: list[int]) -> int:
    context.set_partitions("keys", [f"k{number}" for number in parsed])
    return len(parsed)

@af.asset(partitions=af.DynamicPartitions("keys"), deps=["listing"])
def doubled(context: af.Context) -> int:
    context.emit("seen", context.partition)
    return 2 * int(context.partition[1:])

@af.asset(partitions=af.DynamicPartitions("more"))
def extra(context: af.Context) -> str:
    return context.partition * 2

@af.asset
def total(doubled: dict[str, int], extra: dict[str, str]) -> int:
    return sum(doubled.values()) + len(extra)
"""

BEFORE, AFTER = {"parsed": [1, 2], "total": 7}, {"parsed": [1, 2, 30], "total": 68}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which everything was made once."""
    root = tmp_path_factory.mktemp("template")
    (root / "assets").mkdir()
    (root / "assets" / "main.py").write_text(ASSETS)
    (root / "numbers.txt").write_text("1 2")
    with af.Project.at(root) as project:
        project.add_partitions("more", ["early"])
        assert project.materialize().ok
        assert {name: project.load(name) for name in BEFORE} == BEFORE
    return root


@pytest.fixture(scope="module")
def carry_out() -> Iterator[Callable[[Path, str | None], int]]:
    """Carries out the work of `crash_server` in a process of its own, and gives its exit code."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.project.crash_server"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    requests, answers = server.stdin, server.stdout

    def carry_out(root: Path, fault: str | None) -> int:
        requests.write(json.dumps({"root": str(root), "fault": fault}) + "\n")
        requests.flush()
        return int(answers.readline())

    yield carry_out
    server.communicate()


def changed(template: Path, root: Path) -> Path:
    """A copy of the template whose source has changed since."""
    shutil.copytree(template, root, symlinks=True)
    (root / "numbers.txt").write_text("1 2 30")
    return root


def every_published(project: af.Project) -> Iterator[tuple[str, str | None, Current]]:
    for asset, records in project.snapshot().current.items():
        yield from ((asset, partition, record) for partition, record in records.items())


def check(root: Path) -> None:
    """What has to hold after any death: the parts of semantics 10, one by one."""
    with af.Project.at(root) as project:
        for asset, partition, record in every_published(project):
            assert project.store.holds(record), asset
            project.load(asset, partition=partition)
        assert project.load("parsed") in (BEFORE["parsed"], AFTER["parsed"])
        assert {str(run.status) for run in project.runs()} <= {"succeeded", "failed", "interrupted"}
        locks = open_locks(root / "catalog" / "live")
        assert not locks.is_taken(0, 1 << 62)
        locks.close()
        assert project.materialize().ok
        project.add_partitions("more", ["late"])
        assert project.materialize().ok
        assert {name: project.load(name) for name in AFTER} == AFTER
        assert project.plan().is_empty
        assert not list((root / "catalog" / "store").rglob(".tmp-*"))
        before = project.query("select * from asset_partitions order by all")
        made = project.query("select * from materializations order by all")
        project.rebuild_catalog()
        assert project.query("select * from asset_partitions order by all") == before
        assert project.query("select * from materializations order by all") == made


def test_without_a_fault_the_work_is_done(
    template: Path, tmp_path: Path, carry_out: Callable[[Path, str | None], int]
) -> None:
    root = changed(template, tmp_path / "p")
    assert carry_out(root, None) == 0, (root / "child.txt").read_text()
    with af.Project.at(root) as project:
        assert {name: project.load(name) for name in AFTER} == AFTER
    check(root)


LATER = {"log.append:4", "store.rename:3", "fold.insert:2"}


@pytest.mark.parametrize("point", sorted({*POINTS, *LATER}))
def test_a_death_at_a_fault_point_costs_nothing(
    template: Path, tmp_path: Path, carry_out: Callable[[Path, str | None], int], point: str
) -> None:
    root = changed(template, tmp_path / "p")
    assert carry_out(root, f"{point}=kill") == -signal.SIGKILL, (root / "child.txt").read_text()
    check(root)


@pytest.mark.parametrize(
    "point", ["log.append", "log.sync", "store.write", "store.sync", "fold.rename", "segment.rename", "segment.drop"]
)
def test_a_disk_that_fails_at_a_fault_point_is_said_and_costs_nothing(
    template: Path, tmp_path: Path, carry_out: Callable[[Path, str | None], int], point: str
) -> None:
    root = changed(template, tmp_path / "p")
    action = "enospc" if len(point) % 2 else "eio"
    assert carry_out(root, f"{point}={action}") in (1, 3), (root / "child.txt").read_text()
    check(root)


@pytest.mark.parametrize("point", ["output.write", "stamp.write", "note.write"])
def test_a_disk_that_fails_beside_the_work_stops_nothing(
    template: Path, tmp_path: Path, carry_out: Callable[[Path, str | None], int], point: str
) -> None:
    root = changed(template, tmp_path / "p")
    assert carry_out(root, f"{point}=enospc") == 0, (root / "child.txt").read_text()
    check(root)


# --- the points themselves ---


def test_every_point_is_in_the_source_once_and_every_name_there_is_a_point() -> None:
    found: list[str] = []
    for path in Path(af.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fault":
                found.append(ast.literal_eval(node.args[0]))
    assert sorted(found) == sorted(POINTS)


@pytest.mark.parametrize("text", ["log.append", "nowhere=kill", "log.append=melt", "log.append:x=kill"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ASSETFLOW_FAULT|invalid literal"):
        arm(text)
