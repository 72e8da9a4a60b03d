"""The partitioned assets of the example, materialized once, against SQL over the source files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import assetflow as af

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[af.Project]:
    root = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "assets", root / "assets", ignore=shutil.ignore_patterns("__pycache__"))
    with af.Project.load(root) as project, pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert project.materialize("group:march").ok
        yield project


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'America/New_York'")
        for name in ("weather", "flights"):
            place = ROOT / "assets" / "data" / f"{name}.parquet"
            con.execute(f"create view {name}_raw as from read_parquet('{place}')")
        con.execute(
            "create view weather as select *, cast(time_hour as date) as date from weather_raw "
            "where cast(time_hour as date) between '2013-03-01' and '2013-03-31'"
        )
        con.execute(
            "create view flights as select *, make_date(year, month, day) as date from flights_raw where month = 3"
        )
        yield con


def of(project: af.Project, asset: str) -> pl.DataFrame:
    """All partitions with their keys."""
    values = project.load(asset, as_type=dict[str, pl.DataFrame])
    frames = [frame.with_columns(key=pl.lit(key)) for key, frame in values.items()]
    return pl.concat(frames)


def check(ours: pl.DataFrame, theirs: pl.DataFrame, *, within: float = 0.0051) -> None:
    names = theirs.columns
    assert_frame_equal(
        ours.select(names).sort(names[:2]), theirs.sort(names[:2]), check_dtypes=False, abs_tol=within, rel_tol=0
    )


def test_the_month_has_an_hour_less(project: af.Project) -> None:
    hours = project.universe().all("hourly_weather")
    assert hours is not None
    assert len(hours) == 31 * 24 - 1
    assert "2013-03-10-01:00" in hours
    assert "2013-03-10-02:00" not in hours


def test_hours(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    found = of(project, "hourly_weather").select("key", "origin", "temperature")
    check(
        found,
        sql.sql("select strftime(time_hour, '%Y-%m-%d-%H:%M') as key, origin, temp as temperature from weather").pl(),
    )


def test_days(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    check(
        of(project, "daily_weather"),
        sql.sql(
            "select strftime(date, '%Y-%m-%d') as key, origin, count(*) as hours, min(temp) as coldest, "
            "max(temp) as warmest, avg(temp) as mean_temperature, coalesce(sum(precip), 0) as rain "
            "from weather group by all"
        ).pl(),
    )


def test_the_month(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    check(
        of(project, "monthly_weather"),
        sql.sql(
            "select '2013-03-01' as key, origin, count(distinct date) as days, count(*) as hours, "
            "min(temp) as coldest, max(temp) as warmest, sum(precip) as rain from weather group by all"
        ).pl(),
        within=0.02,
    )


def test_seven_days(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    check(
        of(project, "rain_of_the_week"),
        sql.sql(
            "with days as (select date, origin, coalesce(sum(precip), 0) as rain from weather group by all) "
            "select strftime(d.date, '%Y-%m-%d') as key, d.origin, count(*) as days, sum(w.rain) as rain "
            "from days d join days w on w.origin = d.origin and w.date between d.date - 6 and d.date group by all"
        ).pl(),
        within=0.02,
    )
    first, seventh, last = ("2013-03-01", "2013-03-07", "2013-03-31")
    counts = {key: project.lineage("rain_of_the_week", key, depth=1).upstream for key in (first, seventh, last)}
    assert {key: len(edges) for key, edges in counts.items()} == {first: 1, seventh: 7, last: 7}


def test_airports_by_day(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    check(
        of(project, "origin_days"),
        sql.sql(
            "with d as (select date, origin, max(temp) as warmest from weather group by all) "
            "select strftime(date, '%Y-%m-%d') || '|' || origin as key, origin, count(*) as flights, "
            "avg(dep_delay) as mean_dep_delay, any_value(warmest) as warmest "
            "from flights join d using (date, origin) where date <= '2013-03-07' group by date, origin"
        ).pl(),
    )


def test_running_totals(project: af.Project, sql: duckdb.DuckDBPyConnection) -> None:
    check(
        of(project, "flights_so_far"),
        sql.sql(
            "with days as (select date, origin, count(*) as flights, count(*) filter (dep_time is null) as canceled "
            "from flights group by all) "
            "select strftime(date, '%Y-%m-%d') as key, origin, sum(flights) over so_far as flights, "
            "sum(canceled) over so_far as canceled from days "
            "window so_far as (partition by origin order by date)"
        ).pl(),
    )


def test_everything_is_fresh_afterwards(project: af.Project) -> None:
    assert project.plan("group:march").is_empty


def test_a_day_made_anew_reaches_the_days_after_it_and_stops_where_nothing_changes(project: af.Project) -> None:
    project.store.path(project.current("flights_so_far", "2013-03-20").uri).unlink()
    run = project.materialize("flights_so_far")
    statuses = {step.partition: str(step.status) for step in run.steps}
    assert statuses.pop("2013-03-20") == "materialized"
    assert statuses == {f"2013-03-{day}": "unchanged" for day in range(21, 32)}


def test_one_hour_made_anew_reaches_its_day_only(project: af.Project) -> None:
    project.store.path(project.current("hourly_weather", "2013-03-10-03:00").uri).unlink()
    run = project.materialize("group:march")
    reached = {(step.asset, step.partition): str(step.status) for step in run.steps}
    assert reached.pop(("hourly_weather", "2013-03-10-03:00")) == "materialized"
    assert set(reached.values()) == {"unchanged"}
    assert ("daily_weather", "2013-03-10") in reached
    assert ("monthly_weather", "2013-03-01") in reached
    weeks = {partition for asset, partition in reached if asset == "rain_of_the_week"}
    assert weeks == {f"2013-03-{day}" for day in range(10, 17)}
