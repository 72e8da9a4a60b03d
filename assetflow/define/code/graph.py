"""The graph of what code reaches, and the digest of each node with everything under it.

Names of files do not enter a digest, only what the nodes hold and how they are linked, so moving code changes nothing.
Nodes that reach each other are told apart by refining: each starts with what it holds, and takes in what its links lead
to until that separates no more of them. The graph of the classes so found then stands for the whole cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

from assetflow.define.code.components import Component, ComponentKind
from assetflow.define.code.digest import digest


class Node:
    """One thing that code reaches: filled in by `reach`, then sealed.

    `own` is the digest of what the node holds itself, `links` are (label, node), `label` being the name that the code
    knows the node by. `short` is what it is called apart from its file.
    """

    __slots__ = ("_component", "kind", "links", "name", "own", "packages", "problems", "sealed", "short", "text")

    def __init__(self, name: str, kind: ComponentKind | None, *, short: str, text: str = "", own: str = "") -> None:
        self.name = name
        self.kind = kind
        self.short = short
        self.text = text
        self.own = own
        self.links: list[tuple[str, Node]] = []
        self.packages: tuple[tuple[str, str], ...] = ()
        self.problems: list[str] = []
        self.sealed: str | None = None
        self._component: Component | None = None

    @property
    def component(self) -> Component | None:
        """The node as a component of a code version; None for a node that only ties others together."""
        if self.kind is None:
            return None
        if self._component is None:
            links = [text for label, target in sorted_links(self) for text in (label, target.short)]
            own = digest("component", self.own, *links)
            self._component = Component(name=self.name, kind=self.kind, hash=own, text=self.text)
        return self._component


_label = itemgetter(0)


def sorted_links(node: Node) -> list[tuple[str, Node]]:
    """The links of a node by label, links with the same label in the order they were made."""
    return sorted(node.links, key=_label) if len(node.links) > 1 else node.links


def reachable(roots: Iterable[Node]) -> list[Node]:
    """The nodes and all that they reach, each once."""
    pending = list(roots)
    seen: dict[int, Node] = {id(node): node for node in pending}
    while pending:
        for _, target in pending.pop().links:
            if id(target) not in seen:
                seen[id(target)] = target
                pending.append(target)
    return list(seen.values())


def seal(root: Node) -> str:
    """The digest of a node with everything it reaches; settles all nodes on the way (Tarjan, with its own stack)."""
    if root.sealed is not None:
        return root.sealed
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[Node] = []
    stack: list[tuple[Node, int]] = [(root, 0)]
    while stack:
        node, position = stack.pop()
        me = id(node)
        if position == 0:
            order[me] = low[me] = len(order)
            open_nodes.append(node)
        else:
            low[me] = min(low[me], low[id(node.links[position - 1][1])])
        for index in range(position, len(node.links)):
            target = node.links[index][1]
            if target.sealed is not None:
                continue
            if id(target) not in order:
                stack += [(node, index + 1), (target, 0)]
                break
            low[me] = min(low[me], order[id(target)])
        else:
            if low[me] == order[me]:
                start = next(i for i in range(len(open_nodes) - 1, -1, -1) if open_nodes[i] is node)
                _seal_group(open_nodes[start:])
                del open_nodes[start:]
    return str(root.sealed)


def _color(node: Node, links: Sequence[tuple[str, Node]]) -> str:
    parts = [node.own]
    for label, target in links:
        parts += [label, target.sealed or "inside"]
    return digest("node", *parts)


def _seal_group(members: Sequence[Node]) -> None:
    """Seal nodes that all reach each other, everything else they reach being sealed already."""
    links = {id(node): sorted_links(node) for node in members}
    colors = {id(node): _color(node, links[id(node)]) for node in members}
    first = id(members[0])
    if len(members) == 1 and all(target is not members[0] for _, target in links[first]):
        members[0].sealed = colors[first]
        return
    inside = links.keys()
    inner = {
        key: [(label, id(target)) for label, target in pairs if id(target) in inside] for key, pairs in links.items()
    }
    classes = 0
    while len(set(colors.values())) > classes:
        classes = len(set(colors.values()))
        colors = {
            key: digest("color", color, *[text for label, target in inner[key] for text in (label, colors[target])])
            for key, color in colors.items()
        }
    whole = digest("cycle", *sorted(set(colors.values())))
    for node in members:
        node.sealed = digest("member", colors[id(node)], whole)
