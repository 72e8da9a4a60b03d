"""A user's file, type-checked and never run: the contract with editors. `reveal`-style checks by assignment."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

import assetflow as af


@af.asset
def orders() -> pl.DataFrame:
    return pl.DataFrame({"day": ["2024-01-01"], "amount": [1.5]})


@af.asset(key="marts/by_day", group="marts", tags={"layer": "mart"}, owners=["data@example.org"])
def by_day(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.group_by("day").agg(pl.col("amount").sum())


class ReportConfig(af.Config):
    top: int = 10


@af.asset(deps=[by_day], retry=af.RetryPolicy(max_retries=2), freshness=af.FreshnessPolicy(max_age=timedelta(days=1)))
async def report(context: af.Context, config: ReportConfig) -> af.Result[dict[str, int]]:
    context.add_metadata(top=config.top)
    return af.Result(
        {"top": config.top}, metadata={"rows": 1, "see": af.Link("https://example.org"), "note": af.Markdown("**new**")}
    )


@af.asset(automation=(af.missing() | af.stale().newly_true()) & ~af.any_upstream(af.in_progress()))
def kept(report: dict[str, int]) -> int:
    return len(report)


@af.sensor(every="5m")
def arrivals(context: af.SensorContext) -> list[af.RunRequest | af.AddPartitions]:
    context.cursor = "1"
    return [af.RunRequest(selection="kept", run_key="1")]


af.job("daily", "+kept", cron="0 6 * * *", tz="Europe/Berlin", config={"report": {"top": 5}})
af.notify("chat", url="https://example.org/${TOKEN}", on=["failed"])
condition: af.AutomationCondition = af.eager() | af.on_cron("@daily")


@af.multi_asset(outs={"a": {"group": "pair"}, "b": None})
def pair(orders: pl.DataFrame) -> tuple[int, int]:
    return orders.height, orders.width


plain: pl.DataFrame = orders()
lazy: pl.LazyFrame = by_day(plain.lazy())
numbers: tuple[int, int] = pair(plain)
raw = af.source("raw", path="raw/*.csv")
project: af.Project = af.Project(assets=[orders, by_day, report, pair, raw])
plan: af.Plan = project.plan("+report")
result: af.RunResult = project.materialize("report", workers=2, executor="process")
handle: af.RunHandle = project.start("report", workers=2)
handle.cancel()
ok: bool = result.ok
values: dict[str, object] = af.materialize([orders, by_day])
for tick in project.watch("+report", debounce=0.1):
    seen: af.Tick = tick
    told: list[str] = [difference.describe() for difference in tick.differences]

orders(1)  # type: ignore[call-arg]
wrong: int = by_day(plain.lazy())  # type: ignore[assignment]
