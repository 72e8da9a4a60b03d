"""Verdicts: what the comparison of records found, with all that this plan adds to it, in order of the graph."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from types import EllipsisType

from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.cause import (
    Cause,
    DependenciesChanged,
    Forced,
    InputChanged,
    Missing,
    OutputLost,
    Unverifiable,
    UpstreamStale,
)
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.plan import AssetVerdict, Verdict, VerdictGroup
from assetflow.model.record import Current, Edge, Partition
from assetflow.model.subset import PartitionSubset
from assetflow.planner.as_read import AsRead
from assetflow.planner.basis import Basis, Request
from assetflow.planner.compared import Compared, Comparer, Judged
from assetflow.planner.current import Lookup, inputs_unchanged, published_ids, snapshot_lookup
from assetflow.planner.dependencies import dependencies_text, parse_dependencies
from assetflow.planner.freshness import due_for
from assetflow.planner.groups import Piece, grouped, split
from assetflow.planner.input_causes import input_causes, unexplained
from assetflow.planner.own_history import add_own_history
from assetflow.planner.recall import Recall
from assetflow.planner.scope import Scope
from assetflow.planner.together import with_siblings
from assetflow.planner.universe import Input, Universe


class Judge:
    """Judges asset after asset; what is planned for one decides what is conditional downstream."""

    def __init__(self, universe: Universe, basis: Basis, request: Request, scope: Scope, recall: Recall) -> None:
        self.universe = universe
        self.basis = basis
        self.request = request
        self.scope = scope
        self.look: Lookup = snapshot_lookup(basis)
        self.comparer = Comparer(universe, basis, recall, self.look)
        self.due = due_for(universe, basis, request, scope)
        self.as_read = AsRead(basis.snapshot, self.look, published_ids(basis))
        self.planned: dict[str, PartitionSubset | None] = {}
        self.verdicts: dict[str, AssetVerdict] = {}
        self._lost: dict[str, list[Partition]] = {}
        for asset, partition in basis.lost:
            self._lost.setdefault(asset, []).append(partition)

    def run(self) -> dict[str, AssetVerdict]:
        """The verdict of every asset in scope, sources left out."""
        graph = self.universe.graph
        self.comparer.announce(self.scope)
        for asset in self.scope:
            spec = graph.specs[asset]
            if spec.is_source or asset in self.verdicts:
                continue
            members = graph.computations[spec.computation or spec.key]
            if spec.subsettable or len(members) == 1:
                self._keep(asset, self._asset(spec, self.scope[asset]))
            else:
                self._computation(members)
        return self.verdicts

    def _computation(self, members: Iterable[str]) -> None:
        """All outputs of a call that makes all or none: what one of them needs, the others get too."""
        specs = self.universe.graph.specs
        found = {key: self._asset(specs[key], self.scope[key]) for key in members if key in self.scope}
        for asset, groups in with_siblings(
            members, found, lambda asset, subset: self._asset(specs[asset], subset), self.universe
        ):
            self._keep(asset, groups)

    def _keep(self, asset: str, groups: tuple[VerdictGroup, ...]) -> None:
        self.verdicts[asset] = AssetVerdict(asset=asset, groups=groups)
        touched = [group.partitions for group in groups if group.verdict is not Verdict.FRESH]
        if touched:
            first, *rest = touched
            self.planned[asset] = None if first is None else first.union(*(s for s in rest if s is not None))

    # --- one asset -------------------------------------------------------------------------------------------

    def _asset(self, spec: AssetSpec, subset: PartitionSubset | None) -> tuple[VerdictGroup, ...]:
        if spec.key in self.basis.blocked:
            return self._blocked(spec.key, subset)
        compared = self.comparer.compare(spec, subset)
        if subset is None:
            if not compared.recorded:
                return tuple(self._missing_groups(spec.key, None))
            compared.judged.setdefault(None, ())
            judged, _ = self._caused(spec, compared, [], None)
            return grouped(None, judged, [])
        there = PartitionSubset(subset.definition, compared.recorded)
        missing = subset - there
        clean = PartitionSubset(subset.definition, compared.held)
        groups: tuple[VerdictGroup, ...] = ()
        if there:
            judged, pieces = self._caused(spec, compared, [((), clean)] if clean else [], missing)
            groups = grouped(subset.definition, judged, pieces)
        return (*self._missing_groups(spec.key, missing), *groups)

    def _blocked(self, asset: str, subset: PartitionSubset | None) -> tuple[VerdictGroup, ...]:
        """An asset whose inputs cannot be told: nothing that was made is known to hold."""
        records = self.basis.snapshot.current.get(asset, {})
        causes = (Unverifiable(reason=self.basis.blocked[asset]),)
        if subset is None:
            if None not in records:
                return tuple(self._missing_groups(asset, None))
            return (VerdictGroup(verdict=Verdict.STALE, partitions=None, causes=causes),)
        there = subset & subset.definition.known([key for key in records if key is not None])[0]
        stale = (VerdictGroup(verdict=Verdict.STALE, partitions=there, causes=causes),) if there else ()
        return (*self._missing_groups(asset, subset - there), *stale)

    def _missing_groups(self, asset: str, missing: PartitionSubset | None) -> list[VerdictGroup]:
        """Missing partitions; those that are forced as well must not be answered by an earlier result."""
        target = self._forced(asset)
        if missing is None or target is None or target is ...:
            causes: tuple[Cause, ...] = (Missing(),) if target is ... else (Missing(), Forced())
            parts = [(missing, causes)]
        else:
            parts = [(missing & target, (Missing(), Forced())), (missing - target, (Missing(),))]
        return [
            VerdictGroup(verdict=Verdict.MISSING, partitions=partitions, causes=causes)
            for partitions, causes in parts
            if partitions is None or partitions
        ]

    def _caused(
        self, spec: AssetSpec, compared: Compared, pieces: list[Piece], missing: PartitionSubset | None
    ) -> tuple[Judged, list[Piece]]:
        """Every cause of the partitions that have a record; `missing` are those of the asset that have none.

        Partitions that held stay together in `pieces`, those that are looked at one by one are judged.
        """
        judged, differing = compared.judged, compared.differing
        edges: Mapping[str, tuple[Edge, ...]] = {}
        records = self.basis.snapshot.current.get(spec.key, {})
        if differing:
            dependencies = dependencies_text(self.universe, spec.key)
            edges = self.basis.snapshot.edges([records[partition].materialization for partition in differing])
            self.as_read.prepare(edges, edges)
            for partition, inputs in list(differing.items()):
                record = records[partition]
                if inputs_unchanged(record, inputs, self.as_read.lookup(record.materialization), record.config):
                    del differing[partition]  # in nothing that it read
                    continue
                found = self._input_causes(spec, record, edges.get(record.materialization, ()), inputs, dependencies)
                judged[partition] = (*judged[partition], *found)
        pieces = self._add_time_and_place(spec, judged, pieces)
        pieces = self._add_upstream_stale(spec, judged, pieces)
        is_touched = missing or differing or any(judged.values()) or any(causes for causes, _ in pieces)
        if spec.key in spec.upstreams and is_touched:
            read = {key: self._as_recorded(records[key], edges) for key in differing}
            judged, pieces = _one_by_one(self.universe.definition(spec.key), judged, pieces), []
            add_own_history(spec.key, judged, missing=missing, universe=self.universe, look=self.look, read=read)
        for partition, inputs in differing.items():
            judged[partition] = judged[partition] or tuple(unexplained(records[partition].input_fingerprint, inputs))
        return judged, pieces

    def _as_recorded(
        self, record: Current, edges: Mapping[str, Sequence[Edge]]
    ) -> tuple[Current, Sequence[Edge], Lookup]:
        id = record.materialization
        return record, edges.get(id, ()), self.as_read.lookup(id)

    def _input_causes(
        self, spec: AssetSpec, record: Current, recorded: tuple[Edge, ...], inputs: tuple[Input, ...], dependencies: str
    ) -> list[Cause]:
        """Causes of a record whose input fingerprint differs: upstreams that came or went, and what changed of others.

        Declared upstreams alone are no cause: one of which no partition is read changes nothing.
        """
        now, then = parse_dependencies(dependencies), parse_dependencies(record.dependencies)
        causes: list[Cause] = []
        added, removed = tuple(sorted(now.keys() - then)), tuple(sorted(then.keys() - now))
        if added or removed:
            causes.append(DependenciesChanged(added=added, removed=removed))
        both = now.keys() & then.keys()
        causes += input_causes(
            [edge for edge in recorded if edge.input_asset in both],
            [place for place in inputs if place[0] in both],
            self.as_read.lookup(record.materialization),
            lambda asset, partition: self._may_change(spec, (asset, partition)),
            remapped=frozenset(key for key in both if now[key] != then[key]),
            columns=partial(self.as_read.columns, record.materialization),
        )
        return [*self._unseen_sources(inputs, causes), *causes]

    def _unseen_sources(self, inputs: tuple[Input, ...], causes: list[Cause]) -> list[Cause]:
        """Causes for sources that are not there to be compared, in place of their being changed."""
        reasons: dict[str, str] = {}
        for upstream, partition in inputs:
            if self.universe.graph.specs[upstream].is_source:
                seen = self.basis.snapshot.observations.get(upstream, {}).get(partition)
                if seen is not None and seen.error is not None:
                    reasons.setdefault(upstream, f"source `{upstream}`: {seen.error}")
        causes[:] = [cause for cause in causes if not (isinstance(cause, InputChanged) and cause.upstream in reasons)]
        return [Unverifiable(reason=reason) for _, reason in sorted(reasons.items())]

    def _may_change(self, spec: AssetSpec, place: Input) -> bool:
        """Whether a step of this plan comes first that may give this input another version.

        The asset's own partitions count as such here; `add_own_history` knows better.
        """
        asset, partition = place
        if asset == spec.key:
            return True
        if asset not in self.planned:
            return False
        subset = self.planned[asset]
        return subset is None or partition in subset

    # --- causes from outside the records ---------------------------------------------------------------------

    def _add_time_and_place(self, spec: AssetSpec, judged: Judged, pieces: list[Piece]) -> list[Piece]:
        """Causes that come from outside the definitions: a lost object, a policy, a request."""
        asset = spec.key
        single: dict[Partition, list[Cause]] = {}
        for partition in self._lost.get(asset, ()):
            if partition in judged or _holds(pieces, partition):
                uri = self.basis.snapshot.current[asset][partition].uri
                single.setdefault(partition, []).append(OutputLost(uri=uri))
        for partition, cause in self.due.get(asset, {}).items():
            if partition in judged or _holds(pieces, partition):
                single.setdefault(partition, []).append(cause)
        for partition, causes in single.items():
            judged[partition] = (*judged.get(partition, ()), *causes)
        taken = [key for key in single if key is not None]
        if taken and pieces:
            pieces = [(causes, subset - subset.definition.subset(taken)) for causes, subset in pieces]
        target = self._forced(asset)
        if target is not ...:
            for partition in judged:
                if target is None or partition in target:
                    judged[partition] = (*judged[partition], Forced())
            pieces = split(pieces, target, Forced())
        return pieces

    def _forced(self, asset: str) -> PartitionSubset | EllipsisType | None:
        """The partitions of the asset that are rebuilt whatever their state (None: all); `...` for none."""
        return self.request.targets.get(asset, ...) if self.request.force else ...

    def _add_upstream_stale(self, spec: AssetSpec, judged: Judged, pieces: list[Piece]) -> list[Piece]:
        """Mark what reads a partition that a step of this plan touches."""
        for upstream in sorted({edge.upstream for edge in spec.inputs if edge.upstream != spec.key}):
            if upstream not in self.planned:
                continue
            cause = UpstreamStale(upstream=upstream)
            for edge in spec.inputs:
                if edge.upstream != upstream:
                    continue
                touched = self._reading(spec, edge, self.planned[upstream])
                for partition in judged:
                    if (touched is None or partition in touched) and cause not in judged[partition]:
                        judged[partition] = (*judged[partition], cause)
                if touched is None or isinstance(touched, PartitionSubset):
                    pieces = split(pieces, touched, cause)
        return pieces

    def _reading(
        self, spec: AssetSpec, edge: InputSpec, planned: PartitionSubset | None
    ) -> Container[Partition] | None:
        """The asset's partitions that read a planned one through an edge; None for all there are."""
        if planned is None or self.universe.definition(spec.key) is not None:
            return self.universe.downstream_subset(spec.key, edge, planned)
        read = self.universe.upstream_subset(spec.key, edge, None)
        return None if read is None or read & planned else ()


def _holds(pieces: list[Piece], partition: Partition) -> bool:
    return any(partition in subset for _, subset in pieces)


def _one_by_one(definition: PartitionsDefinition | None, judged: Judged, pieces: list[Piece]) -> Judged:
    """All partitions with their causes, in the order of the definition."""
    found: Judged = dict(judged)
    found.update((partition, causes) for causes, subset in pieces for partition in subset)
    if definition is None:
        return found
    return {partition: found[partition] for partition in definition.subset(key for key in found if key is not None)}
