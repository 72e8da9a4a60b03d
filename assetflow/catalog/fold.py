"""The fold: log lines into a copy of `catalog.duckdb`, which then takes the old one's place by a rename.

The file under its public name is never opened for writing. Readers keep what they have open, new ones find the new
file, and a death at any instant leaves the old one whole. Folds take turns under a lock file.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from time import perf_counter

from assetflow import __version__
from assetflow.catalog import damage, inserts, schema, segments, sidecar, stage, tables, views
from assetflow.catalog.definitions import replace_definitions
from assetflow.catalog.disk import copy_file, replace, set_aside, sync_file, sync_folder, unwritable, writing
from assetflow.catalog.engine import duckdb
from assetflow.catalog.lock import held
from assetflow.catalog.pending import Pending
from assetflow.catalog.rows import AssetRow, FoldReport, Notice
from assetflow.catalog.schema import Connection
from assetflow.catalog.sidecar import Paths, Sidecar
from assetflow.catalog.stage import Line
from assetflow.errors import CatalogDamagedError, CatalogUnwritableError, CatalogVersionError
from assetflow.faults import fault
from assetflow.model.texts import first_of
from assetflow.values import dataclass

PACK_ABOVE = 64
"""Ended logs are packed into a segment when there are more than this."""

_UNFINISHED = "select count(*) from inside.runs r anti join inside.run_ends e on e.run = r.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a fold is asked for; `definitions` None leaves the `assets` view as it is."""

    store_root: Path
    definitions: Sequence[AssetRow] | None = None
    digest: str | None = None
    rebuild: bool = False
    lock_timeout: float = 60.0


@dataclass(slots=True, kw_only=True)
class _Work:
    """A fold under way: the open copy and what was found out so far."""

    con: Connection
    pending: Pending
    request: Request
    fresh: bool
    rebuilt: bool
    changed: bool
    settings: dict[str, str]
    notices: list[Notice]
    events: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    touched: set[int] = field(default_factory=set)
    unfinished: int = 0
    packed: segments.Packed | None = None


def fold(paths: Paths, request: Request) -> FoldReport:
    """Bring `catalog.duckdb` up to date, or make it anew when it is missing, damaged or asked for.

    Raises CatalogVersionError for a newer catalog, CatalogLockedError, CatalogUnwritableError.
    """
    started = perf_counter()
    if _nothing_to_do(paths, request):  # looked at first, because who may only read cannot take the lock
        return FoldReport(seconds=perf_counter() - started)
    with held(paths.lock, timeout=request.lock_timeout):
        if _nothing_to_do(paths, request):
            return FoldReport(seconds=perf_counter() - started)
        try:
            report = _fold_or_rebuild(paths, request)
        except duckdb.Error as error:
            raise _full_disk(paths, error) or error from error
        finally:
            _clean(paths)
    return FoldReport(
        changed=report.changed,
        rebuilt=report.rebuilt,
        events=report.events,
        logs=report.logs,
        segments=report.segments,
        seconds=perf_counter() - started,
        notices=report.notices,
    )


def _nothing_to_do(paths: Paths, request: Request) -> bool:
    note = None if request.rebuild else sidecar.read(paths)
    return note is not None and sidecar.is_current(paths, note, digest=request.digest, store_root=request.store_root)


def _fold_or_rebuild(paths: Paths, request: Request) -> FoldReport:
    _clean(paths)
    try:
        return _fold_once(paths, request, notices=[])
    except duckdb.Error as error:
        full = _full_disk(paths, error) is not None
        if request.rebuild or full or not damage.may_be_damage(error) or not paths.database.exists():
            raise
        notices = [damage.put_away(paths, error)]
    _clean(paths)
    return _fold_once(paths, request, notices=notices)


def _fold_once(paths: Paths, request: Request, *, notices: list[Notice]) -> FoldReport:
    existed = paths.sidecar.exists() or bool(sidecar.segment_names(paths.segments)) or bool(notices)
    fresh = request.rebuild or not paths.database.exists()
    if fresh and not request.rebuild and existed and not notices:
        notices.append(
            Notice(
                slug="catalog_rebuilt",
                message=f"`{paths.database}` was missing; it was made anew from the logs",
                path=str(paths.database),
            )
        )
    con = _open(paths, fresh=fresh)
    try:
        work = _begin(paths, con, request, fresh=fresh, notices=notices)
        work.rebuilt = fresh and existed
        for chunk in stage.chunks(work.pending.lines()):
            _take(work, chunk, paths)
        if request.rebuild and paths.database.exists():
            _refuse_loss(paths, con)
        _finish(work, paths)
        if work.changed:
            con.execute("checkpoint")
    finally:
        con.close()
    return _publish(work, paths)


def _open(paths: Paths, *, fresh: bool) -> Connection:
    with writing(paths.scratch):
        paths.root.mkdir(parents=True, exist_ok=True)
        if not fresh:
            copy_file(paths.database, paths.scratch)
        fault("fold.copy")
    try:
        con = duckdb.connect(str(paths.scratch))
    except duckdb.Error as error:
        if "version number" in str(error) and "newer" in str(error):
            raise CatalogVersionError(
                f"`{paths.database}` was written by a newer DuckDB than {duckdb.__version__}",
                hint="upgrade duckdb, or delete the file: it is made anew from the logs",
            ) from error
        raise
    con.execute("set enable_progress_bar = false")
    return con


def _begin(paths: Paths, con: Connection, request: Request, *, fresh: bool, notices: list[Notice]) -> _Work:
    if fresh and paths.database.exists():
        _refuse_newer(paths)
    con.execute("begin")  # one transaction, because each flushes to the disk
    if fresh:
        schema.create(con, written_by=__version__)
        migrated = True
    else:
        try:
            found = schema.version_of(con)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            # an empty file is a valid database to DuckDB, but no catalog
            raise duckdb.IOException("it holds no catalog") from error
        if found > schema.schema_version():
            schema.check_version(found, path=str(paths.database), written_by=_written_by(con))
        migrated = schema.migrate(con)
    settings = dict(con.execute("select name, value from inside.settings").fetchall())
    if settings.get("views") != views.DIGEST:
        for statement in views.STATEMENTS:
            con.execute(statement)
        settings["views"] = views.DIGEST
        migrated = True
    con.execute("commit")
    stage.prepare(con)
    return _Work(
        con=con,
        pending=Pending(con=con, paths=paths),
        request=request,
        fresh=fresh,
        rebuilt=False,
        changed=migrated,
        settings=settings,
        notices=notices,
    )


def _refuse_newer(paths: Paths) -> None:
    """CatalogVersionError when what a rebuild would replace is newer; what cannot be read may be replaced."""
    copy = paths.root / ".fold-old.duckdb"
    with suppress(duckdb.Error):
        copy_file(paths.database, copy)
        with duckdb.connect(str(copy), read_only=True) as con:
            found, by = schema.version_of(con), _written_by(con)
        schema.check_version(found, path=str(paths.database), written_by=by)
    copy.unlink(missing_ok=True)


def _refuse_loss(paths: Paths, con: Connection) -> None:
    """CatalogDamagedError when a rebuild would forget runs, because their logs are gone; the old file stays."""
    copy = paths.root / ".fold-old.duckdb"
    known: set[str] = set()
    with suppress(duckdb.Error):  # what cannot be read cannot be asked
        copy_file(paths.database, copy)
        with duckdb.connect(str(copy), read_only=True) as old:
            known = {run for (run,) in old.execute("select run_id from runs").fetchall()}
    copy.unlink(missing_ok=True)
    lost = sorted(known - {run for (run,) in con.execute("select run_id from runs").fetchall()})
    if lost:
        shown = first_of([f"`{run}`" for run in lost], 3)
        raise CatalogDamagedError(
            f"the logs in `{paths.log}` lack runs that `{paths.database}` knows: {shown}; nothing was changed",
            hint="put the logs back, or delete catalog.duckdb first if these runs are to be forgotten",
            runs=lost,
        )


def _written_by(con: Connection) -> str:
    row = con.execute("select written_by from inside.meta order by version desc limit 1").fetchone()
    return str(row[0]) if row else "unknown"


def _take(work: _Work, chunk: list[Line], paths: Paths) -> None:
    def reject(line: Line, reason: str) -> None:
        target = set_aside(paths.root, f"{line.name}-{line.offset}.line", line.body + b"\n")
        first = reason.strip().splitlines()[0]
        work.notices.append(
            Notice(
                slug="log_line_damaged",
                message=f"line at byte {line.offset} of the log `{line.name}` is no event ({first}); it was set aside",
                path=str(target),
                hint="the lines after it were read",
            )
        )

    stage.load(work.con, chunk, scratch=paths.stage, reject=reject)
    found = stage.kinds(work.con)
    work.con.execute("begin")
    stage.intern(work.con)
    inserts.insert(work.con, found)
    if "tables" not in work.settings and stage.has_tables(work.con):
        work.settings["tables"] = "yes"
    if "tables" in work.settings:
        work.touched |= tables.touched(work.con, found)
    fault("fold.insert")
    work.con.execute("commit")
    work.events += len(chunk)
    work.unknown.update({kind: count for kind, count in found.items() if kind not in inserts.STATEMENTS})
    work.changed = True


def _finish(work: _Work, paths: Paths) -> None:
    """Everything after the events: definitions, views of the data, how far the logs were read, packing."""
    request, con = work.request, work.con
    store_root = str(request.store_root.absolute())
    if work.settings.get("store_root") != store_root:
        work.settings["store_root"] = store_root
        work.touched = tables.every(con) if "tables" in work.settings else set()
        work.changed = True
    if request.definitions is not None and work.settings.get("digest") != request.digest:
        work.touched |= replace_definitions(con, request.definitions, scratch=paths.stage)
        work.settings["digest"] = request.digest or ""
        work.changed = True
    # outside of the transaction, which the first view that cannot be made would end
    work.notices += tables.refresh(con, work.touched, store_root=request.store_root)
    con.execute("begin")
    work.changed |= bool(work.pending.notices)
    work.notices += work.pending.notices
    work.notices += [
        Notice(
            slug="unknown_event",
            message=f"{count} events of the unknown kind `{kind}` were left in the log",
            hint="a newer assetflow wrote them; upgrade to see them in the catalog",
        )
        for kind, count in sorted(work.unknown.items())
    ]
    work.pending.record()
    row = con.execute(_UNFINISHED).fetchone()
    work.unfinished = int(row[0]) if row else 0
    ended = segments.ended(con, paths)
    if len(ended) > PACK_ABOVE:
        work.packed = segments.pack(con, paths, ended)
        if work.packed is not None:
            work.pending.known_segments.add(work.packed.segment)
            work.pending.record()
            work.changed = True
    if work.changed:
        con.execute("delete from inside.settings")
        con.execute(
            "insert into inside.settings select unnest(?::varchar[]), unnest(?::varchar[])",
            [sorted(work.settings), [work.settings[name] for name in sorted(work.settings)]],
        )
    con.execute("commit")


def _publish(work: _Work, paths: Paths) -> FoldReport:
    replaced = True
    try:
        if work.changed:
            with writing(paths.database):
                sync_file(paths.scratch)
                # a log of changes left by somebody who opened the old file for writing is not for the new one
                paths.database.with_name(f"{paths.database.name}.wal").unlink(missing_ok=True)
                fault("fold.rename")
                replaced = replace(paths.scratch, paths.database)
                fault("fold.renamed")
                sync_folder(paths.root)
    except BaseException:
        if work.packed is not None:
            work.packed.release()
        raise
    if work.packed is not None:
        if replaced:
            work.packed.drop(paths)
            for name, _fd in work.packed.logs:
                work.pending.seen.pop(name, None)
        else:
            work.packed.release()
    if replaced:
        _note(work, paths)
    else:
        work.notices.append(
            Notice(
                slug="catalog_in_use",
                message=f"`{paths.database}` is open elsewhere and could not be replaced; the next command does it",
                path=str(paths.database),
            )
        )
    return FoldReport(
        changed=work.changed and replaced,
        rebuilt=work.rebuilt,
        events=work.events,
        logs=work.pending.read_logs,
        segments=work.pending.read_segments,
        notices=tuple(work.notices),
    )


def _note(work: _Work, paths: Paths) -> None:
    identity = sidecar.identity(paths.database)
    if identity is None:
        return
    sidecar.write(
        paths,
        Sidecar(
            catalog=identity,
            schema=(schema.schema_version(), views.DIGEST),
            logs=dict(work.pending.seen),
            segments=tuple(sorted(work.pending.known_segments)),
            digest=work.settings.get("digest"),
            store_root=work.settings["store_root"],
            unfinished=work.unfinished,
        ),
    )


def _full_disk(paths: Paths, error: duckdb.Error) -> CatalogUnwritableError | None:
    """The error for the user when DuckDB could not write; None when it is about something else."""
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
        if (name := os.strerror(code)) in str(error):
            return unwritable(paths.root, OSError(code, name))
    return None


def _clean(paths: Paths) -> None:
    """Take away what a fold, this one or a killed one, has left behind."""
    with suppress(OSError):
        for leftover in paths.root.glob(".fold*"):
            leftover.unlink(missing_ok=True)
        for leftover in paths.segments.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
