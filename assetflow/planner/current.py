"""The versions that are current now, and the fingerprint of what an asset partition would read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from assetflow.model.record import Current, Partition
from assetflow.model.version import input_fingerprint
from assetflow.planner.basis import Basis
from assetflow.planner.universe import Input

ABSENT = "absent"
"""Stands for the version of an upstream partition that holds no value; no data version looks like it."""

Lookup = Callable[[str, Partition], str]
"""The current data version of an asset partition, or ABSENT."""


def snapshot_lookup(basis: Basis) -> Lookup:
    """Current data versions as the snapshot has them: what is published of an asset, what was seen of a source.

    Only what the key is now counts: a source that was once an asset still has records, and the other way round; a key
    that is none any more, which a recorded edge may still name, has no version.
    """
    current, observations = basis.snapshot.current, basis.snapshot.observations
    specs = basis.graph.specs

    tables: dict[str, Callable[[Partition], str]] = {}

    def table(asset: str) -> Callable[[Partition], str]:
        if (spec := specs.get(asset)) is None:
            return lambda partition: ABSENT
        if spec.is_source:
            seen = observations.get(asset, {})

            def observed(partition: Partition) -> str:
                observation = seen.get(partition)
                return ABSENT if observation is None or observation.error is not None else observation.data_version

            return observed
        records = current.get(asset, {})

        def published(partition: Partition) -> str:
            record = records.get(partition)
            return ABSENT if record is None else record.data_version

        return published

    def look(asset: str, partition: Partition) -> str:
        found = tables.get(asset)
        if found is None:
            found = tables[asset] = table(asset)
        return found(partition)

    return look


def published_ids(basis: Basis) -> Callable[[str, Partition], str | None]:
    """The id of the materialization that is published for an asset partition; None for a source, or where none is."""
    current, specs = basis.snapshot.current, basis.graph.specs

    def find(asset: str, partition: Partition) -> str | None:
        spec = specs.get(asset)
        record = None if spec is None or spec.is_source else current.get(asset, {}).get(partition)
        return None if record is None else record.materialization

    return find


def current_fingerprint(inputs: Iterable[Input], look: Lookup, config_version: str) -> str:
    """The input fingerprint that the inputs have now."""
    return input_fingerprint(
        ((upstream, partition, look(upstream, partition)) for upstream, partition in inputs), config_version
    )


def inputs_unchanged(record: Current, inputs: Iterable[Input], look: Lookup, config_version: str) -> bool:
    """Whether a record was made from the inputs as they are now, with this config.

    The one place where recorded inputs are held against present ones: the planner asks it of what is published, a run
    of what it is about to compute.
    """
    return current_fingerprint(inputs, look, config_version) == record.input_fingerprint
