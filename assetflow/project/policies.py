"""What names assets by selection beside them: policies of `[tool.assetflow.freshness]`, and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assetflow.define.schedule import Job
from assetflow.errors import Problem, SettingsError, UsageError, did_you_mean
from assetflow.graph.graph import AssetGraph
from assetflow.model.freshness import FreshnessPolicy


def with_inherited(graph: AssetGraph, defaults: Mapping[str, Any]) -> AssetGraph:
    """The graph with the policies that its assets inherit; an asset's own, and `freshness=False`, come first.

    Of several selections that hold an asset the most specific one counts, that with the fewest assets; of equal ones
    the last. SettingsError for a selection or a policy that cannot be.
    """
    if not defaults:
        return graph
    found: dict[str, tuple[int, FreshnessPolicy]] = {}
    for text, given in defaults.items():
        if "status:" in text or "changed:" in text:
            raise SettingsError(
                f"setting `freshness.{text}` asks what the state of assets is, which a policy has a part in",
                hint="select them by key, tag, group or kind",
            )
        try:
            named = _selected(text, graph)
            policy = FreshnessPolicy.from_json(given, "the policy")
        except UsageError as error:
            raise SettingsError(f"setting `freshness.{text}`: {error.message}", hint=error.hint) from error
        if any(terms is not None for terms in named.values()):
            raise SettingsError(
                f"setting `freshness.{text}` names partitions", hint="a policy holds for whole assets: leave `@…` out"
            )
        for key in named:
            if key not in found or len(named) <= found[key][0]:
                found[key] = (len(named), policy)
    specs = [
        replace(spec, freshness=found[key][1])
        if key in found and spec.freshness is None and spec.inherits_freshness and not spec.is_source
        else spec
        for key, spec in graph.specs.items()
    ]
    return AssetGraph(specs)


def job_problems(jobs: Iterable[Job], graph: AssetGraph, project: Path) -> Iterator[Problem]:
    """What is wrong with jobs, now that the assets are known: selections and the assets that config names."""
    for job in jobs:
        file = job.file
        if file is not None and Path(file).is_relative_to(project):
            file = Path(file).relative_to(project).as_posix()
        for text in job.selection:
            if "status:" in text or "changed:" in text:
                continue  # answered when it runs
            try:
                _selected(text, graph)
            except UsageError as error:
                yield Problem(
                    slug="job", message=f"job `{job.name}`: {error.message}", file=file, line=job.line, hint=error.hint
                )
        for asset in job.config:
            if asset not in graph or graph.specs[asset].is_source:
                yield Problem(
                    slug="job", message=f"job `{job.name}`: config names the asset `{asset}`, which is not declared",
                    file=file, line=job.line, hint=did_you_mean(asset, graph.keys),
                )  # fmt: skip


def _selected(text: str, graph: AssetGraph) -> Mapping[str, Any]:
    """The assets that a selection holds, with the partitions it names; UsageError when it means nothing."""
    from assetflow.graph.selection import parse, resolve  # here: where nothing is selected, no grammar is needed

    return resolve([parse(text)], graph, None).assets
