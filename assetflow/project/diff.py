"""Two versions of a value beside each other: tables by rows and columns, text by lines, other values by size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from assetflow.catalog.rows import HistoryRow
from assetflow.errors import UsageError
from assetflow.model.record import Partition
from assetflow.project.versions import check_kept, version_named
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.catalog.compare import TableDiff
    from assetflow.project.project import Project

SAMPLES = 10
LARGEST_TEXT = 4 << 20
"""Bytes above which a text is told by its size only; lines are compared in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueDiff:
    """What differs between two versions of an asset partition, or of all partitions of an asset.

    `before` and `after` are the materializations; `table` is there where both are tables, `lines` (a unified diff)
    where both read as text. `same` says that the contents are equal.
    """

    asset: str
    partition: Partition
    before: tuple[HistoryRow, ...]
    after: tuple[HistoryRow, ...]
    same: bool
    table: TableDiff | None = None
    lines: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The document that `diff --json` prints."""
        table = None
        if self.table is not None:
            table = asdict(self.table)
            table["schema"] = [each["column"] for each in map(asdict, self.table.schema)]
        return {
            "asset": self.asset,
            "partition": self.partition,
            "same": self.same,
            "before": [_side(row) for row in self.before],
            "after": [_side(row) for row in self.after],
            "table": table,
            "lines": None if self.lines is None else list(self.lines),
        }


def _side(row: HistoryRow) -> dict[str, Any]:
    return {
        "materialization": row.materialization, "partition": row.partition, "run_id": row.run_id,
        "data_version": row.data_version, "format": row.format, "rows": row.rows, "bytes": row.bytes,
        "materialized_at": row.materialized_at,
    }  # fmt: skip


def diff(
    project: Project,
    asset: str,
    before: str = "previous",
    after: str = "latest",
    *,
    partition: Partition = None,
    key: Sequence[str] | None = None,
    samples: int = SAMPLES,
    environment: str | None = None,
) -> ValueDiff:  # fmt: skip
    """What differs between two versions of a value.

    A version is named `latest`, `previous`, `env:NAME`, by an instant, or by the id of a materialization or a run. Rows
    are told apart by the columns `key`, else by the asset's `row_key`, else by the first column that is unique in both
    versions; without such a column they are compared whole. ValueNotFoundError or OutputLostError when a version is not
    there; UsageError for a wrong key.
    """
    old, new = (version_named(project, asset, partition, name, environment=environment) for name in (before, after))
    found = ValueDiff(asset=asset, partition=partition, before=old, after=new, same=_versions(old) == _versions(new))
    if found.same:
        return found
    for row in (*old, *new):
        check_kept(project, row)
    if all(row.format == "parquet" and row.schema for row in (*old, *new)):  # DuckDB reads no table without columns
        # not at the top: comparing needs duckdb, and everything else about projects does not
        from assetflow.catalog.compare import compare_tables

        declared = _declared_key(project, asset, len(old) + len(new) > 2)
        table = compare_tables(
            _relation(project, old), _relation(project, new), key=key, samples=samples, declared=declared
        )
        same = not (table.schema or table.added or table.removed or table.changed)
        return replace(found, same=same, table=table)
    if key:
        raise UsageError(f"--key is for tables, and `{asset}` is stored as {old[0].format}")
    if len(old) == len(new) == 1:
        return replace(found, lines=_lines(project, old[0], new[0]))
    return found


def _declared_key(project: Project, asset: str, is_many: bool) -> tuple[str, ...]:
    """The row key of the declaration; of many partitions together it holds in each of them."""
    spec = project.graph.specs.get(asset)
    key = () if spec is None else spec.row_key
    return ("partition", *key) if key and is_many and "partition" not in key else key


def _versions(rows: Sequence[HistoryRow]) -> dict[Partition, str]:
    return {row.partition: row.data_version for row in rows}


def _relation(project: Project, rows: Sequence[HistoryRow]) -> str:
    from assetflow.catalog.tables import view_sql  # needs duckdb too

    parts: list[tuple[str | None, str, str | None]] = [
        (row.partition if len(rows) > 1 else None, row.uri, json.dumps(row.schema)) for row in rows
    ]
    return view_sql(parts, store_root=project.store.root)


def _lines(project: Project, old: HistoryRow, new: HistoryRow) -> tuple[str, ...] | None:
    texts = [_text(project, row) for row in (old, new)]
    if texts[0] is None or texts[1] is None:
        return None
    import difflib  # here: it costs milliseconds, and most commands compare no texts

    return tuple(
        difflib.unified_diff(
            texts[0].splitlines(), texts[1].splitlines(), old.materialization, new.materialization, lineterm=""
        )
    )


def _text(project: Project, row: HistoryRow) -> str | None:
    """A value as text, JSON with a line for each field; None for what is no text, is too long, or is a folder."""
    path = project.store.path(row.uri)
    if not path.is_file() or path.stat().st_size > LARGEST_TEXT:
        return None
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2, sort_keys=True)
    except ValueError:
        return text
