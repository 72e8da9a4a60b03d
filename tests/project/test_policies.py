"""Policies that assets inherit, and how a project shows where its assets stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import assetflow as af
from assetflow.model.clock import FixedClock

ASSETS = """
import assetflow as af

@af.asset
def a(): return 1

@af.asset(tags={"layer": "gold"})
def b(a): return a

@af.asset(freshness="1h", tags={"layer": "gold"})
def c(a): return a

@af.asset(freshness=False)
def d(a): return a
"""

SETTINGS = """
[tool.assetflow.freshness]
"*" = "7d"
"tag:layer=gold" = { max_age = "24h", warn_age = "20h" }
"""


def project(root: Path, settings: str = SETTINGS, assets: str = ASSETS) -> af.Project:
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "main.py").write_text(assets)
    (root / "pyproject.toml").write_text("[tool.assetflow]\n" + settings)
    return af.Project.at(root, environ={}, clock=FixedClock(datetime(2026, 1, 1, tzinfo=UTC)))


def test_the_most_specific_selection_counts_and_the_assets_own_policy_before_it(tmp_path: Path) -> None:
    found = {key: spec.freshness for key, spec in project(tmp_path).graph.specs.items()}
    assert {key: policy and policy.age for key, policy in found.items()} == {
        "a": timedelta(days=7),
        "b": timedelta(days=1),
        "c": timedelta(hours=1),
        "d": None,
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"c" = "6 parsecs"', "freshness.c"),
        ('"cc" = "6h"', "freshness.cc"),
        ('"c" = { warn_age = "6h" }', "freshness.c"),
        ('"c" = { max_age = "6h", wrn_age = "1h" }', "wrn_age"),
    ],
)
def test_an_inherited_policy_that_cannot_be_is_an_error_that_names_it(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(af.UsageError, match="freshness") as caught:
        _ = project(tmp_path, f"[tool.assetflow.freshness]\n{line}\n").graph
    assert words in caught.value.message


def test_a_project_tells_where_its_assets_stand(tmp_path: Path) -> None:
    used = project(tmp_path)
    assert isinstance(used.clock, FixedClock)
    used.materialize()
    used.clock.instant += timedelta(hours=21)
    told = {each.asset: each.freshness and each.freshness.to_json()["status"] for each in used.assets()}
    assert told == {"a": "fresh", "b": "warning", "c": "overdue", "d": None}
    assert used.select("status:overdue") == ("c",)
    assert [step.asset for step in used.plan().steps if not step.conditional] == ["a", "c"]


def test_a_policy_that_is_none_is_a_problem_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(af.DefinitionError, match=r"main.py:4.*6 parsecs"):
        _ = project(
            tmp_path, "", '\nimport assetflow as af\n\n@af.asset(freshness="6 parsecs")\ndef a(): return 1\n'
        ).graph
