"""Which records the steps of a plan look at, so that they are read together instead of one by one."""

from __future__ import annotations

from collections.abc import Iterable

from assetflow.errors import PartitionError
from assetflow.model.plan import PlanStep
from assetflow.model.subset import PartitionSubset
from assetflow.planner.universe import Universe


def needs_of(universe: Universe, steps: Iterable[PlanStep]) -> dict[str, PartitionSubset]:
    """The partitions that steps make, and those that they read."""
    needs: dict[str, PartitionSubset] = {}
    for step in steps:
        if step.partitions is not None:
            _add(needs, step.asset, step.partitions)
        for edge in universe.graph.specs[step.asset].inputs:
            if universe.graph.specs[edge.upstream].is_source:
                continue
            try:
                read = universe.upstream_subset(step.asset, edge, step.partitions)
            except PartitionError:
                continue  # the step itself says what it misses
            if read is not None:
                _add(needs, edge.upstream, read)
    return needs


def _add(needs: dict[str, PartitionSubset], asset: str, subset: PartitionSubset) -> None:
    needs[asset] = needs[asset] | subset if asset in needs else subset
