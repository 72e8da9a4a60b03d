"""Which upstream partitions a downstream partition reads: every mapping, and the one to take when none is declared."""

from __future__ import annotations

from collections.abc import Mapping

from assetflow.errors import PartitionError
from assetflow.model.dimension_mapping import DimensionLink, DimensionMapping, axis_mapping
from assetflow.model.multi_partitions import MultiPartitions
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.partition_mapping import (
    AllPartitions,
    IdentityMapping,
    LastPartition,
    PartitionMapping,
    SpecificPartitions,
    UpstreamResult,
)
from assetflow.model.table_mapping import FunctionMapping, KeyFunction, StaticMapping
from assetflow.model.time_partitions import TimePartitions
from assetflow.model.window_mapping import TimeWindowMapping

__all__ = [
    "AllPartitions",
    "DimensionLink",
    "DimensionMapping",
    "FunctionMapping",
    "IdentityMapping",
    "KeyFunction",
    "LastPartition",
    "PartitionMapping",
    "SpecificPartitions",
    "StaticMapping",
    "TimeWindowMapping",
    "UpstreamResult",
    "as_mapping",
    "default_mapping",
]


def as_mapping(value: PartitionMapping | KeyFunction, *, code: str = "") -> PartitionMapping:
    """The mapping that a declaration means: one as it is, or any Python function from a key to keys.

    `code` is the fingerprint of the function's code. Anything else is a PartitionError that shows it.
    """
    if isinstance(value, PartitionMapping):
        return value
    # what follows comes from users' code, which need not be typed
    given: object = value
    if isinstance(given, type) and issubclass(given, PartitionMapping):
        raise PartitionError(f"{given.__name__} is a class, not a mapping", hint=f"write `{given.__name__}(…)`")
    if isinstance(given, Mapping):
        raise PartitionError(
            f"{given!r} is a table, and does not say which side is which",
            hint="write `StaticMapping({upstream: downstream})` or `StaticMapping.by_downstream(…)`",
        )
    return FunctionMapping(value, code)


def default_mapping(downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> PartitionMapping:
    """The mapping of an edge that declares none; it never raises, and `check` says when the two do not fit.

    One side unpartitioned: all partitions. Both by time: overlapping windows. One of several dimensions: the
    dimension that equals the other side, or the only one by time. Both of several: dimension by dimension, by name.
    Otherwise the same key.
    """
    if downstream is None or upstream is None:
        return AllPartitions()
    several = (isinstance(downstream, MultiPartitions), isinstance(upstream, MultiPartitions))
    match several:
        case (True, True):
            return _by_names(downstream, upstream)
        case (True, False):
            return _by_dimension(downstream, upstream)
        case (False, True):
            return _by_dimension(upstream, downstream)
        case _:
            return axis_mapping(downstream, upstream)


def _by_names(downstream: PartitionsDefinition, upstream: PartitionsDefinition) -> PartitionMapping:
    if downstream == upstream:
        return IdentityMapping()
    shared = [name for name in upstream.axis_names if name in downstream.axis_names]
    return DimensionMapping({name: name for name in shared}) if shared else IdentityMapping()


def _by_dimension(several: PartitionsDefinition, one: PartitionsDefinition) -> PartitionMapping:
    named = list(zip(several.axis_names, several.axes, strict=True))
    equal = [name for name, axis in named if axis.fingerprint() == one.fingerprint()]
    timed = [name for name, axis in named if isinstance(axis, TimePartitions) and isinstance(one, TimePartitions)]
    for names in (equal, timed):
        if len(names) == 1:
            return DimensionMapping(names[0])
    # with none or several to choose from there is nothing to guess: `check` asks for one to be named
    return IdentityMapping()
