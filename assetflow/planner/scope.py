"""What a request reaches: the asset partitions that have to be looked at to bring its targets up to date."""

from __future__ import annotations

from collections.abc import Mapping

from assetflow.model.subset import PartitionSubset
from assetflow.planner.universe import Universe

Scope = Mapping[str, PartitionSubset | None]
"""Asset to the partitions of it in question; None for an unpartitioned asset."""


def scope_of(universe: Universe, targets: Scope, *, only: bool = False) -> Scope:
    """The targets and, unless `only`, everything upstream that they read, in order of the graph.

    A target of None stands for a whole asset. What changes dynamic partitions counts as upstream of all that is
    partitioned by them.
    """
    graph = universe.graph
    reached: dict[str, PartitionSubset | None] = {}
    for asset, subset in targets.items():
        reached[asset] = universe.all(asset) if subset is None else subset
    if not only:
        whole: dict[str, PartitionSubset | None] = {}
        closure = graph.ancestors(targets.keys()) | targets.keys()
        while adders := [asset for asset in universe.adders_of(closure) if asset not in targets and asset not in whole]:
            whole.update((asset, universe.all(asset)) for asset in adders)
            closure |= graph.ancestors(adders) | {*adders}
        reached.update(whole)
        for asset in sorted(closure, key=graph.position, reverse=True):
            if asset in reached:
                _reach_upstream(universe, asset, reached)
    return {asset: reached[asset] for asset in sorted(reached, key=graph.position)}


def _reach_upstream(universe: Universe, asset: str, reached: dict[str, PartitionSubset | None]) -> None:
    inputs = universe.graph.specs[asset].inputs
    for edge in inputs:
        if edge.upstream == asset:
            reached[asset] = _own_history(universe, asset, reached[asset])
    for edge in inputs:
        if edge.upstream == asset:
            continue
        subset = universe.upstream_subset(asset, edge, reached[asset])
        _add(reached, edge.upstream, subset)


def _own_history(universe: Universe, asset: str, subset: PartitionSubset | None) -> PartitionSubset | None:
    """A self-dependency reaches back: the closure over the asset's own edges."""
    edges = [edge for edge in universe.graph.specs[asset].inputs if edge.upstream == asset]
    if subset is None:
        return None
    frontier = subset
    while frontier:
        found = frontier
        for edge in edges:
            earlier = universe.upstream_subset(asset, edge, frontier)
            if earlier is not None:
                found = found | earlier
        frontier = found - subset
        subset = subset | found
    return subset


def _add(reached: dict[str, PartitionSubset | None], asset: str, subset: PartitionSubset | None) -> None:
    known = reached.get(asset)
    reached[asset] = subset if known is None or subset is None else known | subset
