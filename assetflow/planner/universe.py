"""Which asset partitions exist at an instant, and which of them read which others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime

from assetflow.errors import PartitionError
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import InputSpec
from assetflow.model.keys import show
from assetflow.model.mapping import DimensionMapping, IdentityMapping, PartitionMapping, TimeWindowMapping
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.partition_mapping import UpstreamResult
from assetflow.model.record import Partition
from assetflow.model.subset import PartitionSubset

Input = tuple[str, Partition]
"""One upstream asset partition."""

UNPARTITIONED: tuple[Partition, ...] = (None,)


class Universe:
    """The asset partitions of a graph at one instant, with dynamic keys bound, and the edges between them.

    Answers are computed on demand and kept; the universe itself never changes. Assets that are `blocked` read nothing
    here: their mappings lead to partitions that do not exist, or fail. `deferred` collects what is missing of dynamic
    partitions that an asset may yet add, with the names of these.
    """

    def __init__(
        self,
        graph: AssetGraph,
        *,
        as_of: datetime,
        dynamic: Mapping[str, Iterable[str]],
        blocked: Collection[str] = (),
    ) -> None:
        self.graph = graph
        self.as_of = as_of
        self.blocked = blocked
        self.deferred: list[tuple[frozenset[str], PartitionError]] = []
        self._dynamic = dynamic
        self._adders: dict[str, tuple[str, ...]] | None = None
        self._definitions: dict[str, PartitionsDefinition | None] = {}
        self._all: dict[str, PartitionSubset] = {}
        self._constant_inputs: dict[str, tuple[Input, ...] | None] = {}
        self._same_key: dict[str, tuple[tuple[str, bool], ...] | None] = {}
        self._mapping_texts: dict[PartitionMapping, str] = {}

    def definition(self, asset: str) -> PartitionsDefinition | None:
        """The partitions of an asset with dynamic keys known; None for an unpartitioned asset."""
        try:
            return self._definitions[asset]
        except KeyError:
            declared = self.graph.specs[asset].partitions
            bound = None
            if declared is not None:
                names = {name: self._dynamic.get(name, ()) for name in declared.dynamic_names}
                bound = declared.bind(names) if names else declared
            self._definitions[asset] = bound
            return bound

    def all(self, asset: str) -> PartitionSubset | None:
        """Every partition of the asset that is there at the instant; None for an unpartitioned asset."""
        definition = self.definition(asset)
        if definition is None:
            return None
        if asset not in self._all:
            self._all[asset] = definition.all(self.as_of)
        return self._all[asset]

    def depth(self, asset: str) -> int:
        """How many dimensions the regions of an asset's partitions have; 1 for an unpartitioned one."""
        definition = self.definition(asset)
        return 1 if definition is None else len(definition.axes)

    def newest(self, asset: str) -> Partition:
        """The last partition that is there, of which freshness speaks; None when there is none, or no partitions."""
        everything = self.all(asset)
        return everything.last() if everything else None

    def adders_of(self, assets: Iterable[str]) -> list[str]:
        """The assets that change dynamic partitions by which any of these is partitioned, sorted."""
        if self._adders is None:
            self._adders = {key: spec.adds_partitions for key, spec in self.graph.specs.items() if spec.adds_partitions}
        if not self._adders:
            return []
        partitions = (self.graph.specs[asset].partitions for asset in assets)
        names = {name for definition in partitions if definition is not None for name in definition.dynamic_names}
        return sorted(key for key, added in self._adders.items() if names.intersection(added))

    def upstream_subset(self, asset: str, edge: InputSpec, subset: PartitionSubset | None) -> PartitionSubset | None:
        """The upstream partitions that a set of the asset's partitions reads through one edge.

        PartitionError when one that is required does not exist, and nothing in the graph may add it.
        """
        upstream = self.definition(edge.upstream)
        if asset in self.blocked:
            return None if upstream is None else upstream.empty()
        with _named(asset, edge):
            result = self.graph.mapping(asset, edge).upstream_subset(
                subset, downstream=self.definition(asset), upstream=upstream, as_of=self.as_of
            )
        if result.missing:
            error = self._missing(asset, edge, result)
            if not self.adders_of([edge.upstream]):
                raise error
            self.deferred.append((frozenset(upstream.dynamic_names if upstream is not None else ()), error))
        return result.subset

    def _missing(self, asset: str, edge: InputSpec, result: UpstreamResult) -> PartitionError:
        blocked = "" if result.blocked is None else f"@{result.blocked}"
        hint = "give the input another mapping, or see to it that they are there first"
        if isinstance(self.graph.mapping(asset, edge), (TimeWindowMapping, DimensionMapping)):
            hint = (
                "start the asset later, give the input another mapping, or allow it with "
                "TimeWindowMapping(allow_nonexistent_upstream=True)"
            )
        return PartitionError(
            f"`{asset}{blocked}` needs partitions of `{edge.upstream}` that do not exist: {', '.join(result.missing)}",
            hint=hint,
            asset=asset,
            upstream=edge.upstream,
            missing=list(result.missing),
        )

    def blocked_assets(self) -> dict[str, PartitionError]:
        """The assets that read partitions which do not exist, or whose mapping fails, each with its first error."""
        found: dict[str, PartitionError] = {}
        for asset in self.graph.keys:
            for edge in self.graph.specs[asset].inputs:
                try:
                    self.upstream_subset(asset, edge, self.all(asset))
                except PartitionError as error:
                    found.setdefault(asset, error)
        return found

    def downstream_subset(
        self, asset: str, edge: InputSpec, upstream_subset: PartitionSubset | None
    ) -> PartitionSubset | None:
        """The asset's partitions that read any of these upstream partitions through one edge."""
        if asset in self.blocked:
            definition = self.definition(asset)
            return None if definition is None else definition.empty()
        with _named(asset, edge):
            return self.graph.mapping(asset, edge).downstream_subset(
                upstream_subset,
                downstream=self.definition(asset),
                upstream=self.definition(edge.upstream),
                as_of=self.as_of,
            )

    def upstream_partitions(self, asset: str, edge: InputSpec, partition: Partition) -> tuple[Partition, ...]:
        """The upstream partitions that one asset partition reads through one edge, in upstream order."""
        return self.upstream_of_all(asset, edge, (partition,))

    def upstream_of_all(self, asset: str, edge: InputSpec, partitions: tuple[Partition, ...]) -> tuple[Partition, ...]:
        """The upstream partitions that any of these asset partitions reads through one edge, in upstream order."""
        upstream = self.definition(edge.upstream)
        if upstream is None:
            return UNPARTITIONED
        if asset in self.blocked:
            return ()
        return self.graph.mapping(asset, edge).upstream_keys(
            None if partitions == UNPARTITIONED else [key for key in partitions if key is not None],
            downstream=self.definition(asset),
            upstream=upstream,
            as_of=self.as_of,
        )

    def inputs(self, asset: str, partition: Partition) -> tuple[Input, ...]:
        """Every upstream asset partition that one asset partition reads: by upstream key, then in upstream order."""
        if partition is not None and self._same_key_inputs(asset) is not None:
            everything = self.all(asset)
            if everything is None or partition not in everything:
                return self._mapped_inputs(asset, partition)
        return self.reader(asset)(partition)

    def reader(self, asset: str) -> Callable[[Partition], tuple[Input, ...]]:
        """`inputs` of one asset as a function of a partition that is there, for many of them."""
        if asset not in self._constant_inputs:
            self._constant_inputs[asset] = self._inputs_for_all(asset)
        constant = self._constant_inputs[asset]
        if constant is not None:
            return lambda _partition: constant
        same = self._same_key_inputs(asset)
        if same is not None:
            return lambda partition: tuple([(key, partition if is_keyed else None) for key, is_keyed in same])
        return lambda partition: self._mapped_inputs(asset, partition)

    def _mapped_inputs(self, asset: str, partition: Partition) -> tuple[Input, ...]:
        by_upstream: dict[str, dict[Partition, None]] = {}
        for edge in self.graph.specs[asset].inputs:
            keys = self.upstream_partitions(asset, edge, partition)
            by_upstream.setdefault(edge.upstream, {}).update(dict.fromkeys(keys))
        return tuple((upstream, key) for upstream in sorted(by_upstream) for key in by_upstream[upstream])

    def _inputs_for_all(self, asset: str) -> tuple[Input, ...] | None:
        """The inputs where they are the same for every partition, because no upstream is partitioned."""
        upstreams = self.graph.specs[asset].upstreams
        if any(self.definition(upstream) is not None for upstream in upstreams):
            return None
        return tuple((upstream, None) for upstream in upstreams)

    def _same_key_inputs(self, asset: str) -> tuple[tuple[str, bool], ...] | None:
        """The upstreams, and whether each is read by the same key, where no edge does anything else.

        It takes equal definitions, so that a key which is there for the asset is there for every upstream as well.
        Through the sets of the mappings the answer is the same; for 100,000 partitions they take seconds.
        """
        if asset not in self._same_key:
            self._same_key[asset] = self._same_key_edges(asset)
        return self._same_key[asset]

    def _same_key_edges(self, asset: str) -> tuple[tuple[str, bool], ...] | None:
        definition = self.definition(asset)
        if definition is None:
            return None
        found: dict[str, bool] = {}
        for edge in self.graph.specs[asset].inputs:
            upstream = self.definition(edge.upstream)
            if upstream is not None and (upstream != definition or not _keeps_keys(self.graph.mapping(asset, edge))):
                return None
            found[edge.upstream] = upstream is not None
        return tuple(sorted(found.items()))

    def mapping_text(self, asset: str, edge: InputSpec) -> str:
        """The fingerprint of an edge's partition mapping; empty for an unpartitioned upstream."""
        if self.graph.specs[edge.upstream].partitions is None:
            return ""
        mapping = self.graph.mapping(asset, edge)
        if type(mapping).__hash__ is None:
            return mapping.fingerprint()  # a mapping class of the project may be like that
        text = self._mapping_texts.get(mapping)
        if text is None:
            text = self._mapping_texts[mapping] = mapping.fingerprint()
        return text

    def check_partition(self, asset: str, partition: str) -> None:
        """Raise the error of an unknown partition when the asset has no such partition now."""
        definition = self.definition(asset)
        if definition is None:
            raise PartitionError(f"`{asset}` has no partitions, so `{show(asset, partition)}` names nothing")
        definition.subset((partition,), as_of=self.as_of)


@contextlib.contextmanager
def _named(asset: str, edge: InputSpec) -> Iterator[None]:
    """Errors of a mapping, often of a user's function, with the input that it belongs to."""
    try:
        yield
    except PartitionError as error:
        message = f"asset `{asset}`, input `{edge.upstream}`: {error.message}"
        raise type(error)(message, hint=error.hint, **error.payload) from error


def _keeps_keys(mapping: PartitionMapping) -> bool:
    """Whether a mapping between equal definitions leads from each key to itself.

    Of one definition no two windows overlap, so that an overlap without offset is the window itself.
    """
    if type(mapping) is TimeWindowMapping:
        return mapping.start_offset == 0 and mapping.end_offset == 0
    return type(mapping) is IdentityMapping
