"""Files and environment variables that functions read, and that no version knows of, are named."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import duckdb
import polars as pl
import pytest

import assetflow as af
from assetflow.executor.undeclared.findings import undeclared_words
from assetflow.executor.undeclared.readers import names_in
from assetflow.executor.undeclared.seen import installed, watching
from tests.cli.calling import assetflow, write

READERS = """
import asyncio, json, os, sqlite3, subprocess, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
import assetflow as af
import polars as pl
from polars import scan_csv

def name(): return "_".join(["APP", "REGION"])
rows = af.source("rows", path="data/rows.csv")
parts = af.source("parts", path="data/parts/*.csv")

@af.asset
def by_open(): return open("data/a.txt").read()
@af.asset
def by_path(): return Path("data/a.txt").read_text()
@af.asset
def by_descriptor():
    fd = os.open("data/a.txt", os.O_RDONLY)
    os.close(fd)
    return 1
@af.asset
def by_polars() -> pl.DataFrame: return pl.read_csv("data/rows.csv")
@af.asset
def by_pattern() -> pl.LazyFrame: return scan_csv("data/parts/*.csv")
@af.asset
def by_duckdb():
    import duckdb
    duckdb.sql("select * from 'data/rows.csv'").fetchall()
    return len(duckdb.connect().execute("select * from read_csv(?)", ["data/parts/p.csv"]).fetchall())
@af.asset
def by_sqlite():
    with sqlite3.connect("data/a.db") as con: return con.execute("select 1").fetchone()[0]
@af.asset
async def by_coroutine(): return await asyncio.to_thread(Path("data/a.txt").read_text)
@af.asset
def by_thread():
    thread = Thread(target=lambda: os.environ.get(name()))
    thread.start(); thread.join()
    with ThreadPoolExecutor(2) as pool: return list(pool.map(lambda path: Path(path).read_text(), ["data/a.txt"] * 9))
@af.asset
def by_script():
    import runpy
    return runpy.run_path("data/script.py")["VALUE"]
@af.asset(compute="process")
def by_process(): return open("data/a.txt").read() + os.environ.get(name(), "")
@af.asset
def by_variable(): return os.environ.get(name()), os.getenv(name().lower()), name() + "2" in os.environ

@af.asset
def by_expansion(): return os.path.expandvars("$APP_REGION"), Path.home().name

@af.asset(version_of=["data/a.txt"])
def declared_file(): return open("data/a.txt").read()
@af.asset(version_of=["data/parts"])
def declared_folder(): return pl.read_csv("data/parts/*.csv").height
@af.asset(deps=["rows", "parts"])
def declared_source(): return open("data/rows.csv").read() + open("data/parts/p.csv").read()
@af.asset
def given_path(rows: Path): return rows.read_text()
@af.asset
def declared_variable(): return os.environ.get("APP_REGION")
@af.asset(code_version="1")
def typed_in(): return open("data/a.txt").read()
@af.asset
def own_files():
    pl.DataFrame({"a": [1]}).write_csv("data/native.csv")
    with open("data/own.txt", "w") as file: file.write("x")
    os.environ["OWN" + "_ONE"] = "1"
    return pl.read_csv("data/native.csv").height, open("data/own.txt").read(), os.environ["OWN_" + "ONE"]
@af.asset
def imports():
    import helper, zoneinfo
    zoneinfo.ZoneInfo("Asia/Tokyo"); open(os.devnull).close()
    if os.path.exists("/proc"): open("/proc/self/stat").close()
    try: open("data/nowhere.txt")
    except FileNotFoundError: return helper.one()
@af.asset
def library_that_looks_for_home():
    import netrc
    try: netrc.netrc()
    except OSError: return 1
@af.asset
def handed_on():
    return len(dict(os.environ)) + len(os.environ.copy()) + len({**os.environ, "A": "1"}) > 0
@af.asset
def downstream(by_open: str, by_polars: pl.DataFrame, context: af.Context): return context.previous() is None
"""

A, ROWS, PART = ("file", "data/a.txt"), ("file", "data/rows.csv"), ("file", "data/parts/p.csv")
EXPECTED = {
    "by_open": {A},
    "by_path": {A},
    "by_descriptor": {A},
    "by_polars": {ROWS},
    "by_pattern": {("file", "data/parts/*.csv")},
    "by_duckdb": {ROWS, PART},
    "by_sqlite": {("file", "data/a.db")},
    "by_coroutine": {A},
    "by_thread": {A, ("variable", "APP_REGION")},
    "by_script": {("file", "data/script.py")},
    "by_process": {A, ("variable", "APP_REGION")},
    "by_variable": {("variable", "APP_REGION"), ("variable", "app_region"), ("variable", "APP_REGION2")},
    "by_expansion": {("variable", "APP_REGION"), ("variable", "USERPROFILE" if os.name == "nt" else "HOME")},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        "assets/a.py": READERS, "assets/helper.py": "def one(): return 1\n", "data/a.txt": "a", "data/a.db": "",
        "data/script.py": "VALUE = 1\n",
        "data/rows.csv": "a\n1\n", "data/parts/p.csv": "a\n1\n",
    }  # fmt: skip
    folder = write(tmp_path_factory.mktemp("undeclared"), files)
    for path in (folder / "data").rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def older(folder: Path) -> None:
    """Wait, by the clock of files, until what is there counts as older than what comes next."""
    probe, newest = folder / "probe", max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    while True:
        probe.write_text("")
        if probe.stat().st_ctime_ns > newest + 50_000_000:
            return


@pytest.fixture(scope="module")
def result(folder: Path) -> af.RunResult:
    older(folder)
    with af.Project.load(folder) as project:
        return project.materialize()


def test_everything_that_was_read_undeclared_is_named_and_nothing_else(result: af.RunResult) -> None:
    assert result.ok, [step.error for step in result.steps]
    assert {step.asset: set(step.undeclared) for step in result.steps if step.undeclared} == EXPECTED


def test_each_asset_has_one_notice_that_says_how_to_declare_it(result: af.RunResult) -> None:
    assert len(result.notices) == len(EXPECTED)
    (notice,) = (text for text in result.notices if text.startswith("`by_process`"))
    assert "`data/a.txt` and the variable `APP_REGION`" in notice
    assert "version_of=" in notice
    assert "Config" in notice


def test_the_record_of_a_value_keeps_what_it_was_made_from(result: af.RunResult, folder: Path) -> None:
    shown = assetflow("show", "by_process", at=folder)
    assert "it read `data/a.txt` and the variable `APP_REGION`, which no version covers" in shown.out
    assert assetflow("show", "declared_file", "--json", at=folder).json["current"]["undeclared"] == []
    past = assetflow("run", "last", "--json", at=folder).json
    assert {
        s["asset"]: {(u["kind"], u["name"]) for u in s["undeclared"]} for s in past["steps"] if s["undeclared"]
    } == (EXPECTED)
    asked = assetflow(
        "query", "select distinct undeclared ->> '$[0].name' as name from materializations where asset = 'by_polars'",
        "--format", "json", at=folder,
    )  # fmt: skip
    assert asked.json == [{"name": "data/rows.csv"}]


def test_a_command_says_so_beside_its_result(tmp_path: Path) -> None:
    body = "import assetflow as af\n@af.asset\ndef one(): return open('a.txt').read()\n"
    folder = write(tmp_path, {"assets/a.py": body, "a.txt": "a"})
    older(folder)
    ended = assetflow("materialize", "--json", at=folder)
    assert "`one` reads `a.txt`, which no version covers" in ended.err
    assert ended.json["steps"][0]["undeclared"] == [{"kind": "file", "name": "a.txt"}]


def test_outside_of_runs_everything_is_as_it_was() -> None:
    before = (os.environ.__class__, pl.read_csv, duckdb.sql, duckdb.DuckDBPyConnection.execute, list(sys.meta_path))
    start = threading.Thread.start
    with installed(), installed():
        assert pl.read_csv is not before[1]
        assert pl.read_csv.__wrapped__ is before[1]  # type: ignore[attr-defined]
        assert json.dumps(dict(os.environ))
    assert (
        os.environ.__class__, pl.read_csv, duckdb.sql, duckdb.DuckDBPyConnection.execute, list(sys.meta_path),
    ) == before  # fmt: skip
    assert threading.Thread.start is start


def test_calls_beside_each_other_keep_their_reads_apart(tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.txt" for number in range(8)]
    for name in names:
        name.write_text("x")
    older(tmp_path)
    found: dict[Path, set[str]] = {}
    together = threading.Barrier(len(names))

    def read(name: Path) -> None:
        with watching() as seen:
            together.wait()
            name.read_text()
            together.wait()
        found[name] = set(seen.files)

    with installed():
        threads = [threading.Thread(target=read, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {name: {str(name)} for name in names}


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("from 'a.csv'", ["a.csv"]),
        ("select * from 'a.csv' t join 'it''s.parquet' u using (k)", ["a.csv", "it's.parquet"]),
        ("select * from read_parquet(['a', 'b'], union_by_name = true)", ["a", "b"]),
        ("copy t from 'a.csv'", ["a.csv"]),
        ("attach 'a.db' as other", ["a.db"]),
        ("copy t to 'out.csv'", []),
        ("select 'a.csv' as name where x = 'b.csv'", []),
        ("create table t as select 1", ["create table t as select 1"]),
    ],
)
def test_names_in_sql(sql: str, named: list[str]) -> None:
    assert list(names_in([sql], {})) == named


def test_parameters_name_files_only_where_the_query_reads_some() -> None:
    assert list(names_in(["from read_csv(?)", ["a.csv"]], {})) == ["a.csv"]
    assert list(names_in(["select 'x' where a = ?", ["a.csv"]], {})) == []
    assert list(names_in([], {"source": [Path("a"), "b"]})) == ["b", Path("a")]


def test_of_many_names_the_first_are_told_and_how_many_more() -> None:
    text = undeclared_words("a", [("file", f"{number}.txt") for number in range(9)])
    assert "`4.txt` and 4 more" in text
