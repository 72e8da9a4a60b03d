"""Drawings of a graph as text: each is a pure function of the graph, the assets to show, and their verdicts."""

from assetflow.graph.render.document import render_json
from assetflow.graph.render.dot import render_dot
from assetflow.graph.render.formats import GraphFormat, render
from assetflow.graph.render.html import render_html
from assetflow.graph.render.mermaid import render_mermaid
from assetflow.graph.render.svg import render_svg
from assetflow.graph.render.tree import render_tree

__all__ = [
    "GraphFormat",
    "render",
    "render_dot",
    "render_html",
    "render_json",
    "render_mermaid",
    "render_svg",
    "render_tree",
]
