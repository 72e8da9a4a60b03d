"""The catalog of one project: log, DuckDB index and every question that is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from assetflow.catalog.log import LogWriter
from assetflow.catalog.rows import (
    AssetRow,
    FoldReport,
    HistoryRow,
    Lineage,
    QueryResult,
    RunRow,
    StepRow,
)
from assetflow.model.record import Snapshot


class Catalog:
    """One catalog folder (`catalog.duckdb`, `log/`, `queries/`); `store_root` is where uris are relative to.

    Nothing is created before the first log is opened. A reader of `catalog.duckdb` never waits for a writer here, nor
    the other way round: a fold writes a new file and renames it over the old one.
    """

    def __init__(self, root: Path, *, store_root: Path, lock_timeout: float = 60.0) -> None:
        self.root = Path(root)
        self.store_root = Path(store_root)
        self.lock_timeout = lock_timeout

    # --- writing

    def open_log(self, name: str) -> LogWriter:
        """The writer of `log/<name>.jsonl`, made if it is not there (`name`: a run id, `manual-…`, `observe-…`)."""
        raise NotImplementedError

    def is_current(self, *, digest: str | None = None) -> bool:
        """Whether every log line (and the definitions of that digest) is folded; stats files, imports no duckdb."""
        raise NotImplementedError

    def fold(self, definitions: Sequence[AssetRow] | None = None, *, digest: str | None = None) -> FoldReport:
        """Bring `catalog.duckdb` up to date with the logs, and its `assets` view with the definitions.

        `definitions` replace the table when `digest` differs from the one it was filled with.
        """
        raise NotImplementedError

    def fold_if_due(self, now: float) -> FoldReport | None:
        """Fold when the last one is long enough ago (`now`: monotonic seconds) to cost under a tenth of the time."""
        raise NotImplementedError

    def rebuild(self) -> FoldReport:
        """Make `catalog.duckdb` anew from the logs and segments; says what was read and what was damaged."""
        raise NotImplementedError

    def recover(self, alive: Callable[[str, int, str], bool], at: str) -> tuple[str, ...]:
        """Mark the unfinished runs of dead owners `interrupted` and return their ids, sorted.

        `alive(host, pid, process_started)` tells whether that process still runs; `at` is UTC text.
        """
        raise NotImplementedError

    # --- reading

    def snapshot(
        self, environment: str, *, parents: Sequence[str] = ("prod",), assets: Collection[str] | None = None
    ) -> Snapshot:
        """The state of an environment over that of its parents (nearest first), after folding what is pending.

        `assets` limits what is loaded to those keys. The lazy answers of the snapshot come from the same moment, until
        `close` is called.
        """
        raise NotImplementedError

    def query(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """The rows of a read-only SQL query over the catalog and the data; QueryError when DuckDB refuses it."""
        raise NotImplementedError

    def run_query_to(self, sql: str, path: Path, *, format: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Write a query's rows to a `csv`, `parquet` or `json` file and return how many there are."""
        raise NotImplementedError

    def saved_query(self, name: str) -> str:
        """The SQL of `queries/<name>.sql`; QueryError with the nearest name when there is none."""
        raise NotImplementedError

    def saved_queries(self) -> tuple[str, ...]:
        """The names of the saved queries, sorted."""
        raise NotImplementedError

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """The runs, newest first."""
        raise NotImplementedError

    def run(self, run_id: str) -> RunRow:
        """The run of that id or unambiguous beginning of one; UnknownRunError otherwise."""
        raise NotImplementedError

    def steps(self, run_id: str) -> list[StepRow]:
        """The steps of a run (a full id), in step order."""
        raise NotImplementedError

    def history(self, asset: str, partition: str | None = None, *, limit: int | None = None) -> list[HistoryRow]:
        """The materializations of an asset (of one partition, when given), newest first."""
        raise NotImplementedError

    def materialization(self, id: str) -> HistoryRow | None:
        """One materialization by its id, or None."""
        raise NotImplementedError

    def lineage(
        self,
        asset: str,
        partition: str | None = None,
        *,
        materialization: str | None = None,
        depth: int | None = None,
        environment: str = "prod",
    ) -> Lineage:
        """The recorded edges up and down from what is current (or from one materialization), `depth` levels far."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what snapshots and queries hold open; their lazy answers end here."""
        raise NotImplementedError

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
