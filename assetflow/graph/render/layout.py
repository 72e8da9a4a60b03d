"""A layered layout: layers from left to right, few crossings, edges as short as they can be.

The four classic steps, each linear or nearly so: give every node a layer, thread long edges through the layers between,
order each layer by the mean place of its neighbors, then move nodes toward their neighbors without changing the order.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

from assetflow.values import dataclass

_ROW_GAP = 14.0
_LAYER_GAP = 56.0
_THREAD_HEIGHT = 6.0
_THREAD_GAP = 2.0
_MOST_THREADS = 20_000
_SWEEPS = 8
_COUNTED_EDGES = 20_000
_SHIFTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Top left corners of all nodes, the points each edge runs through, and the size of the whole, in pixels."""

    corners: tuple[tuple[float, float], ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


@dataclass(slots=True)
class _Layers:
    """Nodes and the threads of long edges, numbered together: threads come after the `count` nodes."""

    count: int
    rank: list[int]
    up: list[list[int]]
    down: list[list[int]]
    threads: list[list[int]]
    layers: list[list[int]]


def layered(widths: Sequence[float], height: float, edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out nodes of these widths and one height; edges lead from a node to one with a higher number.

    Nodes without edges stand in a grid below the others.
    """
    count = len(widths)
    linked = bytearray(count)
    for a, b in edges:
        linked[a] = linked[b] = 1
    built = _build(count, [node for node in range(count) if linked[node]], edges)
    _order(built)
    heights = [height] * count + [_THREAD_HEIGHT] * (len(built.rank) - count)
    middles = _rows(built, heights)
    lefts, spans = _columns(built, widths)
    corners = [(0.0, 0.0)] * count
    for node in range(count):
        if linked[node]:
            corners[node] = (lefts[built.rank[node]], middles[node] - height / 2)
    paths = []
    for number, (a, b) in enumerate(edges):
        points = [(corners[a][0] + widths[a], middles[a])]
        for thread in built.threads[number]:
            left = lefts[built.rank[thread]]
            points.append((left, middles[thread]))
            points.append((left + spans[built.rank[thread]], middles[thread]))
        points.append((corners[b][0], middles[b]))
        paths.append(tuple(points))
    bottom = max((corners[node][1] + height for node in range(count) if linked[node]), default=-_LAYER_GAP)
    _grid([node for node in range(count) if not linked[node]], widths, height, bottom + _LAYER_GAP, corners)
    return Layout(
        corners=tuple(corners),
        paths=tuple(paths),
        width=max((x + widths[node] for node, (x, _) in enumerate(corners)), default=0.0),
        height=max((y + height for _, y in corners), default=0.0),
    )


def _build(count: int, nodes: list[int], edges: Sequence[tuple[int, int]]) -> _Layers:
    rank = [0] * count
    lowest: list[int | None] = [None] * count
    has_upstream = bytearray(count)
    by_start = sorted(edges)
    for a, b in by_start:  # numbers ascend along edges, so ranks of starts are final
        rank[b] = max(rank[b], rank[a] + 1)
        has_upstream[b] = 1
    for a, b in by_start:
        known = lowest[a]
        lowest[a] = rank[b] if known is None else min(known, rank[b])
    for node in nodes:
        nearest = lowest[node]
        if nearest is not None and not has_upstream[node]:
            rank[node] = nearest - 1  # a root next to what reads it keeps edges short
    threaded = sum(rank[b] - rank[a] - 1 for a, b in edges) <= _MOST_THREADS
    built = _Layers(count, rank, [[] for _ in range(count)], [[] for _ in range(count)], [], [])
    for a, b in edges:
        threads: list[int] = []
        previous = a
        for level in range(rank[a] + 1, rank[b]) if threaded else ():
            thread = len(rank)
            rank.append(level)
            built.up.append([previous])
            built.down.append([])
            built.down[previous].append(thread)
            threads.append(thread)
            previous = thread
        built.up[b].append(previous)
        built.down[previous].append(b)
        built.threads.append(threads)
    built.layers = [[] for _ in range(max(rank, default=0) + 1)]
    for node in _first_order(built, nodes):
        built.layers[rank[node]].append(node)
    return built


def _first_order(built: _Layers, nodes: list[int]) -> list[int]:
    """Nodes and threads as a walk along edges in both directions meets them: what belongs together stays together."""
    seen = bytearray(len(built.rank))
    met: list[int] = []
    for start in nodes:
        if seen[start]:
            continue
        seen[start] = 1
        stack = [start]
        while stack:
            node = stack.pop()
            met.append(node)
            for other in reversed([*built.up[node], *built.down[node]]):
                if not seen[other]:
                    seen[other] = 1
                    stack.append(other)
    return met


def _order(built: _Layers) -> None:
    """Reorder the layers by barycenters, keeping the order with the fewest crossings that was seen."""
    place = [0] * len(built.rank)
    for layer in built.layers:
        for at, node in enumerate(layer):
            place[node] = at
    counted = sum(map(len, built.down)) <= _COUNTED_EDGES
    best = [list(layer) for layer in built.layers]
    fewest = _crossings(built, place) if counted else None
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbors = built.up if forward else built.down
        for layer in built.layers if forward else reversed(built.layers):
            centers = {
                node: sum(place[other] for other in neighbors[node]) / len(neighbors[node])
                if neighbors[node]
                else float(place[node])
                for node in layer
            }
            layer.sort(key=centers.__getitem__)
            for at, node in enumerate(layer):
                place[node] = at
        if fewest is None:
            continue
        crossings = _crossings(built, place)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in built.layers]
        if fewest == 0:
            break
    if fewest is not None:
        built.layers = best


def _crossings(built: _Layers, place: Sequence[int]) -> int:
    """How many pairs of edges cross between neighboring layers."""
    total = 0
    for layer in built.layers:
        ends: list[int] = []
        for node in layer:
            targets = sorted(place[other] for other in built.down[node])
            total += sum(len(ends) - bisect_right(ends, target) for target in targets)
            for target in targets:
                insort(ends, target)
    return total


def _rows(built: _Layers, heights: Sequence[float]) -> list[float]:
    """The middle of each node and thread from top to bottom, with the topmost edge at 0."""
    middles = [0.0] * len(built.rank)
    gaps: list[list[float]] = []
    for layer in built.layers:
        offsets = [0.0]
        for above, node in pairwise(layer):
            gap = _THREAD_GAP if min(above, node) >= built.count else _ROW_GAP
            offsets.append(offsets[-1] + (heights[above] + heights[node]) / 2 + gap)
        gaps.append(offsets)
        for node, offset in zip(layer, offsets, strict=False):
            middles[node] = offset - offsets[-1] / 2
    for shift in range(_SHIFTS):
        forward = shift % 2 == 0
        numbers = range(len(built.layers)) if forward else range(len(built.layers) - 1, -1, -1)
        neighbors = built.up if forward else built.down
        for number in numbers:
            layer = built.layers[number]
            wanted = [
                (
                    sum(middles[other] for other in neighbors[node]) / len(neighbors[node])
                    if neighbors[node]
                    else middles[node]
                )
                - gaps[number][at]
                for at, node in enumerate(layer)
            ]
            for at, base in enumerate(_nearest_ascending(wanted)):
                middles[layer[at]] = base + gaps[number][at]
    top = min((middles[node] - heights[node] / 2 for layer in built.layers for node in layer), default=0.0)
    return [middle - top for middle in middles]


def _nearest_ascending(values: Sequence[float]) -> list[float]:
    """The ascending sequence nearest to the values by squared distance: neighbors out of order share their mean."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, size = blocks.pop()
            total, count = total + before, count + size
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def _columns(built: _Layers, widths: Sequence[float]) -> tuple[list[float], list[float]]:
    """The left edge and the width of each layer."""
    spans = [max((widths[node] for node in layer if node < built.count), default=0.0) for layer in built.layers]
    lefts = [0.0]
    for span in spans[:-1]:
        lefts.append(lefts[-1] + span + _LAYER_GAP)
    return lefts, spans


def _grid(
    nodes: list[int], widths: Sequence[float], height: float, top: float, corners: list[tuple[float, float]]
) -> None:
    if not nodes:
        return
    cell = max(widths[node] for node in nodes) + _ROW_GAP
    across = max(1, round((len(nodes) * (height + _ROW_GAP) * 1.6 / cell) ** 0.5))
    for at, node in enumerate(nodes):
        corners[node] = (at % across * cell, top + at // across * (height + _ROW_GAP))
