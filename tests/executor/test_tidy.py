"""What a step changes in its process for its own ends is not what the next one finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.executor.making import ends, file_project, output

MEDDLING = """
import io, logging, logging.config, shutil, tempfile

@af.asset(priority=1)
def first() -> int:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    shutil.rmtree(folder)
    os.umask(0o777)
    sys.stdout = io.StringIO()
    sys.stderr = None
    logging.config.dictConfig({"version": 1, "root": {"handlers": [], "level": "INFO"}})
    print("lost, as the step wants it")
    return 1

@af.asset
def second() -> str:
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("lib").warning("logged")
    return os.getcwd()
"""


@pytest.mark.skipif(os.name == "nt", reason="a working folder cannot be removed there")
def test_a_worker_process_gives_each_step_what_the_first_one_found(tmp_path: Path) -> None:
    with file_project(tmp_path, MEDDLING) as project:
        run = project.materialize(executor="process", workers=1)
        assert ends(run) == {"first": "materialized", "second": "materialized"}
        assert output(project, run) == {"second": ["printed", "to stderr", "logged"]}
        assert project.load("second") == str(tmp_path)
        (stored,) = (tmp_path / "catalog" / "store" / "second").iterdir()
        assert stored.stat().st_mode & 0o444 == 0o444


LOGGING = """
import logging

@af.asset(priority=1)
def first() -> int:
    logging.getLogger().handlers.clear()
    return 1

@af.asset
def second() -> int:
    logging.getLogger("lib").info("logged")
    return 1
"""


@pytest.mark.parametrize("executor", ["thread", "inline"])
def test_logging_that_a_step_sets_up_takes_no_records_from_the_others(tmp_path: Path, executor: str) -> None:
    with file_project(tmp_path, LOGGING) as project:
        run = project.materialize(executor=executor, workers=1)
        assert output(project, run) == {"second": ["logged"]}
