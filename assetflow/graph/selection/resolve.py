"""From selections to the assets they mean in one graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, assert_never

from assetflow.errors import InternalError, SelectionError
from assetflow.graph.graph import AssetGraph
from assetflow.graph.selection.match import matching_keys, with_attribute, with_tag
from assetflow.graph.selection.printer import to_text
from assetflow.graph.selection.selection import Selection
from assetflow.graph.selection.tree import (
    And,
    Attribute,
    Changed,
    End,
    Ends,
    Keys,
    Node,
    Not,
    Or,
    Reach,
    Status,
    Tag,
    walk,
)
from assetflow.model.texts import first_of
from assetflow.values import dataclass

_Partitions = tuple[str, ...] | None
_Selected = dict[str, _Partitions]


class Facts(Protocol):
    """What is known about assets beyond their definitions, for `status:` and `changed:`."""

    def status(self, asset: str) -> Collection[str]:
        """The states of an asset, out of stale, missing, overdue, fresh, failed: it can be in several."""
        ...

    def changed(self, asset: str) -> Collection[str]:
        """What changed about an asset since it was materialized, out of code, data, config."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The assets that selections mean.

    `assets` maps each key, ascending, to None (all its partitions) or to texts that its partitions definition
    parses (`2013-01-01`, `2013-01-01..2013-01-31`, `2013-01-*`). `by_facts` says that a `status:` or `changed:`
    predicate took part: only then can `assets` be empty.
    """

    assets: Mapping[str, tuple[str, ...] | None]
    by_facts: bool


def needs_status(selection: Selection) -> bool:
    """Whether resolving asks for facts: whether a `status:` or `changed:` predicate is in the selection."""
    return any(isinstance(node, (Status, Changed)) for node in walk(selection.tree))


def resolve(selections: Sequence[Selection], graph: AssetGraph, facts: Facts | None = None) -> Resolved:
    """The union of what the selections mean; an asset selected once without partitions is selected with all
    of them.

    `facts` may be None when no selection needs status. Raises SelectionError for anything that matches
    nothing (its subclass UnknownAssetError for a key), and for partitions where there are none.
    """
    if not selections:
        raise SelectionError("no selection is given", hint="write an asset key, or `*` for everything")
    resolver = _Resolver(graph, facts)
    union: _Selected = {}
    for selection in selections:
        selected = resolver.selected(selection.tree)
        if not selected and not needs_status(selection):
            raise SelectionError(
                f"the selection `{selection}` matches no asset",
                hint="each part of it matches something, but nothing is in all of them",
                selection=selection.to_text(),
            )
        _unite(union, selected)
    return Resolved(
        assets=MappingProxyType({key: union[key] for key in sorted(union)}),
        by_facts=any(needs_status(selection) for selection in selections),
    )


class _Resolver:
    __slots__ = ("facts", "graph")

    def __init__(self, graph: AssetGraph, facts: Facts | None) -> None:
        self.graph = graph
        self.facts = facts

    def selected(self, node: Node) -> _Selected:
        match node:
            case Keys():
                return self._keys(node)
            case Attribute():
                return dict.fromkeys(with_attribute(self.graph, node))
            case Tag():
                return dict.fromkeys(with_tag(self.graph, node))
            case Status():
                facts = self._facts(node)
                return dict.fromkeys(key for key in self.graph.keys if node.name in facts.status(key))
            case Changed():
                facts = self._facts(node)
                wanted = {node.change} if node.change else {"code", "data", "config"}
                return dict.fromkeys(key for key in self.graph.keys if wanted.intersection(facts.changed(key)))
            case Ends():
                return self._ends(node)
            case Reach():
                return self._reach(node)
            case Not():
                return self._not(node)
            case And():
                return self._and(node)
            case Or():
                union: _Selected = {}
                for operand in node.operands:
                    _unite(union, self.selected(operand))
                return union
            case _:
                assert_never(node)

    def _keys(self, node: Keys) -> _Selected:
        keys = matching_keys(self.graph, node.pattern)
        if not node.partitions:
            return dict.fromkeys(keys)
        bare = [key for key in keys if self.graph.specs[key].partitions is None]
        if bare:
            names = first_of([f"`{key}`" for key in bare], 5)
            verb = "has no partitions" if len(bare) == 1 else "have no partitions"
            raise SelectionError(
                f"`{to_text(node)}` asks for partitions, but {names} {verb}",
                hint=f"leave out the `@`: `{to_text(Keys(pattern=node.pattern))}`",
                assets=bare,
            )
        return dict.fromkeys(keys, tuple(dict.fromkeys(node.partitions)))

    def _ends(self, node: Ends) -> _Selected:
        inner = self.selected(node.operand)
        match node.end:
            case End.ROOTS:
                covered = self.graph.descendants(inner)
            case End.SINKS:
                covered = self.graph.ancestors(inner)
            case _:
                assert_never(node.end)
        return {key: terms for key, terms in inner.items() if key not in covered}

    def _reach(self, node: Reach) -> _Selected:
        selected = self.selected(node.operand)
        seeds = tuple(selected)
        if node.up != 0:
            _unite(selected, dict.fromkeys(self.graph.ancestors(seeds, node.up)))
        if node.down != 0:
            _unite(selected, dict.fromkeys(self.graph.descendants(seeds, node.down)))
        return selected

    def _not(self, node: Not) -> _Selected:
        inner = self.selected(node.operand)
        for key, terms in inner.items():
            if terms is not None:
                raise SelectionError(
                    f"`{to_text(node)}` takes partitions of `{key}` away, which a selection cannot say",
                    hint="leave out the `@` after `not`, or select the partitions that are wanted",
                )
        return {key: None for key in self.graph.keys if key not in inner}

    def _and(self, node: And) -> _Selected:
        first, *rest = (self.selected(operand) for operand in node.operands)
        for other in rest:
            first = {key: _meet(node, key, terms, other[key]) for key, terms in first.items() if key in other}
        return first

    def _facts(self, node: Node) -> Facts:
        if self.facts is None:
            raise InternalError(f"`{to_text(node)}` was resolved without facts")
        return self.facts


def _unite(into: _Selected, other: _Selected) -> None:
    for key, terms in other.items():
        known = into.get(key, ())
        if terms is None or known is None:
            into[key] = None
        else:
            into[key] = tuple(dict.fromkeys((*known, *terms)))


def _meet(node: And, key: str, one: _Partitions, two: _Partitions) -> _Partitions:
    if one is None or two is None:
        return two if one is None else one
    if set(one) == set(two):
        return one
    raise SelectionError(
        f"`{to_text(node)}` takes two different sets of partitions of `{key}` together with `and`",
        hint="write the wanted partitions once, or join the sets with `or`",
    )
