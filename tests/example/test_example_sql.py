"""The marts of the example project, which are queries, against polars over the source files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import assetflow as af

ROOT = Path(__file__).parents[2]
DATA = ROOT / "assets" / "data"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[af.Project]:
    root = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "assets", root / "assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    with af.Project.load(root) as made:
        assert made.materialize(["carrier_scorecard", "slowest_routes", "growing_carriers"]).ok
        yield made


@pytest.fixture(scope="module")
def flights() -> pl.DataFrame:
    return pl.read_parquet(DATA / "flights.parquet").join(
        pl.read_parquet(DATA / "airlines.parquet"), on="carrier", suffix="_carrier"
    )


def test_the_scorecard_counts_every_flight_of_an_airline(project: af.Project, flights: pl.DataFrame) -> None:
    made = project.load("carrier_scorecard")
    expected = flights.group_by("carrier").agg(
        flights=pl.len(),
        canceled_share=pl.col("dep_time").is_null().mean().round(2),
        mean_arr_delay=pl.col("arr_delay").mean().round(2),
        late_share=(pl.col("arr_delay") >= 15).mean().round(2),
    )
    expected = expected.filter(pl.col("flights") >= 1000)
    assert made.height == expected.height
    for column in ("flights", "canceled_share", "mean_arr_delay", "late_share"):
        assert sorted(made[column].to_list()) == pytest.approx(sorted(expected[column].to_list()), abs=0.011)
    assert made["place"].to_list() == sorted(made["place"].to_list())


def test_the_slowest_routes_are_those_with_the_longest_mean_delay(project: af.Project, flights: pl.DataFrame) -> None:
    made = project.load("slowest_routes")
    routes = flights.group_by("origin", "dest").agg(pl.col("arr_delay").mean(), n=pl.col("arr_delay").count())
    slowest = routes.filter(pl.col("n") >= 100).sort("arr_delay", descending=True).head(10)
    assert made["mean_arr_delay"].to_list() == pytest.approx(slowest["arr_delay"].to_list(), abs=0.006)
    assert made["from"].null_count() == 0


def test_the_months_hold_every_flight_once(project: af.Project, flights: pl.DataFrame) -> None:
    months = project.load("monthly_carriers")
    assert months["flights"].sum() == flights.height
    by_month = months.group_by(pl.col("month").str.slice(0, 7)).agg(pl.col("flights").sum())
    expected = flights.group_by(pl.format("2013-{}", pl.col("month").cast(pl.String).str.zfill(2))).len()
    assert sorted(by_month.rows()) == sorted(expected.rows())


def test_the_quarters_are_columns(project: af.Project) -> None:
    made, months = project.load("growing_carriers"), project.load("monthly_carriers")
    assert made.columns == ["name", "q1", "q2", "q3", "q4", "growth"]
    assert made.select(pl.sum_horizontal("q1", "q2", "q3", "q4")).to_series().sum() == months["flights"].sum()
    assert made["growth"].to_list() == sorted(made["growth"].to_list(), reverse=True)


def test_columns_are_followed_to_the_source_tables(project: af.Project) -> None:
    edges = project.query("select * from column_lineage where asset = 'carrier_scorecard' and \"column\" = 'flights'")
    assert {(edge["input_column"], edge["kind"]) for edge in edges if edge["input_asset"] == "flights"} >= {
        ("carrier", "join key"),
        ("arr_delay", "order"),
    }
