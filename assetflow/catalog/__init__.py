"""The catalog: the log that is the truth, and DuckDB as its index; importing this package imports no duckdb."""

from assetflow.catalog.catalog import Catalog
from assetflow.catalog.log import LogReader, LogWriter
from assetflow.catalog.rows import (
    AssetRow,
    ColumnEdge,
    FoldReport,
    HistoryRow,
    Lineage,
    LineageEdge,
    Notice,
    QueryResult,
    RunRow,
    StepRow,
)

__all__ = [
    "AssetRow",
    "Catalog",
    "ColumnEdge",
    "FoldReport",
    "HistoryRow",
    "Lineage",
    "LineageEdge",
    "LogReader",
    "LogWriter",
    "Notice",
    "QueryResult",
    "RunRow",
    "StepRow",
]
