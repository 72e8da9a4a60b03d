"""From a plan to tasks: one call of one computation for one partition or a batch, and which waits for which."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from assetflow.model.cause import Cause
from assetflow.model.plan import Plan
from assetflow.model.record import Partition
from assetflow.model.time_partitions import TimePartitions
from assetflow.planner.universe import Input, Universe
from assetflow.values import dataclass

Place = Input
"""One asset partition: what a step is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call of a computation: the `places` are the asset partitions wanted of it, `causes` why each is.

    `number` is the task's place in execution order, `first_step` the number of its first place's step (the others
    follow, unless `step_numbers` says otherwise), `waits_for` the numbers of the tasks whose outputs it reads.
    """

    number: int
    first_step: int
    computation: str
    places: tuple[Place, ...]
    causes: Mapping[Place, tuple[Cause, ...]]
    priority: int = 0
    waits_for: tuple[int, ...] = ()
    step_numbers: tuple[int, ...] = ()

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets the call is asked for."""
        return tuple(dict.fromkeys(asset for asset, _ in self.places))

    @property
    def asset(self) -> str:
        """The first of its assets: the one the task is named by."""
        return self.places[0][0]

    @property
    def partition(self) -> Partition:
        """The first of its partitions."""
        return self.places[0][1]

    @property
    def is_batch(self) -> bool:
        """Whether it takes several partitions, some of which may fall away before its turn."""
        return self.places[0][1] != self.places[-1][1]

    @property
    def partition_count(self) -> int:
        """How many partitions it takes; 1 for an unpartitioned asset."""
        return len({partition for _, partition in self.places})

    def steps(self) -> Iterator[tuple[int, Place]]:
        """The step number of each place."""
        if self.step_numbers:
            return zip(self.step_numbers, self.places, strict=True)
        return enumerate(self.places, start=self.first_step)

    def parts(self, groups: Sequence[Sequence[Place]], numbers: Sequence[int]) -> tuple[Task, ...]:
        """The same task as several, each for some of its places, under these numbers."""
        steps = {place: step for step, place in self.steps()}
        return tuple(
            replace(
                self,
                number=number,
                first_step=steps[places[0]],
                places=tuple(places),
                causes={place: self.causes[place] for place in places},
                step_numbers=tuple(steps[place] for place in places),
            )
            for number, places in zip(numbers, groups, strict=True)
        )


def build_tasks(
    plan: Plan, universe: Universe, *, ended: Container[Place] = (), first_step: int = 0
) -> tuple[Task, ...]:
    """The tasks of a plan in execution order: by asset in graph order, then by partition in its order.

    Places that `ended` before in the same run are left out; steps are numbered from `first_step`.
    """
    specs = universe.graph.specs
    wanted: dict[tuple[str, Partition], dict[Place, tuple[Cause, ...]]] = {}
    by_asset: dict[str, dict[Partition, tuple[Cause, ...]]] = {}
    for step in plan.steps:
        keys = by_asset.setdefault(step.asset, {})
        keys.update(dict.fromkeys(step.partition_keys(), step.causes))
    for asset, keys in by_asset.items():
        computation = specs[asset].computation or asset
        for partition in _ordered(universe, asset, keys):
            if (asset, partition) not in ended:
                wanted.setdefault((computation, partition), {})[(asset, partition)] = keys[partition]
    calls = list(_batched(universe, wanted))
    owner = {place: number for number, (_, causes) in enumerate(calls) for place in causes}
    first_steps = itertools.accumulate((len(causes) for _, causes in calls), initial=first_step)
    return tuple(
        Task(
            number=number,
            first_step=start,
            computation=computation,
            places=tuple(causes),
            causes=causes,
            priority=max(specs[asset].priority for asset, _ in causes),
            waits_for=_waits_for(universe, causes, owner, number),
        )
        for (number, (computation, causes)), start in zip(enumerate(calls), first_steps, strict=False)
    )


def _ordered(universe: Universe, asset: str, keys: Mapping[Partition, object]) -> Iterable[Partition]:
    definition = universe.definition(asset)
    if definition is None or len(keys) < 2:
        return keys
    return definition.subset(key for key in keys if key is not None)


def _batched(
    universe: Universe, wanted: Mapping[tuple[str, Partition], dict[Place, tuple[Cause, ...]]]
) -> Iterator[tuple[str, dict[Place, tuple[Cause, ...]]]]:
    """One entry per call: partitions of a computation that takes many at once are put together.

    A batch asks for the same assets in each of its partitions. One of time partitions has no gap, so that its window
    is exactly what it covers.
    """
    open_call: dict[Place, tuple[Cause, ...]] = {}
    open_name, before = "", tuple[str, ...]()
    last: Partition = None
    count = 0
    for (computation, partition), causes in _by_computation(universe, wanted):
        assets = tuple(asset for asset, _ in causes)
        size = universe.graph.specs[assets[0]].batch
        joins = (
            computation == open_name
            and size != 1
            and (not size or count < size)
            and assets == before
            and follows(universe, assets[0], last, partition)
        )
        if not joins:
            if open_call:
                yield open_name, open_call
            open_call, open_name, count = {}, computation, 0
        open_call.update(causes)
        before, last, count = assets, partition, count + 1
    if open_call:
        yield open_name, open_call


def _by_computation(
    universe: Universe, wanted: Mapping[tuple[str, Partition], dict[Place, tuple[Cause, ...]]]
) -> Iterator[tuple[tuple[str, Partition], dict[Place, tuple[Cause, ...]]]]:
    """The entries; those of a batched computation in the order of its partitions, whichever of its assets wants one."""
    keys: dict[str, dict[Partition, None]] = {}
    for computation, partition in wanted:
        keys.setdefault(computation, {})[partition] = None
    for computation, partitions in keys.items():
        asset = next(iter(wanted[(computation, next(iter(partitions)))]))[0]
        ordered: Iterable[Partition] = partitions
        if universe.graph.specs[asset].batch != 1:
            ordered = _ordered(universe, asset, partitions)
        for partition in ordered:
            yield (computation, partition), wanted[(computation, partition)]


def follows(universe: Universe, asset: str, last: Partition, partition: Partition) -> bool:
    """Whether a partition may come after another in one batch: for time partitions it has to be the next."""
    definition = universe.definition(asset)
    if not isinstance(definition, TimePartitions) or last is None or partition is None:
        return True
    return definition.ordinal(partition) == definition.ordinal(last) + 1


def _waits_for(universe: Universe, places: Iterable[Place], owner: Mapping[Place, int], number: int) -> tuple[int, ...]:
    found: set[int] = set()
    for asset, partition in places:
        for place in universe.inputs(asset, partition):
            other = owner.get(place)
            if other is not None and other != number:
                found.add(other)
    return tuple(sorted(found))
