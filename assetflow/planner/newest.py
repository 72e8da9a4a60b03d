"""The newest time window of an asset: the partitions of which freshness and automation speak."""

from __future__ import annotations

from datetime import datetime, timedelta

from assetflow.model import regions
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.subset import PartitionSubset
from assetflow.model.time_partitions import TimePartitions
from assetflow.model.zones import EPOCH, epoch_of

_EVERY = (0, 1 << 62)


def time_axis(definition: PartitionsDefinition | None) -> int | None:
    """The place of the only axis that is made of time windows; None with none or several."""
    if definition is None:
        return None
    found = [place for place, axis in enumerate(definition.axes) if isinstance(axis, TimePartitions)]
    return found[0] if len(found) == 1 else None


def newest_window(everything: PartitionSubset) -> PartitionSubset:
    """The partitions of the newest window among these; all of them where they are not cut by time."""
    axis = time_axis(everything.definition)
    if axis is None or not everything:
        return everything
    boxes = regions.boxes(everything.region, depth=len(everything.definition.axes))
    last = max(high for box in boxes for _low, high in box[axis]) - 1
    return windows_between(everything, axis, last, last + 1)


def windows_ending_after(everything: PartitionSubset, instant: datetime) -> PartitionSubset:
    """The partitions among these whose window ends after an aware instant; all where they are not cut by time."""
    axis = time_axis(everything.definition)
    if axis is None or not everything:
        return everything
    time = everything.definition.axes[axis]
    assert isinstance(time, TimePartitions)
    return windows_between(everything, axis, max(0, time.ending_after(epoch_of(instant))), _EVERY[1])


def windows_between(everything: PartitionSubset, axis: int, low: int, high: int) -> PartitionSubset:
    """The partitions among these whose window on an axis has an ordinal of low ≤ n < high."""
    definition = everything.definition
    box = tuple(((low, high) if place == axis else _EVERY,) for place in range(len(definition.axes)))
    return everything & PartitionSubset(definition, regions.of_box(box))


def window_end(definition: PartitionsDefinition, axis: int, ordinal: int) -> datetime:
    """When a window ends, in UTC."""
    time = definition.axes[axis]
    assert isinstance(time, TimePartitions)
    return EPOCH + timedelta(seconds=time.instants(ordinal)[1])
