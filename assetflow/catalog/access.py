"""Folding and asking, with what can happen in between: a file that turns out to be damaged is made anew once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from assetflow.catalog import damage, history, reader, sidecar
from assetflow.catalog.definitions import digest_of
from assetflow.catalog.engine import duckdb
from assetflow.catalog.fold import Request, fold
from assetflow.catalog.lock import held
from assetflow.catalog.log import SUFFIX, LogReader, LogWriter, is_ownerless
from assetflow.catalog.reader import Params, Reader
from assetflow.catalog.rows import AssetRow, FoldReport, HistoryRow, Lineage, Notice, QueryResult, RunRow, StepRow
from assetflow.catalog.sidecar import Paths, log_sizes, segment_names
from assetflow.catalog.snapshot import read_snapshot
from assetflow.errors import CatalogUnwritableError, OutputLostError
from assetflow.model.event import RunFinished
from assetflow.model.keys import show
from assetflow.model.record import RunStatus, Snapshot

T = TypeVar("T")

_UNFINISHED = """
select x.text, r.host, r.pid, r.process_started, l.name
from inside.runs r
join inside.prefixes x on x.prefix = r.run
join inside.logs l on l.log = r.log
where r.run not in (select run from inside.run_ends)
order by x.text"""

_COUNTS = """
select s.status, count(*) from inside.steps s join inside.prefixes x on x.prefix = s.run where x.text = ?
group by s.status order by s.status"""


class Access:
    """Everything about one catalog that needs DuckDB."""

    def __init__(self, paths: Paths, *, store_root: Path, lock_timeout: float) -> None:
        self._paths = paths
        self._store_root = store_root
        self._lock_timeout = lock_timeout
        self._reader: Reader | None = None
        self._readers: WeakSet[Reader] = WeakSet()
        self._notices: list[Notice] = []

    # --- folding

    def fold(
        self, definitions: Sequence[AssetRow] | None = None, *, digest: str | None = None, rebuild: bool = False
    ) -> FoldReport:
        """Fold; the notices are in the report."""
        if definitions is not None and digest is None:
            digest = digest_of(definitions)
        request = Request(
            store_root=self._store_root,
            definitions=definitions,
            digest=digest if definitions is not None else None,
            rebuild=rebuild,
            lock_timeout=self._lock_timeout,
        )
        with _cancelable():
            return fold(self._paths, request)

    def keep_notices(self, notices: Iterable[Notice]) -> None:
        """Keep notices for `take_notices`."""
        self._notices += notices

    def take_notices(self) -> tuple[Notice, ...]:
        """The notices of folds that questions have caused, once."""
        taken = tuple(self._notices)
        self._notices.clear()
        return taken

    def recover(self, alive: Callable[[str, int, str], bool | None], at: str) -> tuple[str, ...]:
        """Mark unfinished runs whose owner is dead as interrupted."""
        self._fold_pending()
        unfinished = self.ask(lambda r: r.rows(_UNFINISHED))
        if not unfinished:
            return ()
        counts = self.ask(lambda r: {row[0]: dict(r.rows(_COUNTS, [row[0]])) for row in unfinished})
        recovered: list[str] = []
        with held(self._paths.lock, timeout=self._lock_timeout):
            for run_id, host, pid, process_started, log in unfinished:
                path = self._paths.log / f"{log}{SUFFIX}"
                if not is_ownerless(path) or _has_ended(path, run_id):
                    continue
                if alive(host, pid, process_started) is not False and _is_recent(path, self._paths.lock):
                    continue  # it may be about to begin, or be seen by another machine only
                # a log that somebody deleted must not begin again at an offset that was read before
                target = path if path.exists() else path.with_name(f"recover-{run_id}{SUFFIX}")
                ended = RunFinished(at=at, run_id=run_id, status=RunStatus.INTERRUPTED.value, counts=counts[run_id])
                with LogWriter(target) as writer:
                    writer.append([ended])
                    writer.sync()
                recovered.append(run_id)
        if recovered:
            self._fold_pending()
        return tuple(recovered)

    # --- asking

    def snapshot(self, environment: str, *, parents: Sequence[str], assets: Collection[str] | None) -> Snapshot:
        """The snapshot of an environment after folding what is pending."""
        self._fold_pending()
        return self.ask(lambda r: read_snapshot(r, environment, parents=parents, assets=assets))

    def query(self, sql: str, params: Params) -> QueryResult:
        """A user's query, after folding what is pending if the folder can be written."""
        notices: list[Notice] = []
        try:
            self._fold_pending()
        except CatalogUnwritableError as error:
            if not self._paths.database.exists():
                raise
            notices.append(
                Notice(
                    slug="catalog_behind",
                    message=f"the newest events are not in the answer: {error.message}",
                    hint=error.hint,
                )
            )
        try:
            result = self.ask(lambda r: _with_cursor(r, lambda con: reader.query(con, sql, params)))
        except duckdb.Error as error:
            raise self._lost_object(error) or reader.query_error(error) from error
        return QueryResult(columns=result.columns, types=result.types, rows=result.rows, notices=tuple(notices))

    def write_query(self, sql: str, path: Path, *, format: str, params: Params) -> int:
        """A user's query into a file."""
        self._fold_pending()
        try:
            return self.ask(
                lambda r: _with_cursor(r, lambda con: reader.write_query(con, sql, path, format=format, params=params))
            )
        except duckdb.Error as error:
            raise self._lost_object(error) or reader.query_error(error) from error

    def _lost_object(self, error: duckdb.Error) -> OutputLostError | None:
        """The error for the user when a query met a value that is gone from the store, or is cut short."""
        found = re.search(r"[\"']([^\"']+)[\"']", str(error))
        if found is None or not isinstance(error, (duckdb.IOException, duckdb.InvalidInputException)):
            return None
        path = Path(found[1])
        if not path.is_relative_to(self._store_root):
            return None
        uri = path.relative_to(self._store_root).as_posix()
        sql = 'select id, asset, partition from materializations where uri = ? order by "order" desc limit 1'
        rows = self.ask(lambda r: r.rows(sql, [uri]))
        if not rows:
            return None
        id, asset, partition = rows[0]
        what = "cannot be read" if path.exists() else "is gone from the store"
        return OutputLostError(
            f"the value of `{show(asset, partition)}` ({id}) {what}: `{path}`",
            hint=f"run `assetflow materialize {asset}`, which sees that and makes it again",
            asset=asset, partition=partition, materialization=id,
        )  # fmt: skip

    def runs(self, limit: int | None) -> list[RunRow]:
        self._fold_pending()
        return self.ask(lambda r: history.runs(r, limit))

    def run(self, run_id: str) -> RunRow:
        self._fold_pending()
        return self.ask(lambda r: history.run(r, run_id))

    def steps(self, run_id: str) -> list[StepRow]:
        self._fold_pending()
        return self.ask(lambda r: history.steps(r, run_id))

    def history(self, asset: str, partition: str | None, limit: int | None) -> list[HistoryRow]:
        self._fold_pending()
        return self.ask(lambda r: history.history(r, asset, partition, limit))

    def materialization(self, id: str) -> HistoryRow | None:
        self._fold_pending()
        return self.ask(lambda r: history.materialization(r, id))

    def published(self, asset: str, partition: str | None, moment: str | None, environment: str) -> str | None:
        self._fold_pending()
        return self.ask(lambda r: history.published(r, asset, partition, moment, environment))

    def lineage(
        self,
        asset: str,
        partition: str | None,
        *,
        materialization: str | None,
        moment: str | None,
        depth: int | None,
        environment: str,
    ) -> Lineage:
        self._fold_pending()
        return self.ask(
            lambda r: history.lineage(
                r,
                asset,
                partition,
                materialization=materialization,
                moment=moment,
                depth=depth,
                environment=environment,
            )
        )

    def ask(self, question: Callable[[Reader], T]) -> T:
        """The answer from the file as it is now; when that proves damaged, from the one made anew."""
        try:
            with _cancelable():
                return question(self._current_reader())
        except duckdb.Error as error:
            if not damage.may_be_damage(error):
                raise
            self._drop_reader()
            with held(self._paths.lock, timeout=self._lock_timeout):
                found = damage.proven(self._paths) if self._paths.database.exists() else error
                if found is None:
                    raise
                if self._paths.database.exists():
                    self._notices.append(damage.put_away(self._paths, found))
            self._notices += [n for n in self.fold().notices if n.slug != "catalog_rebuilt"]
        return question(self._current_reader())

    def close(self) -> None:
        """Close every file that questions and snapshots hold open."""
        self._reader = None
        for opened in list(self._readers):
            opened.close()

    def _fold_pending(self) -> None:
        try:
            self._notices += self.fold().notices
        except CatalogUnwritableError:
            if not self._paths.database.exists() or not self.ask(self._holds_all):
                raise  # what is not folded would be missing from the answer

    def _holds_all(self, opened: Reader) -> bool:
        """Whether the file holds all that the logs say, as in a copy on a disk that can only be read."""
        logs = dict(opened.rows("select name, size from inside.logs"))
        segments = {name for (name,) in opened.rows("select name from inside.segments")}
        pending = log_sizes(self._paths.log).items() - logs.items()
        return not pending and segments.issuperset(segment_names(self._paths.segments))

    def _current_reader(self) -> Reader:
        if self._reader is None or self._reader.identity != sidecar.identity(self._paths.database):
            self._reader = reader.open_reader(self._paths, lock_timeout=self._lock_timeout)
            self._readers.add(self._reader)
        return self._reader

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@contextmanager
def _cancelable() -> Iterator[None]:
    """Let Ctrl-C during a query end what goes on as it does elsewhere: DuckDB swallows it for an error of its own."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


def _with_cursor(opened: Reader, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    cursor = opened.cursor()
    try:
        return question(cursor)
    finally:
        cursor.close()


LEASE = 60.0
"""Seconds after which a run that nobody here can see is over, when it has not touched its log."""


def _is_recent(log: Path, touched: Path) -> bool:
    """Whether a log was touched within the lease, by the clock of the disk: `touched` was written a moment ago."""
    try:
        return touched.stat().st_mtime - log.stat().st_mtime < LEASE
    except OSError:
        return False


def _has_ended(log: Path, run_id: str) -> bool:
    """Whether the log says that its run has ended, since the catalog was asked."""
    if not log.exists():
        return False
    return any(event["kind"] == "run_finished" and event["run_id"] == run_id for event in LogReader(log))
