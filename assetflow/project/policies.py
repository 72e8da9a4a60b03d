"""Freshness policies that assets inherit from `[tool.assetflow.freshness]`: selections and what holds for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assetflow.errors import SettingsError, UsageError
from assetflow.graph.graph import AssetGraph
from assetflow.graph.selection import parse, resolve
from assetflow.model.freshness import FreshnessPolicy


def with_inherited(graph: AssetGraph, defaults: Mapping[str, Any]) -> AssetGraph:
    """The graph with the policies that its assets inherit; an asset's own, and `freshness=False`, come first.

    Of several selections that hold an asset the most specific one counts, that with the fewest assets; of equal ones
    the last. SettingsError for a selection or a policy that cannot be.
    """
    found: dict[str, tuple[int, FreshnessPolicy]] = {}
    for text, given in defaults.items():
        try:
            named = resolve([parse(text)], graph, None).assets
            policy = FreshnessPolicy.from_json(given, f"setting `freshness.{text}`")
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
