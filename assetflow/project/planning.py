"""Planning a request in a project: look at the catalog and the sources, then let the planner compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from assetflow.catalog.rows import Notice
from assetflow.define.config_values import ResolvedConfig
from assetflow.errors import PartitionError, UsageError
from assetflow.model.plan import Plan
from assetflow.model.record import Observation, Partition, Snapshot
from assetflow.model.subset import PartitionSubset
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan
from assetflow.planner.scope import Scope, scope_of
from assetflow.planner.universe import Universe
from assetflow.project.listing import ProjectFacts
from assetflow.project.lost import lost_objects
from assetflow.project.observe import FileHashes, observe
from assetflow.project.remembered import plan_remembering
from assetflow.project.request import Ask, targets_of
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with everything it was made from; what is run is exactly this."""

    plan: Plan
    ask: Ask
    basis: Basis
    universe: Universe
    targets: Scope
    configs: Mapping[str, ResolvedConfig]
    new_observations: tuple[Observation, ...]
    hashes: FileHashes
    read_from_ns: int
    facts: ProjectFacts | None = None
    notices: tuple[Notice, ...] = ()
    blocked: Mapping[str, PartitionError] = field(default_factory=dict)
    log_sizes: Mapping[str, int] = field(default_factory=dict)


def look_over(project: Project, ask: Ask, environment: str | None) -> Planned:
    """The same to be looked at, never to be carried out: assets whose inputs cannot be told do not hide the others.

    They are `blocked`, each with the error that planning them ends with; nothing that was made of them counts as fresh.
    """
    blocked: dict[str, PartitionError] = {}
    while True:
        try:
            return plan_request(project, ask, environment, blocked=blocked)
        except PartitionError as error:
            before = len(blocked)
            if not blocked:
                blocked.update(project.universe(environment).blocked_assets())
            if "asset" in error.payload:
                blocked.setdefault(error.payload["asset"], error)
            if len(blocked) == before:
                raise


def plan_request(
    project: Project,
    ask: Ask,
    environment: str | None,
    *,
    blocked: Mapping[str, PartitionError] = MappingProxyType({}),
) -> Planned:
    """The plan of a request together with what it was made from; what the catalog remarked stays for others to take."""
    now = project.clock.now()
    loaded = project.loaded
    configs = loaded.configs(ask.config)
    log_sizes = project.catalog.log_sizes()  # before anything is read, so that what comes later is noticed
    found = project.snapshot(environment)
    universe = Universe(loaded.graph, as_of=now, dynamic=found.dynamic, blocked=blocked)
    facts = project.facts(ask, environment)
    targets = targets_of(ask, loaded.graph, universe, facts)
    scope = scope_of(universe, targets, only=ask.only)
    hashes = FileHashes.load(project.settings.cache_root / "files.json")
    if not project.settings.catalog_root.is_dir():
        hashes.path = None  # a plan makes no folders
    observations, new = _observe(project, universe, scope, ask, found, hashes=hashes)
    snapshot = _with_observations(found, observations)
    basis = Basis(
        graph=loaded.graph,
        versions=loaded.versions(configs),
        snapshot=snapshot,
        as_of=now,
        lost=lost_objects(project.store, snapshot, scope),
        blocked={asset: error.message for asset, error in blocked.items()},
    )
    request = _request(ask, targets)
    # what holds of blocked assets is not known, so nothing is remembered of such a look
    return Planned(
        plan=build_plan(basis, request) if blocked else plan_remembering(project.settings, basis, request),
        blocked=blocked,
        ask=ask,
        basis=basis,
        universe=universe,
        targets=targets,
        configs=configs,
        new_observations=new,
        hashes=hashes,
        read_from_ns=int(now.timestamp() * 1e9),
        facts=facts,
        log_sizes=log_sizes,
    )


def _request(ask: Ask, targets: Scope) -> Request:
    return Request(
        targets=targets, only=ask.only, ready=ask.ready, force=ask.force, freshness=ask.freshness,
        in_time=ask.in_time, by=ask.by, at=ask.at,
    )  # fmt: skip


def plan_again(project: Project, planned: Planned) -> tuple[Plan, Basis, tuple[Observation, ...]]:
    """The same request planned anew from what is recorded by now, at the same instant and for the same sources.

    Dynamic partitions are as they are by now; their sources are observed where they were not before, which is news.
    """
    before, ask = planned.basis, planned.ask
    found = project.snapshot(before.snapshot.environment)
    universe = Universe(project.graph, as_of=before.as_of, dynamic=found.dynamic)
    targets = _targets_again(project, planned, universe)
    scope = scope_of(universe, targets, only=ask.only)
    known = before.snapshot.observations
    seen, new = _observe(project, universe, scope, ask, found, hashes=planned.hashes, known=known)
    observations = {key: {**found.observations.get(key, {}), **known.get(key, {})} for key in {**known, **seen}}
    for key, by_partition in seen.items():
        observations[key].update(by_partition)
    snapshot = replace(found, observations={**found.observations, **observations})
    basis = replace(before, snapshot=snapshot, lost=lost_objects(project.store, snapshot, scope))
    request = _request(ask, targets)
    return plan_remembering(project.settings, basis, request), basis, new


def _targets_again(project: Project, planned: Planned, universe: Universe) -> Scope:
    """What the request means by now; keys that it names and that are gone are left out."""
    try:
        return targets_of(planned.ask, project.graph, universe, planned.facts)
    except UsageError:
        targets: dict[str, PartitionSubset | None] = {}
        for asset, subset in planned.targets.items():
            definition = universe.definition(asset)
            gone = subset is None or definition is None
            targets[asset] = None if gone or definition is None else definition.known(subset or ())[0]
        return targets


def _observe(
    project: Project,
    universe: Universe,
    scope: Scope,
    ask: Ask,
    snapshot: Snapshot,
    *,
    hashes: FileHashes,
    known: Mapping[str, Mapping[Partition, Observation]] = MappingProxyType({}),
) -> tuple[dict[str, dict[Partition, Observation]], tuple[Observation, ...]]:
    """Observations of every source that something in scope reads, but for `known` ones, and which of them are news."""
    sources = project.loaded.definitions.sources
    wanted: dict[str, Sequence[Partition]] = {}
    readers = universe.graph.ancestors(scope) if ask.only else frozenset()
    for key in {*scope, *readers} & sources.keys():
        subset = scope.get(key) or universe.all(key)
        partitions: Sequence[Partition] = (None,) if subset is None else tuple(subset)
        wanted[key] = [partition for partition in partitions if partition not in known.get(key, ())]
    seen = observe(
        sources, dict(sorted(wanted.items())), project=project.settings.root, hashes=hashes, now=universe.as_of
    )
    new: list[Observation] = []
    for key, by_partition in seen.items():
        for partition, found in by_partition.items():
            before = snapshot.observations.get(key, {}).get(partition)
            if found.error is None and before is not None and before.data_version == found.data_version:
                by_partition[partition] = Observation(
                    asset=key, partition=partition, data_version=found.data_version,
                    observed_at=before.observed_at, detail=found.detail, id=before.id,
                )  # fmt: skip
            elif found.error is None:
                new.append(found)
    return seen, tuple(new)


def _with_observations(snapshot: Snapshot, seen: Mapping[str, Mapping[Partition, Observation]]) -> Snapshot:
    return replace(snapshot, observations={**snapshot.observations, **seen}) if seen else snapshot
