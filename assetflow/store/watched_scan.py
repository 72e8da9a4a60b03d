"""A scan of Parquet files that notes which columns polars reads of them, whenever and however a query is carried out.

Polars calls such a scan a dataset: while it optimizes a query it asks the dataset for the scan that stands behind it,
and says which columns the query needs. What polars does not ask for, no query can read; the scan that it gets is its
own, so that nothing is slower. Before it orders joins it asks a first time, for numbers of rows, and would settle for
the scan that it gets, without ever naming columns: it then gets a dataset once more, and asks again when it knows them.

This module imports polars, and is imported only where a lazy frame is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assetflow.store.read_log import ReadLog


class WatchedFiles:
    """The dataset: files of one schema, in order; `is_asked_again` of one that stood in for itself."""

    def __init__(self, paths: Sequence[Path], log: ReadLog | None, *, is_asked_again: bool = False) -> None:
        self._paths = list(paths)
        self._log = log
        self._is_asked_again = is_asked_again

    def schema(self) -> pl.Schema:
        """The columns; polars asks for them before anything that depends on them."""
        if self._log is not None:
            self._log.resolved = True
        return self._scan().collect_schema()

    def to_dataset_scan(self, **asked: Any) -> tuple[pl.LazyFrame, str]:
        """The scan itself, and a version that never changes, since stored files do not."""
        if self._log is not None:
            if "statistics_columns" in asked and "projection" not in asked and not self._is_asked_again:
                return _dataset(WatchedFiles(self._paths, self._log, is_asked_again=True)), ""
            columns = asked.get("projection")
            self._log.reads(None if columns is None else [*columns, *(asked.get("filter_columns") or ())])
        return self._scan(), ""

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(self._paths, glob=False, hive_partitioning=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # a copy elsewhere is read where nobody sees it
        if self._log is not None and not self._log.inspecting:
            self._log.reads(None)
        return (WatchedFiles, (self._paths, None))


class _Noted:
    """Takes part in a query, and notes when the query is resolved: then it may have been carried out."""

    def __init__(self, log: ReadLog) -> None:
        self._log = log

    def __call__(self, frame: pl.LazyFrame, _schema: pl.Schema) -> pl.LazyFrame:
        if not self._log.inspecting:
            self._log.reads(None)
        return frame

    def __reduce__(self) -> tuple[Any, ...]:
        # a copy elsewhere is read where nobody sees it
        if not self._log.inspecting:
            self._log.reads(None)
        return (_Noted, (ReadLog(),))


def noted_file(frame: pl.LazyFrame, path: Path, log: ReadLog) -> pl.LazyFrame:
    """A scan of a source file that notes in `log` when it is used; which columns are read is not seen."""
    log.leaves.append((frame, path))
    return frame.pipe_with_schema(_Noted(log))


def watched_files(paths: Sequence[Path], log: ReadLog) -> pl.LazyFrame | None:
    """The files as a lazy frame whose reads are noted in `log`; None where this polars cannot do that."""
    try:
        frame = _dataset(WatchedFiles(paths, log))
    except (ImportError, AttributeError):
        return None
    log.scans += len(paths)
    log.leaves.append((frame, paths[0]))
    return frame


def _dataset(files: WatchedFiles) -> pl.LazyFrame:
    from polars._plr import PyLazyFrame
    from polars._utils.wrap import wrap_ldf

    # what polars' own readers of Delta and Iceberg tables use; it is not public, so it may go
    frame: pl.LazyFrame = wrap_ldf(PyLazyFrame.new_from_dataset_object(files))
    return frame
