"""Records held against the definitions as they are now: what holds, what does not and why, for one asset at a time.

Nothing here depends on what the plan does with other assets, so what was found counts for the next plan too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from assetflow.model import regions
from assetflow.model.asset import AssetSpec
from assetflow.model.cause import Cause, CodeChanged, ConfigChanged, Unverifiable, changed_components
from assetflow.model.record import Current, Partition
from assetflow.model.regions import EMPTY, Operation, Region
from assetflow.model.subset import PartitionSubset
from assetflow.model.version import AssetVersions
from assetflow.planner.basis import Basis
from assetflow.planner.current import Lookup, inputs_unchanged
from assetflow.planner.memo import Known
from assetflow.planner.recall import WHOLE, Recall
from assetflow.planner.scope import Scope
from assetflow.planner.universe import Input, Universe
from assetflow.values import dataclass

Judged = dict[Partition, tuple[Cause, ...]]
"""Causes by partition, in the order of the definition; no causes is fresh."""


@dataclass(slots=True, kw_only=True)
class Compared:
    """The comparison of some partitions of one asset, as regions over its ordinals.

    `held` have a record that holds in every comparison. Of the other `recorded` ones `judged` has the causes of code
    and config, and `differing` the inputs where the input fingerprint differs.
    """

    recorded: Region
    held: Region
    judged: Judged = field(default_factory=dict)
    differing: dict[Partition, tuple[Input, ...]] = field(default_factory=dict)


class Comparer:
    """Compares what is not known to hold, and remembers what it found."""

    def __init__(self, universe: Universe, basis: Basis, recall: Recall, look: Lookup) -> None:
        self.universe = universe
        self.basis = basis
        self.recall = recall
        self.look = look

    def announce(self, scope: Scope) -> None:
        """Tell the snapshot which records the comparison of everything in scope will look at."""
        needs: dict[str, PartitionSubset | None] = {}
        for asset, subset in scope.items():
            spec = self.universe.graph.specs[asset]
            if spec.is_source or self._reads_no_partitions(spec):
                continue
            known = self.recall.of(asset)
            waiting = self._waiting(asset, known, WHOLE if subset is None else subset.region)
            if not waiting:
                continue
            if subset is not None:
                own = PartitionSubset(subset.definition, waiting)
                _add_need(needs, asset, own if known.looked else None)
            for edge in spec.inputs:
                upstream = self.universe.definition(edge.upstream)
                if upstream is None or self.universe.graph.specs[edge.upstream].is_source:
                    continue
                if known.looked:
                    own_waiting = None if subset is None else PartitionSubset(subset.definition, waiting)
                    _add_need(needs, edge.upstream, self.universe.upstream_subset(asset, edge, own_waiting))
                else:
                    _add_need(needs, edge.upstream, None)
        if needs:
            self.basis.snapshot.need(needs)
        if edited := list(self._edited(scope)):
            self.basis.snapshot.need_code(edited)

    def _edited(self, scope: Scope) -> Iterator[tuple[str, str]]:
        """Unpartitioned assets whose code is not what their value was made by, with the version of that."""
        snapshot, versions = self.basis.snapshot, self.basis.versions
        for asset, subset in scope.items():
            if subset is None and asset in versions:
                record = snapshot.current.get(asset, {}).get(None)
                if record is not None and versions[asset].code.version not in (None, record.code_version):
                    yield asset, record.code_version

    def compare(self, spec: AssetSpec, subset: PartitionSubset | None) -> Compared:
        """The comparison of these partitions (None: the unpartitioned asset)."""
        asset, region = spec.key, WHOLE if subset is None else subset.region
        if subset is None and self._reads_no_partitions(spec):
            alone = Compared(recorded=EMPTY, held=EMPTY)
            alone.recorded, alone.held = self._examine(spec, WHOLE, alone)
            return alone  # one record is compared faster than remembered
        known = self.recall.of(asset)
        waiting = self._waiting(asset, known, region)
        found = Compared(
            recorded=self._combined(asset, known.recorded, region, Operation.INTERSECTION),
            held=self._combined(asset, known.held, region, Operation.INTERSECTION),
        )
        if waiting:
            there, held = self._examine(spec, waiting, found)
            found.recorded = self._combined(asset, found.recorded, there, Operation.UNION)
            found.held = self._combined(asset, found.held, held, Operation.UNION)
            known = replace(
                known,
                looked=self._combined(asset, known.looked, waiting, Operation.UNION),
                recorded=self._combined(asset, known.recorded, there, Operation.UNION),
                held=self._combined(asset, known.held, held, Operation.UNION),
            )
        self.recall.keep(asset, known)
        return found

    def _reads_no_partitions(self, spec: AssetSpec) -> bool:
        """Whether neither the asset nor anything that it reads has partitions."""
        definition = self.universe.definition
        return definition(spec.key) is None and all(definition(edge.upstream) is None for edge in spec.inputs)

    def _waiting(self, asset: str, known: Known, region: Region) -> Region:
        """The partitions of which nothing is known, and those that did not hold."""
        if region == known.held:
            return EMPTY
        if not known.looked:
            return region
        gone = self._combined(asset, known.looked, known.recorded, Operation.DIFFERENCE)
        rest = self._combined(asset, region, known.held, Operation.DIFFERENCE)
        return self._combined(asset, rest, gone, Operation.DIFFERENCE)

    def _examine(self, spec: AssetSpec, waiting: Region, found: Compared) -> tuple[Region, Region]:
        """Which of the waiting partitions have a record, and whose record holds; fills in what does not."""
        records = self.basis.snapshot.current.get(spec.key, {})
        definition = self.universe.definition(spec.key)
        if definition is None:
            if None not in records:
                return EMPTY, EMPTY
            self._hold_against(spec, (None,), records, found)
            return WHOLE, EMPTY if found.judged else WHOLE
        there = _recorded(records, PartitionSubset(definition, waiting))
        if there:
            self._hold_against(spec, there, records, found)
        changed = definition.subset(key for key in found.judged if key is not None)
        return there.region, (there - changed).region

    def _hold_against(
        self, spec: AssetSpec, partitions: Iterable[Partition], records: Mapping[Partition, Current], found: Compared
    ) -> None:
        """Compare record after record; what does not hold goes into `found`."""
        versions = self.basis.versions[spec.key]
        config_version = versions.config_version
        read, look = self.universe.reader(spec.key), self.look
        shared: dict[tuple[str, str], tuple[Cause, ...]] = {}
        for partition in partitions:
            record = records[partition]
            basis = (record.code_version, record.config)
            causes = shared.get(basis)
            if causes is None:
                causes = shared[basis] = self._declared_causes(spec, versions, record)
            inputs = read(partition)
            if not inputs_unchanged(record, inputs, look, config_version):
                found.differing[partition] = inputs
                found.judged[partition] = causes
            elif causes:
                found.judged[partition] = causes

    def _declared_causes(self, spec: AssetSpec, versions: AssetVersions, record: Current) -> tuple[Cause, ...]:
        """Causes that follow from the declaration alone: code and config."""
        causes: list[Cause] = []
        code = versions.code
        if code.version is None:
            causes.append(Unverifiable(reason="; ".join(code.problems) or "its code has no version"))
        elif code.version != record.code_version:
            before = self.basis.snapshot.components(spec.key, record.code_version)
            causes.append(CodeChanged(components=changed_components(before, dict(code.components))))
        if versions.config_version != record.config:
            causes.append(ConfigChanged(fields=_fields(record.config, versions.config_version)))
        return tuple(causes)

    def _combined(self, asset: str, left: Region, right: Region, operation: Operation) -> Region:
        return regions.combine(left, right, depth=self.universe.depth(asset), operation=operation)


def _recorded(records: Mapping[Partition, Current], waiting: PartitionSubset) -> PartitionSubset:
    """Those of the waiting partitions that have a record, looked for in the smaller of the two."""
    definition = waiting.definition
    if not records:
        return definition.empty()
    if len(waiting) < len(records):
        return definition.subset([key for key in waiting if key in records])
    return definition.known([key for key in records if key is not None])[0] & waiting


def _add_need(needs: dict[str, PartitionSubset | None], asset: str, subset: PartitionSubset | None) -> None:
    before = needs.get(asset, subset)
    needs[asset] = None if subset is None or before is None else before | subset


def _fields(before: str, now: str) -> tuple[str, ...]:
    then_fields = json.loads(before) if before else {}
    now_fields = json.loads(now) if now else {}
    names = then_fields.keys() | now_fields.keys()
    return tuple(sorted(name for name in names if then_fields.get(name) != now_fields.get(name)))
