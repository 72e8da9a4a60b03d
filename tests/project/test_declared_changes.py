"""What a declaration says beside the function counts, and what it does not say does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from tests.cli.calling import write


def statuses(run: af.RunResult) -> dict[str, str]:
    return {step.asset: str(step.status) for step in run.steps}


@af.asset
def x() -> int:
    return 1


@af.asset
def y() -> int:
    return 2


def difference(inputs: dict[str, Any], **options: Any) -> Any:
    @af.asset(inputs=inputs, **options)
    def z(a: int, b: int) -> int:
        return a - b

    return z


def test_inputs_that_change_places_make_it_stale(tmp_path: Path) -> None:
    af.Project(assets=[x, y, difference({"a": "x", "b": "y"})], root=tmp_path).materialize()
    turned = af.Project(assets=[x, y, difference({"a": "y", "b": "x"})], root=tmp_path)
    (step,) = turned.plan().steps
    assert [cause.to_json() for cause in step.causes] == [{"kind": "code_changed", "components": ["inputs="]}]
    turned.materialize()
    assert turned.load("z") == 1


def test_inputs_that_change_places_count_under_a_code_version_given_by_hand(tmp_path: Path) -> None:
    af.Project(assets=[x, y, difference({"a": "x", "b": "y"}, code_version="1")], root=tmp_path).materialize()
    turned = af.Project(assets=[x, y, difference({"a": "y", "b": "x"}, code_version="1")], root=tmp_path)
    assert statuses(turned.materialize()) == {"z": "materialized"}


def test_other_columns_of_an_input_make_it_stale(tmp_path: Path) -> None:
    @af.asset
    def table() -> pl.DataFrame:
        return pl.DataFrame({"a": [1], "b": [2]})

    def reader(columns: list[str]) -> Any:
        @af.asset(inputs={"table": af.Dep("table", columns=columns)})
        def read(table: pl.DataFrame) -> pl.DataFrame:
            return table

        return read

    af.Project(assets=[table, reader(["a"])], root=tmp_path).materialize()
    project = af.Project(assets=[table, reader(["a", "b"])], root=tmp_path)
    assert statuses(project.materialize()) == {"read": "materialized"}
    assert project.load("read").columns == ["a", "b"]


def test_outputs_in_another_order_are_made_again(tmp_path: Path) -> None:
    def pair(*outs: str) -> Any:
        @af.multi_asset(outs=outs)
        def both() -> tuple[int, int]:
            return 1, 2

        return both

    af.Project(assets=[pair("a", "b")], root=tmp_path).materialize()
    project = af.Project(assets=[pair("b", "a")], root=tmp_path)
    project.materialize()
    assert (project.load("a"), project.load("b")) == (2, 1)


def test_labels_and_policies_make_nothing_stale(tmp_path: Path) -> None:
    def one(**options: Any) -> Any:
        @af.asset(**options)
        def a() -> int:
            return 1

        return a

    af.Project(assets=[one()], root=tmp_path).materialize()
    labelled = one(group="g", tags={"t": "1"}, owners=["me"], description="words", retry=2, priority=5)
    assert af.Project(assets=[labelled], root=tmp_path).plan().is_empty


def test_a_dependency_of_which_nothing_is_read_makes_nothing_stale(tmp_path: Path) -> None:
    none_yet = af.DynamicPartitions("none")

    @af.asset(partitions=none_yet)
    def parts() -> int:
        return 1

    def reader(*deps: str) -> Any:
        @af.asset(deps=deps)
        def a() -> int:
            return 1

        return a

    af.Project(assets=[parts, reader()], root=tmp_path).materialize()
    assert af.Project(assets=[parts, reader("parts")], root=tmp_path).plan().is_empty


def test_an_asset_that_becomes_a_source_is_read_from_its_file(tmp_path: Path) -> None:
    @af.asset
    def s() -> str:
        return "made"

    @af.asset
    def reader(s: str) -> str:
        return s + "!"

    af.Project(assets=[s, reader], root=tmp_path).materialize()
    (tmp_path / "s.txt").write_text("written")
    project = af.Project(assets=[af.source("s", path="s.txt"), reader], root=tmp_path)
    assert statuses(project.materialize()) == {"reader": "materialized"}
    assert project.load("reader") == "written!"
    (tmp_path / "s.txt").write_text("written again")
    project.materialize()
    assert project.load("reader") == "written again!"


def test_a_source_that_becomes_an_asset_is_missing(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("written")

    @af.asset
    def reader(s: str) -> str:
        return s + "!"

    af.Project(assets=[af.source("s", path="s.txt"), reader], root=tmp_path).materialize()

    @af.asset
    def s() -> str:
        return "made"

    project = af.Project(assets=[s, reader], root=tmp_path)
    with pytest.raises(af.UsageError, match="`s`, which was never materialized"):
        project.plan("reader", only=True)
    project.materialize()
    assert project.load("reader") == "made!"


LOADED = """
import assetflow as af
import polars as pl

def scaled(value): return value * {factor}
def load(): return pl.DataFrame({{"a": [scaled(1)]}})
def observe(): return "{seen}"  # {comment}

orders = af.source("orders", observe=observe, load=load)

@af.asset
def taken(orders: pl.DataFrame) -> int: return orders["a"].sum()

@af.asset(deps=["orders"])
def after() -> int: return 1
"""


def test_the_function_that_loads_a_source_counts_where_its_value_is_taken(tmp_path: Path) -> None:
    def edited(**words: object) -> list[tuple[str, list[dict[str, Any]]]]:
        text = LOADED.format(**{"factor": 2, "seen": "v1", "comment": "", **words})
        write(tmp_path, {"assets/a.py": text, "assets/total.sql": "select sum(a) as a from orders"})
        with af.Project.load(tmp_path) as project:
            plan = project.plan()
            project.materialize()
        return [(step.asset, [cause.to_json() for cause in step.causes]) for step in plan.steps]

    assert len(edited()) == 3
    assert edited(comment="says nothing") == []
    changed = [{"kind": "code_changed", "components": ["assets/a.py:scaled"]}]
    assert sorted(edited(factor=3)) == [("taken", changed), ("total", changed)]
    assert af.Project.load(tmp_path).load("taken") == 3
    assert sorted(asset for asset, _ in edited(factor=3, seen="v2")) == ["after", "taken", "total"]
