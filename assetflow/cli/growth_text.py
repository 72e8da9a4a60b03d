"""How an asset has grown, as a line of bars, and its columns in figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from assetflow.cli.columns import Cell, cut
from assetflow.cli.words import amount, size
from assetflow.project.details import AssetDetails, Size

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST = 40
_LONGEST = 32


def growth_cells(details: AssetDetails) -> Iterator[list[Cell]]:
    """Rows and bytes over versions, or over the partitions of an asset asked for whole; nothing for a single one."""
    what = "versions" if details.growth_of_versions else "partitions"
    name = "over time" if details.growth_of_versions else "by partition"
    yield from _series(f"rows {name}", what, details.growth, lambda each: each.rows, lambda n: f"{n:,}")
    yield from _series(f"bytes {name}", what, details.growth, lambda each: each.bytes, size)


def _series(
    name: str, what: str, sizes: Sequence[Size], of: Callable[[Size], int | None], shown: Callable[[int], str]
) -> Iterator[list[Cell]]:
    values = [value for each in sizes if (value := of(each)) is not None]
    if len(values) < 2:
        return
    if what == "versions":
        words = f"{shown(values[0])} → {shown(values[-1])} in {len(values):,} versions"
    else:
        words = f"{shown(min(values))} to {shown(max(values))}, {shown(sum(values))} in {len(values):,} partitions"
    yield [(name, "dim"), f"{sparkline(values)}  {words}"]


def sparkline(values: Sequence[float], width: int = _WIDEST) -> str:
    """One bar for each value, from 0 to the largest; of more than `width` values, for the means of neighbors."""
    count = len(values)
    if count > width:
        edges = [at * count // width for at in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    most = max(values, default=0)
    return "".join(_BARS[min(7, int(value * 8 / most))] if most > 0 else _BARS[0] for value in values)


def column_cells(details: AssetDetails) -> tuple[tuple[str, ...], list[list[Cell]]]:
    """Header and rows of the table of columns: type, figures where they were computed, what was said of each."""
    header, rows = _figures(details)
    if not details.descriptions:
        return header, rows
    for row in rows:
        row += [""] * (len(header) - len(row)) + [details.descriptions.get(str(row[0]), "")]
    return (*header, "description"), rows


def _figures(details: AssetDetails) -> tuple[tuple[str, ...], list[list[Cell]]]:
    schema = (details.current.schema if details.current is not None else None) or []
    found = details.statistics
    if found is None or found.columns is None:
        return ("column", "type"), [[name, (kind, "dim")] for name, kind in schema]
    rows: list[list[Cell]] = []
    for name, kind in schema:
        each = found.columns.get(name)
        figures: list[Cell] = []
        if each is not None:
            share = f" ({each.nulls / found.rows:.1%})" if found.rows and each.nulls else ""
            mean = "" if each.mean is None else f"{each.mean:.6g}"
            ends = [cut(text or "", _LONGEST) for text in (each.minimum, each.maximum)]
            figures = [f"{each.nulls:,}{share}", f"{each.distinct:,}", *ends, mean]
        rows.append([name, (kind, "dim"), *figures])
    return ("column", "type", "nulls", "distinct", "min", "max", "mean"), rows


def skipped_words(details: AssetDetails) -> str:
    """What to do for the figures of a table that is too large to compute them unasked; empty otherwise."""
    found, current = details.statistics, details.current
    if found is None or found.columns is not None or current is None:
        return ""
    rows = "" if found.rows is None else f" and {amount(found.rows, 'row')}"
    return f"of {size(current.bytes or 0)}{rows}; `assetflow show {details.spec.key} --statistics` reads all of it"
