"""What we measure of a group of flights."""

import polars as pl

ON_TIME_MINUTES = 15


def share(condition: pl.Expr) -> pl.Expr:
    """The share of rows, from 0 to 1, that meet the condition; where it is null, a row does not count."""
    return condition.mean().round(4)


def on_time() -> pl.Expr:
    """Whether a flight came in less than 15 minutes late, as the regulator counts; null if it never did."""
    return pl.col("arr_delay") < ON_TIME_MINUTES


def delay_measures() -> list[pl.Expr]:
    """The measures that every delay table has; delays are minutes, negative when early."""
    arrival = pl.col("arr_delay")
    return [
        pl.len().alias("flights"),
        share(pl.col("canceled")).alias("canceled_share"),
        pl.col("dep_delay").mean().round(2).alias("mean_dep_delay"),
        arrival.mean().round(2).alias("mean_arr_delay"),
        arrival.median().alias("median_arr_delay"),
        arrival.quantile(0.9, interpolation="linear").round(2).alias("p90_arr_delay"),
        share(on_time()).alias("on_time_share"),
    ]
