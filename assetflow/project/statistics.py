"""Each column of a stored table in figures, computed when somebody looks and kept in the cache by data version."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

from assetflow.catalog.rows import HistoryRow
from assetflow.values import dataclass
from assetflow.whole_file import keep

if TYPE_CHECKING:
    from assetflow.catalog.compare import ColumnFigures
    from assetflow.project.project import Project

UNASKED = 64 << 20
"""Bytes of a stored table above which its statistics are computed only when they are asked for."""

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The columns of a table in figures; `columns` is None where they were not computed because the table is large."""

    rows: int | None
    columns: dict[str, ColumnFigures] | None

    def to_json(self) -> list[dict[str, Any]] | None:
        """One object for each column, or None where they were not computed."""
        if self.columns is None:
            return None
        return [
            {"column": name, "nulls": each.nulls, "null_share": each.nulls / self.rows if self.rows else None,
             "distinct": each.distinct, "min": each.minimum, "max": each.maximum, "mean": each.mean}
            for name, each in self.columns.items()
        ]  # fmt: skip


def statistics_of(project: Project, row: HistoryRow, *, large: bool) -> Statistics | None:
    """The statistics of a materialization, with `large` also of a large one; None for what is no table or is gone.

    Computing takes a gigabyte of memory at most and spills to disk beyond it; equal content is computed once.
    QueryError for a file that cannot be read.
    """
    path = project.store.path(row.uri)
    if row.format != "parquet" or not row.schema or not path.is_file():
        return None
    kept = project.settings.cache_root / "statistics" / f"{xxh3_128_hexdigest(row.data_version.encode())}.json"
    known = _read(kept, row.data_version)
    if known is not None:
        return known
    if not large and (row.bytes or 0) > UNASKED:
        return Statistics(rows=row.rows, columns=None)
    # not at the top: statistics need duckdb, and everything else about projects does not
    from assetflow.catalog.compare import figures, workbench
    from assetflow.catalog.tables import literal

    with workbench() as con:
        rows, columns = figures(con, f"select * from read_parquet({literal(str(path))})")
    found = Statistics(rows=rows, columns=columns)
    _write(kept, row.data_version, found)
    return found


def _read(path: Path, version: str) -> Statistics | None:
    from assetflow.catalog.compare import ColumnFigures  # needs duckdb too

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT or document["data_version"] != version:
            return None
        columns = {name: ColumnFigures(**each) for name, each in document["columns"].items()}
        return Statistics(rows=document["rows"], columns=columns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a cache: what cannot be read is not there
        return None


def _write(path: Path, version: str, found: Statistics) -> None:
    columns = {name: asdict(each) for name, each in (found.columns or {}).items()}
    document = {"format": _FORMAT, "data_version": version, "rows": found.rows, "columns": columns}
    keep(path, json.dumps(document))
