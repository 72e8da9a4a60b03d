"""What every drawing shows: the chosen assets in the order of the graph, and the dependencies between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assetflow.graph.graph import AssetGraph
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAsset:
    """One asset of a drawing; `verdict` is None where none is known, `reads_itself` a dependency on itself."""

    key: str
    kind: str
    group: str
    verdict: str | None
    reads_itself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Assets, each after its upstreams, and edges as pairs of places in `assets`, without those to themselves."""

    assets: tuple[DrawnAsset, ...]
    edges: tuple[tuple[int, int], ...]


def drawing(graph: AssetGraph, keys: Collection[str], verdicts: Mapping[str, str] | None) -> Drawing:
    """The part of a graph to draw; UnknownAssetError for a key that the graph lacks."""
    known = verdicts or {}
    shown = graph.sorted(keys)
    places = {key: at for at, key in enumerate(shown)}
    assets = []
    edges: list[tuple[int, int]] = []
    for at, key in enumerate(shown):
        spec = graph.specs[key]
        assets.append(
            DrawnAsset(
                key=key,
                kind=spec.kind.value,
                group=spec.group,
                verdict=known.get(key),
                reads_itself=any(edge.upstream == key for edge in spec.inputs),
            )
        )
        edges.extend((places[above], at) for above in graph.upstream(key) if above in places)
    return Drawing(assets=tuple(assets), edges=tuple(sorted(edges)))


def printable(text: str) -> str:
    """The text on one line: characters that would not print, such as line ends, as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
