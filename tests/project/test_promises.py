"""Small promises of a project: where steps run, what a plan names, what a rebuild keeps."""

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


def test_a_forgotten_return_is_the_failure_of_its_own_step(tmp_path: Path) -> None:
    @af.asset
    def numbers() -> dict[str, int]:
        {"one": 1}  # type: ignore[unused-ignore]  # noqa: B018

    @af.asset
    def nothing() -> None:
        return None

    with af.Project(assets=[numbers, nothing], root=tmp_path, environ={}) as project:
        result = project.materialize()
    assert result.counts["failed"] == 1
    step = result.step("numbers")
    assert step is not None
    assert step.error is not None
    assert "returned None" in step.error


def test_a_source_that_is_gone_is_named_by_the_plan(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("hello")
    raw = af.source("raw", path="in.txt")

    @af.asset
    def text(raw: str) -> str:
        return raw

    with af.Project(assets=[raw, text], root=tmp_path, environ={}) as project:
        assert project.materialize().ok
        (tmp_path / "in.txt").unlink()
        (step,) = project.plan().steps
        assert [cause.to_json() for cause in step.causes] == [
            {"kind": "unverifiable", "reason": "source `raw`: there is no file `in.txt` in the project"}
        ]
        assert not project.materialize().ok


def test_a_rebuild_forgets_no_run(tmp_path: Path) -> None:
    @af.asset
    def one() -> int:
        return 1

    with af.Project(assets=[one], root=tmp_path, environ={}) as project:
        project.materialize()
        kept = project.runs()
        for log in (tmp_path / "catalog" / "log").glob("*.jsonl"):
            log.unlink()
        with pytest.raises(af.CatalogError, match="lack runs"):
            project.rebuild_catalog()
        assert project.runs() == kept


@pytest.mark.parametrize("size", [0, 5], ids=["emptied", "cut"])
def test_an_object_of_another_size_is_made_again_before_anybody_reads_it(tmp_path: Path, size: int) -> None:
    (tmp_path / "assets").mkdir()
    source = "import assetflow as af\n\n\n@af.asset\ndef text() -> bytes:\n    return b'whole text'\n\n\n"
    source += "@af.asset\ndef length(text: bytes) -> int:\n    return len(text)\n"
    (tmp_path / "assets" / "texts.py").write_text(source)
    with af.Project.load(tmp_path, environ={}) as project:
        assert project.materialize().ok
        assert project.materialize().run_id is None
        (stored,) = (tmp_path / "catalog" / "store" / "text").iterdir()
        stored.chmod(0o644)
        os.truncate(stored, size)
        (step, *_) = project.plan("length").steps
        assert (step.asset, [cause.kind for cause in step.causes]) == ("text", ["output_lost"])
        assert project.materialize("length", force=True).ok
        assert (project.load("text"), project.load("length")) == (b"whole text", 10)
