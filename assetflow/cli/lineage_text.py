"""Recorded lineage as two trees, one up and one down; partitions of an asset share a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from assetflow.catalog.rows import Lineage, LineageEdge
from assetflow.cli.screen import Screen
from assetflow.cli.words import amount, short
from assetflow.model.keys import show
from assetflow.values import dataclass


@dataclass(slots=True)
class _Node:
    """An asset of the lineage: its partitions that take part, their versions, and its neighbors further on."""

    asset: str
    partitions: set[str | None] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    materializations: set[str | None] = field(default_factory=set)
    next: set[str] = field(default_factory=set)


def lineage_text(screen: Screen, lineage: Lineage) -> str:
    """The trees below a line that names the asset; one line says so where there is nothing."""
    head = screen.style(show(lineage.asset, lineage.partition), "bold")
    if lineage.materialization is not None:
        head += screen.style(f"  {lineage.materialization}", "dim")
    parts = [head]
    above = _nodes(lineage.upstream, up=True)
    below = _nodes(lineage.downstream, up=False)
    if above:
        parts += ["", screen.style("made from", "dim"), *_tree(screen, above, lineage.asset)]
    if below:
        parts += ["", screen.style("used for", "dim"), *_tree(screen, below, lineage.asset)]
    if not above and not below:
        parts.append("no lineage is recorded: it was never materialized, or reads nothing and is read by nothing")
    return "\n".join(parts)


def _nodes(edges: Iterable[LineageEdge], *, up: bool) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for edge in edges:
        lower = nodes.setdefault(edge.asset, _Node(edge.asset))
        upper = nodes.setdefault(edge.input_asset, _Node(edge.input_asset))
        upper.partitions.add(edge.input_partition)
        upper.versions.add(edge.input_data_version)
        upper.materializations.add(edge.input_materialization)
        lower.partitions.add(edge.partition)
        lower.versions.add(edge.data_version)
        lower.materializations.add(edge.materialization)
        if edge.asset != edge.input_asset:
            (lower if up else upper).next.add((upper if up else lower).asset)
    return nodes


def _tree(screen: Screen, nodes: Mapping[str, _Node], root: str) -> list[str]:
    lines: list[str] = []
    seen = {root}
    start = sorted(nodes[root].next) if root in nodes else []
    stack = [(key, at == len(start) - 1, "") for at, key in reversed(list(enumerate(start)))]
    while stack:
        key, last, below = stack.pop()
        node = nodes[key]
        lead = below + ("└─ " if last else "├─ ")
        again = key in seen and bool(node.next)
        lines.append(f"{screen.style(lead, 'dim')}{_name(node)}  {screen.style(_what(node, again=again), 'dim')}")
        if key in seen:
            continue
        seen.add(key)
        after = sorted(node.next)
        inner = below + ("   " if last else "│  ")
        stack.extend((child, at == len(after) - 1, inner) for at, child in reversed(list(enumerate(after))))
    return lines


def _name(node: _Node) -> str:
    if len(node.partitions) == 1:
        (partition,) = node.partitions
        return show(node.asset, partition)
    return node.asset


def _what(node: _Node, *, again: bool) -> str:
    if again:
        return "shown above"
    if len(node.partitions) > 1:
        return amount(len(node.partitions), "partition")
    (version, *more) = sorted(node.versions)
    return f"{len(more) + 1} versions" if more else short(version)
