"""The graph as an indented tree for terminals: one line for each asset, below all of its upstreams."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assetflow.graph.graph import AssetGraph
from assetflow.graph.render.drawing import Drawing, drawing, printable
from assetflow.model.texts import first_of
from assetflow.values import dataclass

_DEEPEST = 24
_NAMED = 4


def render_tree(graph: AssetGraph, keys: Collection[str], *, verdicts: Mapping[str, str] | None = None) -> str:
    """A tree from the roots down, in which each asset stands once.

    An asset with several upstreams stands below the last of them and names the others (`← also …`). A branch deeper
    than 24 levels goes on at the left margin under `key …`, so that a long chain stays readable.
    """
    return _Tree(drawing(graph, keys, verdicts)).text()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line goes: the asset, what stands before it, what stands before lines below it, its parent."""

    asset: int
    lead: str
    below: str
    level: int
    parent: int | None


class _Tree:
    __slots__ = ("below", "lines", "picture", "sections", "upstreams", "waiting")

    def __init__(self, picture: Drawing) -> None:
        self.picture = picture
        count = len(picture.assets)
        self.below: list[list[int]] = [[] for _ in range(count)]
        self.upstreams: list[list[int]] = [[] for _ in range(count)]
        for a, b in picture.edges:
            self.below[a].append(b)
            self.upstreams[b].append(a)
        self.waiting = [len(above) for above in self.upstreams]
        self.lines: list[str] = []
        self.sections: list[tuple[int, list[int]]] = []

    def text(self) -> str:
        roots = [_Place(at, "", "", 0, None) for at, count in enumerate(self.waiting) if not count]
        self._walk(roots)
        for asset, children in self.sections:  # grows while branches go on
            self.lines.append(f"{printable(self.picture.assets[asset].key)} …")
            self._walk(self._places(asset, children, _Place(asset, "", "", 0, None)))
        return "\n".join(self.lines) + "\n" if self.lines else ""

    def _walk(self, places: list[_Place]) -> None:
        stack = places[::-1]
        while stack:
            place = stack.pop()
            self.lines.append(place.lead + self._line(place))
            ready = self._release(place.asset)
            if ready and place.level == _DEEPEST:
                self.lines.append(f"{place.below}└─ …")
                self.sections.append((place.asset, ready))
            else:
                stack.extend(reversed(self._places(place.asset, ready, place)))

    def _release(self, asset: int) -> list[int]:
        """The assets for which this was the last upstream to be drawn, by key."""
        ready = []
        for child in self.below[asset]:
            self.waiting[child] -= 1
            if not self.waiting[child]:
                ready.append(child)
        return sorted(ready, key=lambda at: self.picture.assets[at].key)

    def _places(self, parent: int, children: list[int], above: _Place) -> list[_Place]:
        last = len(children) - 1
        return [
            _Place(
                child,
                above.below + ("└─ " if at == last else "├─ "),
                above.below + ("   " if at == last else "│  "),
                above.level + 1,
                parent,
            )
            for at, child in enumerate(children)
        ]

    def _line(self, place: _Place) -> str:
        asset = self.picture.assets[place.asset]
        text = printable(asset.key)
        if asset.kind != "python":
            text += f" ({asset.kind})"
        if asset.verdict:
            text += f"  {printable(asset.verdict)}"
        if asset.reads_itself:
            text += "  ↻ itself"
        others = sorted(
            printable(self.picture.assets[at].key) for at in self.upstreams[place.asset] if at != place.parent
        )
        if others:
            text += f"  ← also {first_of(others, _NAMED)}"
        return text
