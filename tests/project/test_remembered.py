"""What a plan remembers for the next one: whatever happens in between, the plan is the one without a memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.project.remembered import memo_path

KEYS = [f"k{number:04d}" for number in range(700)]


def project(root: Path, *, keys: list[str] = KEYS, factor: int = 1) -> af.Project:
    @af.asset(partitions=af.StaticPartitions(keys), batch=True)
    def a(context: af.Context) -> dict[str, Any]:
        extra = (root / "extra").read_text() if (root / "extra").exists() else ""
        return {key: key + (extra if key == "k0005" else "") for key in context.partitions}

    @af.asset(partitions=af.StaticPartitions(keys), batch=True)
    def b(a: dict[str, str]) -> dict[str, str]:
        return {key: value * factor for key, value in a.items()}

    @af.asset
    def total(b: dict[str, str]) -> int:
        return len(b)

    return af.Project(assets=[a, b, total], root=root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all partitions made and a memo of that."""
    root = tmp_path_factory.mktemp("made")
    with project(root) as p:
        assert p.materialize().status == "succeeded"
        assert p.plan().is_empty
        assert memo_path(p.settings, "prod").exists()
    return root


def touch(root: Path) -> None:
    (root / "extra").write_text("!")
    with project(root) as p:
        p.materialize("a", partitions="k0005", force=True)


def lose(root: Path) -> None:
    with project(root) as p:
        p.store.path(p.current("b", "k0007").uri).unlink()


def rebuild(root: Path) -> None:
    touch(root)
    with project(root) as p:
        p.catalog.rebuild()


def damage(root: Path) -> None:
    touch(root)
    with project(root) as p:
        path = memo_path(p.settings, "prod")
    path.write_text(path.read_text().replace("[[0,", "[[9,"))


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (touch, {"b": ["k0005"], "total": None}),
        (lose, {"b": ["k0007"], "total": None}),
        (rebuild, {"b": ["k0005"], "total": None}),
        (damage, {"b": ["k0005"], "total": None}),
    ],
)
def test_a_change_is_seen_as_without_a_memo(
    made: Path, tmp_path: Path, change: Callable[[Path], None], stale: dict[str, list[str] | None]
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(made, root)
    change(root)
    with project(root) as p:
        from_memo = p.plan()
        memo_path(p.settings, "prod").unlink()
        anew = p.plan()
    assert from_memo.to_json()["steps"] == anew.to_json()["steps"]
    assert from_memo.verdicts == anew.verdicts
    assert {step.asset: step.partitions and list(step.partitions) for step in from_memo.steps} == stale


def test_definitions_that_change_forget_what_held(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(made, root)
    with project(root, factor=2) as p:
        assert {step.asset: step.count for step in p.plan().steps} == {"b": 700, "total": 1}
    with project(root, keys=["new", *KEYS]) as p:
        assert [(step.asset, step.count) for step in p.plan().steps] == [("a", 1), ("b", 1), ("total", 1)]
    with project(root) as p:
        assert p.plan().is_empty


def test_a_run_in_another_environment_is_none_of_its_business(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(made, root)
    (root / "extra").write_text("!")
    with project(root) as p:
        p.materialize("a", partitions="k0005", force=True, environment="dev")
        assert p.plan().is_empty
        assert {step.asset for step in p.plan(environment="dev").steps} == {"b", "total"}
        p.materialize("b", environment="dev")
        assert [step.asset for step in p.plan(environment="dev").steps] == ["total"]
        assert p.plan().is_empty
