"""Who is late, where, when and in what weather: one table a question, all with the same measures."""

import polars as pl
from clocks import local
from measures import delay_measures, on_time, share

import assetflow as af


@af.asset
def delays_by_carrier(flights: pl.LazyFrame, airlines: pl.LazyFrame) -> pl.LazyFrame:
    """Delays by airline."""
    measured = flights.group_by("carrier").agg(delay_measures())
    return airlines.join(measured, on="carrier").sort("carrier")


@af.asset
def delays_by_airport(flights: pl.LazyFrame, airports: pl.LazyFrame) -> pl.LazyFrame:
    """Delays by destination; four destinations in the Caribbean have no name on record."""
    places = airports.select("faa", "name", "lat", "lon")
    measured = flights.group_by("dest").agg(delay_measures())
    return measured.join(places, left_on="dest", right_on="faa", how="left").sort("dest")


@af.asset
def delays_by_hour(flights: pl.LazyFrame) -> pl.LazyFrame:
    """Delays by hour of the scheduled departure, as clocks in New York show it."""
    hour = local(pl.col("scheduled_at")).dt.hour().alias("hour")
    return flights.group_by(hour).agg(delay_measures()).sort("hour")


@af.asset
def delays_by_plane_age(flights_with_planes: pl.LazyFrame) -> pl.LazyFrame:
    """Delays by age of the plane in years; the last row, without an age, holds the planes of unknown age."""
    return flights_with_planes.group_by("age").agg(delay_measures()).sort("age", nulls_last=True)


def delays_by_condition(flights_with_weather: pl.LazyFrame, column: str, width: float) -> pl.LazyFrame:
    """Delays by weather: `column` in steps of `width`, each row named by its lower end."""
    step = (pl.col(column) / width).floor() * width
    measured = flights_with_weather.drop_nulls(column).group_by(step.alias(column)).agg(delay_measures())
    return measured.sort(column)


by_condition = af.asset_template(delays_by_condition, tags={"topic": "weather"})
delays_by_wind = by_condition.bind("delays_by_wind", column="wind_speed", width=5.0)
delays_by_visibility = by_condition.bind("delays_by_visibility", column="visibility", width=1.0)


@af.asset
def route_statistics(flights: pl.LazyFrame) -> pl.LazyFrame:
    """Routes by origin and destination: miles, median minutes in the air, miles per hour, delays.

    Speed and minutes are null for a route that was scheduled and never flown, as EWR to LGA.
    """
    miles_flown = pl.col("distance").filter(pl.col("air_time").is_not_null()).sum()
    return (
        flights.group_by("origin", "dest")
        .agg(
            pl.col("distance").median().alias("miles"),
            pl.col("air_time").median().alias("median_air_time"),
            (miles_flown / pl.col("air_time").sum() * 60).fill_nan(None).round(1).alias("mean_speed"),
            pl.col("carrier").n_unique().alias("carriers"),
            *delay_measures(),
        )
        .sort("origin", "dest")
    )


@af.asset
def on_time_rate(flights: pl.LazyFrame) -> pl.LazyFrame:
    """The share of arrivals less than 15 minutes late, by airline and month."""
    month = local(pl.col("scheduled_at")).dt.month().alias("month")
    measured = flights.group_by("carrier", month).agg(
        pl.len().alias("flights"), share(on_time()).alias("on_time_share")
    )
    return measured.sort("carrier", "month")


@af.multi_asset(
    outs={
        "cancellations_by_month": {"description": "Flights that never left, by month and origin."},
        "diversions_by_month": {"description": "Flights that left and did not arrive as planned, by month and origin."},
    }
)
def disruptions(flights: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """What went wrong for good, by month and origin."""
    month = local(pl.col("scheduled_at")).dt.month().alias("month")
    monthly = flights.group_by(month, "origin")

    def counted(kind: str) -> pl.LazyFrame:
        counts = monthly.agg(pl.len().alias("flights"), pl.col(kind).sum(), share(pl.col(kind)).alias("share"))
        return counts.sort("month", "origin")

    return {"cancellations_by_month": counted("canceled"), "diversions_by_month": counted("diverted")}
