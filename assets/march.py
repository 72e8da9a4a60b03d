"""March 2013, from hours to the month: what partitions of every kind are for. On the 10th a day has 23 hours."""

from __future__ import annotations

import polars as pl
from clocks import NEW_YORK, local, within
from measures import delay_measures
from origins import ORIGINS

import assetflow as af

FIRST, END = "2013-03-01", "2013-04-01"
HOURS = af.HourlyPartitions(FIRST, END, tz=NEW_YORK)
DAYS = af.DailyPartitions(FIRST, END, tz=NEW_YORK)
MONTH = af.MonthlyPartitions(FIRST, END, tz=NEW_YORK)
FIRST_WEEK = af.MultiPartitions(day=af.DailyPartitions(FIRST, "2013-03-08", tz=NEW_YORK), origin=ORIGINS)


def weather_measures() -> list[pl.Expr]:
    """What is made of the hours of a day: °F and inches; rain only where a gauge has reported."""
    temperature = pl.col("temperature")
    return [
        pl.len().alias("hours"),
        temperature.min().alias("coldest"),
        temperature.max().alias("warmest"),
        temperature.mean().round(2).alias("mean_temperature"),
        pl.col("precipitation").sum().round(2).alias("rain"),
    ]


@af.asset(partitions=HOURS, batch=True)
def hourly_weather(context: af.Context, weather: pl.LazyFrame) -> pl.LazyFrame:
    """The weather of one hour by origin; one call cuts as many hours as are wanted."""
    hour = local(pl.col("time_hour")).dt.strftime(HOURS.fmt)
    return weather.filter(within(pl.col("time_hour"), context.window)).with_columns(partition=hour)


@af.asset(partitions=DAYS)
def daily_weather(hourly_weather: pl.LazyFrame) -> pl.LazyFrame:
    """The weather of one day by origin, from the hours that New York calls that day."""
    return hourly_weather.group_by("origin").agg(weather_measures()).sort("origin")


@af.asset(partitions=MONTH)
def monthly_weather(daily_weather: pl.LazyFrame) -> pl.LazyFrame:
    """The weather of the month by origin, from its days."""
    by_origin = daily_weather.group_by("origin").agg(
        pl.len().alias("days"),
        pl.col("hours").sum(),
        pl.col("coldest").min(),
        pl.col("warmest").max(),
        pl.col("rain").sum().round(2),
    )
    return by_origin.sort("origin")


@af.asset(partitions=DAYS, inputs={"week": af.Dep("daily_weather", mapping=af.TimeWindowMapping(start_offset=-6))})
def rain_of_the_week(week: pl.LazyFrame) -> pl.LazyFrame:
    """Inches of rain by origin over the seven days up to and including this one; fewer days at the beginning."""
    return week.group_by("origin").agg(pl.len().alias("days"), pl.col("rain").sum().round(2)).sort("origin")


@af.asset(partitions=FIRST_WEEK)
def origin_days(context: af.Context, daily_flights: pl.LazyFrame, daily_weather: pl.LazyFrame) -> pl.LazyFrame:
    """Delays and weather of one day at one airport: a row."""
    _day, origin = str(context.partition).split("|")
    measured = daily_flights.filter(pl.col("origin") == origin).group_by("origin").agg(delay_measures())
    return measured.join(daily_weather, on="origin", how="left")


@af.asset(
    partitions=DAYS,
    inputs={"day_before": af.Dep("flights_so_far", mapping=af.TimeWindowMapping(start_offset=-1, end_offset=-1))},
)
def flights_so_far(day_before: pl.DataFrame | None, daily_flights: pl.DataFrame) -> pl.DataFrame:
    """Flights and cancellations by origin since the first of the month: those of the day before, and today's."""
    today = daily_flights.group_by("origin").agg(pl.len().alias("flights"), pl.col("canceled").sum())
    parts = [today] if day_before is None else [day_before, today]
    return pl.concat(parts, how="vertical_relaxed").group_by("origin").sum().sort("origin")
