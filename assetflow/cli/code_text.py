"""Changes of code as text: a diff for each component that is not what it was."""

from __future__ import annotations

from collections.abc import Iterable

from assetflow.cli.screen import Screen
from assetflow.model.plan import Explanation
from assetflow.project.code_changes import CodeChange, code_changes
from assetflow.project.planning import Planned
from assetflow.project.project import Project

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def changes_of(project: Project, planned: Planned, explanations: Iterable[Explanation]) -> tuple[CodeChange, ...]:
    """The changes of code of every asset that the explanations look at, each once."""
    assets: dict[str, None] = {}
    stack = list(explanations)
    while stack:
        node = stack.pop(0)
        assets.setdefault(node.asset)
        stack += node.upstream
    return tuple(change for asset in assets for change in code_changes(project, planned, asset))


def changes_text(screen: Screen, changes: Iterable[CodeChange]) -> str:
    """The diffs; one that several assets share is shown once, with all their names."""
    shared: dict[tuple[str, str, str | None, str | None], list[CodeChange]] = {}
    for change in changes:
        key = (change.component, change.diff, change.before, change.after)
        shared.setdefault(key, []).append(change)
    blocks: list[str] = []
    for same in shared.values():
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(change.asset for change in same))
        lines = [f"{screen.style(same[0].component, 'bold')}  {screen.style(f'of {names}', 'dim')}"]
        diff = same[0].diff.splitlines()[2:]  # the names stand above
        lines += [screen.style(line, _STYLES.get(line[:1], "")) for line in diff] or [_without_text(same[0])]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _without_text(change: CodeChange) -> str:
    if change.before is None:
        return "new"
    return "gone" if change.after is None else "changed; no text of it is kept"
