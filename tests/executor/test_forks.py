"""Steps that fork: the child is never the step, and holds nothing of the run."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from assetflow.catalog.lock import held
from assetflow.catalog.range_lock import open_locks
from assetflow.errors import CatalogLockedError
from assetflow.executor.backends.nursery import _Nursery
from tests.executor.making import ends, file_project, output

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

FORKS = """
def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

@af.asset(priority=4)
def comes_back() -> int:
    child = os.fork()
    if child == 0:
        print("said by the child")
        return 1000
    return status(child)

@af.asset(priority=3)
def raises() -> int:
    child = os.fork()
    if child == 0:
        raise ValueError("of the child")
    return status(child)

@af.asset(priority=2)
def exits() -> int:
    child = os.fork()
    if child == 0:
        sys.exit(7)
    return status(child)

@af.asset(priority=1)
async def coroutine() -> int:
    child = os.fork()
    if child == 0:
        sys.exit("in words")
    return status(child)

@af.asset
def after(comes_back: int, raises: int, exits: int, coroutine: int) -> list[int]:
    return [comes_back, raises, exits, coroutine]
"""


@pytest.mark.parametrize("executor", ["process", "thread", "inline"])
def test_a_child_that_comes_back_from_the_function_ends_there(tmp_path: Path, executor: str) -> None:
    with file_project(tmp_path, FORKS) as project:
        run = project.materialize(executor=executor, workers=1)
        assert set(ends(run).values()) == {"materialized"}
        assert project.load("after") == [0, 1, 7, 1]
        assert project.query("select count(*) as n from attempts") == [{"n": 5}]
        said = output(project, run)
        assert said["comes_back"] == ["said by the child"]
        assert said["raises"][-1] == "ValueError: of the child"
        assert said["coroutine"] == ["in words"]


def _forked() -> tuple[int, int]:
    """A child that has begun, and waits until the descriptor is closed."""
    read, write = os.pipe()
    begun, begins = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.close(begins)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    os.close(begins)
    os.read(begun, 1)
    os.close(begun)
    return pid, write


def test_a_child_that_lives_longer_holds_no_lock_of_its_parent(tmp_path: Path) -> None:
    locks = open_locks(tmp_path)
    assert locks.take(5)
    with held(tmp_path / "lock", timeout=0):
        with pytest.raises(CatalogLockedError), held(tmp_path / "lock", timeout=0):
            pass
        pid, pipe = _forked()
        others = open_locks(tmp_path)
        assert others.is_taken(5)
    try:
        locks.close()  # as the death of this process would
        with held(tmp_path / "lock", timeout=0):
            pass
        assert others.take(5)
        others.close()
    finally:
        os.close(pipe)
        os.waitpid(pid, 0)


def test_the_nursery_ends_in_silence_when_its_owner_died_before_it_had_read_everything() -> None:
    owner, control = socket.socketpair()
    control.send(b"1 0")
    nursery = _Nursery(control, lambda _socket, _output: None)
    owner.close()
    try:
        assert not nursery._obey()
    finally:
        control.close()
        for descriptor in (nursery.wake, nursery.woken):
            os.close(descriptor)


LOGGING = """
import logging

@af.asset
def misuses() -> int:
    logging.getLogger("lib").warning("%d of %s", "one")
    logging.getLogger("lib").warning("fits %s", "well")
    return 1
"""


def test_a_log_message_that_does_not_fit_its_arguments_fails_nothing(tmp_path: Path) -> None:
    with file_project(tmp_path, LOGGING) as project:
        run = project.materialize(executor="process")  # here pytest's own handler raises
        assert ends(run) == {"misuses": "materialized"}
        first, second = output(project, run)["misuses"]
        assert first.startswith("%d of %s (its arguments ('one',) do not fit: TypeError: ")
        assert second == "fits well"


FOR_EVER = """
import datetime

@af.asset(timeout=datetime.timedelta.max)
def may_take_centuries() -> int:
    return 1

@af.asset(timeout=0.1)
def is_stopped(may_take_centuries: int) -> int:
    time.sleep(10)
    return 1
"""


def test_a_limit_of_centuries_leaves_the_others_in_force(tmp_path: Path) -> None:
    with file_project(tmp_path, FOR_EVER) as project:
        run = project.materialize(workers=1)
        assert ends(run) == {"may_take_centuries": "materialized", "is_stopped": "failed"}
