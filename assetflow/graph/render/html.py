"""The graph as one HTML page that needs nothing else: pan, zoom, search, and the lineage of what is clicked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import Drawing, drawing, printable
from assetflow.graph.render.page import SCRIPT, STYLE
from assetflow.graph.render.palette import PAINTS, css_class
from assetflow.graph.render.svg import svg_text

# the page may run its own script and nothing from anywhere else
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def render_html(
    graph: AssetGraph,
    keys: Collection[str],
    *,
    verdicts: Mapping[str, str] | None = None,
    facts: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    title: str = "Assets",
) -> str:
    """A standalone page around the SVG picture; it loads nothing from the network or the disk.

    `facts` are names and texts by key, shown for an asset that is clicked.
    """
    picture = drawing(graph, keys, verdicts)
    count = len(picture.assets)
    number = "1 asset" if count == 1 else f"{count} assets"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<link rel="icon" href="data:,">
<title>{escape(printable(title))}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(printable(title))}</h1>
<span class="count">{number}</span>
<input id="search" type="search" placeholder="Search keys ( / )" aria-label="Search keys" autocomplete="off">
<span id="hits" role="status"></span>
<span class="legend">{_legend(picture)}</span>
<button id="toggle" type="button" aria-pressed="true" title="Show or hide the list of assets">List</button>
<button id="fit" type="button" title="Show everything (0)">Fit</button>
</header>
<main>
<nav id="list" aria-label="Assets"></nav>
{svg_text(picture)}</main>
<aside id="detail" hidden></aside>
<script id="data" type="application/json">{_data(graph, picture, facts or {})}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _legend(picture: Drawing) -> str:
    counts = Counter(css_class(asset.verdict) for asset in picture.assets)
    names = [name for name in (*PAINTS, "plain") if counts[name] and (name != "plain" or len(counts) > 1)]
    return "".join(
        f'<button type="button" class="chip {name}" data-verdict="{name}" aria-pressed="true">'
        f"{'other' if name == 'plain' else name} {counts[name]}</button>"
        for name in names
    )


def _data(graph: AssetGraph, picture: Drawing, facts: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    nodes = [
        {
            "key": asset.key, "kind": asset.kind, "group": asset.group, "verdict": asset.verdict,
            "description": graph.specs[asset.key].description, "facts": facts.get(asset.key, ()),
        }
        for asset in picture.assets
    ]  # fmt: skip
    text = json.dumps({"nodes": nodes, "edges": picture.edges}, ensure_ascii=True, separators=(",", ":"))
    # a key that holds `</script>` must not end the element
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
