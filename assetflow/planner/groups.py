"""Partitions that share their causes, put together: sets that were never taken apart, and single ones."""

from __future__ import annotations

from collections.abc import Mapping

from assetflow.model import regions
from assetflow.model.cause import Cause
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.plan import Verdict, VerdictGroup
from assetflow.model.record import Partition
from assetflow.model.subset import PartitionSubset
from assetflow.planner.input_causes import merge_causes, signature

HELD = ("code", "config", "dependencies", "inputs", "output")
"""The comparisons that hold for a fresh verdict, as an explanation lists them."""

Piece = tuple[tuple[Cause, ...], PartitionSubset]
"""Partitions of one asset that share exactly these causes; none is fresh."""


def split(pieces: list[Piece], subset: PartitionSubset | None, cause: Cause) -> list[Piece]:
    """The pieces with one more cause for those partitions (None: for all), each cause once."""
    found: list[Piece] = []
    for causes, held in pieces:
        if cause in causes:
            found.append((causes, held))
            continue
        inside = held if subset is None else held & subset
        rest = held - inside
        if inside:
            found.append(((*causes, cause), inside))
        if rest:
            found.append((causes, rest))
    return found


def grouped(
    definition: PartitionsDefinition | None, judged: Mapping[Partition, tuple[Cause, ...]], pieces: list[Piece]
) -> tuple[VerdictGroup, ...]:
    """The verdicts of partitions with a record, those with like causes as one group, in order of their first."""
    single: dict[tuple[object, ...], list[Partition]] = {}
    merged: dict[tuple[object, ...], tuple[Cause, ...]] = {}
    for partition, causes in judged.items():
        mark = signature(causes)
        merged[mark] = merge_causes(merged[mark], causes) if mark in single else causes
        single.setdefault(mark, []).append(partition)
    if definition is None:
        return tuple(_group(merged[mark], None) for mark in single)
    sets: dict[tuple[object, ...], list[PartitionSubset]] = {}
    for mark, partitions in single.items():
        sets[mark] = [definition.subset(partition for partition in partitions if partition is not None)]
    for causes, subset in pieces:
        if subset:
            mark = signature(causes)
            merged.setdefault(mark, causes)
            sets.setdefault(mark, []).append(subset)
    found = [_group(merged[mark], subsets[0].union(*subsets[1:])) for mark, subsets in sets.items()]
    return tuple(sorted(found, key=_first))


def _group(causes: tuple[Cause, ...], partitions: PartitionSubset | None) -> VerdictGroup:
    return VerdictGroup(
        verdict=Verdict.STALE if causes else Verdict.FRESH,
        partitions=partitions,
        causes=causes,
        conditional=bool(causes) and not any(cause.certain for cause in causes),
        held=() if causes else HELD,
    )


def _first(group: VerdictGroup) -> tuple[int, ...]:
    subset = group.partitions
    assert subset is not None
    return regions.point_at(subset.region, 0, depth=len(subset.definition.axes))
