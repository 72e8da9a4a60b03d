"""Steps run in the project's folder, from wherever a run is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import assetflow as af


def test_a_step_opens_files_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "greeting.txt").write_text("hello")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    @af.asset
    def greeting() -> str:
        return Path("data/greeting.txt").read_text()

    with af.Project(assets=[greeting], root=project, environ={}) as opened:
        assert opened.materialize().ok
        assert opened.load("greeting") == "hello"
    assert Path(os.getcwd()) == elsewhere
