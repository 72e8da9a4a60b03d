"""The immutable graph of all assets: order, neighbors and closures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from assetflow.errors import DefinitionError, UnknownAssetError
from assetflow.graph.adjacency import Adjacency, reachable, topological_order
from assetflow.graph.edge_mapping import edge_mapping
from assetflow.graph.nearest import NearestKeys
from assetflow.graph.validate import validate
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.mapping import PartitionMapping


class AssetGraph:
    """All assets and their dependencies, checked when made and never changed.

    A dependency of an asset on itself (on earlier partitions) is in `edges` and in the spec; it plays no part
    in the order, in `upstream` and `downstream`, or in closures. All answers are sorted by key, but for
    `order`.

    Raises DefinitionError with every problem that `validate` finds.
    """

    __slots__ = (
        "_computations",
        "_down",
        "_edges",
        "_keys",
        "_order",
        "_positions",
        "_ranks",
        "_specs",
        "_up",
    )

    def __init__(self, specs: Iterable[AssetSpec]) -> None:
        listed = tuple(specs)
        problems = validate(listed)
        if problems:
            raise DefinitionError(problems)
        by_key = {spec.key: spec for spec in sorted(listed, key=lambda spec: spec.key)}
        self._specs: Mapping[str, AssetSpec] = MappingProxyType(by_key)
        self._keys = tuple(by_key)
        self._positions = {key: at for at, key in enumerate(self._keys)}
        edges = sorted(
            {(self._positions[edge.upstream], at) for at, spec in enumerate(by_key.values()) for edge in spec.inputs}
        )
        self._edges = tuple((self._keys[a], self._keys[b]) for a, b in edges)
        self._down = Adjacency(len(self._keys), [(a, b) for a, b in edges if a != b])
        self._up = self._down.reversed()
        order = topological_order(self._down)
        self._order = tuple(self._keys[node] for node in order)
        self._ranks = {key: rank for rank, key in enumerate(self._order)}
        self._computations = MappingProxyType(_computations(by_key.values()))

    @property
    def specs(self) -> Mapping[str, AssetSpec]:
        """The spec of every asset, by key in ascending order."""
        return self._specs

    @property
    def keys(self) -> tuple[str, ...]:
        """All asset keys, ascending."""
        return self._keys

    @property
    def order(self) -> tuple[str, ...]:
        """All asset keys, each after its upstreams; of several that could come next, the smallest key."""
        return self._order

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """All distinct (upstream, downstream) pairs, ascending, with dependencies of assets on themselves."""
        return self._edges

    @property
    def computations(self) -> Mapping[str, tuple[str, ...]]:
        """The assets each computation makes; an asset without a named computation has one of its own key."""
        return self._computations

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._specs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AssetGraph):
            return NotImplemented
        return dict(self._specs) == dict(other._specs)

    def __hash__(self) -> int:
        return hash(self._edges)

    def __repr__(self) -> str:
        return f"<AssetGraph of {len(self._keys)} assets and {len(self._edges)} dependencies>"

    def __reduce__(self) -> tuple[type[AssetGraph], tuple[tuple[AssetSpec, ...]]]:
        return AssetGraph, (tuple(self._specs.values()),)

    def spec(self, key: str) -> AssetSpec:
        """The spec of an asset; UnknownAssetError with the nearest key when there is none."""
        return self._specs[self._known(key)]

    def position(self, key: str) -> int:
        """The place of an asset in `order`, from 0; UnknownAssetError when there is none."""
        return self._ranks[self._known(key)]

    def upstream(self, key: str) -> tuple[str, ...]:
        """The assets this one reads directly, itself left out."""
        return self._named(self._up[self._number(key)])

    def downstream(self, key: str) -> tuple[str, ...]:
        """The assets that read this one directly, itself left out."""
        return self._named(self._down[self._number(key)])

    def ancestors(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """The assets upstream of any of these, at most `depth` edges away (None: all the way).

        One of `keys` is in the answer only when another of them is downstream of it.
        """
        return frozenset(self._named(reachable(self._up, self._numbers(keys), depth=depth)))

    def descendants(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """The assets downstream of any of these, at most `depth` edges away (None: all the way).

        One of `keys` is in the answer only when another of them is upstream of it.
        """
        return frozenset(self._named(reachable(self._down, self._numbers(keys), depth=depth)))

    def roots(self) -> tuple[str, ...]:
        """The assets without upstreams."""
        return tuple(key for at, key in enumerate(self._keys) if not self._up.degree(at))

    def sinks(self) -> tuple[str, ...]:
        """The assets that nothing reads."""
        return tuple(key for at, key in enumerate(self._keys) if not self._down.degree(at))

    def sorted(self, keys: Collection[str]) -> tuple[str, ...]:
        """These assets in the order of the graph."""
        return tuple(sorted({self._known(key) for key in keys}, key=self._ranks.__getitem__))

    def subgraph(self, keys: Iterable[str]) -> AssetGraph:
        """The graph of these assets and the dependencies between them; specs lose their other inputs."""
        kept = {self._known(key) for key in keys}
        return AssetGraph(
            replace(spec, inputs=tuple(edge for edge in spec.inputs if edge.upstream in kept))
            for key, spec in self._specs.items()
            if key in kept
        )

    def mapping(self, downstream: str, edge: InputSpec) -> PartitionMapping:
        """How partitions of `downstream` map to those of `edge.upstream`: as declared, else the default."""
        return edge_mapping(self.spec(downstream), edge, self.spec(edge.upstream))

    def _named(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple([self._keys[number] for number in numbers])

    def _numbers(self, keys: Iterable[str]) -> list[int]:
        return [self._number(key) for key in keys]

    def _number(self, key: str) -> int:
        return self._positions[self._known(key)]

    def _known(self, key: str) -> str:
        if key not in self._specs:
            raise UnknownAssetError(f"no asset has the key `{key}`", hint=NearestKeys(self._keys).hint(key), asset=key)
        return key


def _computations(specs: Iterable[AssetSpec]) -> dict[str, tuple[str, ...]]:
    made: dict[str, list[str]] = {}
    for spec in specs:
        made.setdefault(spec.computation or spec.key, []).append(spec.key)
    return {name: tuple(keys) for name, keys in sorted(made.items())}
