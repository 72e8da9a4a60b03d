"""Directed graphs over the integers 0..n-1, held in flat arrays.

Everything here walks with explicit stacks or queues, so a chain of a million nodes is as safe as a chain of
three, and every tie is settled by the smaller number: callers number their nodes in key order to get answers
in key order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate


class Adjacency:
    """The successors of each node, immutable: node `i` owns one sorted slice of one integer array."""

    __slots__ = ("_offsets", "_targets", "size")

    def __init__(self, size: int, edges: Iterable[tuple[int, int]]) -> None:
        """Build from (node, successor) pairs, which have to be sorted and distinct."""
        counts = [0] * (size + 1)
        targets = array("q")
        for node, successor in edges:
            counts[node + 1] += 1
            targets.append(successor)
        self.size = size
        self._offsets = array("q", accumulate(counts))
        self._targets = targets

    def __getitem__(self, node: int) -> array[int]:
        """The successors of a node, ascending."""
        return self._targets[self._offsets[node] : self._offsets[node + 1]]

    def degree(self, node: int) -> int:
        """How many successors a node has."""
        return self._offsets[node + 1] - self._offsets[node]

    def edges(self) -> Iterator[tuple[int, int]]:
        """All (node, successor) pairs, ascending."""
        for node in range(self.size):
            for successor in self[node]:
                yield node, successor

    def reversed(self) -> Adjacency:
        """The same edges, each turned around."""
        return Adjacency(self.size, sorted((successor, node) for node, successor in self.edges()))


def topological_order(successors: Adjacency) -> list[int]:
    """Nodes with every predecessor before its successors, ties by number.

    Nodes on a cycle, and those behind one, are left out: a result shorter than the graph means there is a
    cycle.
    """
    waiting = [0] * successors.size
    for _, successor in successors.edges():
        waiting[successor] += 1
    ready = [node for node in range(successors.size) if not waiting[node]]
    heapify(ready)
    order: list[int] = []
    while ready:
        node = heappop(ready)
        order.append(node)
        for successor in successors[node]:
            waiting[successor] -= 1
            if not waiting[successor]:
                heappush(ready, successor)
    return order


def reachable(successors: Adjacency, starts: Iterable[int], *, depth: int | None = None) -> set[int]:
    """Every node at one to `depth` edges from a start (None: any number) from a start."""
    found: set[int] = set()
    frontier: list[int] = sorted(set(starts))
    level = 0
    while frontier and (depth is None or level < depth):
        following: list[int] = []
        for node in frontier:
            for successor in successors[node]:
                if successor not in found:
                    found.add(successor)
                    following.append(successor)
        frontier = following
        level += 1
    return found


def strong_components(successors: Adjacency) -> list[list[int]]:
    """The strongly connected components of several nodes, ascending, in the order of their first nodes."""
    index = [-1] * successors.size
    low = [0] * successors.size
    on_stack = bytearray(successors.size)
    stack: list[int] = []
    components: list[list[int]] = []
    counter = 0
    for root in range(successors.size):
        if index[root] >= 0:
            continue
        work: list[tuple[int, Iterator[int]]] = [(root, iter(successors[root]))]
        index[root] = low[root] = counter
        counter += 1
        stack.append(root)
        on_stack[root] = 1
        while work:
            node, rest = work[-1]
            for successor in rest:
                if index[successor] < 0:
                    index[successor] = low[successor] = counter
                    counter += 1
                    stack.append(successor)
                    on_stack[successor] = 1
                    work.append((successor, iter(successors[successor])))
                    break
                if on_stack[successor]:
                    low[node] = min(low[node], index[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = _pop_through(stack, node, on_stack)
                    if len(component) > 1:
                        components.append(sorted(component))
    return sorted(components)


def _pop_through(stack: list[int], node: int, on_stack: bytearray) -> list[int]:
    component: list[int] = []
    while True:
        member = stack.pop()
        on_stack[member] = 0
        component.append(member)
        if member == node:
            return component


def shortest_path(successors: Adjacency, start: int, goal: int, *, within: Sequence[bool] | bytearray) -> list[int]:
    """A shortest path from start to goal, both included, over allowed nodes; empty without one."""
    came_from = {start: start}
    frontier = [start]
    while frontier and goal not in came_from:
        following: list[int] = []
        for node in frontier:
            for successor in successors[node]:
                if within[successor] and successor not in came_from:
                    came_from[successor] = node
                    following.append(successor)
        frontier = following
    if goal not in came_from:
        return []
    path = [goal]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]
