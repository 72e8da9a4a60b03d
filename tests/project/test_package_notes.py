"""A plan notes packages of which values were made with another exact version, where that is no reason to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import assetflow as af
from tests.cli.calling import assetflow, write

BODY = """
import assetflow as af
import tinylib

@af.asset
def one() -> int: return tinylib.value

@af.asset
def two(one: int) -> int: return one + tinylib.value

@af.asset
def other() -> int: return 1
"""


def install(folder: Path, version: str) -> None:
    """Put a package of one module where this project finds it as an installed one."""
    for old in folder.glob("tinylib-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = folder / f"tinylib-{version}.dist-info"
    write(folder, {"tinylib.py": "value = 1\n", f"{info.name}/METADATA": f"Name: tinylib\nVersion: {version}\n"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "tinylib", raising=False)
    install(site, "1.2.3")
    return write(tmp_path / "project", {"assets/a.py": BODY})


def test_a_version_that_does_not_count_is_noted(folder: Path) -> None:
    af.Project.load(folder).materialize()
    assert af.Project.load(folder).plan().notes == ()
    install(folder.parent / "site-packages", "1.2.4")
    note = "`tinylib` is 1.2.4; `one` and `two` were made with 1.2.3, which counts as the same"
    plan = af.Project.load(folder).plan()
    assert (plan.steps, plan.notes) == ((), (note,))
    shown = assetflow("plan", "--explain", "two", at=folder)
    assert note in shown.err
    assert assetflow("plan", "--explain", "two", "--json", at=folder).json["notes"] == [note]
    assert assetflow("plan", "--json", "other", at=folder).json["notes"] == []
    af.Project.load(folder).materialize("two", only=True, force=True)
    assert af.Project.load(folder).plan().notes == (note.replace("`one` and `two` were", "`one` was"),)


def test_a_version_that_counts_is_a_cause_and_no_note(folder: Path) -> None:
    af.Project.load(folder).materialize()
    install(folder.parent / "site-packages", "2.0.0")
    plan = af.Project.load(folder).plan()
    assert plan.notes == ()
    assert plan.steps[0].causes[0].to_json() == {"kind": "code_changed", "components": ["package:tinylib"]}


def test_a_noted_version_keeps_no_null_build_from_being_quick(folder: Path) -> None:
    af.Project.load(folder).materialize()
    install(folder.parent / "site-packages", "1.2.4")
    assert "1.2.4" in assetflow("materialize", at=folder).err
    path = {"PYTHONPATH": f"{folder.parent / 'site-packages'}:{Path(af.__file__).parents[1]}"}
    watch = "import sys; from assetflow.cli.main import run; run(['materialize'], environ={}); print(*sys.modules)"
    again = subprocess.run([sys.executable, "-c", watch], cwd=folder, env=path, capture_output=True, text=True)
    assert "3 assets" in again.stdout, again.stderr
    assert "duckdb" not in again.stdout.split()
