"""Building the plan: scope, verdicts, steps in execution order."""

from __future__ import annotations

from assetflow.errors import UsageError
from assetflow.model.clock import to_text
from assetflow.model.keys import show
from assetflow.model.plan import AssetVerdict, Plan, PlanStep, Verdict
from assetflow.model.record import Partition
from assetflow.planner.basis import Basis, Request
from assetflow.planner.current import ABSENT, Lookup, snapshot_lookup
from assetflow.planner.memo import Memo
from assetflow.planner.notes import notes
from assetflow.planner.recall import Recall
from assetflow.planner.scope import scope_of
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
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic=basis.snapshot.dynamic)
    scope = scope_of(universe, request.targets, only=request.only)
    recall = Recall(universe, basis, memo)
    verdicts = Judge(universe, basis, request, scope, recall).run()
    steps = tuple(step for asset in basis.graph.sorted(verdicts) for step in _steps(verdicts[asset]))
    if request.only:
        _check_inputs(universe, steps, snapshot_lookup(basis))
    plan = Plan(
        environment=basis.snapshot.environment,
        as_of=to_text(basis.as_of),
        steps=steps,
        verdicts=verdicts,
        upstreams={asset: basis.graph.upstream(asset) for asset in verdicts},
        fresh=sum(verdict.count(Verdict.FRESH) for verdict in verdicts.values()),
        targets=frozenset(request.targets),
        forced=request.force,
        notes=notes(universe, basis, verdicts, steps),
    )
    return plan, recall.memo()


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


def _check_inputs(universe: Universe, steps: tuple[PlanStep, ...], look: Lookup) -> None:
    """With `--only`, an input that neither exists nor is planned is an error now, not a failure later."""
    planned: dict[str, set[Partition]] = {}
    for step in steps:
        planned.setdefault(step.asset, set()).update(step.partition_keys())
    for step in steps:
        for partition in step.partition_keys():
            for upstream, upstream_partition in universe.inputs(step.asset, partition):
                if upstream_partition in planned.get(upstream, ()) or look(upstream, upstream_partition) != ABSENT:
                    continue
                if universe.graph.specs[upstream].is_source:
                    continue  # a source that is not there fails its readers, with the place that was looked at
                raise UsageError(
                    f"`{show(step.asset, partition)}` needs `{show(upstream, upstream_partition)}`, which was never "
                    "materialized, and --only leaves upstreams alone",
                    hint=f"run `assetflow materialize {step.asset}` without --only",
                    asset=step.asset,
                    upstream=upstream,
                )
