"""Evaluating automation conditions at a tick: pure, and by sets of partitions, never key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from assetflow.errors import AssetflowError, PartitionError, UsageError, did_you_mean
from assetflow.garbage import uncollected
from assetflow.model.asset import InputSpec
from assetflow.model.condition import (
    All,
    Any_,
    AutomationCondition,
    CronTick,
    Custom,
    Downstream,
    Fact,
    FactKind,
    InLatestWindow,
    Labeled,
    NewlyTrue,
    Not,
    PartitionIn,
    Quantity,
    Since,
    Upstream,
)
from assetflow.model.subset import PartitionSubset
from assetflow.model.ticks import has_tick
from assetflow.planner.extents import Extent, both, either, empty, everything, restored, stored, without
from assetflow.planner.newest import newest_window, windows_ending_after
from assetflow.planner.universe import Universe
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetMemory:
    """What the evaluation of one asset's condition keeps for the next tick, as JSON.

    `condition` is the condition as text: memory of another one is dropped.
    """

    condition: str
    nodes: Mapping[str, Any] = field(default_factory=dict)
    requested: Any = False

    def to_json(self) -> dict[str, Any]:
        return {"condition": self.condition, "nodes": dict(self.nodes), "requested": self.requested}


class Node(NamedTuple):
    """One node of an evaluated condition: what it says, of which asset, where it is true, and what it is made of.

    A named tuple, because a tick over many assets makes hundreds of thousands.
    """

    condition: AutomationCondition
    asset: str
    extent: Extent
    children: tuple[Node, ...] = ()
    error: str | None = None

    @property
    def text(self) -> str:
        """What the node says, in few words where its children say the rest."""
        match self.condition:
            case All() if len(self.children) > 1:
                return "all of"
            case Any_() if len(self.children) > 1:
                return "any of"
            case _:
                return self.condition.describe()

    def to_json(self) -> dict[str, Any]:
        """`{"condition", "asset", "true", "partitions", "error", "children"}`; `true` counts partitions."""
        is_subset = isinstance(self.extent, PartitionSubset)
        return {
            "condition": self.text,
            "asset": self.asset,
            "true": len(self.extent) if isinstance(self.extent, PartitionSubset) else self.extent,
            "partitions": str(self.extent) if is_subset and self.extent else None,
            "error": self.error,
            "children": [child.to_json() for child in self.children],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result for one asset: what is requested of it, the tree, what is kept, and what went wrong."""

    asset: str
    requested: Extent
    tree: Node
    memory: AssetMemory
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionView:
    """What a condition of the user sees: the asset, the instant, the tick before, its partitions, and other conditions.

    `true(condition)` gives the partition keys for which a condition holds, or a bool for an unpartitioned asset.
    """

    asset: str
    now: datetime
    previous: datetime | None
    partitions: PartitionSubset | None
    true: Callable[[AutomationCondition], bool | PartitionSubset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at a tick: for each looked-up operand, where it is true by asset; nowhere where none is named."""

    true: Mapping[FactKind, Mapping[str, Extent]] = field(default_factory=dict)
    previous: datetime | None = None


class Evaluator:
    """Evaluates the conditions of one tick, upstream first; what one asset requests the next ones see."""

    def __init__(self, universe: Universe, facts: Facts, memory: Mapping[str, AssetMemory]) -> None:
        self.universe = universe
        self.facts = facts
        self.memory = memory
        self.requests: dict[str, Extent] = {}

    def run(self, conditions: Mapping[str, AutomationCondition]) -> list[Evaluation]:
        """The evaluation of every condition, in order of the graph."""
        with uncollected():  # trees are many objects: looking through them takes half of the time
            return [self._asset(key, conditions[key]) for key in self.universe.graph.sorted(conditions)]

    def _asset(self, asset: str, condition: AutomationCondition) -> Evaluation:
        text = full_text(condition)
        known = self.memory.get(asset)
        before = known.nodes if known is not None and known.condition == text else {}
        walk = _Walk(self, before)
        try:
            tree = walk.node(condition, asset, "")
        except AssetflowError as error:  # of a mapping, or of a partition that the condition names
            tree = Node(condition=condition, asset=asset, extent=False, error=error.message)
            walk.kept = dict(before)
            walk.errors = [error.message]
        requested = empty(self.universe, asset) if walk.errors else tree.extent
        if requested:
            self.requests[asset] = requested
        memory = AssetMemory(condition=text, nodes=walk.kept, requested=stored(requested))
        return Evaluation(asset=asset, requested=requested, tree=tree, memory=memory, errors=tuple(walk.errors))


class _Walk:
    """One evaluation of one asset's condition: what it remembers of the tick before, and what it keeps."""

    def __init__(self, evaluator: Evaluator, before: Mapping[str, Any]) -> None:
        self.evaluator = evaluator
        self.universe = evaluator.universe
        self.before = before
        self.kept: dict[str, Any] = {}
        self.errors: list[str] = []

    def node(self, condition: AutomationCondition, asset: str, path: str) -> Node:
        """A node and everything below it; `path` names it within the condition."""
        match condition:
            case Labeled():
                inner = self.node(condition.child, asset, path)
                return Node(condition=condition, asset=asset, extent=inner.extent, children=(inner,))
            case All() | Any_() | Not() | NewlyTrue() | Since():
                return self._combined(condition, asset, path)
            case Upstream():
                return self._upstream(condition, asset, path)
            case Downstream():
                return self._downstream(condition, asset, path)
            case Custom():
                return self._custom(condition, asset, path)
            case _:
                return Node(condition=condition, asset=asset, extent=self._operand(condition, asset, path))

    def _combined(self, condition: AutomationCondition, asset: str, path: str) -> Node:
        children = tuple(self.node(each, asset, f"{path}.{at}") for at, each in enumerate(condition.children))
        extents = [child.extent for child in children]
        match condition:
            case All():
                extent = everything(self.universe, asset)
                for each in extents:
                    extent = both(extent, each)
            case Any_():
                extent = empty(self.universe, asset)
                for each in extents:
                    extent = either(extent, each)
            case Not():
                extent = without(everything(self.universe, asset), extents[0])
            case NewlyTrue():
                extent = without(extents[0], self._remembered(asset, path))
                self.kept[path] = stored(extents[0])
            case _:
                extent = without(either(self._remembered(asset, path), extents[0]), extents[1])
                self.kept[path] = stored(extent)
        return Node(condition=condition, asset=asset, extent=extent, children=children)

    def _remembered(self, asset: str, path: str) -> Extent:
        return restored(self.universe, asset, self.before.get(path, False))

    def _operand(self, condition: AutomationCondition, asset: str, path: str) -> Extent:
        whole = everything(self.universe, asset)
        match condition:
            case Fact(kind=FactKind.INITIAL):
                self.kept[path] = stored(whole)
                return without(whole, self._remembered(asset, path))
            case Fact(kind=FactKind.WILL_BE_REQUESTED):
                return self.evaluator.requests.get(asset, empty(self.universe, asset))
            case Fact(kind=FactKind.NEWLY_REQUESTED):
                known = self.evaluator.memory.get(asset)
                return restored(self.universe, asset, False if known is None else known.requested)
            case Fact(kind=kind):
                found = self.evaluator.facts.true.get(kind, {}).get(asset)
                return empty(self.universe, asset) if found is None else both(whole, found)
            case CronTick():
                previous = self.evaluator.facts.previous
                passed = previous is not None and has_tick(condition.cron, condition.tz, previous, self.universe.as_of)
                return whole if passed else empty(self.universe, asset)
            case InLatestWindow() if isinstance(whole, PartitionSubset):
                newest = newest_window(whole)
                if condition.lookback is None:
                    return newest
                return newest | windows_ending_after(whole, self.universe.as_of - condition.lookback)
            case PartitionIn() if isinstance(whole, PartitionSubset):
                return whole & whole.definition.parse(condition.texts)
            case _:
                return whole

    def _edges(self, condition: Upstream, asset: str) -> list[InputSpec]:
        inputs = self.universe.graph.specs[asset].inputs
        for key in (*condition.allow, *condition.ignore):
            if key not in self.universe.graph:
                hint = did_you_mean(key, self.universe.graph.keys)
                raise UsageError(f"`{condition.quantity}_upstream` names `{key}`, which no definition has", hint=hint)
        return [
            edge
            for edge in inputs
            if edge.upstream != asset
            and (not condition.allow or edge.upstream in condition.allow)
            and edge.upstream not in condition.ignore
        ]

    def _upstream(self, condition: Upstream, asset: str, path: str) -> Node:
        """Any: what reads a partition where the child is true. All: everything but what reads one where it is not."""
        edges = self._edges(condition, asset)
        nodes = {
            key: self.node(condition.child, key, f"{path}.{key}") for key in sorted({edge.upstream for edge in edges})
        }
        found = empty(self.universe, asset)
        for edge in edges:
            extent = nodes[edge.upstream].extent
            if condition.quantity is Quantity.ALL:
                extent = without(everything(self.universe, edge.upstream), extent)
            found = either(found, self._reading(asset, edge, extent))
        if condition.quantity is Quantity.ALL:
            found = without(everything(self.universe, asset), found)
        return Node(condition=condition, asset=asset, extent=found, children=tuple(nodes.values()))

    def _reading(self, asset: str, edge: InputSpec, extent: Extent) -> Extent:
        """What of an asset reads any of these upstream partitions."""
        if not extent:
            return empty(self.universe, asset)
        subset = extent if isinstance(extent, PartitionSubset) else None
        if self.universe.definition(asset) is None:
            if subset is None:
                return True
            read = self.universe.upstream_subset(asset, edge, None)
            return bool(read is None or read & subset)
        found = self.universe.downstream_subset(asset, edge, subset)
        return everything(self.universe, asset) if found is None else found

    def _downstream(self, condition: Downstream, asset: str, path: str) -> Node:
        graph = self.universe.graph
        found = empty(self.universe, asset)
        nodes = []
        for key in graph.downstream(asset):
            if key == asset:
                continue
            node = self.node(condition.child, key, f"{path}.{key}")
            nodes.append(node)
            for edge in graph.specs[key].inputs:
                if edge.upstream == asset and node.extent:
                    subset = node.extent if isinstance(node.extent, PartitionSubset) else None
                    read = self.universe.upstream_subset(key, edge, subset)
                    found = either(found, everything(self.universe, asset) if read is None else read)
        return Node(condition=condition, asset=asset, extent=found, children=tuple(nodes))

    def _custom(self, condition: Custom, asset: str, path: str) -> Node:
        """A condition of the user; what it raises makes it false and stands in the tree."""
        whole = everything(self.universe, asset)
        nodes: list[Node] = []

        def true(inner: AutomationCondition) -> Extent:
            nodes.append(self.node(inner, asset, f"{path}.{len(nodes)}"))
            return nodes[-1].extent

        view = ConditionView(
            asset=asset,
            now=self.universe.as_of,
            previous=self.evaluator.facts.previous,
            partitions=whole if isinstance(whole, PartitionSubset) else None,
            true=true,
        )
        extent, error = empty(self.universe, asset), None
        try:
            extent = _answer(condition.fn(view), whole)
        except AssetflowError as problem:
            error = f"`{condition.name}`: {problem.message}"
        except Exception as problem:  # a user's function: it must not end the tick
            error = f"`{condition.name}` raised {type(problem).__name__}: {problem}"
        if error is not None:
            self.errors.append(error)
        return Node(condition=condition, asset=asset, extent=extent, children=tuple(nodes), error=error)


def _answer(answer: Any, whole: Extent) -> Extent:
    if isinstance(answer, bool):
        return whole if answer else without(whole, whole)
    if not isinstance(whole, PartitionSubset):
        raise PartitionError(f"the condition of an asset without partitions returned {answer!r}, not True or False")
    return whole & (answer if isinstance(answer, PartitionSubset) else whole.definition.subset(answer))


@lru_cache(maxsize=4096)
def full_text(condition: AutomationCondition) -> str:
    """The condition without its labels, which tells whether it is still the same one."""
    if isinstance(condition, Labeled):
        return full_text(condition.child)
    inner = ", ".join(full_text(child) for child in condition.children)
    return (
        f"{condition.describe() if not condition.children else type(condition).__name__ + _extra(condition)}[{inner}]"
    )


def _extra(condition: AutomationCondition) -> str:
    if isinstance(condition, Upstream):
        return f"({condition.quantity}, {condition.allow}, {condition.ignore})"
    return ""
