"""The graph as a standalone SVG picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from itertools import pairwise
from unicodedata import east_asian_width

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import Drawing, DrawnAsset, drawing, printable
from assetflow.graph.render.layout import Layout, layered
from assetflow.graph.render.palette import PAINTS, PLAIN, css_class

_HEIGHT = 40.0
_MARGIN = 24.0
_CHARACTER = 7.3
_LONGEST = 44


def render_svg(graph: AssetGraph, keys: Collection[str], *, verdicts: Mapping[str, str] | None = None) -> str:
    """A picture with layers from left to right; each box tells the key, kind or group, and verdict of an asset.

    Keys longer than 44 characters are shortened in the middle, with `…`; the whole key is in the box's tooltip.
    """
    return svg_text(drawing(graph, keys, verdicts))


def svg_text(picture: Drawing) -> str:
    """The picture of a drawing. Boxes have the ids `n0`, `n1`, …; edges name both ends in `data-a` and `data-b`."""
    widths = [_width(asset) for asset in picture.assets]
    layout = layered(widths, _HEIGHT, picture.edges)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_px(width)} {_px(height)}" '
        f'width="{_px(width)}" height="{_px(height)}" role="img" aria-label="Asset graph">',
        f"<style>{_style()}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" '
        'orient="auto"><path class="tip" d="M0 0.5L8 4L0 7.5z"/></marker></defs>',
        f'<g id="world" transform="translate({_px(_MARGIN)} {_px(_MARGIN)})">',
        *_edges(picture, layout),
        *(_box(at, asset, layout.corners[at], widths[at]) for at, asset in enumerate(picture.assets)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _edges(picture: Drawing, layout: Layout) -> list[str]:
    return [
        f'<path class="edge" data-a="{a}" data-b="{b}" d="{_curve(points)}" marker-end="url(#tip)"/>'
        for (a, b), points in zip(picture.edges, layout.paths, strict=True)
    ]


def _curve(points: Collection[tuple[float, float]]) -> str:
    start, *_ = points
    text = f"M{_px(start[0])} {_px(start[1])}"
    for (x, y), (to_x, to_y) in pairwise(points):
        if y == to_y:
            text += f"H{_px(to_x)}"
        else:
            middle = (x + to_x) / 2
            text += f"C{_px(middle)} {_px(y)} {_px(middle)} {_px(to_y)} {_px(to_x)} {_px(to_y)}"
    return text


def _box(at: int, asset: DrawnAsset, corner: tuple[float, float], width: float) -> str:
    x, y = corner
    loop = " ↻" if asset.reads_itself else ""
    verdict = f" · {asset.verdict}" if asset.verdict else ""
    tip = f"{asset.key}\n{asset.kind}, group {asset.group}{verdict}" + (
        "\nreads its own earlier partitions" if loop else ""
    )
    round_corner = 20 if asset.kind == "source" else 6
    return (
        f'<g class="node {css_class(asset.verdict)} {escape(asset.kind)}" id="n{at}" '
        f'transform="translate({_px(x)} {_px(y)})"><title>{_xml(tip, keep_lines=True)}</title>'
        f'<rect width="{_px(width)}" height="{_px(_HEIGHT)}" rx="{round_corner}"/>'
        f'<text x="12" y="17">{_xml(_short(asset.key))}{loop}</text>'
        f'<text class="note" x="12" y="32">{_xml(_note(asset))}</text></g>'
    )


def _note(asset: DrawnAsset) -> str:
    return f"{asset.kind} · {asset.verdict}" if asset.verdict else asset.kind


def _short(key: str) -> str:
    text = printable(key)
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _width(asset: DrawnAsset) -> float:
    longest = max(_columns(_short(asset.key)) + 2 * asset.reads_itself, _columns(_note(asset)) * 0.85)
    return max(72.0, longest * _CHARACTER + 24)


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _xml(text: str, *, keep_lines: bool = False) -> str:
    # XML has no way to write most control characters, not even as entities
    if keep_lines:
        return "\n".join(escape(printable(line)) for line in text.split("\n"))
    return escape(printable(text))


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _style() -> str:
    light = [
        "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#111827}",
        ".note{font-size:10px;fill:#4b5563}",
        ".edge{fill:none;stroke:#9ca3af;stroke-width:1.3}",
        ".tip{fill:#9ca3af;fill:context-stroke}",
        ".missing rect{stroke-dasharray:5 3}",
        f".node rect{{fill:{PLAIN.fill};stroke:{PLAIN.line};stroke-width:1.4}}",
        *(f".{name} rect{{fill:{color.fill};stroke:{color.line}}}" for name, color in PAINTS.items()),
    ]
    dark = [
        "text{fill:#e6edf3}.note{fill:#9aa4af}.edge{stroke:#59636e}.tip{fill:#59636e;fill:context-stroke}",
        f".node rect{{fill:{PLAIN.dark_fill};stroke:{PLAIN.dark_line}}}",
        *(f".{name} rect{{fill:{color.dark_fill};stroke:{color.dark_line}}}" for name, color in PAINTS.items()),
    ]
    return f"{''.join(light)}@media(prefers-color-scheme:dark){{svg{{background:#0d1117}}{''.join(dark)}}}"
