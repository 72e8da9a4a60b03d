"""The year day by day: a partition a day in New York, and what is made of all of them."""

import polars as pl
from clocks import NEW_YORK, local, within
from measures import delay_measures

import assetflow as af

DAYS = af.DailyPartitions("2013-01-01", "2014-01-01", tz=NEW_YORK)


class WorstDays(af.Config):
    """How many days `worst_days` names."""

    days: int = 10


@af.asset(partitions=DAYS, tags={"grain": "flight"})
def daily_flights(context: af.Context, flights: pl.LazyFrame) -> pl.LazyFrame:
    """The flights scheduled to leave on one day."""
    return flights.filter(within(pl.col("scheduled_at"), context.window))


@af.asset(tags={"grain": "day"})
def daily_summary(daily_flights: pl.LazyFrame) -> pl.LazyFrame:
    """Delays by day, over all partitions of `daily_flights`."""
    date = local(pl.col("scheduled_at")).dt.date().alias("date")
    return daily_flights.group_by(date).agg(delay_measures()).sort("date")


@af.asset(tags={"grain": "day"})
def worst_days(daily_summary: pl.DataFrame, config: WorstDays) -> af.Result[pl.DataFrame]:
    """The days with the longest mean delay at departure, worst first."""
    worst = daily_summary.sort("mean_dep_delay", "date", descending=[True, False]).head(config.days)
    return af.Result(worst, metadata={"worst": str(worst["date"].first())})
