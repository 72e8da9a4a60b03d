"""How a process ends: with everything written that was open, and nothing left over that a library complains of."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import assetflow as af
from tests.cli.calling import environment, write

HOLDER = """
class Holder:
    def __init__(self):
        self.me = self
        self.file = open("held.txt", "w")
"""


def test_what_an_asset_has_written_to_an_open_file_is_on_the_disk_after_the_command(tmp_path: Path) -> None:
    asset = HOLDER + (
        "import assetflow as af\n\nholder = Holder()\nfile = open('global.txt', 'w')\n\n\n"
        "@af.asset(side_effect=True)\ndef a() -> int:\n"
        "    return holder.file.write('held') + file.write('global')\n"
    )
    write(tmp_path, {"pyproject.toml": "[tool.assetflow]\n", "assets/a.py": asset})
    done = subprocess.run(
        [sys.executable, "-m", "assetflow", "materialize", "-q"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [(tmp_path / name).read_text() for name in ("held.txt", "global.txt")] == ["held", "global"]


def connections() -> int:
    """The connections to DuckDB that there are in this process."""
    return sum(type(found).__name__ == "DuckDBPyConnection" for found in gc.get_objects())


def test_a_closed_project_leaves_no_connection_over_that_the_end_of_the_process_would_tell_of(tmp_path: Path) -> None:
    asset = "import assetflow as af\n\n@af.asset\ndef a() -> int:\n    return 1\n"
    write(tmp_path, {"pyproject.toml": "[tool.assetflow]\n", "assets/a.py": asset})
    gc.collect()
    before = connections()
    project = af.Project.load(tmp_path)
    assert project.materialize().ok
    held = project.catalog.snapshot("prod")
    assert held.current.keys() == {"a"}
    assert connections() > before
    project.close()
    assert connections() <= before
