"""Cycles of a directed graph, few enough to read and enough to fix them all."""

from __future__ import annotations

from collections.abc import Iterator

from assetflow.graph.adjacency import Adjacency, shortest_path, strong_components
from assetflow.values import dataclass

_PER_KNOT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Knot:
    """One strongly connected component and the cycles that show why it is one.

    `cycles` are distinct elementary cycles, each starting at its smallest node without repeating it at the
    end, that together cover every edge of the component, unless `uncovered` edges were left for a later look.
    """

    nodes: tuple[int, ...]
    cycles: tuple[tuple[int, ...], ...]
    uncovered: int


def knots(successors: Adjacency) -> Iterator[Knot]:
    """The knots of a graph, in the order of their smallest nodes; a self-loop is no knot.

    A component of n assets can hold exponentially many cycles. A shortest cycle through each edge that no
    earlier one covers is enough to see every edge that takes part, so that is what is reported.
    """
    inside = bytearray(successors.size)
    for component in strong_components(successors):
        for node in component:
            inside[node] = 1
        edges = [(node, other) for node in component for other in successors[node] if inside[other] and other != node]
        covered: set[tuple[int, int]] = set()
        cycles: list[tuple[int, ...]] = []
        for node, other in edges:
            if (node, other) in covered or len(cycles) == _PER_KNOT:
                continue
            path = shortest_path(successors, other, node, within=inside)
            covered.update(zip(path, path[1:] + path[:1], strict=True))
            first = path.index(min(path))
            cycles.append(tuple(path[first:] + path[:first]))
        yield Knot(
            nodes=tuple(component),
            cycles=tuple(sorted(cycles)),
            uncovered=sum(edge not in covered for edge in edges),
        )
        for node in component:
            inside[node] = 0
