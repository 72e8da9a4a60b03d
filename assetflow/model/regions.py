"""Sets of points in a grid of ordinals, kept as nested intervals: the algebra under every partition subset.

A region of depth n is a sorted tuple of segments `(low, high, inner)`: the ordinals low ≤ i < high of the first axis,
each with the same inner region of depth n - 1. Segments do not overlap, touching ones differ in `inner`, and no inner
region is empty, so equal sets are equal tuples. At depth 0 the only region that holds anything is `POINT`.

A full product of any size is one segment per axis; a scattered set costs what it holds. The recursion is over
axes, never over data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from itertools import groupby
from typing import Any, TypeAlias, assert_never

# a region nests to the number of axes, which the type system cannot spell
Region: TypeAlias = tuple[Any, ...]
Segment: TypeAlias = tuple[int, int, Region]
Interval: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[tuple[Interval, ...], ...]

POINT: Region = ()
EMPTY: Region = ()


class Operation(Enum):
    """The three ways to combine two sets."""

    UNION = auto()
    INTERSECTION = auto()
    DIFFERENCE = auto()


def combine(left: Region, right: Region, *, depth: int, operation: Operation) -> Region:
    """The union, intersection or difference of two regions of the same depth, in time linear in their segments."""
    return _combine(left, right, depth, operation, {})


def _combine(
    left: Region, right: Region, depth: int, operation: Operation, done: dict[tuple[int, int, int], Region]
) -> Region:
    if left is right or left == right:
        return EMPTY if operation is Operation.DIFFERENCE else left
    if not left or not right:
        return _alone(left, right, operation)
    # inner regions are shared by many segments: each pair is combined once (the depth keeps reused tuples apart)
    name = (depth, id(left), id(right))
    if name in done:
        return done[name]
    pieces: list[Segment] = []
    for low, high, a, b in _pieces(left, right):
        inner = _inner(a, b, depth - 1, operation, done)
        if inner is not None:
            _append(pieces, low, high, inner)
    result = tuple(pieces)
    done[name] = result
    return result


def _alone(left: Region, right: Region, operation: Operation) -> Region:
    match operation:
        case Operation.UNION:
            return left or right
        case Operation.INTERSECTION:
            return EMPTY
        case Operation.DIFFERENCE:
            return left
        case _:
            assert_never(operation)


def _inner(
    a: Region | None,
    b: Region | None,
    depth: int,
    operation: Operation,
    done: dict[tuple[int, int, int], Region],
) -> Region | None:
    """What a piece holds after the operation; None where nothing is left."""
    if a is None:
        return b if operation is Operation.UNION else None
    if b is None:
        return None if operation is Operation.INTERSECTION else a
    if depth == 0:
        return None if operation is Operation.DIFFERENCE else POINT
    return _combine(a, b, depth, operation, done) or None


def _append(pieces: list[Segment], low: int, high: int, inner: Region) -> None:
    if pieces and pieces[-1][1] == low and pieces[-1][2] == inner:
        pieces[-1] = (pieces[-1][0], high, inner)
    else:
        pieces.append((low, high, inner))


def _pieces(left: Region, right: Region) -> Iterator[tuple[int, int, Region | None, Region | None]]:
    """Cut both regions at each other's bounds, so that every piece is in one, in the other, or in both whole."""
    i = j = 0
    at = min(left[0][0], right[0][0])
    while i < len(left) or j < len(right):
        a = left[i] if i < len(left) else None
        b = right[j] if j < len(right) else None
        inside_a = a is not None and a[0] <= at
        inside_b = b is not None and b[0] <= at
        bounds = []
        if a is not None:
            bounds.append(a[1] if inside_a else a[0])
        if b is not None:
            bounds.append(b[1] if inside_b else b[0])
        end = min(bounds)
        if inside_a or inside_b:
            yield at, end, a[2] if inside_a and a else None, b[2] if inside_b and b else None
        if a is not None and inside_a and a[1] == end:
            i += 1
        if b is not None and inside_b and b[1] == end:
            j += 1
        at = end


def union_all(regions: Iterable[Region], *, depth: int) -> Region:
    """The union of many regions, by halves, so that many small ones do not cost the square of their number."""
    left = [region for region in regions if region]
    while len(left) > 1:
        pairs = [
            combine(left[i], left[i + 1], depth=depth, operation=Operation.UNION) for i in range(0, len(left) - 1, 2)
        ]
        left = pairs + left[len(pairs) * 2 :]
    return left[0] if left else EMPTY


def of_intervals(intervals: Iterable[Interval]) -> Region:
    """A region of depth 1 from half-open intervals in any order, overlapping or empty ones allowed."""
    pieces: list[Segment] = []
    for low, high in sorted(pair for pair in intervals if pair[0] < pair[1]):
        if pieces and low <= pieces[-1][1]:
            if high > pieces[-1][1]:
                pieces[-1] = (pieces[-1][0], high, POINT)
        else:
            pieces.append((low, high, POINT))
    return tuple(pieces)


def of_points(points: Iterable[Sequence[int]], *, depth: int) -> Region:
    """A region from single points, each a sequence of `depth` ordinals, in any order and repeated as they like."""
    if depth == 1:
        return of_intervals([(point[0], point[0] + 1) for point in points])
    pieces: list[Segment] = []
    ordered = sorted(set(map(tuple, points)))
    for first, group in groupby(ordered, key=lambda point: point[0]):
        inner = of_points([point[1:] for point in group], depth=depth - 1)
        _append(pieces, first, first + 1, inner)
    return tuple(pieces)


def of_box(box: Sequence[Sequence[Interval]]) -> Region:
    """The product of sets of intervals, one set per axis."""
    inner: Region = POINT
    for intervals in reversed(box):
        plain = of_intervals(intervals)
        if not plain:
            return EMPTY
        inner = tuple((low, high, inner) for low, high, _ in plain)
    return inner


def size(region: Region, *, depth: int) -> int:
    """The number of points."""
    if depth == 1:
        return sum(high - low for low, high, _ in region)
    sizes: dict[int, int] = {}
    total = 0
    for low, high, inner in region:
        if id(inner) not in sizes:
            sizes[id(inner)] = size(inner, depth=depth - 1)
        total += (high - low) * sizes[id(inner)]
    return total


def holds(region: Region, point: Sequence[int]) -> bool:
    """Whether the point, one ordinal per axis, is in the region."""
    for ordinal in point:
        at = bisect_right(region, ordinal, key=_low) - 1
        if at < 0 or ordinal >= region[at][1]:
            return False
        region = region[at][2]
    return True


def _low(segment: Segment) -> int:
    return segment[0]


def points(region: Region, *, depth: int) -> Iterator[tuple[int, ...]]:
    """Every point, in the order of the first axis, then the second, and so on."""
    for low, high, inner in region:
        if depth == 1:
            for ordinal in range(low, high):
                yield (ordinal,)
        else:
            for ordinal in range(low, high):
                for rest in points(inner, depth=depth - 1):
                    yield (ordinal, *rest)


def point_at(region: Region, index: int, *, depth: int) -> tuple[int, ...]:
    """The point number `index` (from 0) in the order of `points`; an IndexError beyond the last."""
    for low, high, inner in region:
        each = size(inner, depth=depth - 1) if depth > 1 else 1
        if index < (high - low) * each:
            rest = point_at(inner, index % each, depth=depth - 1) if depth > 1 else ()
            return (low + index // each, *rest)
        index -= (high - low) * each
    raise IndexError("no such point")


def boxes(region: Region, *, depth: int) -> Iterator[Box]:
    """The region as disjoint products of sets of intervals, few of them: equal inner regions share a box."""
    if depth == 0:
        yield ()
        return
    shared: dict[Region, list[Interval]] = {}
    for low, high, inner in region:
        shared.setdefault(inner, []).append((low, high))
    for inner, intervals in shared.items():
        for rest in boxes(inner, depth=depth - 1):
            yield (tuple(intervals), *rest)


def shadow(region: Region, axis: int) -> Region:
    """The ordinals of one axis that occur at all, as a region of depth 1."""
    if axis == 0:
        return of_intervals([(low, high) for low, high, _ in region])
    inner = {id(segment[2]): segment[2] for segment in region}
    return union_all([shadow(each, axis - 1) for each in inner.values()], depth=1)
