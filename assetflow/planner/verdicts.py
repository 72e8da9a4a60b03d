"""Verdicts: each asset partition in scope compared with what the catalog recorded, in order of the graph."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping

from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.cause import (
    Cause,
    CodeChanged,
    ComputedTogether,
    ConfigChanged,
    DependenciesChanged,
    Forced,
    InputChanged,
    Missing,
    OutputLost,
    Overdue,
    Unverifiable,
    UpstreamStale,
)
from assetflow.model.clock import from_text, to_text
from assetflow.model.plan import AssetVerdict, Verdict, VerdictGroup
from assetflow.model.policy import FreshnessState
from assetflow.model.record import Current, Edge, Partition
from assetflow.model.subset import PartitionSubset
from assetflow.model.version import AssetVersions
from assetflow.planner.basis import Basis, Request
from assetflow.planner.current import Lookup, inputs_unchanged, snapshot_lookup
from assetflow.planner.dependencies import dependencies_text, parse_dependencies
from assetflow.planner.input_causes import input_causes, merge_causes, signature, unexplained
from assetflow.planner.own_history import add_own_history
from assetflow.planner.scope import Scope
from assetflow.planner.universe import Input, Universe

HELD = ("code", "config", "dependencies", "inputs", "output")
"""The comparisons that hold for a fresh verdict, as an explanation lists them."""

Judged = dict[Partition, tuple[Cause, ...]]
"""Causes by partition; no causes is fresh."""


class Judge:
    """Judges asset after asset; what is planned for one decides what is conditional downstream."""

    def __init__(self, universe: Universe, basis: Basis, request: Request, scope: Scope) -> None:
        self.universe = universe
        self.basis = basis
        self.request = request
        self.scope = scope
        self.look: Lookup = snapshot_lookup(basis)
        self.planned: dict[str, PartitionSubset | None] = {}
        self.verdicts: dict[str, AssetVerdict] = {}

    def run(self) -> dict[str, AssetVerdict]:
        """The verdict of every asset in scope, sources left out."""
        graph = self.universe.graph
        for asset in self.scope:
            spec = graph.specs[asset]
            if spec.is_source or asset in self.verdicts:
                continue
            if spec.subsettable:
                self._keep(asset, self._asset(spec, self.scope[asset]))
            else:
                self._computation(spec.computation)
        return self.verdicts

    # --- one computation -------------------------------------------------------------------------------------

    def _computation(self, name: str) -> None:
        """All outputs of a call that makes all or none: what one of them needs, the others get too."""
        specs = self.universe.graph.specs
        members = self.universe.graph.computations[name]
        found = {key: self._asset(specs[key], self.scope[key]) for key in members if key in self.scope}
        rebuilt: dict[Partition, tuple[str, bool]] = {}
        for key, groups in found.items():
            for group in groups:
                if group.verdict is not Verdict.FRESH:
                    for partition in _keys(group.partitions):
                        firm = not group.conditional
                        if partition not in rebuilt or (firm and not rebuilt[partition][1]):
                            rebuilt[partition] = (key, firm)
        for key in members:
            if key not in found:
                if not rebuilt:
                    continue
                definition = self.universe.definition(key)
                subset = None if definition is None else definition.subset(p for p in rebuilt if p is not None)
                found[key] = self._asset(specs[key], subset)
            found[key] = self._with_siblings(key, found[key], rebuilt)
            self._keep(key, found[key])

    def _with_siblings(
        self, asset: str, groups: tuple[VerdictGroup, ...], rebuilt: Mapping[Partition, tuple[str, bool]]
    ) -> tuple[VerdictGroup, ...]:
        kept: list[VerdictGroup] = []
        joined: dict[tuple[str, bool], list[Partition]] = {}
        for group in groups:
            if group.verdict is not Verdict.FRESH:
                kept.append(group)
                continue
            still = [partition for partition in _keys(group.partitions) if partition not in rebuilt]
            for partition in _keys(group.partitions):
                if partition in rebuilt:
                    joined.setdefault(rebuilt[partition], []).append(partition)
            if still:
                subset = self._subset(asset, still)
                kept.append(VerdictGroup(verdict=Verdict.FRESH, partitions=subset, held=group.held))
        for (sibling, firm), partitions in joined.items():
            kept.append(
                VerdictGroup(
                    verdict=Verdict.STALE,
                    partitions=self._subset(asset, partitions),
                    causes=(ComputedTogether(asset=sibling),),
                    conditional=not firm,
                )
            )
        return tuple(kept)

    def _keep(self, asset: str, groups: tuple[VerdictGroup, ...]) -> None:
        self.verdicts[asset] = AssetVerdict(asset=asset, groups=groups)
        touched = [group.partitions for group in groups if group.verdict is not Verdict.FRESH]
        if touched:
            first, *rest = touched
            self.planned[asset] = None if first is None else first.union(*(s for s in rest if s is not None))

    # --- one asset -------------------------------------------------------------------------------------------

    def _asset(self, spec: AssetSpec, subset: PartitionSubset | None) -> tuple[VerdictGroup, ...]:
        records = self.basis.snapshot.current.get(spec.key, {})
        if subset is None:
            if None not in records:
                return tuple(self._missing_groups(spec.key, None))
            return self._grouped(spec, self._recorded(spec, [None], records))
        definition = subset.definition
        known, _gone = definition.known(key for key in records if key is not None)
        there = known & subset
        missing = subset - there
        groups = self._grouped(spec, self._recorded(spec, list(there), records, missing)) if there else ()
        return (*self._missing_groups(spec.key, missing), *groups)

    def _missing_groups(self, asset: str, missing: PartitionSubset | None) -> list[VerdictGroup]:
        """Missing partitions; those that are forced as well must not be answered by an earlier result."""
        target = self.request.targets.get(asset, ...) if self.request.force else ...
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

    def _recorded(
        self,
        spec: AssetSpec,
        partitions: list[Partition],
        records: Mapping[Partition, Current],
        missing: PartitionSubset | None = None,
    ) -> Judged:
        """Causes of partitions that have a record; `missing` are those of the asset that have none."""
        versions = self.basis.versions[spec.key]
        config_version = versions.config_version
        dependencies = dependencies_text(self.universe, spec.key)
        shared: dict[tuple[str, str], tuple[Cause, ...]] = {}
        differing: dict[Partition, tuple[Input, ...]] = {}
        judged: Judged = {}
        for partition in partitions:
            record = records[partition]
            basis = (record.code_version, record.config)
            causes = shared.get(basis)
            if causes is None:
                causes = shared[basis] = self._declared_causes(spec, versions, record)
            inputs = self.universe.inputs(spec.key, partition)
            if not inputs_unchanged(record, inputs, self.look, config_version):
                differing[partition] = inputs
            judged[partition] = causes
        edges = self.basis.snapshot.edges([records[partition].materialization for partition in differing])
        for partition, inputs in differing.items():
            record = records[partition]
            found = self._input_causes(spec, record, edges.get(record.materialization, ()), inputs, dependencies)
            judged[partition] = (*judged[partition], *found)
        self._add_time_and_place(spec, records, judged)
        self._add_upstream_stale(spec, judged)
        if spec.key in spec.upstreams and (missing or differing or any(judged.values())):
            read = {key: (records[key], edges.get(records[key].materialization, ())) for key in differing}
            add_own_history(spec.key, judged, missing=missing, universe=self.universe, look=self.look, read=read)
        for partition, inputs in differing.items():
            judged[partition] = judged[partition] or tuple(unexplained(records[partition].input_fingerprint, inputs))
        return judged

    def _declared_causes(self, spec: AssetSpec, versions: AssetVersions, record: Current) -> tuple[Cause, ...]:
        """Causes that follow from the declaration alone: code and config."""
        causes: list[Cause] = []
        code = versions.code
        if code.version is None:
            causes.append(Unverifiable(reason="; ".join(code.problems) or "its code has no version"))
        elif code.version != record.code_version:
            before = self.basis.snapshot.components(spec.key, record.code_version)
            causes.append(CodeChanged(components=_difference(before, dict(code.components))))
        if versions.config_version != record.config:
            causes.append(ConfigChanged(fields=_fields(record.config, versions.config_version)))
        return tuple(causes)

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
            self.look,
            lambda asset, partition: self._may_change(spec, (asset, partition)),
            remapped=frozenset(key for key in both if now[key] != then[key]),
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

    def _add_time_and_place(self, spec: AssetSpec, records: Mapping[Partition, Current], judged: Judged) -> None:
        """Causes that come from outside the definitions: a lost object, a policy, a request."""
        lost = self.basis.lost
        target = self.request.targets.get(spec.key, ...) if self.request.force else ...
        newest = self.universe.newest(spec.key)
        for partition in judged:
            record = records[partition]
            causes: list[Cause] = []
            if lost and (spec.key, partition) in lost:
                causes.append(OutputLost(uri=record.uri))
            if partition == newest and spec.freshness is not None and self.request.freshness:
                made = from_text(record.materialized_at)
                if spec.freshness.state(made, self.basis.as_of) is FreshnessState.OVERDUE:
                    due = to_text(spec.freshness.due(made))
                    causes.append(Overdue(policy=spec.freshness.describe(), since=due))
            if target is not ... and (target is None or partition in target):
                causes.append(Forced())
            if causes:
                judged[partition] = (*judged[partition], *causes)

    def _add_upstream_stale(self, spec: AssetSpec, judged: Judged) -> None:
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

    def _reading(
        self, spec: AssetSpec, edge: InputSpec, planned: PartitionSubset | None
    ) -> Container[Partition] | None:
        """The asset's partitions that read a planned one through an edge; None for all there are."""
        if planned is None or self.universe.definition(spec.key) is not None:
            return self.universe.downstream_subset(spec.key, edge, planned)
        read = self.universe.upstream_subset(spec.key, edge, None)
        return None if read is None or read & planned else ()

    # --- grouping --------------------------------------------------------------------------------------------

    def _grouped(self, spec: AssetSpec, judged: Judged) -> tuple[VerdictGroup, ...]:
        collected: dict[tuple[object, ...], list[Partition]] = {}
        merged: dict[tuple[object, ...], tuple[Cause, ...]] = {}
        for partition, causes in judged.items():
            mark = signature(causes)
            if mark in collected:
                merged[mark] = merge_causes(merged[mark], causes)
            else:
                merged[mark] = causes
            collected.setdefault(mark, []).append(partition)
        return tuple(
            VerdictGroup(
                verdict=Verdict.STALE if merged[mark] else Verdict.FRESH,
                partitions=self._subset(spec.key, partitions),
                causes=merged[mark],
                conditional=bool(merged[mark]) and not any(cause.certain for cause in merged[mark]),
                held=() if merged[mark] else HELD,
            )
            for mark, partitions in collected.items()
        )

    def _subset(self, asset: str, partitions: Iterable[Partition]) -> PartitionSubset | None:
        definition = self.universe.definition(asset)
        if definition is None:
            return None
        return definition.subset(partition for partition in partitions if partition is not None)


def _keys(subset: PartitionSubset | None) -> Iterable[Partition]:
    return (None,) if subset is None else subset


def _difference(before: Mapping[str, str] | None, now: Mapping[str, str]) -> tuple[str, ...]:
    """Names of components that changed, were added (+) or are gone (-); empty when the old ones are not known."""
    if before is None:
        return ()
    changed = [name for name in now if name in before and before[name] != now[name]]
    added = [f"+{name}" for name in now if name not in before]
    removed = [f"-{name}" for name in before if name not in now]
    return (*sorted(changed), *sorted(added), *sorted(removed))


def _fields(before: str, now: str) -> tuple[str, ...]:
    then_fields = json.loads(before) if before else {}
    now_fields = json.loads(now) if now else {}
    names = then_fields.keys() | now_fields.keys()
    return tuple(sorted(name for name in names if then_fields.get(name) != now_fields.get(name)))
