"""Column lineage on the screen: each column, what it is made of, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable

from assetflow.cli.screen import Screen
from assetflow.project.column_closure import EVERY, ColumnHop, ColumnLineage

_NO_COLUMN = {"rows": "its rows", "unknown": "any column"}


def column_text(screen: Screen, lineage: ColumnLineage) -> str:
    """A block for each direction, nearest first; a line per edge, below the column it belongs to."""
    head = lineage.asset if lineage.column is None else f"{lineage.asset}.{lineage.column}"
    parts = [screen.style(head, "bold")]
    if lineage.descriptions:
        width = max(map(len, lineage.descriptions))
        parts += ["", *(f"  {name:<{width}}  {text}" for name, text in lineage.descriptions.items())]
    if lineage.upstream:
        parts += ["", screen.style("made from", "dim"), *_lines(lineage.upstream, up=True)]
    if lineage.downstream:
        parts += ["", screen.style("used for", "dim"), *_lines(lineage.downstream, up=False)]
    if not lineage.upstream and not lineage.downstream:
        parts += ["", "there is none: it reads no asset and no asset reads it"]
    return "\n".join(parts)


def _lines(hops: Iterable[ColumnHop], *, up: bool) -> list[str]:
    grouped: dict[tuple[int, str, str], dict[tuple[str, str], list[str]]] = {}
    for hop in hops:
        own, other = ((hop.asset, hop.column), (hop.input_asset, hop.input_column))
        own, other = (own, other) if up else (other, own)
        if other[1] == EVERY:
            other = (other[0], EVERY)
        grouped.setdefault((hop.depth, *own), {}).setdefault(other, []).append(hop.kind)
    lines = []
    for (_, asset, column), others in grouped.items():
        lines.append(f"  {asset}" + (": any column" if column == EVERY else f".{column}"))
        for (there, name), kinds in others.items():
            shown = _NO_COLUMN.get(kinds[0], EVERY) if name == EVERY else name
            place = f"{there}: {shown}" if name == EVERY else f"{there}.{shown}"
            lines.append(f"    {place}  ({', '.join(kinds)})")
    return lines
