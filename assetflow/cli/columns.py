"""Aligned columns for the screen, plain or colored, without a table's frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from assetflow.cli.screen import Screen

Cell = str | tuple[str, str]
"""Text, or text with the name of a style."""

_GAP = "  "


def columns(
    screen: Screen, rows: Sequence[Sequence[Cell]], *, header: Sequence[str] = (), right: Collection[int] = ()
) -> str:
    """The rows as lines with aligned columns; those in `right` (by number) align right.

    Columns that are empty everywhere are left out. On a terminal the last column is cut to its width, with `…`.
    """
    count = max((len(row) for row in rows), default=len(header))
    used = [at for at in range(count) if not rows or any(at < len(row) and _text(row[at]) for row in rows)]
    widths = {at: max([_wide(_text(row[at])) for row in rows if at < len(row)] or [0]) for at in used}
    lines = []
    if header:
        widths = {at: max(width, _wide(header[at])) for at, width in widths.items()}
        lines.append(_line(screen, [(name, "dim") for name in header], used, widths, right))
    lines += [_line(screen, row, used, widths, right) for row in rows]
    return "\n".join(lines)


def _line(
    screen: Screen, row: Sequence[Cell], used: Sequence[int], widths: dict[int, int], right: Collection[int]
) -> str:
    parts: list[str] = []
    room = screen.width
    for at in used:
        cell = row[at] if at < len(row) else ""
        text, style = _text(cell), "" if isinstance(cell, str) else cell[1]
        pad = " " * (widths[at] - _wide(text))
        if at == used[-1]:
            if room is not None:
                text = cut(text, max(room, 8))
            parts.append((pad if at in right else "") + screen.style(text, style))
        else:
            shown = screen.style(text, style)
            parts.append(pad + shown if at in right else shown + pad)
            room = None if room is None else room - widths[at] - len(_GAP)
    return _GAP.join(parts).rstrip()


def cut(text: str, width: int) -> str:
    """The text in at most that many columns; what is cut off is marked."""
    if _wide(text[: 2 * width + 1]) <= width and _wide(text) <= width:
        return text
    room, kept = width - 1, 0
    for character in text:
        room -= _wide(character)
        if room < 0:
            break
        kept += 1
    return f"{text[:kept]}…"


def _text(cell: Cell) -> str:
    return printable(cell if isinstance(cell, str) else cell[0])


def printable(text: str) -> str:
    """The text with what a terminal would act on as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """A text of several lines with what a terminal would act on as escapes, but for line ends and tabs."""
    return "\n".join("\t".join(printable(part) for part in line.split("\t")) for line in text.split("\n"))


def _wide(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
