"""Why an input fingerprint differs: recorded edges held against what would be read now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assetflow.model.cause import Cause, InputChanged, PartitionMappingChanged
from assetflow.model.record import Edge, Partition
from assetflow.planner.current import Lookup
from assetflow.planner.universe import Input


def input_causes(
    recorded: Sequence[Edge], inputs: Iterable[Input], look: Lookup, *, remapped: frozenset[str] = frozenset()
) -> list[Cause]:
    """One cause per upstream whose partitions or data versions differ; empty when every edge is the same.

    Upstreams that are read for the first time or no longer at all are left to `dependencies_changed`, unless they are
    in both. `remapped` are upstreams whose partition mapping was declared differently.
    """
    before: dict[str, dict[Partition, str]] = {}
    for edge in recorded:
        before.setdefault(edge.input_asset, {})[edge.input_partition] = edge.input_data_version
    now: dict[str, dict[Partition, str]] = {}
    for upstream, partition in inputs:
        now.setdefault(upstream, {})[partition] = look(upstream, partition)
    causes: list[Cause] = []
    for upstream in sorted(before.keys() | now.keys()):
        cause = _upstream_cause(
            upstream, before.get(upstream, {}), now.get(upstream, {}), was_remapped=upstream in remapped
        )
        if cause is not None:
            causes.append(cause)
    return causes


def _upstream_cause(
    upstream: str, before: Mapping[Partition, str], now: Mapping[Partition, str], *, was_remapped: bool
) -> Cause | None:
    if before == now:
        return None
    added = [key for key in now if key not in before]
    removed = [key for key in before if key not in now]
    if was_remapped and (added or removed):
        return PartitionMappingChanged(upstream=upstream, added=_texts(added), removed=_texts(removed))
    changed = [key for key in now if before.get(key) != now[key]] + removed
    single = len(changed) == 1
    keys = _texts(changed)
    return InputChanged(
        upstream=upstream,
        partitions=keys or None,
        from_version=before.get(changed[0]) if single else None,
        to_version=now.get(changed[0]) if single else None,
    )


def _texts(keys: Iterable[Partition]) -> tuple[str, ...]:
    return tuple(key for key in keys if key is not None)


def merge_causes(left: tuple[Cause, ...], right: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Causes of two groups of partitions with equal signatures as one: changed upstream partitions are united."""
    return tuple(_merged(a, b) for a, b in zip(left, right, strict=True))


def signature(causes: tuple[Cause, ...]) -> tuple[object, ...]:
    """What partitions must share to stand in one step: their causes, whichever upstream partitions these name."""
    return tuple(
        (cause.kind, cause.upstream) if isinstance(cause, (InputChanged, PartitionMappingChanged)) else cause
        for cause in causes
    )


def _merged(left: Cause, right: Cause) -> Cause:
    if left == right:
        return left
    if isinstance(left, InputChanged) and isinstance(right, InputChanged):
        same = (left.from_version, left.to_version) == (right.from_version, right.to_version)
        return InputChanged(
            upstream=left.upstream,
            partitions=_united(left.partitions, right.partitions),
            from_version=left.from_version if same else None,
            to_version=left.to_version if same else None,
        )
    if isinstance(left, PartitionMappingChanged) and isinstance(right, PartitionMappingChanged):
        return PartitionMappingChanged(
            upstream=left.upstream,
            added=_united(left.added, right.added) or (),
            removed=_united(left.removed, right.removed) or (),
        )
    return left


def _united(left: tuple[str, ...] | None, right: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if left is None or right is None:
        return left or right
    return tuple(dict.fromkeys((*left, *right)))
