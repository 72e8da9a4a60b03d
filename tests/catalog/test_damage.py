"""Damage and refusal: nothing recorded is lost, and what happened is said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from assetflow.catalog import Catalog, schema
from assetflow.catalog.lock import held
from assetflow.catalog.log import LogReader
from assetflow.errors import CatalogLockedError, CatalogUnwritableError, CatalogVersionError, QueryError
from tests.catalog.making import at, catalog, everything, finished, made, record, started


def filled(folder: Path, runs: int = 3, assets: int = 400) -> Catalog:
    target = catalog(folder)
    for number in range(runs):
        run = f"r{number}"
        steps = [made(run, step, f"asset{step}", order=number, note="x" * 200) for step in range(assets)]
        record(target, run, [started(run), *steps, finished(run)])
    target.fold()
    return target


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1000)


def truncated(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def header_gone(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"\0" * 8192)


def foreign(path: Path) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute("create table mine as select 1 as x")


def pages_overwritten(path: Path) -> None:
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for start in range(3 * 4096 + 500, size, 65536):
            file.seek(start)
            file.write(os.urandom(2048))


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "damage", [empty, garbage, truncated, header_gone, foreign, pages_overwritten, removed], ids=lambda f: f.__name__
)
def test_a_damaged_catalog_is_made_anew_and_says_so(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    with filled(tmp_path) as target:
        before = everything(target)
    path = tmp_path / "catalog" / "catalog.duckdb"
    damage(path)
    with catalog(tmp_path) as target:
        assert len(target.snapshot("prod").current) == 400
        assert everything(target) == before
        notices = target.take_notices()
    slugs = {notice.slug for notice in notices}
    assert slugs == ({"catalog_rebuilt"} if damage is removed else {"catalog_damaged"})
    kept = list((tmp_path / "catalog" / "damaged").glob("*")) if damage is not removed else []
    assert len(kept) == (damage is not removed)


def test_damage_met_while_folding_is_repaired_too(tmp_path: Path) -> None:
    filled(tmp_path).close()
    pages_overwritten(tmp_path / "catalog" / "catalog.duckdb")
    with catalog(tmp_path) as target:
        record(target, "r9", [started("r9"), made("r9", 0, "asset0", order=9)])
        assert target.snapshot("prod").current["asset0"][None].materialization == "r9.0"
        assert len(target.history("asset0")) == 4


def test_the_rebuild_says_what_it_read(tmp_path: Path) -> None:
    with filled(tmp_path, runs=2, assets=3) as target:
        report = target.rebuild()
    assert (report.rebuilt, report.events, report.logs, report.notices) == (True, 10, 2, ())


def test_a_damaged_line_is_told_once_and_what_follows_counts(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), made("r1", 0, "a"), made("r1", 1, "b")])
    path = tmp_path / "catalog" / "log" / "r1.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"asset":"a"', b'"asset":"!"'))
    report = target.fold()
    assert [notice.slug for notice in report.notices] == ["log_line_damaged"]
    assert target.query("select asset from materializations").rows == [("b",)]
    assert target.fold().notices == ()
    kept = list((tmp_path / "catalog" / "damaged").iterdir())
    assert [b'"asset":"!"' in path.read_bytes() for path in kept] == [True]
    target.rebuild()
    assert list((tmp_path / "catalog" / "damaged").iterdir()) == kept


def test_the_torn_line_of_a_dead_owner_is_cut(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), made("r1", 0, "a")])
    path = tmp_path / "catalog" / "log" / "r1.jsonl"
    whole = path.stat().st_size
    with open(path, "ab") as file:
        file.write(b'0badc0de {"kind":"step_fin')
    report = target.fold()
    assert [notice.slug for notice in report.notices] == ["log_cut"]
    assert path.stat().st_size == whole
    assert target.is_current()


def test_the_unfinished_line_of_a_live_owner_is_left_alone(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    with target.open_log("r1") as log:
        log.append([started("r1")])
        with open(log.path, "ab") as file:
            file.write(b'0badc0de {"kind":"step_fin')
        size = log.path.stat().st_size
        assert target.fold().notices == ()
        assert log.path.stat().st_size == size
    assert [notice.slug for notice in target.fold().notices] == []
    record(target, "r1", [finished("r1")])
    assert target.run("r1").status == "succeeded"


def test_an_unreadable_segment_is_set_aside(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), made("r1", 0, "a")])
    target.fold()
    segments = tmp_path / "catalog" / "log" / "segments"
    segments.mkdir()
    (segments / "000001.parquet").write_bytes(b"PAR1 but no more")
    report = target.fold()
    assert [notice.slug for notice in report.notices] == ["segment_damaged"]
    assert list(target.snapshot("prod").current) == ["a"]


def test_a_newer_catalog_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path, runs=1, assets=2).close()
    path = tmp_path / "catalog" / "catalog.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("update inside.meta set version = 99, written_by = '7.0.0'")
    before = path.read_bytes()
    target = catalog(tmp_path)
    for question in (lambda: target.snapshot("prod"), target.fold, target.rebuild, target.runs):
        with pytest.raises(CatalogVersionError, match=r"version 99, written by assetflow 7\.0\.0") as caught:
            question()
        assert caught.value.payload["known"] < 99
        assert "upgrade" in (caught.value.hint or "")
    assert path.read_bytes() == before


def test_a_file_in_place_of_the_catalog_folder(tmp_path: Path) -> None:
    (tmp_path / "catalog").write_text("mine")
    target = catalog(tmp_path)
    with pytest.raises(CatalogUnwritableError):
        target.open_log("r1")
    with pytest.raises(CatalogUnwritableError):
        target.fold([])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_can_still_be_queried(tmp_path: Path) -> None:
    filled(tmp_path, runs=1, assets=2).close()
    with open(tmp_path / "catalog" / "log" / "r0.jsonl", "ab") as file:
        file.write(b"\n")
    folder = tmp_path / "catalog"
    folder.chmod(0o555)
    try:
        target = catalog(tmp_path)
        with pytest.raises(CatalogUnwritableError, match="Permission denied"):
            target.fold()
        result = target.query("select count(*) from runs")
        assert result.rows == [(1,)]
        assert [notice.slug for notice in result.notices] == ["catalog_behind"]
    finally:
        folder.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    target = catalog(small_disk)
    acknowledged = 0
    with target.open_log("r1") as log:
        log.append([started("r1")])
        with pytest.raises(CatalogUnwritableError, match="No space left") as caught:
            while True:
                log.append([made("r1", acknowledged, f"a{acknowledged}", note="x" * 30_000)])
                acknowledged += 1
        assert "free some space" in (caught.value.hint or "")
        with pytest.raises(CatalogUnwritableError):
            target.fold()
        assert sum(1 for _ in LogReader(log.path)) == acknowledged + 1
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        log.append([finished("r1")])
    assert len(target.snapshot("prod").current) == acknowledged
    assert target.run("r1").status == "succeeded"


@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files")
@pytest.mark.parametrize("most", [1_000, 300_000])
def test_a_limit_on_the_size_of_files_is_named_as_what_stops_a_fold(tmp_path: Path, most: int) -> None:
    import resource  # there is none on Windows

    target = catalog(tmp_path)
    record(
        target, "r1", [started("r1"), *(made("r1", n, f"a{n}", note="x" * 3000) for n in range(200)), finished("r1")]
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(CatalogUnwritableError, match="File too large") as caught:
            target.fold()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in (caught.value.hint or "")
    assert len(target.snapshot("prod").current) == 200


def test_a_held_lock_is_waited_for_and_then_named(tmp_path: Path) -> None:
    target = catalog(tmp_path, lock_timeout=0.05)
    record(target, "r1", [started("r1")])
    with held(tmp_path / "catalog" / "fold.lock", timeout=1), pytest.raises(CatalogLockedError) as caught:
        target.fold()
    assert caught.value.payload["pid"] == os.getpid()
    assert target.fold().changed


def test_dead_runs_become_interrupted_and_live_ones_do_not(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    for run in ("dead", "live", "remote"):
        record(target, run, [started(run), made(run, 0, "a")])
    record(target, "done", [started("done"), finished("done")])
    owner = target.open_log("live")
    assert target.recover(lambda host, pid, begun: True, at(99)) == ()
    assert target.recover(lambda host, pid, begun: (host, pid, begun) != ("box", 4711, "1000"), at(99)) == (
        "dead",
        "remote",
    )
    owner.close()
    statuses = {run.run_id: (run.status, run.counts) for run in target.runs()}
    assert statuses["dead"] == ("interrupted", {"materialized": 1})
    assert statuses["live"][0] == "running"
    assert statuses["done"][0] == "succeeded"
    assert target.recover(lambda *_owner: False, at(99)) == ("live",)
    assert target.recover(lambda *_owner: False, at(99)) == ()


def test_an_older_catalog_is_migrated_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "v1.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema inside; create table inside.meta(version integer, written_by varchar)")
        con.execute("insert into inside.meta values (1, '0.0.1')")
        con.execute("create table inside.runs(run integer)")
        con.execute("insert into inside.runs values (7)")

    def add_owner(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("alter table inside.runs add column owner varchar")

    def fill_owner(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("update inside.runs set owner = 'unknown'")

    with duckdb.connect(str(path)) as con:
        assert schema.migrate(con, migrations=(add_owner, fill_owner))
        assert con.execute("select * from inside.runs").fetchall() == [(7, "unknown")]
        assert schema.version_of(con) == 3
        assert not schema.migrate(con, migrations=(add_owner, fill_owner))
        with pytest.raises(CatalogVersionError):
            schema.check_version(3, path=str(path), written_by="0.0.1", migrations=(add_owner,))


def test_a_question_that_fails_in_a_whole_catalog_does_not_cost_the_catalog(tmp_path: Path) -> None:
    with filled(tmp_path, runs=1, assets=2) as target:
        before = (tmp_path / "catalog" / "catalog.duckdb").stat()
        with pytest.raises(QueryError, match="No files found"):
            target.query("from read_parquet('nowhere.parquet')")
        assert (tmp_path / "catalog" / "catalog.duckdb").stat().st_ino == before.st_ino
        assert target.take_notices() == ()


def test_a_folder_named_like_a_log_is_no_log(tmp_path: Path) -> None:
    target = filled(tmp_path, runs=1, assets=2)
    (tmp_path / "catalog" / "log" / "r9.jsonl").mkdir()
    assert len(target.runs()) == 1
    assert not target.rebuild().notices


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds a whole catalog, on a disk that can only be read."""
    filled(tmp_path, runs=2, assets=3).close()
    if subprocess.run(["mount", "--bind", str(tmp_path), str(tmp_path)], capture_output=True, check=False).returncode:
        pytest.skip("mounting takes root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path)], check=True)
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_disk_that_can_only_be_read_answers_everything(read_only_disk: Path) -> None:
    with catalog(read_only_disk) as target:
        assert [run.run_id for run in target.runs()] == ["r1", "r0"]
        assert target.snapshot("prod").current.keys() == {"asset0", "asset1", "asset2"}
        answered = target.query("select count(*) from materializations")
        assert (answered.rows, answered.notices) == ([(6,)], ())
        with pytest.raises(CatalogUnwritableError, match="Read-only file system"):
            target.rebuild()


def test_a_copy_that_can_only_be_read_answers_what_it_holds_whole(read_only_disk: Path, tmp_path: Path) -> None:
    # the note of what is folded speaks of the inode of the file it lay beside
    subprocess.run(["mount", "-o", "remount,rw,bind", str(tmp_path)], check=True)
    (tmp_path / "catalog" / "folded.json").unlink()
    subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path)], check=True)
    with catalog(tmp_path) as target:
        assert len(target.runs()) == 2
    subprocess.run(["mount", "-o", "remount,rw,bind", str(tmp_path)], check=True)
    with catalog(tmp_path) as target:
        record(target, "r2", [started("r2"), finished("r2")])
    subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path)], check=True)
    with catalog(tmp_path) as target:
        with pytest.raises(CatalogUnwritableError):
            target.runs()
        assert [notice.slug for notice in target.query("select 1").notices] == ["catalog_behind"]
