"""Running steps twice, and floats that differ by rounding."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import assetflow as af
from assetflow.errors import DefinitionError
from tests.cli.calling import assetflow, write

BODY = """
import itertools, polars as pl, assetflow as af
calls = itertools.count()

@af.asset
def steady() -> pl.DataFrame:
    return pl.DataFrame({"a": [1, 2]})

@af.asset
def moody() -> pl.DataFrame:
    return pl.DataFrame({"a": [1, 2], "b": [7, next(calls)]})

@af.asset
def noisy() -> pl.DataFrame:
    return pl.DataFrame({"x": [1.0, 0.1 + next(calls) * 1e-13]})

@af.asset(side_effect=True)
def sent() -> int:
    return next(calls)

@af.asset
async def awaited() -> int:
    return next(calls)

@af.asset
def failing_later() -> int:
    if next(calls) % 2:
        raise ValueError("not twice")
    return 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"assets/a.py": BODY})


def findings(folder: Path, *selection: str) -> dict[str, dict[str, object]]:
    project = af.Project.load(folder)
    result = project.materialize(selection, verify_determinism=True, workers=1)
    assert str(result.status) == "succeeded"
    return {found["asset"]: found for found in project.determinism(result.run_id)}


def test_a_list_tells_what_is_not_deterministic(folder: Path) -> None:
    findings(folder, "steady", "moody")
    listed = {row["asset"]: row["deterministic"] for row in assetflow("list", "--json", at=folder).json}
    assert (listed["steady"], listed["moody"], listed["noisy"]) == (True, False, None)
    lines = assetflow("list", at=folder).out.splitlines()
    assert [line.split()[0] for line in lines if "not deterministic" in line] == ["moody"]


def test_what_is_made_equal_twice_is_recorded_so(folder: Path) -> None:
    assert findings(folder, "steady")["steady"]["deterministic"] is True


def test_columns_and_rows_that_differ_are_named(folder: Path) -> None:
    found = findings(folder, "moody")["moody"]
    assert (found["deterministic"], found["rounding"], found["columns"]) == (False, False, ["b"])
    assert found["rows"] == [{"row": 1, "values": {"b": ["0", "1"]}}]


def test_the_first_value_is_the_one_that_is_published(folder: Path) -> None:
    findings(folder, "moody")
    assert af.Project.load(folder).load("moody", as_type=pl.DataFrame)["b"].to_list() == [7, 0]


def test_rounding_is_told_apart(folder: Path) -> None:
    found = findings(folder, "noisy")["noisy"]
    assert (found["deterministic"], found["rounding"]) == (False, True)


def test_coroutines_are_called_twice_too(folder: Path) -> None:
    assert findings(folder, "awaited")["awaited"]["deterministic"] is False


def test_what_has_side_effects_is_called_once(folder: Path) -> None:
    assert findings(folder, "sent") == {}


def test_a_second_call_that_fails_does_not_fail_the_run(folder: Path) -> None:
    assert findings(folder, "failing_later")["failing_later"]["error"] == "ValueError: not twice"


def test_the_command_says_what_differs_and_show_remembers(folder: Path) -> None:
    done = assetflow("materialize", "moody", "steady", "--verify-determinism", at=folder)
    assert done.code == 0
    assert "`moody` is not deterministic: `b` differs, first in row 1: `b` is 0 and 1" in done.err
    assert "steady" not in done.err.split("moody")[-1]
    assert "is not deterministic: `b` differ" in assetflow("show", "moody", at=folder).out
    assert "made equal twice" in assetflow("show", "steady", at=folder).out


TOLERANT = """
import polars as pl, assetflow as af

@af.asset(float_tolerance={tolerance})
def sums() -> pl.DataFrame:
    return pl.DataFrame({{"x": [1.0, {x}], "n": [1, {n}]}})

@af.asset
def reader(sums: pl.DataFrame) -> float:
    return sums["x"].sum()
"""


def tolerant(folder: Path, *, x: float, n: int = 2, tolerance: object = 1e-9) -> af.Project:
    write(folder, {"assets/a.py": TOLERANT.format(x=f"float('{x!r}')", n=n, tolerance=repr(tolerance))})
    return af.Project.load(folder)


def test_within_the_tolerance_the_published_value_stays(tmp_path: Path) -> None:
    tolerant(tmp_path, x=0.1).materialize()
    changed = tolerant(tmp_path, x=0.1 * (1 + 1e-12))
    result = changed.materialize()
    assert {step.asset: str(step.status) for step in result.steps} == {"sums": "materialized", "reader": "unchanged"}
    assert changed.load("sums", as_type=pl.DataFrame)["x"].to_list() == [1.0, 0.1]
    assert changed.plan().is_empty


@pytest.mark.parametrize("edit", [{"x": 0.1 + 1e-6}, {"x": float("nan")}, {"x": 0.1 * (1 + 1e-12), "n": 3}])
def test_beyond_it_the_new_value_counts(tmp_path: Path, edit: dict[str, float]) -> None:
    tolerant(tmp_path, x=0.1).materialize()
    changed = tolerant(tmp_path, **edit)  # type: ignore[arg-type]
    changed.materialize()
    assert changed.load("sums", as_type=pl.DataFrame)["x"].to_list()[1] != 0.1


def test_small_steps_do_not_add_up(tmp_path: Path) -> None:
    """Each value is held against the one that is published, so that a drift is seen once it is large enough."""
    tolerant(tmp_path, x=1.0).materialize()
    x = 1.0
    for _ in range(4):
        x *= 1 + 4e-10
        project = tolerant(tmp_path, x=x)
        project.materialize()
        assert abs(project.load("sums", as_type=pl.DataFrame)["x"][1] - x) <= 1e-9 * x
    assert project.load("sums", as_type=pl.DataFrame)["x"][1] != 1.0


@pytest.mark.parametrize("tolerance", [0, -1e-9, 2, True, "1e-9"])
def test_a_tolerance_that_is_none_is_refused(tmp_path: Path, tolerance: object) -> None:
    with pytest.raises(DefinitionError, match="float_tolerance= is"):
        tolerant(tmp_path, x=1.0, tolerance=tolerance).plan()
