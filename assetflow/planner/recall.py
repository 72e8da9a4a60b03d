"""What a memo says that still counts: everything that may have changed since is taken out of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from assetflow.errors import PartitionError
from assetflow.model import regions
from assetflow.model.asset import AssetSpec
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.record import Observation, Partition, Snapshot
from assetflow.model.regions import EMPTY, Operation, Region
from assetflow.model.subset import PartitionSubset
from assetflow.model.version import fingerprint
from assetflow.planner.basis import Basis
from assetflow.planner.memo import Known, Memo
from assetflow.planner.universe import Universe

BASE_ALGORITHM = "b1"

WHOLE: Region = regions.of_intervals([(0, 1)])
"""Stands for the one partition that an unpartitioned asset has."""


class Recall:
    """What is known of each asset at the moment of a snapshot, and the memo that this plan leaves behind."""

    def __init__(self, universe: Universe, basis: Basis, memo: Memo) -> None:
        self.universe = universe
        self.basis = basis
        self._shapes: dict[str, str] = {}
        self._texts: dict[PartitionsDefinition, str] = {}
        self._bases: dict[str, str] = {}
        self._sources = _source_versions(basis.snapshot)
        moved = _moved(memo, basis.snapshot, self._sources)
        self._known = {} if moved is None else dict(self._settled(memo.known, moved))
        self._answers: dict[str, Known] = {}

    def of(self, asset: str) -> Known:
        """What still counts of an asset; `base` is empty where nothing may be kept of it."""
        answer = self._answers.get(asset)
        if answer is None:
            base = self._base(asset)
            known = self._known.get(asset)
            if known is not None and base and known.base == base:
                answer = self._grown(asset, known)
            answer = self._answers[asset] = answer or Known(base=base)
        return answer

    def keep(self, asset: str, known: Known) -> None:
        """Remember what was found of an asset just now."""
        self._answers[asset] = known
        if not known.base:
            self._known.pop(asset, None)
            return
        spec, universe = self.universe.graph.specs[asset], self.universe
        seen = {key: found.region for key in spec.upstreams if (found := universe.all(key)) is not None}
        self._known[asset] = replace(known, upstreams=spec.upstreams, seen=seen)

    def memo(self) -> Memo:
        """Everything that is known by now, at the position of the snapshot; empty where that has none."""
        snapshot = self.basis.snapshot
        if not snapshot.position:
            return Memo()
        return Memo(
            environment=snapshot.environment, position=snapshot.position, sources=self._sources, known=self._known
        )

    # --- conditions ------------------------------------------------------------------------------------------

    def _base(self, asset: str) -> str:
        """The fingerprint of all that is compared of an asset beside records; empty where nothing is to be kept.

        The code of an asset may have no version, a function that maps partitions may say something else next time, and
        one record that reads no partitions is compared faster than remembered.
        """
        if asset not in self._bases:
            spec = self.universe.graph.specs[asset]
            if all(self.universe.definition(key) is None for key in (asset, *spec.upstreams)):
                self._bases[asset] = ""
                return ""
            versions = self.basis.versions[asset]
            dependencies = [
                (edge.upstream, self.universe.mapping_text(asset, edge), self._shape(edge.upstream))
                for edge in spec.inputs
            ]
            trusted = not any('"kind":"function"' in mapping for _, mapping, _ in dependencies)
            # JSON tells these texts and lists apart as well as `encode`, in a tenth of the time
            text = json.dumps([asset, versions.code.version, versions.config_version, self._shape(asset), dependencies])
            vouched = versions.code.version is not None and trusted
            self._bases[asset] = fingerprint(BASE_ALGORITHM, text) if vouched else ""
        return self._bases[asset]

    def _shape(self, asset: str) -> str:
        """Everything about an asset that decides what its readers read, but for the instant."""
        shape = self._shapes.get(asset)
        if shape is None:
            definition = self.universe.definition(asset)
            text = "" if definition is None else self._definition_text(definition)
            shape = self._shapes[asset] = f"{'source ' * self.universe.graph.specs[asset].is_source}{text}"
        return shape

    def _definition_text(self, definition: PartitionsDefinition) -> str:
        text = self._texts.get(definition)
        if text is None:
            # dynamic keys are no part of the fingerprint
            keys = [list(axis.all()) for axis in definition.axes if axis.dynamic_names]
            text = self._texts[definition] = fingerprint(BASE_ALGORITHM, definition.fingerprint(), keys)
        return text

    # --- what has changed ------------------------------------------------------------------------------------

    def _settled(
        self, known: Mapping[str, Known], moved: Mapping[str, Iterable[Partition]]
    ) -> Iterable[tuple[str, Known]]:
        """What is known without what moved records and sources put in doubt.

        An asset that is touched and was judged under other definitions is forgotten: its old dependencies cannot be
        followed by the new ones, and they might come back.
        """
        if not moved:
            yield from known.items()
            return
        specs = self.universe.graph.specs
        for asset, before in known.items():
            if asset not in moved and moved.keys().isdisjoint(before.upstreams):
                yield asset, before
            elif asset in specs and not specs[asset].is_source and before.base == self._base(asset):
                after = self._without_moved(specs[asset], before, moved)
                if after is not None:
                    yield asset, after

    def _without_moved(self, spec: AssetSpec, known: Known, moved: Mapping[str, Iterable[Partition]]) -> Known | None:
        """None when partitions are gone that were there."""
        if not self._still_there(spec.key, known):
            return None
        if spec.key in moved:
            own = self._region(spec.key, moved[spec.key])
            known = replace(
                known,
                looked=self._less(spec.key, known.looked, own),
                recorded=self._less(spec.key, known.recorded, own),
                held=self._less(spec.key, known.held, own),
            )
        return self._doubted(
            spec, known, {key: self._region(key, moved[key]) for key in spec.upstreams if key in moved}
        )

    def _grown(self, asset: str, known: Known) -> Known | None:
        """What is known, without what reads upstream partitions that came to be there; None when any are gone."""
        if not self._still_there(asset, known):
            return None
        came: dict[str, Region] = {}
        for upstream, before in known.seen.items():
            now = self.universe.all(upstream)
            if now is None:
                return None
            new = self._less(upstream, now.region, before)
            if new:
                came[upstream] = new
        return self._doubted(self.universe.graph.specs[asset], known, came)

    def _still_there(self, asset: str, known: Known) -> bool:
        """Whether every partition of which anything is known is there, and every one that was seen upstream."""
        for key, before in ((asset, known.looked), *known.seen.items()):
            everything = self.universe.all(key)
            now = WHOLE if everything is None else everything.region
            if before != now and self._less(key, before, now):
                return False
        return True

    def _doubted(self, spec: AssetSpec, known: Known, changed: Mapping[str, Region]) -> Known:
        """Without what reads any of these upstream partitions."""
        held = known.held
        for edge in spec.inputs:
            if edge.upstream not in changed or not held:
                continue
            upstream, own = self.universe.definition(edge.upstream), self.universe.definition(spec.key)
            if upstream is None or own is None:
                held = EMPTY
                continue
            subset = PartitionSubset(upstream, changed[edge.upstream])
            try:
                reading = self.universe.downstream_subset(spec.key, edge, subset)
            except PartitionError:
                reading = None  # whoever plans this asset is told; here it may be one that nobody asked for
            held = EMPTY if reading is None else self._less(spec.key, held, reading.region)
        return known if held is known.held else replace(known, held=held)

    def _region(self, asset: str, partitions: Iterable[Partition]) -> Region:
        """The partitions that the definition knows; of an unpartitioned asset the whole."""
        definition = self.universe.definition(asset)
        if definition is None:
            return WHOLE
        return definition.known(key for key in partitions if key is not None)[0].region

    def _less(self, asset: str, left: Region, right: Region) -> Region:
        return regions.combine(left, right, depth=self.universe.depth(asset), operation=Operation.DIFFERENCE)


def _moved(
    memo: Memo, snapshot: Snapshot, sources: Mapping[str, Mapping[Partition, str]]
) -> Mapping[str, Iterable[Partition]] | None:
    """The asset partitions that may hold something else than at the time of the memo; None when that is not known."""
    if not memo.position or not snapshot.position or memo.environment != snapshot.environment:
        return None
    records = snapshot.moved(memo.position)
    if records is None:
        return None
    moved: dict[str, set[Partition]] = {asset: set(partitions) for asset, partitions in records.items()}
    for key in memo.sources.keys() | sources.keys():
        before, now = memo.sources.get(key, {}), sources.get(key, {})
        if before != now:
            changed = {part for part in before.keys() | now.keys() if before.get(part) != now.get(part)}
            moved.setdefault(key, set()).update(changed)
    return moved


def _source_versions(snapshot: Snapshot) -> dict[str, dict[Partition, str]]:
    return {
        key: {partition: _version(observation) for partition, observation in seen.items()}
        for key, seen in snapshot.observations.items()
    }


def _version(observation: Observation) -> str:
    return f"v{observation.data_version}" if observation.error is None else f"e{observation.error}"
