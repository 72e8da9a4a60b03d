"""Choosing a drawing by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import assert_never

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.document import render_json
from assetflow.graph.render.dot import render_dot
from assetflow.graph.render.html import render_html
from assetflow.graph.render.mermaid import render_mermaid
from assetflow.graph.render.svg import render_svg
from assetflow.graph.render.tree import render_tree


class GraphFormat(StrEnum):
    """The forms a graph can be drawn in."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"
    SVG = "svg"
    HTML = "html"


def render(
    graph: AssetGraph,
    keys: Collection[str],
    *,
    to: GraphFormat,
    verdicts: Mapping[str, str] | None = None,
    facts: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> str:
    """The assets `keys` of a graph, and the dependencies between them, in the form `to`.

    `facts`, names and texts by key, are for the page, which shows them for an asset that is clicked.
    """
    match to:
        case GraphFormat.TEXT:
            return render_tree(graph, keys, verdicts=verdicts)
        case GraphFormat.MERMAID:
            return render_mermaid(graph, keys, verdicts=verdicts)
        case GraphFormat.DOT:
            return render_dot(graph, keys, verdicts=verdicts)
        case GraphFormat.JSON:
            return render_json(graph, keys, verdicts=verdicts)
        case GraphFormat.SVG:
            return render_svg(graph, keys, verdicts=verdicts)
        case GraphFormat.HTML:
            return render_html(graph, keys, verdicts=verdicts, facts=facts)
        case _:
            assert_never(to)
