"""The graph in the language of Graphviz."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import drawing, printable
from assetflow.graph.render.palette import paint
from assetflow.model.asset import AssetKind


def render_dot(graph: AssetGraph, keys: Collection[str], *, verdicts: Mapping[str, str] | None = None) -> str:
    """A left-to-right digraph; sources are cylinders, verdicts are colors and a second line."""
    picture = drawing(graph, keys, verdicts)
    lines = [
        "digraph assets {",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [color="#6b7280", arrowsize=0.7];',
    ]
    for asset in picture.assets:
        color = paint(asset.verdict)
        label = _text(asset.key) + (rf"\n{_text(asset.verdict)}" if asset.verdict else "")
        shape = ', shape=cylinder, style="filled"' if asset.kind == AssetKind.SOURCE else ""
        lines.append(f'  {_id(asset.key)} [label="{label}", fillcolor="{color.fill}", color="{color.line}"{shape}];')
    lines.extend(f"  {_id(picture.assets[a].key)} -> {_id(picture.assets[b].key)};" for a, b in picture.edges)
    lines.extend(
        f"  {_id(asset.key)} -> {_id(asset.key)} [style=dashed];" for asset in picture.assets if asset.reads_itself
    )
    return "\n".join([*lines, "}"]) + "\n"


def _id(key: str) -> str:
    return f'"{_text(key)}"'


def _text(text: str) -> str:
    # printable() writes escapes with a backslash, which Graphviz would read as its own unless doubled
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
