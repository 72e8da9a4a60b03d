"""A year of a project of 50 assets: ticks at the instants that count, held against a naive oracle of every minute.

A few weeks around the changes of clocks by default, the year with ASSETFLOW_SOAK=1. The engine evaluates conditions
set-wise and jumps from instant to instant. The oracle looks at every minute, asset by asset and day by day, and knows
cron only as a comparison with the clock on the wall.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.clock import from_text
from assetflow.model.condition import CronTick, FactKind, eager, in_latest_window, missing, on_cron, on_missing
from assetflow.model.freshness import FreshnessPolicy
from assetflow.model.partitions import DailyPartitions
from assetflow.model.ticks import next_tick
from assetflow.planner.automation import AssetMemory, Evaluator, Extent, Facts
from assetflow.planner.universe import Universe

MINUTE = timedelta(minutes=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"

CRONS = (
    ("0 6 * * *", BERLIN), ("30 2 * * *", BERLIN), ("30 1 * * *", NEW_YORK), ("0 */8 * * *", NEW_YORK),
    ("15 9 * * MON", BERLIN), ("0 0 1 * *", NEW_YORK),
)  # fmt: skip
POLICIES = ((timedelta(hours=30), None), (timedelta(days=3), None), (timedelta(hours=20), ("0 9 * * *", BERLIN)))

Log = list[tuple[datetime, str, str | None]]
"""What was requested: when, of which asset, which day."""


def specs() -> dict[str, AssetSpec]:
    """6 roots and 6 days by cron, 4 days that wait to be missing, 28 that follow, 6 with policies."""
    found: dict[str, AssetSpec] = {}

    def add(key: str, *above: str, **options: object) -> None:
        inputs = tuple(InputSpec(upstream=up) for up in above)
        found[key] = AssetSpec(key=key, computation=key, inputs=inputs, **options)  # type: ignore[arg-type]

    days = DailyPartitions("2023-12-25", tz=BERLIN)
    for number, (cron, tz) in enumerate(CRONS):
        add(f"root{number}", automation=on_cron(cron, tz))
        add(f"day{number}", partitions=days, automation=on_cron(cron, tz))
    for number in range(4):
        add(f"kept{number}", partitions=days, automation=on_missing() if number % 2 else in_latest_window() & missing())
    for number in range(28):
        upper = f"root{number % 6}" if number < 12 else f"level{number - 12}"
        add(f"level{number}", upper, f"root{(number + 1) % 6}", automation=eager())
    for number in range(6):
        age, deadline = POLICIES[number % 3]
        cron = None if deadline is None else deadline[0]
        policy = FreshnessPolicy(max_age=age, deadline=cron, tz="UTC" if deadline is None else deadline[1])
        add(f"timed{number}", freshness=policy)
    return found


@dataclass(slots=True)
class World:
    """What is made: the version of each asset and day, and the versions that it was made from; making never fails."""

    specs: Mapping[str, AssetSpec]
    version: dict[tuple[str, str | None], int] = field(default_factory=dict)
    read: dict[tuple[str, str | None], tuple[int, ...]] = field(default_factory=dict)
    made_at: dict[str, datetime] = field(default_factory=dict)
    count: int = 0

    def make(self, asset: str, day: str | None, now: datetime) -> bool:
        """Make it, as the planner would: a root or a day always, anything else where its inputs differ."""
        place = (asset, day)
        reads = self.reads(asset)
        if self.specs[asset].upstreams and place in self.version and self.read[place] == reads:
            return False
        self.count += 1
        self.version[place], self.read[place], self.made_at[asset] = self.count, reads, now
        return True

    def reads(self, asset: str) -> tuple[int, ...]:
        return tuple(self.version.get((up, None), 0) for up in self.specs[asset].upstreams)


def engine(specs: dict[str, AssetSpec], start: datetime, end: datetime) -> Log:
    """The year as ticks: facts as sets, conditions by the evaluator, from one instant that counts to the next."""
    world, log = World(specs), []
    graph = AssetGraph(specs.values())
    conditions = {key: spec.automation for key, spec in specs.items() if spec.automation is not None}
    crons = {(node.cron, node.tz) for condition in conditions.values() for node in _nodes(condition)}
    memory: dict[str, AssetMemory] = {}
    now, previous, updated = start, None, set[tuple[str, str | None]]()
    while now < end:
        universe = Universe(graph, as_of=now, dynamic={})
        facts = Facts(true=_facts(universe, world, updated), previous=previous)
        found = Evaluator(universe, facts, memory).run(conditions)
        memory, previous, updated = {each.asset: each.memory for each in found}, now, set()
        for each in found:
            days = [None] if each.requested is True else list(each.requested or ())  # type: ignore[arg-type]
            for day in days:
                log.append((now, each.asset, day))
                if world.make(each.asset, day, now):
                    updated.add((each.asset, day))
        for key, spec in specs.items():
            if spec.freshness is None:
                continue
            if key not in world.made_at or str(spec.freshness.state(world.made_at[key], now)) == "overdue":
                log.append((now, key, None))
                world.make(key, None, now)
        if updated:  # what was made may be what something waits for
            now += MINUTE
            continue
        instants = [next_tick(cron, tz, now) for cron, tz in crons]
        instants += [
            spec.freshness.due(world.made_at[key]) for key, spec in specs.items() if spec.freshness is not None
        ]
        instants.append(next_tick("0 0 * * *", BERLIN, now))
        now = min(instants)
    return log


def _nodes(condition: object) -> Iterator[CronTick]:
    stack = [condition]
    while stack:
        node = stack.pop()
        if isinstance(node, CronTick):
            yield node
        stack += node.children  # type: ignore[attr-defined]


def _facts(universe: Universe, world: World, updated: set[tuple[str, str | None]]) -> dict[FactKind, dict[str, Extent]]:
    missing_now: dict[str, Extent] = {}
    stale_now: dict[str, Extent] = {}
    newly: dict[str, Extent] = {}
    held: dict[str, list[str]] = {}
    for asset, day in world.version:
        if day is not None:
            held.setdefault(asset, []).append(day)
    for key in world.specs:
        definition = universe.definition(key)
        if definition is None:
            missing_now[key] = (key, None) not in world.version
            stale_now[key] = not missing_now[key] and world.read[key, None] != world.reads(key)
            newly[key] = (key, None) in updated
        else:
            missing_now[key] = definition.all(universe.as_of) - definition.subset(held.get(key, ()))
    return {FactKind.MISSING: missing_now, FactKind.STALE: stale_now, FactKind.NEWLY_UPDATED: newly}


# --- the oracle --------------------------------------------------------------------------------------------------


def wall_ticks(cron: str, tz: str, start: datetime, end: datetime) -> set[datetime]:
    """The minutes at which a cron ticks, found by looking at the clock on the wall minute by minute.

    A reading that is skipped is caught up with at the end of the gap; the second of two equal ones does not count.
    """
    minute, hours, day, _month, weekday = cron.split()
    wanted = {int(hour) for hour in range(24) if hours in ("*", str(hour)) or (hours == "*/8" and hour % 8 == 0)}
    zone, found = ZoneInfo(tz), set()
    instant = start - MINUTE
    before = instant.astimezone(zone).replace(tzinfo=None)
    while instant < end:
        instant += MINUTE
        wall = instant.astimezone(zone).replace(tzinfo=None)
        passed = before + MINUTE
        while passed <= wall:  # one reading, or all of a gap; none when the clock goes back
            fits = passed.hour in wanted and passed.minute == int(minute)
            if fits and day in ("*", str(passed.day)) and (weekday == "*" or passed.weekday() == 0):
                found.add(instant)
            passed += MINUTE
        before = max(before, wall)
    return found


def oracle(specs: dict[str, AssetSpec], start: datetime, end: datetime) -> Log:
    """The year minute by minute: what is due by the wall clock, what is missing, what is made of something else."""
    world, log = World(specs), []
    ticks = {(cron, tz): wall_ticks(cron, tz, start, end) for cron, tz in CRONS}
    nine, midnight = (wall_ticks(cron, BERLIN, start, end) for cron in ("0 9 * * *", "0 0 * * *"))
    order = list(AssetGraph(specs.values()).sorted(specs))
    zone = ZoneInfo(BERLIN)
    newest = f"{(start.astimezone(zone) - timedelta(days=1)):%Y-%m-%d}"
    waiting: set[str] = set()
    dirty = True
    missed: set[str] = set()
    now = start
    while now < end:
        if now in midnight:
            newest = f"{(now.astimezone(zone) - timedelta(days=1)):%Y-%m-%d}"
            dirty = True
        for number, cron in enumerate(CRONS):
            if now > start and now in ticks[cron]:
                waiting |= {f"root{number}", f"day{number}"}
                dirty = True
        if now in nine:  # a deadline: a value older than allowed misses it
            for key, made in world.made_at.items():
                if key.startswith("timed") and int(key[5:]) % 3 == 2 and now - made > POLICIES[2][0]:
                    missed.add(key)
        if dirty:
            dirty = False
            for key in order:
                day = newest if specs[key].partitions is not None else None
                due = key in waiting
                if key.startswith("kept"):
                    due = (key, day) not in world.version
                if key.startswith("level") and all((up, None) in world.version for up in specs[key].upstreams):
                    due = (key, None) not in world.version or world.read[key, None] != world.reads(key)
                if due:
                    waiting.discard(key)
                    log.append((now, key, day))
                    world.make(key, day, now)
        for key in specs:
            if not key.startswith("timed"):
                continue
            age, deadline = POLICIES[int(key[5:]) % 3]
            late = key not in world.made_at or key in missed
            if late or (deadline is None and now - world.made_at[key] >= age):
                missed.discard(key)
                log.append((now, key, None))
                world.make(key, None, now)
        now += MINUTE
    return log


LONG = (
    pytest.mark.soak,
    pytest.mark.skipif(not os.environ.get("ASSETFLOW_SOAK"), reason="long: set ASSETFLOW_SOAK=1"),
)


@pytest.mark.parametrize(
    ("first", "last", "seen"),
    [
        ("2024-03-27", "2024-04-03", "2024-03-31T01:00"),  # half past two in Berlin: the end of the gap
        ("2024-10-25", "2024-11-05", "2024-10-27T00:30"),  # the first of two
        pytest.param("2024-01-01", "2025-01-01", "2024-10-27T00:30", marks=LONG),
    ],
)
def test_ticks_at_the_instants_that_count_are_what_looking_at_every_minute_gives(
    first: str, last: str, seen: str
) -> None:
    declared, start, end = specs(), from_text(first), from_text(last)
    assert len(declared) == 50
    found, expected = engine(declared, start, end), oracle(declared, start, end)
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert from_text(seen) in {at for at, key, _ in found if key == "root1"}
