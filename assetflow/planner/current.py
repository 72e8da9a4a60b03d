"""The versions that are current now, and the fingerprint of what an asset partition would read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from assetflow.model.record import Partition, Snapshot
from assetflow.model.version import input_fingerprint
from assetflow.planner.universe import Input

ABSENT = "absent"
"""Stands for the version of an upstream partition that holds no value; no data version looks like it."""

Lookup = Callable[[str, Partition], str]
"""The current data version of an asset partition, or ABSENT."""


def snapshot_lookup(snapshot: Snapshot) -> Lookup:
    """Current data versions as the snapshot has them, of assets and of sources."""
    current, observations = snapshot.current, snapshot.observations

    def look(asset: str, partition: Partition) -> str:
        records = current.get(asset)
        if records is not None:
            record = records.get(partition)
            if record is not None:
                return record.data_version
        observed = observations.get(asset)
        if observed is not None:
            observation = observed.get(partition)
            if observation is not None and observation.error is None:
                return observation.data_version
        return ABSENT

    return look


def current_fingerprint(inputs: Iterable[Input], look: Lookup, config_version: str) -> str:
    """The input fingerprint that the inputs have now."""
    return input_fingerprint(
        ((upstream, partition, look(upstream, partition)) for upstream, partition in inputs), config_version
    )
