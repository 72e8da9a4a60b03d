"""Dynamic fan-out in a plan: which dynamic partitions may change, and what cannot be known before they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from assetflow.graph.graph import AssetGraph
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What the assets that change dynamic partitions leave open until they have run.

    `names` are dynamic partitions that may change, each with the assets that change them; `partitioned` the assets
    that are partitioned by any of them; `held` these and everything downstream of them.
    """

    names: dict[str, list[str]]
    partitioned: frozenset[str]
    held: frozenset[str]


def opened_by(graph: AssetGraph, movers: Iterable[str], *, within: Collection[str] | None = None) -> Open:
    """What is open while these assets are about to change dynamic partitions.

    Where that brings an asset partitions, or new inputs, that itself changes dynamic partitions, those are open as
    well, although it has no step yet: one fan-out follows from another. `within` are the assets that can get steps.
    """
    adders = {key: spec.adds_partitions for key, spec in graph.specs.items() if spec.adds_partitions}
    names: dict[str, list[str]] = {}
    partitioned: set[str] = set()
    held: set[str] = set()
    found = sorted(movers)
    moving = set(found)
    while found:
        for mover in found:
            for name in adders[mover]:
                names.setdefault(name, []).append(mover)
        partitioned |= set(partitioned_by(graph, names))
        held = {*partitioned, *graph.descendants(partitioned)}
        found = sorted(key for key in (held & adders.keys()) - moving if within is None or key in within)
        moving |= set(found)
    return Open(names=names, partitioned=frozenset(partitioned), held=frozenset(held))


def partitioned_by(graph: AssetGraph, names: Collection[str]) -> list[str]:
    """The assets that are partitioned by any of these dynamic partitions."""
    wanted = set(names)
    return [
        key
        for key, spec in graph.specs.items()
        if spec.partitions is not None and wanted.intersection(spec.partitions.dynamic_names)
    ]
