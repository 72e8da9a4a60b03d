"""The difference of two versions on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assetflow.cli.columns import Cell, columns, cut, printable_lines
from assetflow.cli.screen import Screen
from assetflow.cli.values import plain
from assetflow.cli.words import amount, size
from assetflow.model.keys import show

if TYPE_CHECKING:
    from assetflow.catalog.compare import ColumnDiff, ColumnFigures, TableDiff
    from assetflow.catalog.rows import HistoryRow
    from assetflow.project.diff import ValueDiff

_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}
_WIDEST = 40


def diff_text(screen: Screen, diff: ValueDiff) -> str:
    """Everything that differs, in parts: rows, schema, columns, some rows; or lines of text."""
    head = screen.style(show(diff.asset, diff.partition), "bold")
    parts = [f"{head}  {screen.style(f'{_side(diff.before)} → {_side(diff.after)}', 'dim')}"]
    if diff.same:
        parts.append("equal")
    elif diff.table is not None:
        parts += _table(screen, diff.table)
    elif diff.lines is not None:
        parts.append("\n".join(_line(screen, line) for line in diff.lines))
    else:
        parts.append(f"{_sizes(diff.before)} → {_sizes(diff.after)}; they cannot be compared further")
    return "\n\n".join(part for part in parts if part)


def _side(rows: tuple[HistoryRow, ...]) -> str:
    return rows[0].materialization if len(rows) == 1 else amount(len(rows), "partition")


def _sizes(rows: tuple[HistoryRow, ...]) -> str:
    return f"{rows[0].format} of {size(sum(row.bytes or 0 for row in rows))}"


def _line(screen: Screen, line: str) -> str:
    line = printable_lines(line)
    style = "green" if line.startswith("+") else "red" if line.startswith("-") else ""
    return screen.style(line, style) if style else line


def _table(screen: Screen, diff: TableDiff) -> Iterator[str]:
    yield _rows(diff)
    if diff.key_problem is not None:
        yield screen.style(f"the declared row key does not hold: {diff.key_problem}", "yellow")
    schema: list[list[Cell]] = [
        [each.column, "" if each.before is None else each.before.type, "" if each.after is None else each.after.type]
        for each in diff.schema
    ]
    if schema:
        yield columns(screen, schema, header=("column", "type before", "type after"))
    moved: list[list[Cell]] = [_figures(each) for each in diff.columns if _moved(each)]
    if moved:
        yield columns(screen, moved, header=("column", "changed", "nulls", "distinct", "min", "max", "mean"))
    samples: list[list[Cell]] = [
        [
            (sample.kind, _STYLES[sample.kind]),
            ", ".join(f"{name}={_shown(value)}" for name, value in sample.key.items()),
            "; ".join(f"{name}: {_shown(old)} → {_shown(new)}" for name, (old, new) in sample.values.items()),
        ]
        for sample in diff.samples
    ]
    if samples:
        yield columns(screen, samples)


def _rows(diff: TableDiff) -> str:
    counts = [(diff.added, "added"), (diff.removed, "removed"), (diff.changed or 0, "changed")]
    what = ", ".join(f"{count:,} {name}" for count, name in counts if count) or "the same rows"
    if diff.key is None:
        how = "whole rows, as no column tells them apart"
    else:
        how = f"by {', '.join(f'`{name}`' for name in diff.key)}" + (", which is unique" if diff.inferred else "")
    return f"{diff.rows_before:,} → {amount(diff.rows_after, 'row')}: {what} ({how})"


def _moved(each: ColumnDiff) -> bool:
    return bool(each.changed) or each.before != each.after


def _figures(each: ColumnDiff) -> list[Cell]:
    old, new = each.before, each.after

    def pair(name: str) -> str:
        a, b = _figure(old, name), _figure(new, name)
        return a if a == b else f"{a} → {b}".strip()

    return [
        (each.column, "bold"),
        "" if each.changed is None else f"{each.changed:,}",
        *(pair(name) for name in ("nulls", "distinct", "minimum", "maximum", "mean")),
    ]


def _figure(figures: ColumnFigures | None, name: str) -> str:
    value = None if figures is None else getattr(figures, name)
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return cut(text, _WIDEST)


def _shown(value: object) -> str:
    return "null" if value is None else cut(str(plain(value)), _WIDEST)
