"""Outputs of one call that makes all or none of them: what one needs to have made is made of the others too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from assetflow.model.cause import ComputedTogether
from assetflow.model.plan import Verdict, VerdictGroup
from assetflow.model.subset import PartitionSubset
from assetflow.planner.universe import Universe

Groups = tuple[VerdictGroup, ...]
Rebuilt = list[tuple[str, bool, PartitionSubset | None]]
"""Disjoint sets of partitions (None: the whole) that some output rebuilds, and whether it does for certain."""


def with_siblings(
    members: Iterable[str],
    found: Mapping[str, Groups],
    judge: Callable[[str, PartitionSubset | None], Groups],
    universe: Universe,
) -> Iterator[tuple[str, Groups]]:
    """The verdicts of all members, given those of the members in scope; `judge` gives the verdicts of another one."""
    rebuilt = _rebuilt(found)
    for key in members:
        groups = found.get(key)
        if groups is None:
            if not rebuilt:
                continue
            definition = universe.definition(key)
            subset = None if definition is None else definition.subset(_keys(rebuilt))
            groups = judge(key, subset)
        yield key, _joined(groups, rebuilt)


def _rebuilt(found: Mapping[str, Groups]) -> Rebuilt:
    """Who rebuilds what: the first that does for certain, else the first at all."""
    rebuilt: Rebuilt = []
    for is_firm in (True, False):
        for key, groups in found.items():
            for group in groups:
                if group.verdict is Verdict.FRESH or group.conditional is is_firm:
                    continue
                rest = group.partitions
                if rest is None:
                    if not rebuilt:
                        rebuilt.append((key, is_firm, None))
                    continue
                for _, _, taken in rebuilt:
                    if taken is not None:
                        rest = rest - taken
                if rest:
                    rebuilt.append((key, is_firm, rest))
    return rebuilt


def _joined(groups: Groups, rebuilt: Rebuilt) -> Groups:
    kept: list[VerdictGroup] = []
    joined: dict[tuple[str, bool], list[PartitionSubset | None]] = {}
    for group in groups:
        if group.verdict is not Verdict.FRESH or not rebuilt:
            kept.append(group)
            continue
        still = group.partitions
        for sibling, is_firm, taken in rebuilt:
            if group.partitions is None or taken is None:
                joined.setdefault((sibling, is_firm), []).append(None)
                continue
            common = group.partitions & taken
            if common:
                joined.setdefault((sibling, is_firm), []).append(common)
                still = None if still is None else still - common
        if still:
            kept.append(VerdictGroup(verdict=Verdict.FRESH, partitions=still, held=group.held))
    for (sibling, is_firm), parts in joined.items():
        first, *rest = parts
        kept.append(
            VerdictGroup(
                verdict=Verdict.STALE,
                partitions=None if first is None else first.union(*(part for part in rest if part is not None)),
                causes=(ComputedTogether(asset=sibling),),
                conditional=not is_firm,
            )
        )
    return tuple(kept)


def _keys(rebuilt: Rebuilt) -> Iterator[str]:
    for _, _, subset in rebuilt:
        if subset is not None:
            yield from subset
