"""The mapping of dimensions: each upstream dimension follows a downstream one, or stands on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from assetflow.errors import PartitionError, did_you_mean
from assetflow.model import regions
from assetflow.model.multi_partitions import MultiPartitions
from assetflow.model.partition_definition import KeyAxis, PartitionsDefinition
from assetflow.model.partition_mapping import (
    AllPartitions,
    IdentityMapping,
    PartitionMapping,
    UpstreamResult,
)
from assetflow.model.regions import Box, Interval, Region
from assetflow.model.subset import PartitionSubset
from assetflow.model.time_partitions import TimePartitions
from assetflow.model.window_mapping import TimeWindowMapping
from assetflow.values import dataclass

Source: TypeAlias = str | PartitionMapping | tuple[str, PartitionMapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionLink:
    """How one upstream dimension is found: from which downstream dimension (None: from none), by which mapping."""

    upstream: str
    downstream: str | None
    mapping: PartitionMapping | None


@dataclass(frozen=True, slots=True)
class _Follow:
    """A link between places: upstream axis, downstream axis (None: none), and the mapping between the two."""

    up: int
    down: int | None
    mapping: PartitionMapping


@dataclass(frozen=True, slots=True, init=False)
class DimensionMapping(PartitionMapping):
    """Joins partitions of several dimensions with partitions of one or several.

    `DimensionMapping("day")`: the dimension `day` of the side that has several corresponds to the other side, or to
    its dimension `day`; a second argument says by which mapping. `DimensionMapping({"day": ("day",
    TimeWindowMapping(-1, -1)), "area": "region", "model": SpecificPartitions(["a"])})`: each upstream dimension
    follows a downstream dimension, by a mapping, or stands on its own. Upstream dimensions that are not named are
    read whole. A combination that a sparse upstream does not have is no input.
    """

    kind: ClassVar[str] = "dimension"

    dimension: str | None
    mapping: PartitionMapping | None
    links: tuple[DimensionLink, ...]

    def __init__(
        self, dimension: str | Mapping[str, Source], mapping: PartitionMapping | Callable[..., Any] | None = None
    ) -> None:
        one = dimension if isinstance(dimension, str) else None
        links = () if isinstance(dimension, str) else tuple(_links(dimension))
        if one is None and mapping is not None:
            raise PartitionError("DimensionMapping got a table and a mapping", hint="put the mapping into the table")
        if one is None and not links:
            raise PartitionError("DimensionMapping names no dimension", hint='like DimensionMapping("day")')
        if mapping is not None and not isinstance(mapping, PartitionMapping):
            raise PartitionError(f"{mapping!r} is not a partition mapping", hint="like `TimeWindowMapping(-1, -1)`")
        object.__setattr__(self, "dimension", one)
        object.__setattr__(self, "mapping", mapping)
        object.__setattr__(self, "links", links)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "dimension": self.dimension,
            "mapping": None if self.mapping is None else self.mapping.to_json(),
            "links": [
                [link.upstream, link.downstream, None if link.mapping is None else link.mapping.to_json()]
                for link in self.links
            ],
        }

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        if upstream is None:
            return "DimensionMapping maps partitions, and the upstream is not partitioned"
        try:
            follows = self._follows(downstream, upstream)
        except PartitionError as error:
            return error.message + (f"; {error.hint}" if error.hint else "")
        for follow in follows:
            axis = None if follow.down is None or downstream is None else downstream.axes[follow.down]
            problem = follow.mapping.check(axis, upstream.axes[follow.up])
            if problem is not None:
                return f"dimension {upstream.axis_names[follow.up]!r}: {problem}"
        return None

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        return all(
            follow.mapping.reads_one(
                None if follow.down is None or downstream is None else downstream.axes[follow.down],
                upstream.axes[follow.up],
            )
            for follow in self._follows(downstream, upstream)
        )

    # --- which axis follows which ---

    def _follows(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> tuple[_Follow, ...]:
        """One entry per upstream axis, in its order."""
        links = {link.upstream: link for link in self._links_between(downstream, upstream)}
        for name in links:
            _place(upstream, name)
        return tuple(
            _follow(place, links.get(name), downstream, upstream) for place, name in enumerate(upstream.axis_names)
        )

    def _links_between(
        self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> tuple[DimensionLink, ...]:
        if self.dimension is None:
            return self.links
        several_up, several_down = _several(upstream), _several(downstream)
        if not several_up and not several_down:
            raise PartitionError(
                f"DimensionMapping({self.dimension!r}) joins partitions that have no dimensions",
                hint="leave the mapping out, or give another",
            )
        up, down = (self.dimension if several else "" for several in (several_up, several_down))
        return (DimensionLink(upstream=up, downstream=down, mapping=self.mapping),)

    # --- sets ---

    def _independent(self, upstream: PartitionsDefinition, as_of: datetime | None) -> UpstreamResult:
        return self._upstream_boxes(None, upstream, [()], as_of)

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        boxes = regions.boxes(subset.region, depth=len(subset.definition.axes))
        return self._upstream_boxes(subset.definition, upstream, boxes, as_of)

    def _upstream_boxes(
        self,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition,
        boxes: Iterable[Box],
        as_of: datetime | None,
    ) -> UpstreamResult:
        follows = self._follows(downstream, upstream)
        read: list[Region] = []
        missing: dict[str, None] = {}
        blocked: list[Region] = []
        # scattered sets have many boxes and few different sides
        known: dict[tuple[int, tuple[Interval, ...]], UpstreamResult] = {}
        for box in _narrowed(boxes, follows):
            sides: list[tuple[Interval, ...]] = []
            for follow in follows:
                side = () if follow.down is None else box[follow.down]
                result = known.get((follow.up, side))
                if result is None:
                    result = known[follow.up, side] = _read_along(follow, downstream, upstream, box, as_of)
                assert result.subset is not None
                sides.append(result.subset.intervals())
                missing.update(dict.fromkeys(_named(upstream, follow.up, result.missing)))
                if result.missing:
                    blocked.append(_blocked(box, follow, result))
            read.append(regions.of_box(sides))
        depth = len(upstream.axes)
        found = PartitionSubset(upstream, upstream.allowed(regions.union_all(read, depth=depth)))
        if not missing or downstream is None:
            return UpstreamResult(subset=found, missing=tuple(missing))
        barred = regions.union_all(blocked, depth=len(downstream.axes))
        return UpstreamResult(
            subset=found,
            missing=tuple(missing),
            blocked=PartitionSubset(downstream, downstream.allowed(barred)),
        )

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        upstream = subset.definition
        follows = self._follows(downstream, upstream)
        found: list[Region] = []
        for box in regions.boxes(subset.region, depth=len(upstream.axes)):
            sides: list[PartitionSubset | None] = [None] * len(downstream.axes)
            for follow in follows:
                part = PartitionSubset(upstream.axes[follow.up], regions.of_intervals(box[follow.up]))
                if follow.down is None:
                    if not _touches(follow, part, as_of):
                        break
                    continue
                axis = downstream.axes[follow.down]
                readers = follow.mapping.downstream_subset(part, downstream=axis, upstream=part.definition, as_of=as_of)
                before = sides[follow.down]
                sides[follow.down] = readers if before is None or readers is None else before & readers
            else:
                whole = [
                    axis.all(as_of) if side is None else side for axis, side in zip(downstream.axes, sides, strict=True)
                ]
                found.append(regions.of_box([side.intervals() for side in whole]))
        region = regions.union_all(found, depth=len(downstream.axes))
        return PartitionSubset(downstream, downstream.allowed(region))


def axis_mapping(downstream: PartitionsDefinition, upstream: PartitionsDefinition) -> PartitionMapping:
    """The mapping of two one-dimensional definitions that declare none: by time where both are, else by key."""
    if isinstance(downstream, TimePartitions) and isinstance(upstream, TimePartitions):
        return TimeWindowMapping()
    return IdentityMapping()


def _several(definition: PartitionsDefinition | None) -> bool:
    return isinstance(definition, MultiPartitions)


def _links(table: Mapping[str, Source]) -> Iterator[DimensionLink]:
    for name, source in sorted(table.items()):
        match source:
            case str():
                yield DimensionLink(upstream=name, downstream=source, mapping=None)
            case PartitionMapping():
                yield DimensionLink(upstream=name, downstream=None, mapping=source)
            case (str() as dimension, PartitionMapping() as mapping):
                yield DimensionLink(upstream=name, downstream=dimension, mapping=mapping)
            case _:
                raise PartitionError(
                    f"DimensionMapping, dimension {name!r}: {source!r} is no dimension, mapping, or pair of these",
                    hint='like {"day": ("day", TimeWindowMapping(-1, -1)), "model": AllPartitions()}',
                )


def _place(definition: PartitionsDefinition, name: str) -> int:
    names = definition.axis_names
    if name in names:
        return names.index(name)
    known = ", ".join(f"`{each}`" for each in names if each)
    hint = did_you_mean(name, names) or (f"dimensions are {known}" if known else "it has one dimension, without name")
    raise PartitionError(f"there is no dimension {name!r} in {definition.describe()}", hint=hint)


def _follow(
    place: int,
    link: DimensionLink | None,
    downstream: PartitionsDefinition | None,
    upstream: PartitionsDefinition,
) -> _Follow:
    if link is None:
        return _Follow(place, None, AllPartitions())
    if link.downstream is None:
        return _Follow(place, None, link.mapping or AllPartitions())
    if downstream is None:
        raise PartitionError(
            f"DimensionMapping reads the downstream dimension {link.downstream!r}, but nothing is partitioned there"
        )
    down = _place(downstream, link.downstream)
    mapping = link.mapping or axis_mapping(downstream.axes[down], upstream.axes[place])
    return _Follow(place, down, mapping)


def _narrowed(boxes: Iterable[Box], follows: tuple[_Follow, ...]) -> Iterator[Box]:
    """The boxes, cut into single ordinals along every downstream axis that two upstream axes follow.

    Two axes that follow the same one do so together: the product of all they read would be too much.
    """
    followed = [follow.down for follow in follows if follow.down is not None]
    twice = sorted({down for down in followed if followed.count(down) > 1})
    for box in boxes:
        cut = [box]
        for axis in twice:
            cut = [
                (*each[:axis], ((ordinal, ordinal + 1),), *each[axis + 1 :])
                for each in cut
                for low, high in each[axis]
                for ordinal in range(low, high)
            ]
        yield from cut


def _read_along(
    follow: _Follow,
    downstream: PartitionsDefinition | None,
    upstream: PartitionsDefinition,
    box: Box,
    as_of: datetime | None,
) -> UpstreamResult:
    axis = upstream.axes[follow.up]
    if follow.down is None or downstream is None:
        return follow.mapping.upstream_subset(None, downstream=None, upstream=axis, as_of=as_of)
    source = downstream.axes[follow.down]
    part = PartitionSubset(source, regions.of_intervals(box[follow.down]))
    return follow.mapping.upstream_subset(part, downstream=source, upstream=axis, as_of=as_of)


def _blocked(box: Box, follow: _Follow, result: UpstreamResult) -> Region:
    if follow.down is None or result.blocked is None:
        return regions.of_box(box)
    return regions.of_box([*box[: follow.down], result.blocked.intervals(), *box[follow.down + 1 :]])


def _named(upstream: PartitionsDefinition, place: int, missing: tuple[str, ...]) -> tuple[str, ...]:
    name = upstream.axis_names[place]
    return tuple(f"{name}={each}" for each in missing) if name else missing


def _touches(follow: _Follow, part: PartitionSubset, as_of: datetime | None) -> bool:
    """Whether an upstream dimension that stands on its own is read at these partitions."""
    if isinstance(follow.mapping, AllPartitions):
        return True
    axis: KeyAxis = part.definition.axes[0]
    read = follow.mapping.upstream_subset(None, downstream=None, upstream=axis, as_of=as_of).subset
    return read is not None and bool(read & part)
