"""Sets and truth in one: where something is true of an asset, whether it is partitioned or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assetflow.errors import PartitionError
from assetflow.model.subset import PartitionSubset
from assetflow.planner.universe import Universe

Extent = bool | PartitionSubset
"""Where something is true: partitions of an asset, or whether it is true of an unpartitioned one."""


def everything(universe: Universe, asset: str) -> Extent:
    """All of an asset."""
    found = universe.all(asset)
    return True if found is None else found


def empty(universe: Universe, asset: str) -> Extent:
    """Nothing of an asset."""
    definition = universe.definition(asset)
    return False if definition is None else definition.empty()


def both(left: Extent, right: Extent) -> Extent:
    """Where both are true."""
    if left is right or not left:
        return left
    if isinstance(left, PartitionSubset) and isinstance(right, PartitionSubset):
        return left & right
    return bool(left and right)


def either(left: Extent, right: Extent) -> Extent:
    """Where one is true."""
    if left is right or not right:
        return left
    if not left:
        return right
    if isinstance(left, PartitionSubset) and isinstance(right, PartitionSubset):
        return left | right
    return bool(left or right)


def without(left: Extent, right: Extent) -> Extent:
    """Where the left one is true and the right one is not."""
    if not left or not right:
        return left
    if isinstance(left, PartitionSubset) and isinstance(right, PartitionSubset):
        return left - right
    return bool(left and not right)


def stored(extent: Extent) -> Any:
    """An extent as JSON; keys one by one where they may come and go, since a range would then change its meaning."""
    if not isinstance(extent, PartitionSubset):
        return extent
    if not extent:
        return False
    return {"keys": list(extent)} if extent.definition.dynamic_names else extent.to_json()


def restored(universe: Universe, asset: str, data: Any) -> Extent:
    """What `stored` wrote; partitions that are gone are left out, and of other partitions than now nothing is."""
    definition = universe.definition(asset)
    if definition is None:
        return data is True
    if not isinstance(data, Mapping):
        return definition.empty()
    if "keys" in data:
        return definition.known(data["keys"])[0]
    try:
        return definition.subset_from_json(data)
    except PartitionError:
        return definition.empty()
