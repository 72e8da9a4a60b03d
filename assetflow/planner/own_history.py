"""Assets that read their own earlier partitions: what follows a rebuilt partition depends on what comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assetflow.model.cause import Cause, UpstreamStale
from assetflow.model.record import Current, Edge, Partition
from assetflow.model.subset import PartitionSubset
from assetflow.planner.current import Lookup
from assetflow.planner.input_causes import input_causes, unexplained
from assetflow.planner.universe import Universe


def add_own_history(
    asset: str,
    judged: dict[Partition, tuple[Cause, ...]],
    *,
    missing: PartitionSubset | None,
    universe: Universe,
    look: Lookup,
    read: Mapping[Partition, tuple[Current, Sequence[Edge], Lookup]],
) -> None:
    """Add to `judged` what follows from the asset's own partitions, in the order in which they read each other.

    `missing` are partitions without a record, `read` the records, their inputs and the versions as
    they read them, where the input fingerprint differs.
    """
    inputs = {partition: universe.inputs(asset, partition) for partition in judged}
    own = {partition: [key for upstream, key in places if upstream == asset] for partition, places in inputs.items()}
    touched: set[Partition] = set(missing or ())
    for partition in _in_order(own):
        causes = list(judged[partition])
        record, edges, as_read = read.get(partition, (None, (), look))
        causes += _changed(asset, edges, own[partition], as_read, touched)
        if any(key in touched for key in own[partition]):
            causes.append(UpstreamStale(upstream=asset))
        if record is not None and not causes:
            causes += unexplained(record.input_fingerprint, inputs[partition])
        if causes:
            touched.add(partition)
        judged[partition] = tuple(causes)


def _changed(
    asset: str, recorded: Iterable[Edge], own: Iterable[Partition], look: Lookup, touched: set[Partition]
) -> list[Cause]:
    """The cause of own partitions that are not rebuilt and have another version than the one that was read."""
    kept = set(own)
    edges = [edge for edge in recorded if edge.input_asset == asset and edge.input_partition in kept]
    inputs = [(asset, edge.input_partition) for edge in edges]  # those that came or went are told elsewhere
    return input_causes(edges, inputs, look, lambda _asset, key: key in touched)


def _in_order(own: Mapping[Partition, Sequence[Partition]]) -> Iterable[Partition]:
    """The partitions, each after those of them that it reads; in their given order where that is free."""
    entered: set[Partition] = set()
    for first in own:
        stack = [] if first in entered else [first]
        entered.add(first)
        while stack:
            partition = stack[-1]
            waiting = next((key for key in own[partition] if key in own and key not in entered), None)
            if waiting is not None:
                stack.append(waiting)
                entered.add(waiting)
                continue
            yield stack.pop()
