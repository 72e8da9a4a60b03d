"""A plan as text: what runs and why, and the tree of why and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from assetflow.cli.columns import Cell, columns, printable
from assetflow.cli.screen import VERDICT_STYLES, Screen
from assetflow.cli.words import fresh_words, partitions_text
from assetflow.model.plan import Explanation, Plan, Verdict, VerdictGroup

_LEFT_OUT = "code, config, dependencies, inputs and output are as recorded"


def plan_text(screen: Screen, plan: Plan, *, most: int | None = None) -> str:
    """The steps as a table, and what is fresh beside them; steps beyond `most` are counted only."""
    if plan.is_empty:
        return fresh_words(len(plan.verdicts), plan.fresh)
    rows: list[list[Cell]] = []
    sure = maybe = 0
    for number, step in enumerate(plan.steps):
        if step.conditional:
            maybe += step.count
        else:
            sure += step.count
        if most is not None and number >= most:
            continue
        word: Cell = ("maybe", "dim") if step.conditional else ("run", "yellow")
        why = "; ".join(cause.describe() for cause in step.causes)
        rows.append([word, step.asset, (partitions_text(step.partitions), "dim"), why])
    parts = [f"{sure:,} to run"] if sure else []
    parts += [f"{maybe:,} maybe"] if maybe else []
    table = columns(screen, rows)
    if len(plan.steps) > len(rows):
        table += f"\nand {len(plan.steps) - len(rows):,} more"
    return f"{table}\n\n{', '.join(parts)}; {plan.fresh:,} fresh"


def explained(plan: Plan, assets: Sequence[str]) -> tuple[Explanation, ...]:
    """The explanations of these assets; without any, of every target that no other target reads."""
    if not assets:
        read = {key for target in plan.targets for key in plan.upstreams.get(target, ()) if key != target}
        assets = sorted(key for key in plan.targets if key in plan.verdicts and key not in read)
    return tuple(plan.explain(asset) for asset in assets)


def explanation_text(
    screen: Screen,
    explanations: Iterable[Explanation],
    accepted: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
) -> str:
    """Trees of explanations: each asset with its verdict and causes, its upstreams below it.

    `accepted` are the notes by which a value counts as made by the present code.
    """
    lines: list[str] = []
    for root in explanations:
        if lines:
            lines.append("")
        for node, lead, below in _walk(root):
            lines += _node_lines(screen, node, lead, below)
            if not node.repeated:
                inner = screen.style(below + ("│  " if node.upstream else "   "), "dim")
                lines += [
                    f"{inner}accepted: {printable(accepted_words(note))}" for note in accepted.get(node.asset, ())
                ]
    return "\n".join(lines)


def accepted_words(note: Mapping[str, Any]) -> str:
    """Who accepted a change of code, why, and what had changed."""
    changed = ", ".join(f"`{name}`" for name in note.get("components") or ())
    return f"{note.get('reason')} (by {note.get('by')}{f'; changed: {changed}' if changed else ''})"


def explanation_json(
    explanations: Iterable[Explanation], accepted: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The nodes of the trees in the order they are drawn, each with its depth."""
    nodes = []
    for root in explanations:
        for node, depth in _depths(root):
            nodes.append(
                {
                    "asset": node.asset,
                    "partition": node.partition,
                    "depth": depth,
                    "verdict": str(node.verdict.verdict),
                    "groups": [] if node.repeated else [_group_json(group) for group in node.verdict.groups],
                    "repeated": node.repeated,
                    "accepted": [] if node.repeated else [dict(note) for note in accepted.get(node.asset, ())],
                }
            )
    return nodes


def _group_json(group: VerdictGroup) -> dict[str, Any]:
    partitions = None
    if group.partitions is not None:
        partitions = {"count": len(group.partitions), "ranges": group.partitions.ranges()}
    return {
        "verdict": str(group.verdict),
        "partitions": partitions,
        "conditional": group.conditional,
        "causes": [cause.to_json() for cause in group.causes],
        "held": list(group.held),
    }


def _depths(root: Explanation) -> Iterator[tuple[Explanation, int]]:
    stack = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend((child, depth + 1) for child in reversed(node.upstream))


def _walk(root: Explanation) -> Iterator[tuple[Explanation, str, str]]:
    """The nodes with what stands before their line, and before what is said below it."""
    stack = [(root, "", "")]
    while stack:
        node, lead, below = stack.pop()
        yield node, lead, below
        last = len(node.upstream) - 1
        for at in range(last, -1, -1):
            bend, bar = ("└─ ", "   ") if at == last else ("├─ ", "│  ")
            stack.append((node.upstream[at], below + bend, below + bar))


def _node_lines(screen: Screen, node: Explanation, lead: str, below: str) -> list[str]:
    verdict = str(node.verdict.verdict)
    head = f"{screen.style(lead, 'dim')}{screen.style(node.asset, 'bold')}  "
    head += screen.style(verdict, VERDICT_STYLES.get(verdict, ""))
    if node.repeated:
        return [head + screen.style("  explained above", "dim")]
    groups = node.verdict.groups
    inner = screen.style(below + ("│  " if node.upstream else "   "), "dim")
    if len(groups) == 1:
        named = partitions_text(groups[0].partitions)
        head += screen.style(f"  {named}", "dim") if named else ""
        return [head, *(inner + line for line in _reasons(screen, groups[0]))]
    lines = [head]
    for group in groups:
        word = screen.style(str(group.verdict), VERDICT_STYLES.get(str(group.verdict), ""))
        lines.append(f"{inner}{word} {screen.style(partitions_text(group.partitions), 'dim')}")
        lines += [f"{inner}  {line}" for line in _reasons(screen, group)]
    return lines


def _reasons(screen: Screen, group: VerdictGroup) -> list[str]:
    if group.verdict is Verdict.FRESH:
        return [screen.style(_LEFT_OUT if group.held else "as recorded", "dim")]
    reasons = [cause.describe() for cause in group.causes]
    if group.conditional:
        reasons.append(screen.style("conditional: not rebuilt where what it reads comes out equal", "dim"))
    return reasons
