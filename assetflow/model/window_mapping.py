"""The mapping by time: windows of any cadence read the windows of any other that they overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from assetflow.errors import PartitionError
from assetflow.model import regions
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.partition_mapping import (
    PartitionMapping,
    UpstreamResult,
    only_with_partitions,
)
from assetflow.model.regions import Interval
from assetflow.model.subset import PartitionSubset
from assetflow.model.time_partitions import TimePartitions
from assetflow.values import dataclass

_FOREVER = 1 << 60


@dataclass(frozen=True, slots=True)
class TimeWindowMapping(PartitionMapping):
    """Each downstream partition reads every upstream partition whose window overlaps its own.

    The window reaches from the start of the partition `start_offset` places on to the end of the one `end_offset`
    places on, counted in downstream partitions: `-6, 0` are the last seven days, `-1, -1` the day before. Where
    offsets reach beyond what the upstream has, there is less input: the first partition of a self-dependency has
    none. Elsewhere an upstream window that is not there is missing, unless `allow_nonexistent_upstream`.
    Zones may differ. Excluded upstream windows are never missing.
    """

    start_offset: int = 0
    end_offset: int = 0
    allow_nonexistent_upstream: bool = False

    kind: ClassVar[str] = "time_window"

    def __post_init__(self) -> None:
        for name, value in (("start_offset", self.start_offset), ("end_offset", self.end_offset)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise PartitionError(f"{name} {value!r} is not a whole number of partitions")
        if self.end_offset < self.start_offset:
            raise PartitionError(
                f"TimeWindowMapping ends at offset {self.end_offset} before it starts at {self.start_offset}",
                hint="for the partition before, give start_offset=-1, end_offset=-1",
            )

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        if not isinstance(downstream, TimePartitions) or not isinstance(upstream, TimePartitions):
            return False
        return self.start_offset == self.end_offset and downstream.same_rhythm(upstream)  # start and end may differ

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "start_offset": self.start_offset,
            "end_offset": self.end_offset,
            "allow_nonexistent_upstream": self.allow_nonexistent_upstream,
        }

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        problem = only_with_partitions("TimeWindowMapping", downstream, upstream)
        if problem is not None:
            return problem
        for side, definition in (("downstream", downstream), ("upstream", upstream)):
            if not isinstance(definition, TimePartitions):
                several = definition is not None and len(definition.axes) > 1
                advice = "; use DimensionMapping to name the dimension" if several else ""
                described = definition.describe() if definition is not None else "unpartitioned"
                return f"TimeWindowMapping needs time partitions, and the {side} is {described}{advice}"
        return None

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        down, up = self._both(subset.definition, upstream)
        wanted = subset.intervals()
        held = _held(up, as_of)
        reads = _overlapped(up, self._spans(down, wanted, self.start_offset, self.end_offset))
        found = PartitionSubset(up, regions.of_intervals(_cut(reads, held.start, held.stop)))
        if self.allow_nonexistent_upstream or (reads and reads[0][0] >= held.start and reads[-1][1] <= held.stop):
            return UpstreamResult(subset=found)
        return self._with_missing(subset, found, held)

    def _with_missing(self, subset: PartitionSubset, found: PartitionSubset, held: range) -> UpstreamResult:
        """The result with what is required and not there: before the first partition, and after the last."""
        down, up = self._both(subset.definition, found.definition)
        wanted = subset.intervals()
        missing: list[Interval] = []
        blocked: list[Interval] = []
        # what only an offset reaches, beyond the partition's own window, may be absent: history that never was
        for start, end, low, high in (
            (max(self.start_offset, 0), self.end_offset, -_FOREVER, held.start),
            (self.start_offset, min(self.end_offset, 0), held.stop, _FOREVER),
        ):
            if start > end:
                continue
            absent = _cut(_overlapped(up, self._spans(down, wanted, start, end)), low, high)
            missing.extend(absent)
            blocked.extend(_readers(down, up, absent, (start, end)))
        names = [(up.nominal_key(low), up.nominal_key(high - 1)) for low, high, _ in regions.of_intervals(missing)]
        if not names:
            return UpstreamResult(subset=found)
        return UpstreamResult(
            subset=found,
            missing=tuple(first if first == last else f"{first}..{last}" for first, last in names),
            blocked=PartitionSubset(down, regions.of_intervals(blocked)) & subset,
        )

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        down, up = self._both(downstream, subset.definition)
        present = _cut(subset.intervals(), 0, _held(up, as_of).stop)
        readers = _readers(down, up, present, (self.start_offset, self.end_offset))
        held = _held(down, as_of)
        return PartitionSubset(down, regions.of_intervals(_cut(readers, held.start, held.stop)))

    def _both(
        self, downstream: PartitionsDefinition, upstream: PartitionsDefinition
    ) -> tuple[TimePartitions, TimePartitions]:
        if isinstance(downstream, TimePartitions) and isinstance(upstream, TimePartitions):
            return downstream, upstream
        raise PartitionError(str(self.check(downstream, upstream)))

    def _spans(self, down: TimePartitions, wanted: Iterable[Interval], start: int, end: int) -> Iterable[Interval]:
        """The stretches of time that the partitions reach over, as instants, with these offsets."""
        for low, high in wanted:
            # with one window each, a hole between windows is not read; with more, every hole in between is
            runs = down.solid(low + start, high + start) if start == end else [(low + start, high + end)]
            for first, stop in runs:
                yield down.instants(first)[0], down.instants(stop - 1)[1]


def _held(definition: TimePartitions, as_of: datetime | None) -> range:
    """The ordinals that are there; without `as_of` and end, all that could ever be."""
    if as_of is None and not definition.is_bounded:
        return range(_FOREVER)
    return definition.ordinals(as_of)


def _overlapped(up: TimePartitions, spans: Iterable[Interval]) -> Sequence[Interval]:
    """The upstream ordinals, also before the start and after the end, whose windows overlap the stretches of time."""
    found = [(up.ending_after(start), up.at_or_after(end)) for start, end in spans]
    return [(low, high) for low, high, _ in regions.of_intervals(found)]


def _readers(
    down: TimePartitions, up: TimePartitions, read: Iterable[Interval], offsets: tuple[int, int]
) -> Sequence[Interval]:
    """The downstream ordinals that read any of these upstream ordinals, with these offsets."""
    start, end = offsets
    found: list[Interval] = []
    for low, high in read:
        for first, stop in up.solid(low, high):
            begins, ends = up.instants(first)[0], up.instants(stop - 1)[1]
            found.append((down.ending_after(begins) - end, down.at_or_after(ends) - start))
    return [(low, high) for low, high, _ in regions.of_intervals(found)]


def _cut(intervals: Iterable[Interval], low: int, high: int) -> list[Interval]:
    return [(max(a, low), min(b, high)) for a, b in intervals if max(a, low) < min(b, high)]
