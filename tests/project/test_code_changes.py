"""The change of code that makes an asset stale, as a diff of what was recorded."""

from __future__ import annotations

from pathlib import Path

from tests.cli.calling import assetflow, write

BODY = """import assetflow as af

LIMIT = {limit}

def helper(x):
    # {comment}
    return x + {add}

@af.asset
def number() -> int:
    return helper(LIMIT)

@af.asset
def twice(number: int) -> int:
    return helper(number)
"""


def project(folder: Path, *, limit: int = 10, add: int = 1, comment: str = "one") -> Path:
    return write(folder, {"assets/a.py": BODY.format(limit=limit, add=add, comment=comment)})


def test_the_changed_component_is_shown_as_a_diff(tmp_path: Path) -> None:
    assert assetflow("materialize", at=project(tmp_path)).code == 0
    shown = assetflow("plan", "--explain", "number", "--diff", at=project(tmp_path, add=2))
    assert shown.code == 0
    assert "code changed: `assets/a.py:helper`" in shown.out
    assert "assets/a.py:helper  of `number`" in shown.out
    assert "-    return x + 1" in shown.out
    assert "+    return x + 2" in shown.out


def test_a_change_that_assets_share_is_shown_once(tmp_path: Path) -> None:
    assetflow("materialize", at=project(tmp_path))
    shown = assetflow("plan", "--diff", at=project(tmp_path, add=2)).out
    assert shown.count("+    return x + 2") == 1
    assert "of `twice`, `number`" in shown


def test_constants_are_shown_too(tmp_path: Path) -> None:
    assetflow("materialize", at=project(tmp_path))
    document = assetflow("plan", "--explain", "number", "--diff", "--json", at=project(tmp_path, limit=11)).json
    (change,) = document["changes"]
    assert (change["asset"], change["component"]) == ("number", "assets/a.py:LIMIT")
    assert change["before"] != change["after"]


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    assetflow("materialize", at=project(tmp_path))
    shown = assetflow("plan", "--explain", "--diff", "--json", at=project(tmp_path, comment="two")).json
    assert shown["changes"] == []
    assert {node["verdict"] for node in shown["nodes"]} == {"fresh"}
