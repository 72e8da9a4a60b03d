"""Every case of every case file; `runner` says how they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetflow.model.cause import CAUSES
from tests.cases.runner import Case, World, read_cases

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.case"))


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{path.stem}: {case.name}") for path in FILES for case in read_cases(path)]
)
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    for command in case.commands:
        world.do(command)


@pytest.mark.parametrize("kind", [cause.kind for cause in CAUSES])
def test_every_cause_has_a_case(kind: str) -> None:
    assert any(kind in path.read_text() for path in FILES)
