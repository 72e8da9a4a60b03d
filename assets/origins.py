"""The three airports of New York side by side: a partition an airport."""

import polars as pl
from clocks import local
from measures import delay_measures

import assetflow as af

ORIGINS = af.StaticPartitions(["EWR", "JFK", "LGA"])


@af.asset(partitions=ORIGINS, tags={"grain": "flight"})
def origin_flights(context: af.Context, flights: pl.LazyFrame) -> pl.LazyFrame:
    """The flights from one airport."""
    return flights.filter(pl.col("origin") == context.partition)


@af.asset(partitions=ORIGINS)
def origin_hours(origin_flights: pl.LazyFrame) -> pl.LazyFrame:
    """Delays at one airport by hour of the scheduled departure."""
    hour = local(pl.col("scheduled_at")).dt.hour().alias("hour")
    return origin_flights.group_by(hour).agg(delay_measures()).sort("hour")


@af.asset
def origins_compared(origin_hours: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Mean delay at departure by hour, a column an airport; null where nothing is scheduled to leave."""
    hours = pl.DataFrame({"hour": range(24)}, schema={"hour": pl.Int8})
    for origin, table in sorted(origin_hours.items()):
        hours = hours.join(
            table.select("hour", pl.col("mean_dep_delay").alias(origin)),
            on="hour",
            how="left",
            maintain_order="left",
        )
    return hours
