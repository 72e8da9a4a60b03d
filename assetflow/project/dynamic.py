"""Dynamic partitions: their keys by name, added and removed by command or from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assetflow.errors import PartitionError, UnknownPartitionError, did_you_mean
from assetflow.graph.graph import AssetGraph
from assetflow.model.clock import to_text
from assetflow.model.event import PartitionsChanged
from assetflow.model.listed_partitions import DynamicPartitions
from assetflow.project.process import new_run_id

if TYPE_CHECKING:
    from assetflow.project.project import Project


def declared_names(graph: AssetGraph) -> tuple[str, ...]:
    """The names of all dynamic partitions definitions that assets use, sorted."""
    names = {
        name for spec in graph.specs.values() if spec.partitions is not None for name in spec.partitions.dynamic_names
    }
    return tuple(sorted(names))


def check_name(graph: AssetGraph, name: str) -> None:
    """PartitionError with the nearest name when no asset has such dynamic partitions."""
    known = declared_names(graph)
    if name not in known:
        raise PartitionError(
            f"no asset has dynamic partitions `{name}`",
            hint=did_you_mean(name, known)
            or (f"there are {', '.join(f'`{other}`' for other in known)}" if known else "no asset is so partitioned"),
        )


def change_keys(
    project: Project, name: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Add and remove keys; the ones that really came and went. Data of removed keys stays in the store and history."""
    check_name(project.graph, name)
    before = project.snapshot().dynamic.get(name, ())
    absent = [key for key in remove if key not in before]
    if absent:
        raise UnknownPartitionError(
            f"dynamic partitions `{name}` have no key {absent[0]!r}",
            hint=did_you_mean(absent[0], before)
            or (f"`project.partitions({name!r})` gives all {len(before):,}" if before else "there are none yet"),
        )
    added = tuple(key for key in dict.fromkeys(add) if key not in before)
    removed = tuple(dict.fromkeys(remove))
    DynamicPartitions(name, (*(key for key in before if key not in removed), *added))  # refuses keys that cannot be
    if added or removed:
        now = project.clock.now()
        event = PartitionsChanged(at=to_text(now), definition=name, added=list(added), removed=list(removed))
        log = project.catalog.open_log(f"partitions-{new_run_id(now)}")
        try:
            log.append([event])
            log.sync()
        finally:
            log.close()
        project.catalog.fold()
    return added, removed
