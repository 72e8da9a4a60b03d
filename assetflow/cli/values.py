"""Values of queries as cells of a table, and as JSON."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from assetflow.catalog.rows import QueryResult
from assetflow.cli.columns import Cell, columns
from assetflow.cli.screen import Screen

_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\))")
_WIDEST = 60


def result_text(screen: Screen, result: QueryResult) -> str:
    """The rows as a table; long cells are cut, with `…`, on a terminal only."""
    widest = None if screen.width is None else _WIDEST
    right = {at for at, kind in enumerate(result.types) if _NUMBERS.fullmatch(kind)}
    rows: list[list[Cell]] = [[_cell(value, widest) for value in row] for row in result.rows]
    return columns(screen, rows, header=result.columns, right=right)


def result_json(result: QueryResult) -> list[dict[str, Any]]:
    """The rows as objects; a column name that comes twice keeps its last value, as in DuckDB's own JSON."""
    return [{name: plain(value) for name, value in zip(result.columns, row, strict=True)} for row in result.rows]


def plain(value: Any) -> Any:
    """A value as JSON: instants and dates as ISO text, decimals as numbers, bytes as base64, NaN as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return float(value)
        case datetime():
            return value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode("ascii")
        case UUID():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case Sequence() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return str(value)


def csv_value(value: Any) -> Any:
    """A value as a field of a CSV file: nothing for null, nested values as JSON."""
    shown = plain(value)
    match shown:
        case None:
            return ""
        case bool() | list() | dict():
            return json.dumps(shown, ensure_ascii=False)
        case _:
            return shown


def _cell(value: Any, widest: int | None) -> Cell:
    if value is None:
        return ("null", "dim")
    match value:
        case datetime():
            text = value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")
        case bool():
            text = str(value).lower()
        case list() | dict() | tuple():
            text = json.dumps(plain(value), ensure_ascii=False)
        case _:
            text = str(value)
    return text if widest is None or len(text) <= widest else f"{text[: widest - 1]}…"
