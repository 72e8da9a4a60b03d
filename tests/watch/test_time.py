"""Time alone wakes a watch: a partition comes to be there, a freshness policy runs out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import assetflow as af
from assetflow.model.cause import Overdue
from tests.watch.making import made, until, watching, write

DAYS = """
import assetflow as af


@af.asset(partitions=af.DailyPartitions("2024-01-01"))
def day(context: af.Context) -> str:
    return context.partition
"""

AGING = """
from datetime import timedelta
import assetflow as af


@af.asset(freshness=af.FreshnessPolicy(max_age=timedelta(seconds=2)))
def aging() -> int:
    return 1


@af.asset
def still() -> int:
    return 1
"""


@dataclass(frozen=True)
class Ahead:
    """The machine's clock, so much ahead."""

    by: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


def test_a_partition_that_comes_to_be_there_is_made(tmp_path: Path) -> None:
    write(tmp_path, {"assets/day.py": DAYS})
    midnight = datetime(2024, 1, 4, tzinfo=UTC)
    clock = Ahead(midnight - timedelta(seconds=6) - datetime.now(UTC))
    with watching(tmp_path, clock=clock) as watch:
        first = until(watch, made("day"))
        assert first.result is not None
        keys = [step.partition for step in first.result.steps]
        if len(keys) == 2:  # a machine that took more than six seconds to get here saw the third day at once
            assert keys == ["2024-01-01", "2024-01-02"]
            second = until(watch, made("day"))
            assert second.changes == ()
            assert second.result is not None
            keys += [step.partition for step in second.result.steps]
        assert keys == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert af.Project.load(tmp_path).load("day", partition="2024-01-03") == "2024-01-03"


def test_a_freshness_policy_that_runs_out_is_answered(tmp_path: Path) -> None:
    write(tmp_path, {"assets/aging.py": AGING})
    with watching(tmp_path) as watch:
        until(watch, made("still"))
        for _ in range(2):
            tick = until(watch, made("aging"))
            assert tick.changes == ()
            assert tick.plan is not None
            assert [step.asset for step in tick.plan.steps] == ["aging"]
            assert [type(cause) for cause in tick.plan.steps[0].causes] == [Overdue]
