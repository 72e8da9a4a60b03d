"""The graph as a Mermaid flowchart, for Markdown pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import DrawnAsset, drawing, printable
from assetflow.graph.render.palette import PAINTS, css_class, paint
from assetflow.model.asset import AssetKind

_ESCAPES = {sign: f"#{ord(sign)};" for sign in '#"&<>`\\'}


def render_mermaid(graph: AssetGraph, keys: Collection[str], *, verdicts: Mapping[str, str] | None = None) -> str:
    """A left-to-right flowchart; sources are drums, verdicts are colors and a second line."""
    picture = drawing(graph, keys, verdicts)
    lines = ["flowchart LR"]
    for at, asset in enumerate(picture.assets):
        left, right = ("[(", ")]") if asset.kind == AssetKind.SOURCE else ("[", "]")
        name = css_class(asset.verdict)
        lines.append(f'    n{at}{left}"{_label(asset)}"{right}' + (f":::{name}" if name in PAINTS else ""))
    lines.extend(f"    n{a} --> n{b}" for a, b in picture.edges)
    lines.extend(f"    n{at} -.-> n{at}" for at, asset in enumerate(picture.assets) if asset.reads_itself)
    used = sorted({css_class(asset.verdict) for asset in picture.assets} & PAINTS.keys())
    for name in used:
        color = paint(name)
        dashes = ",stroke-dasharray:4 3" if name == "missing" else ""
        lines.append(f"    classDef {name} fill:{color.fill},stroke:{color.line},color:#111{dashes}")
    return "\n".join(lines) + "\n"


def _label(asset: DrawnAsset) -> str:
    text = _escaped(asset.key)
    return f"{text}<br/>{_escaped(asset.verdict)}" if asset.verdict else text


def _escaped(text: str) -> str:
    # entities: inside quotes Mermaid still reads Markdown, HTML and its own brackets
    return "".join(_ESCAPES.get(sign, sign) for sign in printable(text))
