"""The catalog of one project: log, DuckDB index and every question that is asked of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.catalog import saved, sidecar
from assetflow.catalog.cancel import CancelRequest
from assetflow.catalog.claims import Claims
from assetflow.catalog.log import SUFFIX, LogWriter, is_ownerless
from assetflow.catalog.rows import (
    AssetRow,
    FoldReport,
    HistoryRow,
    Lineage,
    Notice,
    QueryResult,
    RunRow,
    StepRow,
)
from assetflow.catalog.saved import SavedQuery
from assetflow.catalog.sidecar import Paths
from assetflow.errors import InternalError
from assetflow.model.event import Event
from assetflow.model.record import Snapshot

if TYPE_CHECKING:
    from assetflow.catalog.access import Access

_LOG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_BETWEEN_FOLDS = 2.0
"""Seconds between folds of a run at the least; also before its first, so that short runs fold only once, at the end."""
_FOLD_SHARE = 0.1
"""Share of the time of a run that folds may take."""


class Catalog:
    """One catalog folder (`catalog.duckdb`, `log/`, `queries/`); `store_root` is where uris are relative to.

    Nothing is created before the first log is opened. A reader of `catalog.duckdb` never waits for a writer here, nor
    the other way round: a fold writes a new file and renames it over the old one.
    """

    def __init__(self, root: Path, *, store_root: Path, lock_timeout: float = 60.0) -> None:
        self.root = Path(root).absolute()
        self.store_root = Path(store_root).absolute()
        self.lock_timeout = lock_timeout
        self._paths = Paths(root=self.root)
        self._open_access: Access | None = None
        self._due: float | None = None

    # --- writing

    def open_log(self, name: str) -> LogWriter:
        """The writer of `log/<name>.jsonl`, made if it is not there (`name`: a run id, `manual-…`, `observe-…`)."""
        if not _LOG_NAME.fullmatch(name):
            raise InternalError(f"a log cannot be named {name!r}")
        return LogWriter(self._paths.log / f"{name}{SUFFIX}")

    def record(self, name: str, events: Sequence[Event]) -> None:
        """Write a log of its own for what happens outside of runs; it is on the disk when this returns."""
        with self.open_log(name) as log:
            log.append(events)
            log.sync()

    def claims(self, *, news: bool = False) -> Claims:
        """The claims of a new run; `news` says that others may have recorded something since it was planned."""
        return Claims(self.root / "live", news=news, timeout=self.lock_timeout)

    def cancel_request(self, run_id: str) -> CancelRequest:
        """The request to end a run, to make or to look for."""
        return CancelRequest(self.root / "live", run_id)

    def is_owned(self, name: str) -> bool:
        """Whether a process holds the log of that name: the kernel knows, whatever the log says."""
        return not is_ownerless(self._paths.log / f"{name}{SUFFIX}")

    def log_sizes(self) -> Mapping[str, int]:
        """The size of each log by name: two answers differ when anybody has recorded something in between."""
        return sidecar.log_sizes(self._paths.log)

    def is_current(self, *, digest: str | None = None) -> bool:
        """Whether every log line (and the definitions of that digest) is folded; stats files, imports no duckdb."""
        note = sidecar.read(self._paths)
        if note is None:
            return not self._exists() and digest is None
        return sidecar.is_current(self._paths, note, digest=digest, store_root=self.store_root)

    def fold(self, definitions: Sequence[AssetRow] | None = None, *, digest: str | None = None) -> FoldReport:
        """Bring `catalog.duckdb` up to date with the logs, and its `assets` view with the definitions.

        `definitions` replace the table when `digest` differs from the one it was filled with.
        """
        if definitions is None and not self._exists():
            return FoldReport()
        return self._access().fold(definitions, digest=digest)

    def fold_if_due(self, now: float) -> FoldReport | None:
        """Fold when the last one is long enough ago (`now`: monotonic seconds) to cost under a tenth of the time."""
        if self._due is None:
            self._due = now + _BETWEEN_FOLDS
        if now < self._due:
            return None
        report = self.fold()
        self._due = now + report.seconds + max(_BETWEEN_FOLDS, report.seconds / _FOLD_SHARE)
        return report

    def rebuild(self) -> FoldReport:
        """Make `catalog.duckdb` anew from the logs and segments; says what was read and what was damaged."""
        return self._access().fold(None, rebuild=True)

    def recover(self, alive: Callable[[str, int, str], bool | None], at: str) -> tuple[str, ...]:
        """Mark the unfinished runs of dead owners `interrupted` and return their ids, sorted.

        `alive(host, pid, process_started)` tells whether that process still runs (None: nobody here can know); `at` is
        UTC text.
        """
        if not self._exists():
            return ()
        note = sidecar.read(self._paths)
        if note is not None and note.unfinished == 0 and sidecar.logs_current(self._paths, note):
            return ()
        return self._access().recover(alive, at)

    # --- reading

    def snapshot(
        self, environment: str, *, parents: Sequence[str] = ("prod",), assets: Collection[str] | None = None
    ) -> Snapshot:
        """The state of an environment over that of its parents (nearest first), after folding what is pending.

        `assets` limits what is loaded to those keys. The lazy answers of the snapshot come from the same moment, until
        `close` is called.
        """
        if not self._exists():
            return Snapshot.empty(environment)
        return self._access().snapshot(environment, parents=parents, assets=assets)

    def query(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> QueryResult:
        """The rows of a read-only SQL query over the catalog and the data; QueryError when DuckDB refuses it."""
        return self._access().query(sql, params)

    def run_query_to(self, sql: str, path: Path, *, format: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Write a query's rows to a `csv`, `parquet` or `json` file and return how many there are."""
        return self._access().write_query(sql, Path(path), format=format, params=params)

    def saved_query(self, name: str) -> SavedQuery:
        """The query `queries/<name>.sql`; QueryError with the nearest name when there is none."""
        return saved.read(self.root / "queries", name)

    def saved_queries(self) -> tuple[SavedQuery, ...]:
        """The saved queries, by name."""
        folder = self.root / "queries"
        return tuple(saved.read(folder, name) for name in saved.names(folder))

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """The runs, newest first."""
        return self._access().runs(limit) if self._exists() else []

    def run(self, run_id: str) -> RunRow:
        """The run of that id or unambiguous beginning of one; UnknownRunError otherwise."""
        return self._access().run(run_id)

    def steps(self, run_id: str) -> list[StepRow]:
        """The steps of a run (a full id), in step order."""
        return self._access().steps(run_id)

    def history(self, asset: str, partition: str | None = None, *, limit: int | None = None) -> list[HistoryRow]:
        """The materializations of an asset (of one partition, when given), newest first."""
        return self._access().history(asset, partition, limit) if self._exists() else []

    def materialization(self, id: str) -> HistoryRow | None:
        """One materialization by its id, or None."""
        return self._access().materialization(id) if self._exists() else None

    def published(
        self, asset: str, partition: str | None = None, *, moment: str | None = None, environment: str = "prod"
    ) -> str | None:
        """The id of what an environment shows of an asset partition, now or at `moment` (UTC text)."""
        return self._access().published(asset, partition, moment, environment) if self._exists() else None

    def lineage(
        self,
        asset: str,
        partition: str | None = None,
        *,
        materialization: str | None = None,
        moment: str | None = None,
        depth: int | None = None,
        environment: str = "prod",
    ) -> Lineage:
        """The recorded edges up and down from what is current, `depth` levels far.

        `moment` (UTC text) starts at what was current then, `materialization` at one of them.
        """
        return self._access().lineage(
            asset, partition, materialization=materialization, moment=moment, depth=depth, environment=environment
        )

    def close(self) -> None:
        """Close what snapshots and queries hold open; their lazy answers end here."""
        if self._open_access is not None:
            self._open_access.close()

    def keep_notices(self, notices: Iterable[Notice]) -> None:
        """Leave what a fold had to tell for whoever takes the notices next."""
        found = tuple(notices)
        if found:
            self._access().keep_notices(found)

    def take_notices(self) -> tuple[Notice, ...]:
        """What folds that other calls made on the way had to tell, once: the caller shows it to the user."""
        return self._open_access.take_notices() if self._open_access is not None else ()

    def _exists(self) -> bool:
        """Whether anything was ever recorded here."""
        return (
            self._paths.database.exists()
            or bool(sidecar.log_sizes(self._paths.log))
            or bool(sidecar.segment_names(self._paths.segments))
        )

    def _access(self) -> Access:
        # duckdb costs 100 ms to import, and a command with nothing to do never gets here
        from assetflow.catalog.access import Access

        if self._open_access is None:
            self._open_access = Access(self._paths, store_root=self.store_root, lock_timeout=self.lock_timeout)
        return self._open_access

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
