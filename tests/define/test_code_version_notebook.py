"""Functions typed into the cells of a notebook are fingerprinted by what was typed, in a real IPython."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = """
import json
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
seen = []

def cell(text):
    shell.run_cell(text, store_history=True, silent=True).raise_error()

def look():
    cell("found = af.Project(assets=[x], root=root, environ={}).loaded.code('x')")
    found = shell.user_ns["found"]
    seen.append([found.version, list(found.problems), [name for name, _ in found.components]])

cell("import assetflow as af, tempfile\\nroot = tempfile.mkdtemp()")
cell("FACTOR = 2\\ndef helper(v):\\n    return v * FACTOR\\nclass Model:\\n    def go(self): return helper(1)")
cell("twice = lambda v: v * 2")
cell("@af.asset\\ndef x() -> int:\\n    return Model().go() + twice(1)")
look()
cell("@af.asset\\ndef x() -> int:\\n    # the same\\n    return Model().go() + twice(1)")
look()
for edit in (
    "def helper(v):\\n    return v * FACTOR + 1",
    "FACTOR = 3",
    "class Model:\\n    def go(self): return helper(2)",
    "twice = lambda v: v * 3",
):
    cell(edit)
    look()
for comment in ("# one", "# two"):
    cell(f"%%time\\n@af.asset\\ndef x() -> int:\\n    {comment}\\n    return Model().go() + twice(1)")
    look()
cell("project = af.Project(assets=[x], root=root, environ={})\\nresult = project.materialize()")
print(json.dumps({"seen": seen, "value": shell.user_ns["project"].load("x")}))
"""


def test_cells_that_are_run_again_count_by_what_they_say(tmp_path: Path) -> None:
    pytest.importorskip("IPython")  # of the extra `dev`; an environment of fewer packages can run the rest
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SESSION], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": root, "IPYTHONDIR": str(tmp_path / "ipython")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert [problems for _, problems, _ in told["seen"]] == [[]] * 8
    versions = [version for version, _, _ in told["seen"]]
    assert versions[0] == versions[1]
    assert len(set(versions[:6])) == 5
    assert versions[6] == versions[7]  # under a magic there is no source: bytecode
    assert {"__main__:FACTOR", "__main__:Model", "__main__:helper", "__main__:twice", "__main__:x"} == set(
        told["seen"][0][2]
    )
    assert told["value"] == 10
