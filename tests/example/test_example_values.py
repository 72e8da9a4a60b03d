"""The assets of the example, called as plain functions, against SQL over the source files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import assetflow as af
from assetflow.define.modules import ModuleSpace

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
DATA = ASSETS / "data"
NEW_YORK = ZoneInfo("America/New_York")

MEASURES = """
    count(*) AS flights,
    count(*) FILTER (dep_time IS NULL) / count(*) AS canceled_share,
    avg(dep_delay) AS mean_dep_delay,
    avg(arr_delay) AS mean_arr_delay,
    quantile_cont(arr_delay, 0.5) AS median_arr_delay,
    quantile_cont(arr_delay, 0.9) AS p90_arr_delay,
    count(*) FILTER (arr_delay < 15) / nullif(count(arr_delay), 0) AS on_time_share
"""

TABLES = {
    "delays_by_carrier": f"""
        SELECT carrier, {MEASURES} FROM flights GROUP BY carrier ORDER BY carrier""",
    "delays_by_airport": f"""
        SELECT dest, {MEASURES} FROM flights GROUP BY dest ORDER BY dest""",
    "delays_by_hour": f"""
        SELECT hour, {MEASURES} FROM flights GROUP BY hour ORDER BY hour""",
    "delays_by_plane_age": f"""
        SELECT 2013 - planes.year AS age, {MEASURES} FROM flights LEFT JOIN planes USING (tailnum)
        GROUP BY age ORDER BY age NULLS LAST""",
    "delays_by_wind": f"""
        SELECT floor(wind_speed / 5) * 5 AS wind_speed, {MEASURES}
        FROM flights JOIN weather USING (origin, time_hour)
        WHERE wind_speed < 200 GROUP BY 1 ORDER BY 1""",
    "delays_by_visibility": f"""
        SELECT floor(visib) AS visibility, {MEASURES} FROM flights JOIN weather USING (origin, time_hour)
        GROUP BY 1 ORDER BY 1""",
    "route_statistics": f"""
        SELECT origin, dest, count(DISTINCT carrier) AS carriers, median(air_time) AS median_air_time,
               60 * sum(distance) FILTER (air_time IS NOT NULL) / sum(air_time) AS mean_speed, {MEASURES}
        FROM flights GROUP BY origin, dest ORDER BY origin, dest""",
    "on_time_rate": """
        SELECT carrier, month, count(*) AS flights,
               count(*) FILTER (arr_delay < 15) / nullif(count(arr_delay), 0) AS on_time_share
        FROM flights GROUP BY carrier, month ORDER BY carrier, month""",
    "cancellations_by_month": """
        SELECT month, origin, count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS canceled
        FROM flights GROUP BY month, origin ORDER BY month, origin""",
    "diversions_by_month": """
        SELECT month, origin, count(*) AS flights,
               count(*) FILTER (dep_time IS NOT NULL AND arr_delay IS NULL) AS diverted
        FROM flights GROUP BY month, origin ORDER BY month, origin""",
    "daily_summary": f"""
        SELECT make_date(year, month, day) AS date, {MEASURES} FROM flights GROUP BY date ORDER BY date""",
    "worst_days": f"""
        SELECT make_date(year, month, day) AS date, {MEASURES} FROM flights GROUP BY date
        ORDER BY mean_dep_delay DESC LIMIT 10""",
}

TOLERANCE = {"mean_speed": 0.051, "canceled_share": 0.000051, "on_time_share": 0.000051}
HALF_A_CENT = 0.0051  # everything else is rounded to two decimals, or not at all


@pytest.fixture(scope="module")
def modules() -> Mapping[str, ModuleType]:
    space = ModuleSpace(ROOT, [ASSETS])
    return {path.stem: space.load(path) for path in sorted(ASSETS.glob("*.py"))}


@pytest.fixture(scope="module")
def values(modules: Mapping[str, ModuleType]) -> Mapping[str, Any]:
    """The value of every asset but the partitioned ones, by key."""
    return build(modules, pl.LazyFrame.collect)


@pytest.fixture(scope="module")
def source() -> duckdb.DuckDBPyConnection:
    """The source files as tables of the same name."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    for path in DATA.glob("*.parquet"):
        connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM '{path}'")
    return connection


def build(modules: Mapping[str, ModuleType], collect: Callable[[pl.LazyFrame], pl.DataFrame]) -> dict[str, Any]:
    """Every asset but the partitioned ones, each made from the values of its parameters' names."""
    made: dict[str, Any] = {f"{path.stem}_raw": pl.scan_parquet(path) for path in DATA.glob("*.parquet")}
    made["daily_flights"] = made["flights"] = collect(modules["tables"].flights(made["flights_raw"]))

    def make(module: str, name: str, *inputs: Any) -> None:
        value = getattr(modules[module], name)(*inputs)
        made[name] = collect(value) if isinstance(value, pl.LazyFrame) else value

    def lazy(name: str) -> pl.LazyFrame:
        return made[name].lazy()

    for name in ("airlines", "airports", "planes", "weather"):
        make("tables", name, made[f"{name}_raw"])
    make("tables", "flights_with_weather", lazy("flights"), lazy("weather"))
    make("tables", "flights_with_planes", lazy("flights"), lazy("planes"))
    make("delays", "delays_by_carrier", lazy("flights"), lazy("airlines"))
    make("delays", "delays_by_airport", lazy("flights"), lazy("airports"))
    make("delays", "delays_by_plane_age", lazy("flights_with_planes"))
    for name in ("delays_by_wind", "delays_by_visibility"):
        make("delays", name, lazy("flights_with_weather"))
    for name in ("delays_by_hour", "route_statistics", "on_time_rate"):
        make("delays", name, lazy("flights"))
    made |= {key: collect(frame) for key, frame in modules["delays"].disruptions(lazy("flights")).items()}
    make("daily", "daily_summary", lazy("flights"))
    made["worst_days"] = modules["daily"].worst_days(made["daily_summary"], modules["daily"].WorstDays()).value
    return made


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=NEW_YORK)


def context(*, partition: str, window: tuple[datetime, datetime] | None = None) -> af.Context:
    return af.Context(run_id="test", asset="test", partition=partition, window=window)


@pytest.mark.parametrize("key", TABLES)
def test_a_table_says_what_sql_over_the_source_files_says(
    key: str, values: Mapping[str, Any], source: duckdb.DuckDBPyConnection
) -> None:
    cursor = source.execute(TABLES[key])
    names = [column[0] for column in cursor.description or ()]
    expected = cursor.fetchall()
    actual = values[key].select(names).rows()
    assert len(actual) == len(expected) > 0
    for row, truth in zip(actual, expected, strict=True):
        for name, value, true_value in zip(names, row, truth, strict=True):
            tolerance = TOLERANCE.get(name, HALF_A_CENT)
            same = (
                value == pytest.approx(true_value, abs=tolerance) if isinstance(value, float) else value == true_value
            )
            assert same, f"{name} in {row} is {value}, not {true_value}"


def test_every_flight_departs_at_the_minute_its_source_row_shows(
    values: Mapping[str, Any], source: duckdb.DuckDBPyConnection
) -> None:
    shown = values["flights"].select(
        "carrier",
        "flight",
        "origin",
        pl.col("scheduled_at").dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m-%d %H:%M"),
        pl.col("departed_at").dt.convert_time_zone("America/New_York").dt.strftime("%H:%M"),
    )
    expected = source.execute(
        """
        SELECT carrier, flight, origin,
               format('{}-{:02d}-{:02d} {:02d}:{:02d}', year, month, day, hour, minute) AS scheduled,
               format('{:02d}:{:02d}', dep_time // 100 % 24, dep_time % 100)
        FROM flights ORDER BY carrier, flight, origin, scheduled
        """
    ).fetchall()
    assert shown.sort("carrier", "flight", "origin", "scheduled_at").rows() == expected


def test_flights_are_in_order_of_departure_and_none_is_lost(values: Mapping[str, Any]) -> None:
    flights = values["flights"]
    assert flights.height == 336_776
    assert flights["scheduled_at"].is_sorted()
    assert flights["canceled"].sum() == 8_255
    assert flights["diverted"].sum() == 1_175
    assert flights.filter("canceled")["departed_at"].null_count() == 8_255


def test_joins_keep_every_flight_once_and_in_place(values: Mapping[str, Any]) -> None:
    flights = values["flights"]
    for joined in ("flights_with_weather", "flights_with_planes"):
        assert_frame_equal(values[joined].select(flights.columns), flights)
    assert values["flights_with_weather"]["visibility"].null_count() == 1_556
    assert values["flights_with_planes"]["model"].null_count() == 52_606


def test_wind_of_a_thousand_miles_an_hour_is_no_wind(values: Mapping[str, Any]) -> None:
    assert values["weather_raw"].select(pl.col("wind_speed").max()).collect().item() > 1_000
    assert values["weather"]["wind_speed"].max() < 50
    assert values["weather"]["wind_speed"].null_count() == 4 + 1


def test_planes_are_as_old_as_they_were_in_2013(values: Mapping[str, Any]) -> None:
    planes = values["planes"]
    assert planes["age"].null_count() == 70
    assert planes.filter(tailnum="N10156").select("built", "age", "manufacturer").row(0) == (
        2004,
        9,
        "Embraer",
    )
    assert planes.filter(pl.col("manufacturer").str.contains("(?i)airbus"))["manufacturer"].unique().to_list() == [
        "Airbus"
    ]


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("Endeavor Air Inc.", "Endeavor Air"),
        ("AirTran Airways Corporation", "AirTran Airways"),
        ("Southwest Airlines Co.", "Southwest Airlines"),
        ("Martha\\\\'s Vineyard", "Martha's Vineyard"),
        ("  Penn \t Station ", "Penn Station"),
        ("Cook Inc County", "Cook Inc County"),
        ("Costa Rica", "Costa Rica"),
        ("Inc", "Inc"),
        ("", ""),
        (None, None),
    ],
)
def test_names_are_cleaned(modules: Mapping[str, ModuleType], written: str | None, cleaned: str | None) -> None:
    column = pl.DataFrame({"name": [written]}, schema={"name": pl.String})
    assert column.select(modules["names"].clean_name(pl.col("name"))).item() == cleaned


def test_a_window_holds_its_start_and_not_its_end(modules: Mapping[str, ModuleType]) -> None:
    window = (day(2013, 3, 10), day(2013, 3, 11))
    edges = pl.DataFrame({"at": window}, schema={"at": pl.Datetime("us", "America/New_York")})
    instants = edges.with_columns(pl.col("at").dt.convert_time_zone("UTC"))
    assert instants.select(modules["clocks"].within(pl.col("at"), window)).to_series().to_list() == [
        True,
        False,
    ]


def test_the_days_divide_the_year(modules: Mapping[str, ModuleType], values: Mapping[str, Any]) -> None:
    daily = modules["daily"]
    keys = list(daily.DAYS.keys())
    assert (keys[0], keys[-1], len(keys)) == ("2013-01-01", "2013-12-31", 365)
    parts = [
        daily.daily_flights(context(partition=key, window=daily.DAYS.window(key)), values["flights"].lazy())
        for key in keys
    ]
    assert_frame_equal(pl.concat(pl.collect_all(parts)), values["flights"])


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (day(2013, 3, 10), day(2013, 3, 11), 23),
        (day(2013, 7, 4), day(2013, 7, 5), 24),
        (day(2013, 11, 3), day(2013, 11, 4), 25),
    ],
)
def test_a_day_is_as_long_as_in_new_york(
    modules: Mapping[str, ModuleType], start: datetime, end: datetime, hours: int
) -> None:
    minutes = pl.datetime_range(start.replace(day=1), end.replace(day=20), "1m", eager=True)
    instants = pl.LazyFrame({"scheduled_at": minutes.dt.convert_time_zone("UTC")})
    one_day = modules["daily"].daily_flights(context(partition="a day", window=(start, end)), instants)
    assert one_day.collect().height == hours * 60


def test_the_number_of_worst_days_is_config(modules: Mapping[str, ModuleType], values: Mapping[str, Any]) -> None:
    daily = modules["daily"]
    result = daily.worst_days(values["daily_summary"], daily.WorstDays(days=3))
    assert result.value["date"].to_list() == [date(2013, 3, 8), date(2013, 7, 1), date(2013, 9, 2)]
    assert result.metadata == {"worst": "2013-03-08"}


def test_the_airports_side_by_side(
    modules: Mapping[str, ModuleType], values: Mapping[str, Any], source: duckdb.DuckDBPyConnection
) -> None:
    compared = compare_origins(modules, values)
    assert compared.columns == ["hour", "EWR", "JFK", "LGA"]
    assert compared["hour"].to_list() == list(range(24))
    by_hour = source.execute("SELECT hour, origin, avg(dep_delay) FROM flights GROUP BY hour, origin").fetchall()
    for hour, origin, mean in by_hour:
        expected = None if mean is None else pytest.approx(mean, abs=HALF_A_CENT)
        assert compared[origin][hour] == expected
    assert compared["LGA"].drop_nulls().len() == sum(1 for _, origin, _ in by_hour if origin == "LGA")


def test_the_report(modules: Mapping[str, ModuleType], values: Mapping[str, Any]) -> None:
    report = modules["report"]
    inputs = ("delays_by_carrier", "delays_by_hour", "route_statistics", "cancellations_by_month")
    inputs += ("diversions_by_month", "worst_days")
    made = report.punctuality_report(*(values[name] for name in inputs), report.ReportConfig(top=2))
    assert made.model_dump(mode="json") == {
        "flights": 336_776,
        "canceled": 8_255,
        "diverted": 1_175,
        "punctual_airlines": {"Hawaiian Airlines": 0.8713, "Alaska Airlines": 0.8533},
        "late_airlines": {"Frontier Airlines": 0.6123, "AirTran Airways": 0.6535},
        "slow_routes": {"EWR-CAE": 44.59, "EWR-TYS": 41.15},
        "best_hour": 5,
        "worst_hour": 19,
        "worst_day": "2013-03-08",
    }


def test_the_chart_has_a_line_for_each_airport(modules: Mapping[str, ModuleType], values: Mapping[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    compared = compare_origins(modules, values)
    (axes,) = modules["report"].delay_chart(compared).axes
    assert [line.get_label() for line in axes.lines] == ["EWR", "JFK", "LGA"]
    for line in axes.lines:
        assert list(line.get_ydata())[5:22] == compared[line.get_label()].to_list()[5:22]


def test_both_engines_and_every_thread_order_give_the_same_tables(
    modules: Mapping[str, ModuleType], values: Mapping[str, Any]
) -> None:
    again = build(modules, lambda frame: frame.collect(engine="in-memory"))
    for key, value in values.items():
        if isinstance(value, pl.DataFrame):
            assert_frame_equal(again[key], value, check_exact=True)


def test_the_committed_data_stays_small() -> None:
    assert sum(path.stat().st_size for path in DATA.glob("*.parquet")) < 6_000_000


def compare_origins(modules: Mapping[str, ModuleType], values: Mapping[str, Any]) -> pl.DataFrame:
    origins = modules["origins"]
    by_hour = {}
    for key in origins.ORIGINS.keys():  # noqa: SIM118 (a partitions definition is no dict)
        flights = origins.origin_flights(context(partition=key), values["flights"].lazy())
        by_hour[key] = origins.origin_hours(flights).collect()
    compared: pl.DataFrame = origins.origins_compared(by_hour)
    return compared
