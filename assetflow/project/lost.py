"""Published asset partitions whose object is gone from the store."""

from __future__ import annotations

from assetflow.model.record import Partition, Snapshot
from assetflow.planner.scope import Scope
from assetflow.store.objects import LocalStore

_FEW = 4
"""When fewer than one in so many partitions are in question, their records are looked at one by one."""


def lost_objects(store: LocalStore, snapshot: Snapshot, scope: Scope) -> frozenset[tuple[str, Partition]]:
    """The asset partitions in scope whose object is not there, or has another size than was written."""
    lost: set[tuple[str, Partition]] = set()
    whole: list[str] = []
    few: dict[str, list[str]] = {}
    for asset, subset in scope.items():
        records = snapshot.current.get(asset)
        if records is None:
            continue
        if subset is None or len(subset) * _FEW >= len(records):
            whole.append(asset)
        else:
            few[asset] = list(subset)
    for asset, partition, uri, size in snapshot.objects(whole):
        if not store.has(uri, size):
            subset = scope[asset]
            if subset is None or partition in subset:
                lost.add((asset, partition))
    snapshot.need(few)
    for asset, keys in few.items():
        records = snapshot.current[asset]
        lost.update((asset, key) for key in keys if (record := records.get(key)) and not store.holds(record))
    return frozenset(lost)
