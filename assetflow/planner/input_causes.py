"""Why an input fingerprint differs: recorded edges held against what would be read now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from assetflow.model.cause import Cause, InputChanged, PartitionMappingChanged, Unverifiable
from assetflow.model.record import Edge, Partition
from assetflow.model.version import INPUT_ALGORITHM
from assetflow.planner.current import ABSENT, Lookup
from assetflow.planner.universe import Input

Columns = Callable[[str, Iterable[Partition]], tuple[str, ...] | None]
"""The columns of some partitions of an upstream that differ to the reader; None where that cannot be told."""


def input_causes(
    recorded: Sequence[Edge],
    inputs: Iterable[Input],
    look: Lookup,
    is_planned: Callable[[str, Partition], bool],
    *,
    remapped: frozenset[str] = frozenset(),
    columns: Columns = lambda _upstream, _partitions: None,
) -> list[Cause]:
    """One cause per upstream whose partitions or data versions differ; empty when every edge is the same.

    Another set of partitions is a difference whatever becomes of them. The version of a partition that is rebuilt
    first (`is_planned`) is not known yet, so it is none. `remapped` are upstreams whose partition mapping was declared
    differently; `columns` tells which columns of changed partitions made the difference, if it can.
    """
    before: dict[str, dict[Partition, str]] = {}
    for edge in recorded:
        before.setdefault(edge.input_asset, {})[edge.input_partition] = edge.input_data_version
    now: dict[str, dict[Partition, str | None]] = {}
    for upstream, partition in inputs:
        version = None if is_planned(upstream, partition) else look(upstream, partition)
        now.setdefault(upstream, {})[partition] = version
    causes: list[Cause] = []
    for upstream in sorted(before.keys() | now.keys()):
        cause = _upstream_cause(
            upstream, before.get(upstream, {}), now.get(upstream, {}), was_remapped=upstream in remapped
        )
        if isinstance(cause, InputChanged):
            changed = cause.partitions or (None,)
            cause = replace(cause, columns=columns(upstream, changed))
        if cause is not None:
            causes.append(cause)
    return causes


def _upstream_cause(
    upstream: str, before: Mapping[Partition, str], now: Mapping[Partition, str | None], *, was_remapped: bool
) -> Cause | None:
    added = [key for key in now if key not in before]
    removed = [key for key in before if key not in now]
    if was_remapped and (added or removed):
        return PartitionMappingChanged(upstream=upstream, added=_texts(added), removed=_texts(removed))
    changed = [key for key, version in now.items() if key not in before or version not in (None, before[key])]
    changed += removed
    if not changed:
        return None
    single = changed[0] if len(changed) == 1 else ...
    return InputChanged(
        upstream=upstream,
        partitions=_texts(changed) or None,
        from_version=None if single is ... else before.get(single),
        to_version=None if single is ... else _present(now.get(single)),
    )


def unexplained(recorded: str, inputs: Iterable[Input]) -> list[Cause]:
    """Why a fingerprint differs although no edge does: another algorithm, or the same inputs in another order."""
    algorithm = recorded.partition(":")[0]
    if algorithm != INPUT_ALGORITHM:
        reason = f"its inputs were recorded with the algorithm `{algorithm}`; now it is `{INPUT_ALGORITHM}`"
        return [Unverifiable(reason=reason)]
    orders: dict[str, list[str]] = {}
    for upstream, partition in inputs:
        if partition is not None:
            orders.setdefault(upstream, []).append(partition)
    several = [(upstream, keys) for upstream, keys in orders.items() if len(keys) > 1]
    if not several:
        return [Unverifiable(reason="its input fingerprint differs from the recorded one, and no input does")]
    return [InputChanged(upstream=upstream, partitions=tuple(keys)) for upstream, keys in several]


def _present(version: str | None) -> str | None:
    return None if version == ABSENT else version


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
            columns=_both(left.columns, right.columns),
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


def _both(left: tuple[str, ...] | None, right: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Columns of both; where one cannot tell, neither can the two."""
    return None if left is None or right is None else tuple(dict.fromkeys((*left, *right)))


def _united(left: tuple[str, ...] | None, right: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if left is None or right is None:
        return left or right
    return tuple(dict.fromkeys((*left, *right)))
