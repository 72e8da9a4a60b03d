"""From a plan to tasks: one call of one computation for one partition, and which tasks wait for which."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assetflow.model.cause import Cause
from assetflow.model.plan import Plan
from assetflow.model.record import Partition
from assetflow.planner.universe import Universe


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call: `assets` are the outputs wanted of `computation` for `partition`, with the causes of each.

    `number` is the task's place in execution order, `first_step` the number of its first asset's step (the others
    follow), `waits_for` the numbers of the tasks whose outputs it reads.
    """

    number: int
    first_step: int
    computation: str
    assets: tuple[str, ...]
    partition: Partition
    causes: Mapping[str, tuple[Cause, ...]]
    priority: int = 0
    waits_for: tuple[int, ...] = ()

    def step(self, asset: str) -> int:
        """The number of the step of one of its assets."""
        return self.first_step + self.assets.index(asset)


def build_tasks(plan: Plan, universe: Universe) -> tuple[Task, ...]:
    """The tasks of a plan in execution order: by asset in graph order, then by partition in its order."""
    specs = universe.graph.specs
    wanted: dict[tuple[str, Partition], dict[str, tuple[Cause, ...]]] = {}
    by_asset: dict[str, dict[Partition, tuple[Cause, ...]]] = {}
    for step in plan.steps:
        keys = by_asset.setdefault(step.asset, {})
        keys.update(dict.fromkeys(step.partition_keys(), step.causes))
    for asset, keys in by_asset.items():
        computation = specs[asset].computation or asset
        for partition in _ordered(universe, asset, keys):
            wanted.setdefault((computation, partition), {})[asset] = keys[partition]
    numbers = {place: number for number, place in enumerate(wanted)}
    first_steps = itertools.accumulate((len(assets) for assets in wanted.values()), initial=0)
    owner = {
        (asset, partition): numbers[(computation, partition)]
        for (computation, partition), assets in wanted.items()
        for asset in assets
    }
    return tuple(
        Task(
            number=numbers[(computation, partition)],
            first_step=first_step,
            computation=computation,
            assets=tuple(sorted(assets)),
            partition=partition,
            causes=assets,
            priority=max(specs[asset].priority for asset in assets),
            waits_for=_waits_for(universe, assets, partition, owner, numbers[(computation, partition)]),
        )
        for ((computation, partition), assets), first_step in zip(wanted.items(), first_steps, strict=False)
    )


def _ordered(universe: Universe, asset: str, keys: Mapping[Partition, object]) -> Iterable[Partition]:
    definition = universe.definition(asset)
    if definition is None or len(keys) < 2:
        return keys
    return definition.subset(key for key in keys if key is not None)


def _waits_for(
    universe: Universe,
    assets: Iterable[str],
    partition: Partition,
    owner: Mapping[tuple[str, Partition], int],
    number: int,
) -> tuple[int, ...]:
    found: set[int] = set()
    for asset in assets:
        for place in universe.inputs(asset, partition):
            other = owner.get(place)
            if other is not None and other != number:
                found.add(other)
    return tuple(sorted(found))
