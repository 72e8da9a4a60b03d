"""Clean tables: one row a thing, real instants, errors in the data dealt with; and their joins."""

import polars as pl
from clocks import minutes_after
from names import clean_manufacturer, clean_name

import assetflow as af

YEAR = 2013
STRONGEST_WIND = 200.0
"""Miles per hour; what a station reports above it is a slip of the instrument (there is an hour at 1,048)."""


@af.asset
def airlines(airlines_raw: pl.LazyFrame) -> pl.LazyFrame:
    """Airlines by carrier code."""
    return airlines_raw.with_columns(clean_name(pl.col("name"))).sort("carrier")


@af.asset
def airports(airports_raw: pl.LazyFrame) -> pl.LazyFrame:
    """Airports by FAA code: place in degrees, altitude in feet, time zone by IANA name."""
    return airports_raw.select("faa", clean_name(pl.col("name")), "lat", "lon", altitude="alt", time_zone="tzone").sort(
        "faa"
    )


@af.asset
def planes(planes_raw: pl.LazyFrame) -> pl.LazyFrame:
    """Planes by tail number; age in years when they flew, null where the year they were built is unknown."""
    return planes_raw.select(
        "tailnum",
        clean_manufacturer(pl.col("manufacturer")),
        "model",
        "engine",
        "engines",
        "seats",
        built="year",
        age=YEAR - pl.col("year"),
    ).sort("tailnum")


@af.asset(tags={"grain": "flight"}, owners=["flights@example.org"])
def flights(flights_raw: pl.LazyFrame) -> pl.LazyFrame:
    """Flights from New York by scheduled departure: instants in UTC, delays and air time in minutes, miles.

    A flight that never departed is canceled; one that departed and has no arrival delay is diverted.
    """
    scheduled_at = minutes_after(pl.col("time_hour"), pl.col("minute"))
    departed = pl.col("dep_time").is_not_null()
    return flights_raw.select(
        "time_hour",
        "origin",
        "dest",
        "carrier",
        "flight",
        "tailnum",
        "dep_delay",
        "arr_delay",
        "air_time",
        "distance",
        scheduled_at=scheduled_at,
        departed_at=minutes_after(scheduled_at, pl.col("dep_delay")),
        canceled=~departed,
        diverted=departed & pl.col("arr_delay").is_null(),
    ).sort("scheduled_at", "origin", "carrier", "flight")


@af.asset(tags={"grain": "hour"})
def weather(weather_raw: pl.LazyFrame) -> pl.LazyFrame:
    """Hourly weather by origin: °F, percent, degrees, miles per hour, inches, millibars, miles."""
    possible = pl.col("wind_speed") <= STRONGEST_WIND
    return weather_raw.select(
        "origin",
        "time_hour",
        temperature="temp",
        dew_point="dewp",
        humidity="humid",
        wind_direction="wind_dir",
        wind_speed=pl.when(possible).then("wind_speed"),
        wind_gust="wind_gust",
        precipitation="precip",
        pressure="pressure",
        visibility="visib",
    ).sort("origin", "time_hour")


@af.asset(tags={"grain": "flight"})
def flights_with_weather(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """Flights with the weather at their origin in the hour of departure; null where none is on record."""
    return flights.join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")


@af.asset(tags={"grain": "flight"})
def flights_with_planes(flights: pl.LazyFrame, planes: pl.LazyFrame) -> pl.LazyFrame:
    """Flights with their plane; null for the one in six whose tail number is not in the register."""
    return flights.join(planes, on="tailnum", how="left", maintain_order="left")
