"""Accepting a change of code: the value stays, counts as made by the new code, and says who said so and why."""

from __future__ import annotations

from pathlib import Path

import pytest

import assetflow as af
from assetflow.errors import UsageError
from tests.cli.calling import assetflow

BODY = """import assetflow as af

def helper():
    return {value}

@af.asset
def number() -> int:
    return helper()

@af.asset(partitions=af.StaticPartitions(["a", "b"]))
def parts(number: int, context: af.Context) -> str:
    return f"{{context.partition}}{{number}}"{more}

@af.asset
def other() -> int:
    return 1
"""


def project(folder: Path, value: str = "1", more: str = "") -> af.Project:
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "a.py").write_text(BODY.format(value=value, more=more))
    return af.Project.load(folder)


def test_what_is_accepted_is_fresh_and_keeps_its_value(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    changed = project(tmp_path, "2 - 1")
    before = changed.current("number")
    assert not changed.plan("number").is_empty
    done = changed.accept("number", reason="the same number", by="ana")
    assert [(each.asset, each.components) for each in done.accepted] == [("number", ("assets/a.py:helper",))]
    assert changed.plan().is_empty
    now = changed.current("number")
    assert (now.uri, now.data_version, now.materialized_at) == (before.uri, before.data_version, before.materialized_at)
    assert now.code_version != before.code_version
    assert changed.load("number") == 1


def test_the_record_says_who_why_and_what(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    changed = project(tmp_path, "2 - 1")
    old = changed.current("number").code_version
    changed.accept("number", reason="the same number", by="ana")
    row = changed.history("number")[0]
    assert row.metadata["accepted"] == {
        "reason": "the same number", "by": "ana", "code_version": old, "components": ["assets/a.py:helper"],
    }  # fmt: skip
    assert changed.query("select status, options ->> '$.accept' as why from runs order by started_at desc limit 1") == [
        {"status": "succeeded", "why": "the same number"}
    ]


def test_it_survives_a_catalog_that_is_made_anew(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    project(tmp_path, "2 - 1").accept("number", reason="same")
    (tmp_path / "catalog" / "catalog.duckdb").unlink()
    assert project(tmp_path, "2 - 1").plan().is_empty


def test_single_partitions_can_be_accepted(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    changed = project(tmp_path, more=' + ""')
    done = changed.accept("parts", reason="same", partitions="a")
    assert [each.partitions for each in done.accepted] == [("a",)]
    (step,) = changed.plan().steps
    assert list(step.partition_keys()) == ["b"]


def test_inputs_still_count(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    changed = project(tmp_path, "5", more=' + ""')
    changed.accept("parts", reason="same")
    result = changed.materialize()
    assert {(step.asset, str(step.status)) for step in result.steps} == {
        ("number", "materialized"),
        ("parts", "materialized"),
    }
    assert changed.load("parts", partition="a") == "a5"


def test_it_is_taken_back_by_a_forced_rebuild(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    changed = project(tmp_path, "7")
    changed.accept("number", reason="wrongly so")
    assert changed.load("number") == 1
    assert changed.plan().is_empty
    changed.materialize("number", force=True)
    assert changed.load("number") == 7
    assert changed.history("number")[0].metadata == {}


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_needed(tmp_path: Path, reason: str) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        project(tmp_path).accept("number", reason=reason)


def test_nothing_stale_by_code_is_refused(tmp_path: Path) -> None:
    made = project(tmp_path)
    with pytest.raises(UsageError, match="nothing that is selected is stale by its code"):
        made.accept("number", reason="same")  # never materialized
    made.materialize()
    with pytest.raises(UsageError, match="nothing that is selected is stale by its code"):
        made.accept("number", reason="same")


def test_the_command_says_what_it_covered(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    project(tmp_path, "2 - 1")
    done = assetflow("accept", "number", "other", "--reason", "same", "--by", "ana", at=tmp_path)
    assert done.code == 0
    assert done.out == "accepted `number`: `assets/a.py:helper`\n"
    assert "not stale by code, left alone: `other`" in done.err
    assert "by ana: same (run " in done.err
    shown = assetflow("show", "number", at=tmp_path).out
    assert "same (by ana; changed: `assets/a.py:helper`)" in shown
    assert "accepted: same" in assetflow("history", "number", at=tmp_path).out


def test_an_explanation_says_what_was_accepted(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    project(tmp_path, "2 - 1").accept("number", reason="the same number", by="ana")
    shown = assetflow("plan", "--explain", "parts", at=tmp_path)
    assert "accepted: the same number (by ana; changed: `assets/a.py:helper`)" in shown.out
    nodes = assetflow("plan", "--explain", "parts", "--json", at=tmp_path).json["nodes"]
    assert {node["asset"]: [note["reason"] for note in node["accepted"]] for node in nodes} == {
        "parts": [], "number": ["the same number"],
    }  # fmt: skip
    project(tmp_path, "2 - 1").materialize("number", force=True)
    assert "accepted" not in assetflow("plan", "--explain", "parts", at=tmp_path).out


def test_a_reason_of_several_lines_is_one_line_on_the_screen(tmp_path: Path) -> None:
    project(tmp_path).materialize()
    project(tmp_path, "2 - 1")
    done = assetflow("accept", "number", "--reason", "first\nsecond \x1b[31m", "--by", "ana", at=tmp_path)
    assert r"by ana: first\nsecond \x1b[31m (run " in done.err
    shown = assetflow("plan", "--explain", "number", at=tmp_path).out
    assert r"   accepted: first\nsecond \x1b[31m (by ana; " in shown
