"""Sets of partitions of one definition: intervals over ordinals, never lists of keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

from assetflow.errors import PartitionError
from assetflow.model import regions
from assetflow.model.regions import EMPTY, Interval, Operation, Region
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.model.partition_definition import PartitionsDefinition


@dataclass(frozen=True, slots=True)
class PartitionSubset:
    """An immutable set of partitions of one definition, in the definition's order.

    `region` holds ordinals as nested intervals (see `regions`). Two subsets are equal when their definitions and
    their contents are. Use `|`, `&`, `-`, `<=`, `in`, `len`, iteration (keys in order) and truth.
    """

    definition: PartitionsDefinition
    region: Region = EMPTY

    def __post_init__(self) -> None:
        if not isinstance(self.region, tuple):
            raise TypeError(f"a region is a tuple of segments, not {self.region!r}")

    # --- algebra ---

    def __or__(self, other: PartitionSubset) -> PartitionSubset:
        return self._combined(other, Operation.UNION)

    def __and__(self, other: PartitionSubset) -> PartitionSubset:
        return self._combined(other, Operation.INTERSECTION)

    def __sub__(self, other: PartitionSubset) -> PartitionSubset:
        return self._combined(other, Operation.DIFFERENCE)

    def union(self, *others: PartitionSubset) -> PartitionSubset:
        """The partitions that are in this subset or in any of the others."""
        parts = [self._agreed(other) for other in others]
        return self._with(regions.union_all([self.region, *parts], depth=self._depth))

    def intersection(self, other: PartitionSubset) -> PartitionSubset:
        """The partitions that are in both."""
        return self & other

    def difference(self, other: PartitionSubset) -> PartitionSubset:
        """The partitions of this subset that are not in the other."""
        return self - other

    def __le__(self, other: PartitionSubset) -> bool:
        return not self - other

    def __lt__(self, other: PartitionSubset) -> bool:
        return self <= other and len(self) < len(other)

    def __ge__(self, other: PartitionSubset) -> bool:
        return other <= self

    def __gt__(self, other: PartitionSubset) -> bool:
        return other < self

    def isdisjoint(self, other: PartitionSubset) -> bool:
        """Whether no partition is in both."""
        return not self & other

    # --- content ---

    def __bool__(self) -> bool:
        return bool(self.region)

    def __len__(self) -> int:
        return regions.size(self.region, depth=self._depth)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or key not in self.definition:
            return False
        return regions.holds(self.region, self.definition.coordinates(key))

    def __iter__(self) -> Iterator[str]:
        definition = self.definition
        if self._depth == 1:
            (axis,) = definition.axes
            for low, high, _ in self.region:
                yield from axis.texts(low, high)
            return
        for point in regions.points(self.region, depth=self._depth):
            yield definition.key_of(point)

    def keys(self) -> Sequence[str]:
        """The keys in order, made one by one as they are asked for."""
        return KeyView(self)

    def intervals(self) -> tuple[Interval, ...]:
        """The half-open intervals of ordinals; a PartitionError for several dimensions."""
        if self._depth != 1:
            raise PartitionError(f"{self.definition.describe()}: intervals of ordinals need one dimension")
        return tuple((low, high) for low, high, _ in self.region)

    def ordinals(self) -> Iterator[int]:
        """The ordinals in order; a PartitionError for several dimensions."""
        for low, high in self.intervals():
            yield from range(low, high)

    def first(self) -> str:
        """The first key; a PartitionError when the subset is empty."""
        return self._at(0)

    def last(self) -> str:
        """The last key; a PartitionError when the subset is empty."""
        return self._at(len(self) - 1)

    def ranges(self) -> list[list[str]]:
        """`[[first, last], …]`, both ends included, in order.

        With several dimensions each pair is the two opposite corners of a product of ranges.
        """
        definition, found = self.definition, []
        for box in regions.boxes(self.region, depth=self._depth):
            for corner in _corners(box):
                low = definition.key_of([low for low, _ in corner])
                high = definition.key_of([high - 1 for _, high in corner])
                found.append([low, high])
        return found

    def chunks(self, count: int) -> Iterator[PartitionSubset]:
        """This subset in order, cut into subsets of `count` partitions (the last may be smaller)."""
        if count < 1:
            raise PartitionError(f"a chunk of {count} partitions is not possible", hint="give 1 or more")
        if self._depth == 1:
            yield from (self._with(region) for region in _slices(self.intervals(), count))
            return
        held: list[tuple[int, ...]] = []
        for point in regions.points(self.region, depth=self._depth):
            held.append(point)
            if len(held) == count:
                yield self._with(regions.of_points(held, depth=self._depth))
                held = []
        if held:
            yield self._with(regions.of_points(held, depth=self._depth))

    def existing(self, as_of: datetime | None = None) -> PartitionSubset:
        """The partitions of this subset that are there at the instant."""
        return self & self.definition.all(as_of)

    def rebind(self, definition: PartitionsDefinition) -> PartitionSubset:
        """The same keys as a subset of another definition, for dynamic partitions whose keys have changed."""
        return self if definition == self.definition else definition.subset(self)

    # --- text ---

    def to_json(self) -> Any:
        """The content without the definition, as `PartitionsDefinition.subset_from_json` reads it.

        `{"ranges": [[first, last], …]}`; with several dimensions `{"boxes": [{dimension: [[first, last], …]}, …]}`.
        """
        if self._depth == 1:
            return {"ranges": self.ranges()}
        return {"boxes": [dict(each) for each in self._named_boxes()]}

    def __str__(self) -> str:
        return self.definition.print_subset(self)

    def __repr__(self) -> str:
        return f"PartitionSubset({str(self)!r} of {self.definition.describe()})"

    def _named_boxes(self) -> Iterator[list[tuple[str, list[list[str]]]]]:
        axes, names = self.definition.axes, self.definition.axis_names
        for box in regions.boxes(self.region, depth=self._depth):
            yield [
                (name, [[axis.key(low), axis.key(high - 1)] for low, high in intervals])
                for name, axis, intervals in zip(names, axes, box, strict=True)
            ]

    @property
    def _depth(self) -> int:
        return len(self.definition.axes)

    def _with(self, region: Region) -> PartitionSubset:
        return PartitionSubset(self.definition, region)

    def _agreed(self, other: PartitionSubset) -> Region:
        """The other's region in this definition's ordinals."""
        if other.definition is self.definition or other.definition == self.definition:
            return other.region
        if other.definition.fingerprint() == self.definition.fingerprint():
            # the same dynamic partitions, with keys known at different times
            return other.rebind(self.definition).region
        raise PartitionError(
            f"subsets of different partitions cannot be combined: {self.definition.describe()} and "
            f"{other.definition.describe()}"
        )

    def _combined(self, other: PartitionSubset, operation: Operation) -> PartitionSubset:
        region = self._agreed(other)
        return self._with(regions.combine(self.region, region, depth=self._depth, operation=operation))

    def _at(self, index: int) -> str:
        if not self.region:
            raise PartitionError(f"the subset of {self.definition.describe()} is empty")
        return self.definition.key_of(regions.point_at(self.region, index, depth=self._depth))


class KeyView(Sequence[str]):
    """The keys of a subset as a read-only sequence that makes each key when it is asked for."""

    __slots__ = ("_count", "_subset")

    def __init__(self, subset: PartitionSubset) -> None:
        self._subset = subset
        self._count = len(subset)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self._count)))
        place = index + self._count if index < 0 else index
        if not 0 <= place < self._count:
            raise IndexError(f"key {index} of {self._count}")
        definition = self._subset.definition
        return definition.key_of(regions.point_at(self._subset.region, place, depth=len(definition.axes)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._subset)

    def __contains__(self, key: object) -> bool:
        return key in self._subset

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (str, bytes)) or not isinstance(other, Sequence):
            return NotImplemented
        return len(other) == self._count and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(self._subset)

    def __repr__(self) -> str:
        if self._count <= 6:
            return f"<{self._count} keys: {', '.join(self)}>"
        return f"<{self._count} keys: {self[0]}, {self[1]}, … {self[-1]}>"


def _corners(box: regions.Box) -> Iterator[list[Interval]]:
    """Every product of single intervals in the box, in order."""
    found: list[list[Interval]] = [[]]
    for intervals in box:
        found = [[*corner, interval] for corner in found for interval in intervals]
    yield from found


def _slices(intervals: Sequence[Interval], count: int) -> Iterator[Region]:
    held: list[Interval] = []
    room = count
    for low, high in intervals:
        start = low
        while start < high:
            end = min(high, start + room)
            held.append((start, end))
            room -= end - start
            start = end
            if room == 0:
                yield regions.of_intervals(held)
                held, room = [], count
    if held:
        yield regions.of_intervals(held)
