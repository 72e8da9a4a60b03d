"""The graph as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import drawing


def render_json(graph: AssetGraph, keys: Collection[str], *, verdicts: Mapping[str, str] | None = None) -> str:
    """`{"nodes": [{"asset", "kind", "group", "verdict"}], "edges": [{"upstream", "downstream"}]}` as text.

    Nodes come in the order of the graph, edges sorted; dependencies of assets on themselves are among them.
    """
    picture = drawing(graph, keys, verdicts)
    shown = {asset.key for asset in picture.assets}
    nodes = [
        {"asset": asset.key, "kind": asset.kind, "group": asset.group, "verdict": asset.verdict}
        for asset in picture.assets
    ]
    edges = [{"upstream": a, "downstream": b} for a, b in graph.edges if a in shown and b in shown]
    return json.dumps({"nodes": nodes, "edges": edges}, ensure_ascii=False, indent=2)
