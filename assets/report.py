"""What goes out of the house: a report for machines and a figure for people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl
from pydantic import BaseModel

import assetflow as af

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReportConfig(af.Config):
    """How many airlines and routes the report names, and how often a route must be flown to count."""

    top: int = 5
    least_flights: int = 100


class PunctualityReport(BaseModel):
    """The year in a dozen figures; shares are from 0 to 1, delays are minutes."""

    flights: int
    canceled: int
    diverted: int
    punctual_airlines: dict[str, float]
    late_airlines: dict[str, float]
    slow_routes: dict[str, float]
    best_hour: int
    worst_hour: int
    worst_day: date


@af.asset(freshness=af.FreshnessPolicy(max_age=timedelta(days=30)), owners=["punctuality@example.org"])
def punctuality_report(
    delays_by_carrier: pl.DataFrame,
    delays_by_hour: pl.DataFrame,
    route_statistics: pl.DataFrame,
    cancellations_by_month: pl.DataFrame,
    diversions_by_month: pl.DataFrame,
    worst_days: pl.DataFrame,
    config: ReportConfig,
) -> PunctualityReport:
    """Best and worst of the year, as JSON."""
    airlines = delays_by_carrier.sort("on_time_share", "name", descending=[True, False])
    routes = route_statistics.filter(pl.col("flights") >= config.least_flights).select(
        pl.concat_str("origin", "dest", separator="-"), "mean_arr_delay"
    )
    hours = delays_by_hour.drop_nulls("mean_dep_delay").sort("mean_dep_delay", "hour")
    return PunctualityReport(
        flights=cancellations_by_month["flights"].sum(),
        canceled=cancellations_by_month["canceled"].sum(),
        diverted=diversions_by_month["diverted"].sum(),
        punctual_airlines=dict(airlines.select("name", "on_time_share").head(config.top).iter_rows()),
        late_airlines=dict(airlines.select("name", "on_time_share").tail(config.top).reverse().iter_rows()),
        slow_routes=dict(
            routes.sort("mean_arr_delay", "origin", descending=[True, False]).head(config.top).iter_rows()
        ),
        best_hour=hours["hour"].first(),
        worst_hour=hours["hour"].last(),
        worst_day=worst_days["date"].first(),
    )


@af.asset
def delay_chart(origins_compared: pl.DataFrame) -> Figure:
    """How delays build up over the day at each airport."""
    from matplotlib.figure import Figure  # an extra: the rest of the project works without it

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for origin in origins_compared.columns[1:]:
        axes.plot(origins_compared["hour"].to_numpy(), origins_compared[origin].to_numpy(), marker="o", label=origin)
    axes.set_title("Delays build up over the day")
    axes.set_xticks(range(0, 25, 3))
    axes.set_xlabel("hour of scheduled departure in New York")
    axes.set_ylabel("mean delay at departure, minutes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
