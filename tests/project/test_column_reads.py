"""Column precision in a project: what is not read makes nothing stale, and everything else does."""

from __future__ import annotations

from pathlib import Path

import polars as pl

import assetflow as af
from assetflow.model.cause import InputChanged

FLIGHTS = {"carrier": ["AA", "DL", "AA"], "delay": [3, 5, 9], "gate": ["a", "b", "c"]}


def project(folder: Path, body: str, **columns: list[object]) -> af.Project:
    """A project whose `flights` hold these columns; `body` reads them."""
    (folder / "assets").mkdir(exist_ok=True)
    table = {**FLIGHTS, **columns}
    (folder / "assets" / "flights.py").write_text(
        "import assetflow as af\nimport polars as pl\n\n"
        f"@af.asset\ndef flights() -> pl.DataFrame:\n    return pl.DataFrame({table!r})\n\n{body}\n"
    )
    return af.Project.load(folder)


LAZY = """@af.asset
def worst(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.group_by("carrier").agg(pl.col("delay").max()).sort("carrier")
"""
INSIDE = """@af.asset
def worst(flights: pl.LazyFrame) -> int:
    return flights.select(pl.col("delay").max()).collect().item()
"""
EAGER = """@af.asset
def worst(flights: pl.DataFrame) -> int:
    return flights["delay"].max()
"""
DECLARED = """@af.asset(inputs={"flights": af.Dep("flights", columns=["delay"])})
def worst(flights: pl.DataFrame) -> dict:
    return {"columns": flights.columns, "worst": flights["delay"].max()}
"""


def statuses(result: af.RunResult) -> dict[str, str]:
    return {step.asset: str(step.status) for step in result.steps}


def ends(folder: Path, body: str, **columns: list[object]) -> str:
    """How `worst` ends when `flights` hold other columns than at first; the plan afterwards is empty."""
    project(folder, body).materialize()
    changed = project(folder, body, **columns)
    found = statuses(changed.materialize())["worst"]
    assert changed.plan().is_empty
    return found


def test_values_that_a_query_does_not_read_cut_it_off(tmp_path: Path) -> None:
    assert ends(tmp_path, LAZY, gate=["x", "y", "z"]) == "unchanged"


def test_values_that_it_reads_do_not(tmp_path: Path) -> None:
    assert ends(tmp_path, LAZY, delay=[3, 5, 10]) == "materialized"


def test_a_new_column_cuts_off_a_query_that_names_its_own(tmp_path: Path) -> None:
    assert ends(tmp_path, LAZY, origin=["JFK", "LGA", "EWR"]) == "unchanged"


def test_a_new_column_does_not_where_the_function_has_collected(tmp_path: Path) -> None:
    assert ends(tmp_path, INSIDE, origin=["JFK", "LGA", "EWR"]) == "materialized"


def test_values_cut_off_a_function_that_has_collected(tmp_path: Path) -> None:
    assert ends(tmp_path, INSIDE, gate=["x", "y", "z"]) == "unchanged"


def test_a_data_frame_is_read_whole(tmp_path: Path) -> None:
    assert ends(tmp_path, EAGER, gate=["x", "y", "z"]) == "materialized"


def test_declared_columns_are_all_that_is_read(tmp_path: Path) -> None:
    assert ends(tmp_path, DECLARED, gate=["x", "y", "z"]) == "unchanged"
    assert af.Project.load(tmp_path).load("worst") == {"columns": ["delay"], "worst": 9}


def test_other_declared_columns_are_other_code(tmp_path: Path) -> None:
    project(tmp_path, DECLARED).materialize()
    other = project(tmp_path, DECLARED.replace('["delay"]', '["delay", "gate"]'))
    (group,) = other.plan().verdicts["worst"].groups
    assert {cause.kind for cause in group.causes} == {"code_changed"}
    other.materialize()
    assert other.load("worst")["columns"] == ["delay", "gate"]


def test_a_declared_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = project(tmp_path, DECLARED.replace('["delay"]', '["dely"]')).materialize()
    (failed,) = [step for step in result.steps if step.error]
    assert "declares the column `dely`, which `flights` does not have" in (failed.error or "")


def test_the_cause_names_the_columns(tmp_path: Path) -> None:
    project(tmp_path, LAZY).materialize()
    changed = project(tmp_path, LAZY, delay=[1, 1, 1], gate=["x", "y", "z"])
    changed.materialize("flights")
    (step,) = changed.plan().steps
    (cause,) = step.causes
    assert isinstance(cause, InputChanged)
    assert cause.columns == ("delay",)
    assert cause.describe() == "input `flights` changed in `delay`"
    assert not step.conditional


def test_a_plan_sees_what_was_made_meanwhile_as_it_is_read(tmp_path: Path) -> None:
    project(tmp_path, LAZY).materialize()
    changed = project(tmp_path, LAZY, gate=["x", "y", "z"])
    changed.materialize("flights")
    assert changed.plan().is_empty


def test_an_earlier_result_is_reused_whatever_it_did_not_read(tmp_path: Path) -> None:
    other = LAZY.replace("max()", "min()")
    project(tmp_path, LAZY).materialize()
    project(tmp_path, other, gate=["x", "y", "z"]).materialize()
    back = project(tmp_path, LAZY, gate=["p", "q", "r"])
    assert statuses(back.materialize())["worst"] == "reused"
    assert back.load("worst", as_type=pl.DataFrame)["delay"].to_list() == [9, 5]


def test_a_version_of_its_own_counts_whatever_the_columns_hold(tmp_path: Path) -> None:
    def versioned(version: int) -> af.Project:
        found = project(tmp_path, LAZY)
        file = tmp_path / "assets" / "flights.py"
        text = file.read_text().replace("return pl.DataFrame(", "return af.Result(pl.DataFrame(", 1)
        file.write_text(text.replace("})\n\n@", f"}}), data_version='{version}')\n\n@", 1))
        return af.Project.load(found.settings.root)

    versioned(1).materialize()
    assert statuses(versioned(2).materialize())["worst"] == "materialized"


def test_each_partition_is_compared_as_it_was_read(tmp_path: Path) -> None:
    body = """
days = af.StaticPartitions(["mon", "tue"])

@af.asset(partitions=days)
def by_day(context: af.Context) -> pl.DataFrame:
    return pl.DataFrame({"n": [1], "noise": ["%s" if context.partition == "mon" else "same"]})

@af.asset(partitions=days)
def twice(by_day: pl.LazyFrame) -> pl.LazyFrame:
    return by_day.select(pl.col("n") * 2)

@af.asset
def total(by_day: pl.LazyFrame) -> pl.LazyFrame:
    return by_day.select(pl.col("n").sum())
"""
    project(tmp_path, body % "a").materialize()
    result = project(tmp_path, body % "b").materialize()
    assert {(step.asset, step.partition): str(step.status) for step in result.steps} == {
        ("by_day", "mon"): "materialized",
        ("by_day", "tue"): "materialized",
        ("twice", "mon"): "unchanged",
        ("twice", "tue"): "unchanged",
        ("total", None): "unchanged",
    }


def test_the_catalog_tells_what_was_read(tmp_path: Path) -> None:
    made = project(tmp_path, LAZY)
    made.materialize()
    (row,) = made.query("select reads ->> '$.flights.columns' as columns from materializations where asset = 'worst'")
    assert row["columns"] == '["carrier","delay"]'


def test_an_asset_that_was_read_in_part_is_renamed(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name, query in (("mid", "select 1 as w, 2 as x"), ("down", "select sum(w) as t from mid")):
        (tmp_path / "assets" / f"{name}.sql").write_text(query)
    assert af.Project.load(tmp_path).materialize().ok
    (tmp_path / "assets" / "mid.sql").rename(tmp_path / "assets" / "middle.sql")
    (tmp_path / "assets" / "down.sql").write_text("select sum(w) as t from middle")
    renamed = af.Project.load(tmp_path)
    assert {step.asset for step in renamed.plan().steps} == {"middle", "down"}
    assert statuses(renamed.materialize())["middle"] == "materialized"
    assert renamed.plan().is_empty
