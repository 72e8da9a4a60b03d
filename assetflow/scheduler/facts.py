"""What conditions are evaluated on: a plan of the whole project, and what the catalog says of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from assetflow.model.cause import Cause, CodeChanged, Overdue
from assetflow.model.condition import FactKind
from assetflow.model.plan import Plan, Verdict, VerdictGroup
from assetflow.model.record import Partition
from assetflow.planner.automation import Facts
from assetflow.planner.extents import Extent, either
from assetflow.planner.universe import Universe
from assetflow.project.planning import Planned
from assetflow.project.project import Project
from assetflow.project.status import last_failures
from assetflow.scheduler.memory import Memory

_UPDATED = """
select asset, "partition" from publications where environment in (?, 'prod') and "order" > ?
union select asset, "partition" from observations where "order" > ?"""

_RUNNING = """
select s.asset, s."partition" from steps s join runs r on r.run_id = s.run_id
where r.status = 'running' and r.environment = ? and s.status in ('pending', 'running')"""


def gather(project: Project, planned: Planned, memory: Memory) -> Facts:
    """The facts of a tick; what a live run is making counts only while its process lives."""
    universe = planned.universe
    true: dict[FactKind, Mapping[str, Extent]] = {**verdict_facts(planned.plan)}
    true[FactKind.MISSING] = {**true[FactKind.MISSING], **_absent_sources(planned)}
    if project.settings.catalog_root.is_dir():
        environment = planned.plan.environment
        ask = project.catalog.query
        true[FactKind.IN_PROGRESS] = extents(universe, ask(_RUNNING, [environment]).rows)
        true[FactKind.FAILED] = extents(universe, [(each.asset, each.partition) for each in last_failures(project)])
        _add_changed_since_failure(planned, memory, true)
        updated = ask(_UPDATED, [environment, memory.order, memory.order]).rows if memory.previous is not None else []
        news = [(seen.asset, seen.partition) for seen in planned.new_observations]
        true[FactKind.NEWLY_UPDATED] = extents(universe, [*updated, *news])
    return Facts(true=true, previous=memory.previous)


def _add_changed_since_failure(planned: Planned, memory: Memory, true: dict[FactKind, Mapping[str, Extent]]) -> None:
    """What failed counts as changed in code when it was requested with another code version than the present one."""
    changed = dict(true[FactKind.CODE_CHANGED])
    for asset, extent in true[FactKind.FAILED].items():
        kept = memory.get(f"code:{asset}")
        versions = planned.basis.versions.get(asset)
        if kept is not None and versions is not None and kept != versions.code.version:
            changed[asset] = either(changed[asset], extent) if asset in changed else extent
    true[FactKind.CODE_CHANGED] = changed


def _absent_sources(planned: Planned) -> dict[str, Extent]:
    """Sources that are not there."""
    graph = planned.universe.graph
    absent = [
        (asset, seen.partition)
        for asset, by_partition in planned.basis.snapshot.observations.items()
        if asset in graph and graph.specs[asset].is_source
        for seen in by_partition.values()
        if seen.error is not None
    ]
    return extents(planned.universe, absent)


def verdict_facts(plan: Plan) -> dict[FactKind, Mapping[str, Extent]]:
    """What a plan of the whole project says: where what is missing, stale, of another code version, overdue."""

    def having(test: Callable[[VerdictGroup], bool]) -> dict[str, Extent]:
        found: dict[str, Extent] = {}
        for asset, group in open_groups:
            if test(group):
                extent: Extent = True if group.partitions is None else group.partitions
                found[asset] = either(found[asset], extent) if asset in found else extent
        return found

    def with_cause(test: Callable[[Cause], bool]) -> dict[str, Extent]:
        return having(lambda group: any(test(cause) for cause in group.causes))

    open_groups = [
        (asset, group)
        for asset, judged in plan.verdicts.items()
        for group in judged.groups
        if group.verdict is not Verdict.FRESH or group.causes
    ]
    return {
        FactKind.MISSING: having(lambda group: group.verdict is Verdict.MISSING),
        FactKind.STALE: having(
            lambda group: (
                group.verdict is Verdict.STALE
                and any(cause.certain and not isinstance(cause, Overdue) for cause in group.causes)
            )
        ),
        FactKind.CODE_CHANGED: with_cause(lambda cause: isinstance(cause, CodeChanged)),
        FactKind.OVERDUE: with_cause(lambda cause: isinstance(cause, Overdue) and cause.asset is None),
    }


def extents(universe: Universe, places: Iterable[tuple[Any, Partition]]) -> dict[str, Extent]:
    """Asset partitions as extents; those that are not declared, or not there, are left out."""
    keys: dict[str, list[str]] = {}
    found: dict[str, Extent] = {}
    for asset, partition in places:
        if asset not in universe.graph:
            continue
        definition = universe.definition(asset)
        if definition is None and partition is None:
            found[asset] = True
        elif definition is not None and partition is not None:
            keys.setdefault(asset, []).append(partition)
    for asset, named in keys.items():
        definition = universe.definition(asset)
        assert definition is not None
        found[asset] = definition.known(named)[0]
    return found
