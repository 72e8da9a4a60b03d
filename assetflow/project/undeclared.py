"""What functions read undeclared, in a project: what its assets declare is left out, and the rest is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from assetflow.executor.result import RunResult
from assetflow.executor.undeclared.findings import Finding, undeclared, undeclared_words

if TYPE_CHECKING:
    from assetflow.project.planning import Planned
    from assetflow.project.project import Project


def undeclared_of(project: Project, planned: Planned) -> Callable[[str, tuple[Finding, ...]], tuple[Finding, ...]]:
    """What of the reads of a function its asset does not declare; a version that is typed in answers for everything."""
    declared, graph = project.loaded.definitions.sources, project.graph

    def left(asset: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        components = {name for name, _ in planned.basis.versions[asset].code.components}
        if "code_version" in components:
            return ()
        sources = [declared[key].source for key in graph.upstream(asset) if key in declared]
        paths = [source.path for source in sources if source is not None and source.path is not None]
        return undeclared(found, project.settings.root, components=components, sources=paths)

    return left


def told(result: RunResult, notify: Callable[[str], None]) -> RunResult:
    """The result with a notice for each asset that read something undeclared, in the order of the steps."""
    found: dict[str, dict[Finding, None]] = {}
    for step in result.steps:
        if step.undeclared:
            found.setdefault(step.asset, {}).update(dict.fromkeys(step.undeclared))
    notices = tuple(undeclared_words(asset, list(names)) for asset, names in found.items())
    for text in notices:
        notify(text)
    return replace(result, notices=(*result.notices, *notices))
