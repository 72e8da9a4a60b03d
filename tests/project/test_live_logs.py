"""What steps write, while their run goes on: by attempt, from threads and from processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import assetflow, environment

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")

ASSETS = """
import assetflow as af

@af.asset(retry=1, compute="COMPUTE")
def talks(context: af.Context) -> int:
    print("hello from", context.attempt, flush=True)
    if context.attempt == 1:
        raise ValueError("once")
    with open("gate") as gate:
        print("the word is", gate.read())
    return 1
"""


@pytest.mark.parametrize("compute", ["thread", "process"])
def test_logs_follow_a_run_until_it_ends(tmp_path: Path, compute: str) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.py").write_text(ASSETS.replace("COMPUTE", compute))
    os.mkfifo(tmp_path / "gate")
    output = tmp_path / "catalog" / "log" / "output"

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "assetflow", *words],
            cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    runner = start("materialize", "-q")
    while not any("hello from 2" in path.read_text() for path in output.glob("*.jsonl")):
        assert runner.poll() is None, runner.communicate()
    logs = start("logs", "last", "talks", "--follow")
    assert logs.stdout is not None
    first, second = logs.stdout.readline(), logs.stdout.readline()
    assert first.endswith("talks │ hello from 1\n")
    assert second.endswith("talks attempt 2 │ hello from 2\n")
    assert "running" in assetflow("runs", at=tmp_path).out
    assert "0 of 1" in assetflow("status", at=tmp_path).out
    assert [step["status"] for step in assetflow("run", "last", "--json", at=tmp_path).json["steps"]] == ["running"]
    (tmp_path / "gate").write_text("sesame")
    rest, err = logs.communicate(timeout=60)
    spoken, _, failed = rest.partition("\n")
    assert spoken.endswith("talks attempt 2 │ the word is sesame"), err
    assert "talks │ ERROR Traceback" in failed  # of the first attempt: errors are told when the run has ended
    assert failed.endswith("ValueError: once\n")
    runner.communicate(timeout=60)
    lines = json.loads(assetflow("logs", "last", "--follow", "--json", at=tmp_path).out)
    assert [(line["attempt"], line["text"].rpartition("\n")[2]) for line in lines] == [
        (1, "hello from 1"), (2, "hello from 2"), (2, "the word is sesame"), (1, "ValueError: once")
    ]  # fmt: skip
