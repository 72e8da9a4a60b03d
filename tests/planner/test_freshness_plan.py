"""Which steps time alone asks for, held against the rule spelled out naively."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.clock import from_text, to_text
from assetflow.model.freshness import FreshnessPolicy
from assetflow.model.partitions import DailyPartitions
from assetflow.model.record import Current, Partition
from assetflow.planner.freshness import due_in, freshness_of
from assetflow.planner.universe import Universe

NOW = datetime(2024, 3, 31, 12, tzinfo=UTC)
Records = dict[str, dict[Partition, Current]]


def record(made: datetime) -> Current:
    return Current("r.1", "v", "c", "", "f", "", "u", "", "r", 1, to_text(made))


def naive(specs: Mapping[str, AssetSpec], records: Records) -> set[str]:
    """An overdue asset and each root above it that its policy would call overdue, by plain recursion."""
    found: set[str] = set()

    def age(key: str) -> timedelta | None:
        made = records.get(key, {}).get(None)
        return None if made is None else NOW - from_text(made.materialized_at)

    def roots(key: str) -> set[str]:
        above = specs[key].upstreams
        return {key} if not above else set().union(*(roots(each) for each in above))

    for key, spec in specs.items():
        own = age(key)
        if spec.freshness is None or own is None or own < spec.freshness.age:
            continue
        found.add(key)
        for root in roots(key):
            root_age = age(root)
            if not specs[root].pure and root_age is not None and root_age >= spec.freshness.age:
                found.add(root)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_what_is_refreshed_is_what_the_rule_says(seed: int) -> None:
    rng = random.Random(seed)
    specs: dict[str, AssetSpec] = {}
    records: Records = {}
    for number in range(rng.randint(2, 12)):
        key = f"a{number:02}"
        above = rng.sample(sorted(specs), k=min(len(specs), rng.choice((0, 0, 1, 1, 2, 3))))
        policy = FreshnessPolicy(max_age=timedelta(hours=rng.randint(1, 48))) if rng.random() < 0.4 else None
        specs[key] = AssetSpec(
            key=key, computation=key, inputs=tuple(InputSpec(upstream=up) for up in above), freshness=policy,
            pure=not above and rng.random() < 0.2,
        )  # fmt: skip
        if rng.random() < 0.9:
            records[key] = {None: record(NOW - timedelta(hours=rng.randint(0, 60)))}
    universe = Universe(AssetGraph(specs.values()), as_of=NOW, dynamic={})
    assert set(due_in(universe, records, dict.fromkeys(specs))) == naive(specs, records)


def daily(policy: FreshnessPolicy, *made: str) -> tuple[Universe, Records, AssetSpec]:
    spec = AssetSpec(key="a", computation="a", partitions=DailyPartitions("2024-03-25"), freshness=policy)
    universe = Universe(AssetGraph([spec]), as_of=NOW, dynamic={})
    return universe, {"a": {day: record(from_text(f"{day}T00:00") + timedelta(hours=30)) for day in made}}, spec


def status(policy: FreshnessPolicy, *made: str) -> tuple[str, str | None]:
    found = freshness_of(*daily(policy, *made))
    assert found is not None
    return str(found.state), None if found.since is None else f"{found.since:%d %H:%M}"


HOURS_24 = FreshnessPolicy(max_age="24h")
DATA_24 = FreshnessPolicy(max_age="24h", of="data")


@pytest.mark.parametrize(
    ("policy", "made", "expected"),
    [
        (HOURS_24, (), ("unknown", None)),
        (HOURS_24, ("2024-03-30",), ("fresh", "31 06:00")),
        (HOURS_24, ("2024-03-29",), ("fresh", "31 00:00")),  # the newest window waits since its end
        (FreshnessPolicy(max_age="12h"), ("2024-03-29",), ("overdue", "31 12:00")),
        (FreshnessPolicy(max_age="5h"), ("2024-03-30",), ("overdue", "31 11:00")),
        (FreshnessPolicy(max_age="24h", warn_age="6h"), ("2024-03-30",), ("warning", "31 12:00")),
        (DATA_24, (), ("unknown", None)),
        (DATA_24, ("2024-03-30",), ("fresh", "31 00:00")),
        (DATA_24, ("2024-03-29",), ("overdue", "31 00:00")),
        (DATA_24, ("2024-03-27", "2024-03-28"), ("overdue", "30 00:00")),
        (FreshnessPolicy(max_age="36h", of="data"), ("2024-03-29",), ("overdue", "31 12:00")),
        (FreshnessPolicy(max_age="37h", of="data"), ("2024-03-29",), ("fresh", "30 00:00")),
    ],
)
def test_of_windows_in_time_the_newest_counts(
    policy: FreshnessPolicy, made: tuple[str, ...], expected: tuple[str, str | None]
) -> None:
    assert status(policy, *made) == expected


def test_an_old_partition_made_again_does_not_make_the_asset_fresh() -> None:
    universe, records, spec = daily(FreshnessPolicy(max_age="5h"), "2024-03-30")
    records["a"]["2024-03-26"] = record(NOW)
    found = freshness_of(universe, records, spec)
    assert found is not None
    assert str(found.state) == "overdue"
    assert found.partition == "2024-03-30"
