"""Dynamic partitions: their keys by name, added and removed by command or from Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from assetflow.errors import PartitionError, UnknownPartitionError, did_you_mean
from assetflow.graph.graph import AssetGraph
from assetflow.model.clock import to_text
from assetflow.model.event import PartitionsChanged
from assetflow.model.listed_partitions import DynamicPartitions
from assetflow.project.process import new_run_id
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project


def declared_names(graph: AssetGraph) -> tuple[str, ...]:
    """The names of all dynamic partitions definitions that assets use, sorted."""
    names = {
        name for spec in graph.specs.values() if spec.partitions is not None for name in spec.partitions.dynamic_names
    }
    return tuple(sorted(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicListing:
    """Dynamic partitions by name: their keys in order, what is partitioned by them, and what adds to them."""

    name: str
    keys: tuple[str, ...]
    assets: tuple[str, ...]
    added_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "count": len(self.keys), "assets": list(self.assets), "added_by": list(self.added_by),
        }  # fmt: skip


def list_dynamic(project: Project) -> list[DynamicListing]:
    """All dynamic partitions that assets use, by name."""
    specs, keys = project.graph.specs, project.snapshot().dynamic
    return [
        DynamicListing(
            name=name,
            keys=keys.get(name, ()),
            assets=tuple(
                key
                for key, spec in sorted(specs.items())
                if spec.partitions is not None and name in spec.partitions.dynamic_names
            ),
            added_by=tuple(key for key, spec in sorted(specs.items()) if name in spec.adds_partitions),
        )
        for name in declared_names(project.graph)
    ]


def check_name(graph: AssetGraph, name: str) -> None:
    """PartitionError with the nearest name when no asset has such dynamic partitions."""
    known = declared_names(graph)
    if not isinstance(name, str):
        raise PartitionError(f"dynamic partitions are named by text, not by {name!r}")
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
    add, remove = _listed(name, add), _listed(name, remove)
    snapshot = project.snapshot()
    before = snapshot.dynamic.get(name, ())
    known, gone = frozenset(before), frozenset(remove)
    absent = [key for key in remove if key not in known]
    if absent:
        raise UnknownPartitionError(
            f"dynamic partitions `{name}` have no key {absent[0]!r}",
            hint=did_you_mean(absent[0], before)
            or (f"`assetflow partitions list {name}` shows all {len(before):,}" if before else "there are none yet"),
        )
    added = tuple(key for key in add if key not in known)
    removed = remove
    DynamicPartitions(name, (*(key for key in before if key not in gone), *added))  # refuses keys that cannot be
    if added or removed:
        now = project.clock.now()
        event = PartitionsChanged(
            at=to_text(now), definition=name, added=list(added), removed=list(removed), order=snapshot.order + 1
        )
        project.catalog.record(f"partitions-{new_run_id(now)}", [event])
        project.catalog.fold()
    return added, removed


def _listed(name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """The keys once each; a text is no list of its letters."""
    if isinstance(keys, (str, bytes)) or not isinstance(keys, Iterable):
        raise PartitionError(
            f"the keys for dynamic partitions `{name}` are {keys!r}, not a list", hint='use a list of texts, like ["a"]'
        )
    return tuple(dict.fromkeys(keys))


def partitions(project: Project, name: str) -> tuple[str, ...]:
    """The keys of dynamic partitions, in the order they were added."""
    check_name(project.graph, name)
    return project.snapshot().dynamic.get(name, ())


def add_partitions(project: Project, name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Add keys to dynamic partitions; the ones that are new."""
    return change_keys(project, name, add=keys)[0]


def remove_partitions(project: Project, name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Remove keys from dynamic partitions; what was made for them stays in the store and in history."""
    return change_keys(project, name, remove=keys)[1]
