"""Freshness as pure computation: where each asset stands with its policy, and what has to run to bring it in time.

The rule: an asset partition that is overdue is made again, and so is every root above it, an asset that reads no other
and is not `pure`, whose own value the policy would call overdue. Nothing else is: what lies between follows where data
changed. Of roots that are cut by time only the newest window counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from assetflow.model.asset import AssetSpec
from assetflow.model.cause import Cause, Overdue, Requested
from assetflow.model.clock import from_text, to_text
from assetflow.model.freshness import AgeOf, Freshness, FreshnessPolicy, FreshnessState
from assetflow.model.record import Current, Partition
from assetflow.model.subset import PartitionSubset
from assetflow.planner.basis import Basis, Request
from assetflow.planner.newest import newest_window, time_axis, window_end, windows_between
from assetflow.planner.scope import Scope
from assetflow.planner.universe import Universe
from assetflow.values import dataclass

Records = Mapping[str, Mapping[Partition, Current]]
"""What is published, by asset and partition."""

Due = Mapping[str, Mapping[Partition, Cause]]
"""What time alone asks to be made again."""

_RANK = (FreshnessState.FRESH, FreshnessState.UNKNOWN, FreshnessState.WARNING, FreshnessState.OVERDUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One partition that a policy speaks of, and from when its age counts; None where it was never made."""

    partition: Partition
    since: datetime | None


def counted(universe: Universe, records: Records, spec: AssetSpec, policy: FreshnessPolicy) -> tuple[Counted, ...]:
    """The partitions that a policy speaks of: the asset itself; of windows in time the newest; of others all.

    The age of a value counts from when it was made, that of a newest window that is not made yet from its end, as
    soon as another window was made before. The age of data counts from the end of the newest window that is whole.
    """
    made = records.get(spec.key, {})
    everything = universe.all(spec.key)
    if everything is None:
        return (Counted(partition=None, since=_made_at(made.get(None))),)
    axis = time_axis(everything.definition)
    if axis is None:
        return tuple(Counted(partition=key, since=_made_at(made.get(key))) for key in everything)
    if not everything:
        return ()
    newest = newest_window(everything)
    last = everything.definition.coordinates(newest.last())[axis]
    if policy.of is AgeOf.DATA:
        return (Counted(partition=newest.last(), since=_data_until(everything, axis, last, made)),)
    waited = window_end(everything.definition, axis, last) if made else None
    return tuple(Counted(partition=key, since=_made_at(made.get(key)) or waited) for key in newest)


def _made_at(record: Current | None) -> datetime | None:
    return None if record is None else from_text(record.materialized_at)


def _data_until(
    everything: PartitionSubset, axis: int, last: int, made: Mapping[Partition, Current]
) -> datetime | None:
    """The end of the newest window of which every partition is made."""
    left = len(made)
    for ordinal in range(last, -1, -1):
        if left <= 0:
            return None
        window = windows_between(everything, axis, ordinal, ordinal + 1)
        held = sum(key in made for key in window)
        if window and held == len(window):
            return window_end(everything.definition, axis, ordinal)
        left -= held
    return None


def freshness_of(universe: Universe, records: Records, spec: AssetSpec) -> Freshness | None:
    """Where an asset stands with its policy, told of the partition that stands worst; None without a policy."""
    policy = spec.freshness
    if policy is None:
        return None
    found = [
        policy.status(each.since, universe.as_of, partition=each.partition)
        for each in counted(universe, records, spec, policy)
    ]
    if not found:
        return policy.status(None, universe.as_of)
    return min(found, key=lambda each: (-_RANK.index(each.state), each.since or universe.as_of))


def next_change(universe: Universe, records: Records, assets: Iterable[str]) -> datetime | None:
    """The first instant after now at which time alone changes where one of these assets stands; None for never."""
    instants: list[datetime] = []
    for asset in assets:
        spec = universe.graph.specs[asset]
        if spec.freshness is None:
            continue
        for each in counted(universe, records, spec, spec.freshness):
            if each.since is not None:
                instants += [spec.freshness.due(each.since)]
                instants += [] if (warns := spec.freshness.warns(each.since)) is None else [warns]
    return min((instant for instant in instants if instant > universe.as_of), default=None)


def due_for(universe: Universe, basis: Basis, request: Request, scope: Scope) -> Due:
    """What runs for the sake of time or of who asks, by asset and partition."""
    records = basis.snapshot.current
    found = dict(due_in(universe, records, scope, in_time=request.in_time)) if request.freshness else {}
    if request.by is not None and request.at is not None:
        for asset, causes in requested_in(universe, records, request.targets, by=request.by, at=request.at).items():
            found[asset] = {**causes, **found.get(asset, {})}
    return found


def due_in(universe: Universe, records: Records, scope: Scope, *, in_time: bool = False) -> Due:
    """What in scope has to be made again because of policies, by the rule above; `in_time` also where one warns."""
    found: dict[str, dict[Partition, Overdue]] = {}
    for asset in scope:
        spec = universe.graph.specs[asset]
        if spec.freshness is None or spec.is_source:
            continue
        own = _own(universe, records, spec, spec.freshness, in_time=in_time)
        subset = scope[asset]
        own = {key: cause for key, cause in own.items() if subset is None or key in subset}
        if own:
            found.setdefault(asset, {}).update(own)
    for asset, own in list(found.items()):
        policy = universe.graph.specs[asset].freshness
        if policy is not None and policy.of is AgeOf.VALUE and asset in scope:
            _refresh_roots(universe, records, scope, asset, own, found, in_time=in_time)
    return found


def requested_in(universe: Universe, records: Records, targets: Scope, *, by: str, at: datetime) -> Due:
    """The targets that a job or a condition runs anew: those that read no asset or have side effects, and are older."""
    found: dict[str, dict[Partition, Cause]] = {}
    for asset, subset in targets.items():
        spec = universe.graph.specs[asset]
        reads = [key for key in spec.upstreams if key != asset]
        if spec.is_source or not (spec.side_effect or (not reads and not spec.pure)):
            continue
        made = records.get(asset, {})
        whole = universe.all(asset) if subset is None else subset
        partitions: Iterable[Partition] = (None,) if whole is None else newest_window(whole)
        for partition in partitions:
            record = made.get(partition)
            if record is not None and from_text(record.materialized_at) < at:
                found.setdefault(asset, {})[partition] = Requested(by=by)
    return found


def _own(
    universe: Universe, records: Records, spec: AssetSpec, policy: FreshnessPolicy, *, in_time: bool
) -> dict[Partition, Overdue]:
    """The partitions of an asset that its own policy asks for."""
    made = records.get(spec.key, {})
    found: dict[Partition, Overdue] = {}
    for each in counted(universe, records, spec, policy):
        if each.since is not None and each.partition in made and policy.of is AgeOf.VALUE:
            cause = _cause(policy, each.since, universe.as_of, in_time=in_time)
            if cause is not None:
                found[each.partition] = cause
    return found


def _cause(
    policy: FreshnessPolicy, since: datetime, now: datetime, *, in_time: bool, asset: str | None = None
) -> Overdue | None:
    state = policy.state(since, now)
    wanted = (FreshnessState.OVERDUE, FreshnessState.WARNING) if in_time else (FreshnessState.OVERDUE,)
    if state not in wanted:
        return None
    due = policy.due(since)
    return Overdue(policy=policy.describe(), since=to_text(due), asset=asset)


def _refresh_roots(
    universe: Universe,
    records: Records,
    scope: Scope,
    asset: str,
    own: Mapping[Partition, Overdue],
    found: dict[str, dict[Partition, Overdue]],
    *,
    in_time: bool,
) -> None:
    """Add the roots above overdue partitions of one asset whose values its policy would call overdue as well."""
    graph = universe.graph
    policy = graph.specs[asset].freshness
    assert policy is not None
    definition = universe.definition(asset)
    start = None if definition is None else definition.subset(key for key in own if key is not None)
    reached: dict[str, PartitionSubset | None] = {asset: start}
    for key in sorted(graph.ancestors([asset]) | {asset}, key=graph.position, reverse=True):
        spec = graph.specs[key]
        if key not in reached or spec.is_source:
            continue
        if set(spec.upstreams) <= {key}:
            if key != asset and key in scope and not spec.pure:
                for partition in _newest_of(reached[key]):
                    record = records.get(key, {}).get(partition)
                    since = _made_at(record)
                    cause = since and _cause(policy, since, universe.as_of, in_time=in_time, asset=asset)
                    if cause:
                        found.setdefault(key, {}).setdefault(partition, cause)
            continue
        for edge in spec.inputs:
            if edge.upstream != key:
                subset = universe.upstream_subset(key, edge, reached[key])
                known = reached.get(edge.upstream)
                reached[edge.upstream] = subset if known is None or subset is None else known | subset


def _newest_of(subset: PartitionSubset | None) -> Iterable[Partition]:
    return (None,) if subset is None else newest_window(subset)
