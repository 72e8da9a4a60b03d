"""Showing a plan, for `plan` and for `materialize --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence

from assetflow.cli.code_text import changes_of, changes_text
from assetflow.cli.plan_text import explained, explanation_json, explanation_text, plan_text
from assetflow.cli.session import Session
from assetflow.define.settings import Settings
from assetflow.project.accept import acceptances
from assetflow.project.planning import Planned
from assetflow.project.request import Ask
from assetflow.values import dataclass

WORK = 5
"""The exit code of `plan --check` when there is work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """How a plan is shown: `explain` None for the list of steps, else the assets to explain (none: the targets); with
    `diff` the changes of code are shown with it."""

    explain: Sequence[str] | None = None
    check: bool = False
    diff: bool = False
    expand: bool = False


def show_plan(session: Session, settings: Settings, ask: Ask, view: PlanView) -> int:
    """Plan, print, and return the exit code; nothing is written."""
    screen = session.screen
    with session.project(settings) as project:
        planned = project.planned(ask)
        plan = planned.plan
        note_plan(session, planned)
        if view.explain is not None:
            found = explained(plan, view.explain)
            accepted = acceptances(project, planned, [key for node in found for key in node.assets()])
            changes = changes_of(project, planned, found) if view.diff else ()
            if session.json:
                document = {
                    "environment": plan.environment, "as_of": plan.as_of, "nodes": explanation_json(found, accepted),
                    "notes": list(plan.notes),
                }  # fmt: skip
                screen.document({**document, **({"changes": [c.to_json() for c in changes]} if view.diff else {})})
            elif found:
                screen.data(explanation_text(screen, found, accepted))
                if changes:
                    screen.data("\n" + changes_text(screen, changes))
            else:
                screen.data(plan_text(screen, plan))
        elif session.json:
            screen.document(plan.to_json(expand=view.expand))
        else:
            screen.data(plan_text(screen, plan))
    return WORK if view.check and not plan.is_empty else 0


def note_plan(session: Session, planned: Planned) -> None:
    """What the catalog and the planner remark beside the plan."""
    for notice in planned.notices:
        session.screen.note(notice.message)
    for text in planned.plan.notes:
        session.screen.note(text)
