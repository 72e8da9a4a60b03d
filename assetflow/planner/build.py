"""Building the plan: scope, verdicts, steps in execution order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assetflow.errors import UsageError
from assetflow.model.clock import to_text
from assetflow.model.keys import show
from assetflow.model.plan import AssetVerdict, Plan, PlanStep, Verdict
from assetflow.model.record import Partition
from assetflow.model.subset import PartitionSubset
from assetflow.planner.basis import Basis, Request
from assetflow.planner.current import ABSENT, Lookup, snapshot_lookup
from assetflow.planner.fan_out import opened_by
from assetflow.planner.memo import Memo
from assetflow.planner.notes import notes
from assetflow.planner.recall import Recall
from assetflow.planner.scope import Scope, scope_of
from assetflow.planner.universe import Universe
from assetflow.planner.verdicts import Judge


def build_plan(basis: Basis, request: Request) -> Plan:
    """The plan for a request: a pure function of its arguments, equal for equal ones.

    PartitionError when a target needs an upstream partition that does not exist; UsageError when `only` leaves out an
    upstream that was never materialized.
    """
    return plan_from_memo(basis, request, Memo())[0]


def plan_from_memo(basis: Basis, request: Request, memo: Memo) -> tuple[Plan, Memo]:
    """The same plan, found without a look at what the memo of an earlier one vouches for; and the memo of this one."""
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic=basis.snapshot.dynamic, blocked=basis.blocked)
    recall = Recall(universe, basis, memo)
    verdicts, steps = _judged(universe, basis, request, recall)
    targets, left_out = request.targets, tuple[str, ...]()
    if request.only:
        lacking = _lacking(universe, steps, snapshot_lookup(basis))
        if lacking and not request.ready:
            raise _lacks(*lacking[0])
        if lacking:
            left_out = tuple(_waits(*each) for each in _first_of_each(lacking))
            targets = _without(universe, targets, lacking)
            verdicts, steps = _judged(universe, basis, replace(request, targets=targets), recall)
    opened = _opened(universe, verdicts, steps)
    _check_deferred(universe, opened)
    plan = Plan(
        environment=basis.snapshot.environment,
        as_of=to_text(basis.as_of),
        steps=steps,
        verdicts=verdicts,
        upstreams={asset: basis.graph.upstream(asset) for asset in verdicts},
        fresh=sum(verdict.count(Verdict.FRESH) for verdict in verdicts.values()),
        targets=frozenset(targets),
        forced=request.force,
        notes=notes(basis, verdicts, opened),
        left_out=left_out,
    )
    return plan, recall.memo()


def _opened(
    universe: Universe, verdicts: Mapping[str, AssetVerdict], steps: Sequence[PlanStep]
) -> Mapping[str, Sequence[str]]:
    """The dynamic partitions that may change while the steps are carried out, each with the assets that change them."""
    movers = {step.asset for step in steps if universe.graph.specs[step.asset].adds_partitions}
    return opened_by(universe.graph, movers, within=verdicts).names if movers else {}


def _check_deferred(universe: Universe, opened: Mapping[str, Sequence[str]]) -> None:
    """What is missing of dynamic partitions is an error unless a step of this plan may add it."""
    for names, error in universe.deferred:
        if not names & opened.keys():
            raise error


def _judged(
    universe: Universe, basis: Basis, request: Request, recall: Recall
) -> tuple[dict[str, AssetVerdict], tuple[PlanStep, ...]]:
    """The verdict of everything in scope, and the steps in execution order."""
    scope = scope_of(universe, request.targets, only=request.only)
    verdicts = Judge(universe, basis, request, scope, recall).run()
    return verdicts, tuple(step for asset in basis.graph.sorted(verdicts) for step in _steps(verdicts[asset]))


def _steps(verdict: AssetVerdict) -> list[PlanStep]:
    """The steps of one asset: certain ones first, then by the first partition they hold."""
    groups = [group for group in verdict.groups if group.verdict is not Verdict.FRESH]
    return [
        PlanStep(
            asset=verdict.asset,
            partitions=group.partitions,
            conditional=group.conditional,
            causes=group.causes,
        )
        for group in sorted(groups, key=lambda group: group.conditional)
    ]


_Lack = tuple[str, Partition, str, Partition]
"""An asset partition, and an upstream of it that is neither there nor planned."""


def _lacking(universe: Universe, steps: tuple[PlanStep, ...], look: Lookup) -> list[_Lack]:
    """What cannot be made with upstreams left alone, also for the lack of what is itself on this list."""
    planned: dict[str, dict[Partition, None]] = {}
    for step in steps:
        planned.setdefault(step.asset, {}).update(dict.fromkeys(step.partition_keys()))
    lacking: list[_Lack] = []
    before = -1
    while before < len(lacking):  # once more where an asset reads its own other partitions
        before = len(lacking)
        for asset, left in planned.items():
            for partition in list(left):
                lack = _first_lack(universe, planned, look, (asset, partition))
                if lack is not None:
                    del left[partition]
                    lacking.append((asset, partition, *lack))
    return lacking


def _first_lack(
    universe: Universe, planned: Mapping[str, Mapping[Partition, None]], look: Lookup, place: tuple[str, Partition]
) -> tuple[str, Partition] | None:
    for upstream, partition in universe.inputs(*place):
        if partition in planned.get(upstream, ()) or look(upstream, partition) != ABSENT:
            continue
        if not universe.graph.specs[upstream].is_source:
            return upstream, partition
        # a source that is not there fails its readers, with the place that was looked at
    return None


def _first_of_each(lacking: Sequence[_Lack]) -> list[_Lack]:
    """The first lack of each asset."""
    found: dict[str, _Lack] = {}
    for each in lacking:
        found.setdefault(each[0], each)
    return list(found.values())


def _without(universe: Universe, targets: Scope, lacking: Sequence[_Lack]) -> Scope:
    """The targets without asset partitions that lack an upstream."""
    gone: dict[str, list[Partition]] = {}
    for asset, partition, _, _ in lacking:
        gone.setdefault(asset, []).append(partition)
    left: dict[str, PartitionSubset | None] = {}
    for asset, subset in targets.items():
        named = subset if subset is not None else universe.all(asset)
        if asset not in gone:
            left[asset] = subset
        elif named is not None:
            rest = named - named.definition.known([key for key in gone[asset] if key is not None])[0]
            if rest:
                left[asset] = rest
    return left


def _lacks(asset: str, partition: Partition, upstream: str, upstream_partition: Partition) -> UsageError:
    return UsageError(
        f"`{show(asset, partition)}` needs `{show(upstream, upstream_partition)}`, which was never materialized, and "
        "--only leaves upstreams alone",
        hint=f"run `assetflow materialize {asset}` without --only",
        asset=asset,
        upstream=upstream,
    )


def _waits(asset: str, partition: Partition, upstream: str, upstream_partition: Partition) -> str:
    return f"`{show(asset, partition)}` waits for `{show(upstream, upstream_partition)}`, which was never materialized"
