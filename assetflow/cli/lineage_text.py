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
    own: list[tuple[str | None, str]] = field(default_factory=list)
    """Its own partitions, with their versions, that it read, or that read it."""


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
        else:
            lower.own.append(
                (edge.input_partition, edge.input_data_version) if up else (edge.partition, edge.data_version)
            )
    return nodes


def _tree(screen: Screen, nodes: Mapping[str, _Node], root: str) -> list[str]:
    lines: list[str] = []
    seen = {root}
    stack = list(reversed(_below(nodes[root], nodes, ""))) if root in nodes else []
    while stack:
        node, last, below = stack.pop()
        key = node.asset
        lead = below + ("└─ " if last else "├─ ")
        again = key in seen and bool(node.next)
        what = _what(node, again=again) + ("  ↻ itself" if node.own else "")
        lines.append(f"{screen.style(lead, 'dim')}{_name(node)}  {screen.style(what, 'dim')}")
        if key in seen:
            continue
        seen.add(key)
        after = [(nodes[each], below + ("   " if last else "│  ")) for each in sorted(node.next)]
        stack.extend((child, child is after[-1][0], inner) for child, inner in reversed(after))
    return lines


def _below(root: _Node, nodes: Mapping[str, _Node], lead: str) -> list[tuple[_Node, bool, str]]:
    """What stands directly below the asset that was asked for: first, of it, its own other partitions."""
    found = [nodes[key] for key in sorted(root.next)]
    if root.own:
        partitions, versions = {each for each, _ in root.own}, {version for _, version in root.own}
        found.insert(0, _Node(root.asset, partitions=partitions, versions=versions, own=root.own))
    return [(node, node is found[-1], lead) for node in found]


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
