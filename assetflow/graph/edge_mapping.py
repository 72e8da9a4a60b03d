"""The partition mapping of a dependency: the declared one, or the default for the two assets."""

from __future__ import annotations

from assetflow.errors import PartitionError
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.mapping import PartitionMapping, default_mapping


def edge_mapping(downstream: AssetSpec, edge: InputSpec, upstream: AssetSpec) -> PartitionMapping:
    """How partitions of `downstream` map to those of `upstream`; PartitionError when no default fits."""
    if edge.mapping is not None:
        return edge.mapping
    return default_mapping(downstream.partitions, upstream.partitions)


def mapping_problem(downstream: AssetSpec, edge: InputSpec, upstream: AssetSpec) -> str | None:
    """Why the edge's mapping does not fit the two assets' partitions, as a sentence; None when it fits."""
    if edge.mapping is None and downstream.partitions is None and upstream.partitions is None:
        return None
    try:
        mapping = edge_mapping(downstream, edge, upstream)
        return mapping.check(downstream.partitions, upstream.partitions)
    except PartitionError as error:
        return error.message
