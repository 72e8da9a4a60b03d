"""Dynamic fan-out: what of a plan has to wait until the steps that change dynamic partitions have ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from assetflow.executor.result import StepResult
from assetflow.executor.tasks import Place
from assetflow.graph.graph import AssetGraph
from assetflow.model.keys import show
from assetflow.model.plan import Plan, PlanStep
from assetflow.model.record import StepStatus
from assetflow.planner.fan_out import opened_by

BAD = frozenset({StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELED})
"""Ends that leave no value behind."""


def due_now(plan: Plan, graph: AssetGraph, ended: Collection[Place]) -> tuple[Plan, bool]:
    """The part of a plan that can run now, and whether another has to wait for dynamic partitions.

    Where a step is about to change dynamic partitions, everything that is partitioned by them, or downstream of that,
    waits until their keys are known, and so does what waits for fan-outs that follow from this one. Steps that change
    the very partitions they wait for go first, with what they need.
    """
    movers = {step.asset for step in plan.steps if graph.specs[step.asset].adds_partitions and _is_open(step, ended)}
    if not movers:
        return plan, False
    held = set(opened_by(graph, movers, within=plan.verdicts).held)
    if movers <= held:
        first = [mover for mover in sorted(movers) if not (graph.ancestors([mover]) - {mover}) & movers]
        held -= {*first, *graph.ancestors(first)}
    return replace(plan, steps=tuple(step for step in plan.steps if step.asset not in held)), True


def without_keys(graph: AssetGraph, ended: Mapping[Place, StepResult]) -> dict[str, str]:
    """Assets that cannot know which partitions they read, since a step that was to change them ended badly: its name.

    What is partitioned itself still runs for the keys that are known.
    """
    blocked: dict[str, str] = {}
    seen: set[str] = set()
    for place, result in ended.items():
        if result.status not in BAD or not graph.specs[place[0]].adds_partitions or place[0] in seen:
            continue
        seen.add(place[0])
        found = opened_by(graph, [place[0]])
        for asset in found.held - found.partitioned:
            blocked.setdefault(asset, result.caused_by or show(*place))
    return blocked


def _is_open(step: PlanStep, ended: Collection[Place]) -> bool:
    return any((step.asset, partition) not in ended for partition in step.partition_keys())
