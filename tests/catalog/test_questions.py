"""What the catalog answers: snapshots, lineage, time travel, queries."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assetflow.catalog import Catalog
from assetflow.catalog.saved import read
from assetflow.errors import QueryError, UnknownRunError, UsageError, ValueNotFoundError
from assetflow.model.event import CodeRecorded, Observed, PointerMoved
from assetflow.model.record import Edge
from tests.catalog.making import at, catalog, finished, made, record, started

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "catalog" / "queries"


@pytest.fixture
def flights(tmp_path: Path) -> Catalog:
    """A source, two days of flights, a delay per day, one report; the report was then made again."""
    target = catalog(tmp_path)
    days = ("2013-01-01", "2013-01-02")
    read = [("raw", None, "o1", "s:1")]
    events = [
        started("r1", steps=5),
        Observed(at=at(0), id="o1", run_id="r1", asset="raw", data_version="s:1", detail={"size": 3}, order=1),
        CodeRecorded(
            at=at(0), asset="report", code_version="c:1", components=[["text.py:clean", "h1"]], packages=[], texts={}
        ),
        *(made("r1", n, "flights", day, seconds=1, order=2, inputs=read) for n, day in enumerate(days)),
        *(
            made("r1", n + 2, "delays", day, seconds=2, order=3, inputs=[("flights", day, f"r1.{n}", f"d:r1.{n}")])
            for n, day in enumerate(days)
        ),
        made(
            "r1",
            4,
            "report",
            seconds=3,
            order=4,
            inputs=[("delays", day, f"r1.{n + 2}", f"d:r1.{n + 2}") for n, day in enumerate(days)],
        ),
        finished("r1", materialized=5),
    ]
    record(target, "r1", events)
    again = made(
        "r2", 0, "report", seconds=100, order=9, version="d:new", inputs=[("delays", days[0], "r1.2", "d:r1.2")]
    )
    record(target, "r2", [started("r2", seconds=99), again, finished("r2", seconds=101, materialized=1)])
    return target


def test_a_snapshot_holds_what_is_published(flights: Catalog) -> None:
    snapshot = flights.snapshot("prod")
    assert {asset: set(parts) for asset, parts in snapshot.current.items()} == {
        "flights": {"2013-01-01", "2013-01-02"},
        "delays": {"2013-01-01", "2013-01-02"},
        "report": {None},
    }
    report = snapshot.current["report"][None]
    assert report._asdict() == {
        "materialization": "r2.0",
        "data_version": "d:new",
        "code_version": "c:1",
        "config": "",
        "input_fingerprint": "i1:1",
        "dependencies": "delays",
        "uri": "report/r2.0.json",
        "payload": '{"uri":"report/r2.0.json"}',
        "run_id": "r2",
        "order": 9,
        "materialized_at": at(100),
    }
    assert snapshot.order == 9
    assert snapshot.observations["raw"][None].detail == {"size": 3}
    assert snapshot.observations["raw"][None].observed_at == at(0)


def test_a_snapshot_may_be_limited_to_some_assets(flights: Catalog) -> None:
    snapshot = flights.snapshot("prod", assets={"report", "unknown"})
    assert list(snapshot.current) == ["report"]
    assert snapshot.observations == {}


def test_lazy_answers_come_from_the_moment_of_the_snapshot(flights: Catalog) -> None:
    snapshot = flights.snapshot("prod")
    record(
        flights, "r3", [made("r3", 0, "report", order=99, seconds=500, inputs=[("delays", "2013-01-02", None, "d")])]
    )
    flights.fold()
    assert snapshot.edges(["r2.0", "r1.4", "r3.0"]) == {
        "r2.0": (Edge("delays", "2013-01-01", "r1.2", "d:r1.2"),),
        "r1.4": (Edge("delays", "2013-01-01", "r1.2", "d:r1.2"), Edge("delays", "2013-01-02", "r1.3", "d:r1.3")),
        "r3.0": (),
    }
    assert flights.snapshot("prod").edges(["r3.0"]) == {"r3.0": (Edge("delays", "2013-01-02", None, "d"),)}
    assert snapshot.components("report", "c:1") == {"text.py:clean": "h1"}
    assert snapshot.components("report", "c:2") is None


def test_the_newest_of_equal_making_is_reusable(flights: Catalog) -> None:
    snapshot = flights.snapshot("prod")
    found = snapshot.reusable("delays", "2013-01-02", "c:1", "", "i1:1")
    assert found is not None
    assert found.materialization == "r1.3"
    assert snapshot.reusable("delays", "2013-01-02", "c:1", "", "i1:2") is None
    assert snapshot.reusable("delays", "2013-01-02", "c:2", "", "i1:1") is None
    assert snapshot.reusable("delays", None, "c:1", "", "i1:1") is None


def test_a_child_environment_lies_over_its_parents(flights: Catalog) -> None:
    hidden = PointerMoved(
        at=at(200),
        environment="dev",
        asset="delays",
        partition="2013-01-01",
        materialization=None,
        order=10,
        reason="x",
    )
    own = made("r4", 0, "report", environment="dev", order=10, seconds=200)
    record(flights, "r4", [started("r4", environment="dev"), own])
    record(flights, "manual-1", [hidden])
    dev = flights.snapshot("dev").current
    assert dev["report"][None].materialization == "r4.0"
    assert set(dev["delays"]) == {"2013-01-02"}
    assert set(dev["flights"]) == {"2013-01-01", "2013-01-02"}
    assert list(flights.snapshot("dev", parents=()).current) == ["report"]
    assert flights.snapshot("prod").current["report"][None].materialization == "r2.0"


def test_lineage_goes_both_ways_with_depth(flights: Catalog) -> None:
    up = flights.lineage("report").upstream
    assert [(edge.asset, edge.input_asset, edge.input_partition, edge.depth) for edge in up] == [
        ("report", "delays", "2013-01-01", 1),
        ("delays", "flights", "2013-01-01", 2),
        ("flights", "raw", None, 3),
    ]
    assert up[2].input_materialization == "o1"
    down = flights.lineage("flights", "2013-01-02").downstream
    assert [(edge.materialization, edge.depth) for edge in down] == [("r1.3", 1), ("r1.4", 2)]
    assert {edge.materialization for edge in flights.lineage("raw").downstream} == {
        "r1.0",
        "r1.1",
        "r1.2",
        "r1.3",
        "r1.4",
        "r2.0",
    }
    assert len(flights.lineage("report", materialization="r1.4").upstream) == 6
    assert len(flights.lineage("report", materialization="r1.4", depth=1).upstream) == 2
    with pytest.raises(ValueNotFoundError, match=r"r7\.7"):
        flights.lineage("report", materialization="r7.7")


def test_the_macros_answer_in_sql(flights: Catalog) -> None:
    up = flights.query("select asset, input_asset, depth from upstream_of('report', null) order by depth")
    assert up.rows == [("report", "delays", 1), ("delays", "flights", 2), ("flights", "raw", 3)]
    down = flights.query(
        "select materialization, depth, is_current from downstream_of('flights', '2013-01-01') order by all"
    )
    assert down.rows == [("r1.2", 1, True), ("r1.4", 2, False), ("r2.0", 2, True)]
    then = flights.query(f"select materialization from as_of('{at(50)}') where asset = 'report'")
    assert then.rows == [("r1.4",)]
    assert flights.query("select count(*) from as_of('2020-01-01')").rows == [(0,)]


def test_a_diamond_ladder_is_walked_once(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    rungs = [made("r", 0, "a0")]
    for level in range(1, 40):
        below = [(f"a{level - 1}", None, f"r.{n}", f"d:r.{n}") for n in range(2 * level - 2, 2 * level)]
        rungs += [
            made("r", 2 * level, f"a{level}", "x", inputs=below),
            made("r", 2 * level + 1, f"a{level}", inputs=below),
        ]
    record(target, "r", rungs)
    assert target.query("select count(*), max(depth) from upstream_of('a39')").rows == [(39 * 4, 39)]


def test_history_tells_versions_and_where_they_are_current(flights: Catalog) -> None:
    rows = flights.history("report")
    assert [(row.materialization, row.current_in) for row in rows] == [("r2.0", ("prod",)), ("r1.4", ())]
    assert rows[0].payload == {"uri": "report/r2.0.json"}
    assert [row.partition for row in flights.history("delays", "2013-01-02")] == ["2013-01-02"]
    assert len(flights.history("delays", limit=1)) == 1
    one = flights.materialization("r1.0")
    assert one is not None
    assert one.asset == "flights"
    assert flights.materialization("nothing") is None


def test_a_run_is_found_by_the_beginning_of_its_id(flights: Catalog) -> None:
    record(flights, "x-77", [started("x-77", seconds=300)])
    assert [run.run_id for run in flights.runs()] == ["x-77", "r2", "r1"]
    assert [run.run_id for run in flights.runs(1)] == ["x-77"]
    assert flights.run("x").run_id == "x-77"
    assert flights.run("r1").counts == {"materialized": 5}
    with pytest.raises(UnknownRunError, match="2 runs begin with `r`"):
        flights.run("r")
    with pytest.raises(UnknownRunError) as caught:
        flights.run("x-7777")
    assert caught.value.hint == "did you mean `x-77`?"


@pytest.mark.parametrize(
    "sql",
    [
        "create table x(a int)",
        "insert into inside.runs select * from inside.runs",
        "drop view lineage",
        "copy (select 1) to 'x.csv'",
        "attach 'x.duckdb'",
        "set threads = 1",
        "select 1; drop view lineage",
        "",
    ],
)
def test_a_query_may_only_read(flights: Catalog, sql: str) -> None:
    with pytest.raises(QueryError):
        flights.query(sql)
    assert flights.query("select count(*) from runs").rows == [(2,)]


@pytest.mark.parametrize(
    ("sql", "words", "hint"),
    [
        ("select * from linage", "linage", "did you mean `lineage`?"),
        ("select asst from lineage", "asst", "columns there: `asset`"),
        ("selec 1", "syntax error", None),
    ],
)
def test_a_wrong_query_gets_duckdbs_words_and_a_hint(flights: Catalog, sql: str, words: str, hint: str | None) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        flights.query(sql)
    assert (caught.value.hint or "").startswith(hint or "")


def test_a_query_takes_parameters_and_gives_columns_and_types(flights: Catalog) -> None:
    result = flights.query("select run_id, steps from runs where run_id = $run", {"run": "r1"})
    assert (result.columns, result.types, result.rows) == (("run_id", "steps"), ("VARCHAR", "INTEGER"), [("r1", 5)])
    assert flights.query("select ?::int + 1", [41]).rows == [(42,)]


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_a_query_can_be_written_to_a_file(flights: Catalog, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"it's.{format}"
    sql = "select run_id, status from runs where run_id = $run order by run_id -- the last line"
    assert flights.run_query_to(sql, path, format=format, params={"run": "r1"}) == 1
    match format:
        case "json":
            assert json.loads(path.read_text()) == [{"run_id": "r1", "status": "succeeded"}]
        case "csv":
            assert path.read_text().splitlines() == ["run_id,status", "r1,succeeded"]
        case _:
            assert duckdb.read_parquet(str(path)).fetchall() == [("r1", "succeeded")]
    assert [found.name for found in tmp_path.glob("it*")] == [path.name]
    with pytest.raises(UsageError, match="xml"):
        flights.run_query_to(sql, path, format="xml")


def test_a_saved_query_is_found_by_name(flights: Catalog) -> None:
    (flights.root / "queries").mkdir()
    (flights.root / "queries" / "slowest.sql").write_text("select 1")
    assert flights.saved_query("slowest").sql == "select 1"
    with pytest.raises(QueryError) as caught:
        flights.saved_query("slowst")
    assert caught.value.hint == "did you mean `slowest`?"


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("report_inputs", {"asset": "report", "moment": at(50)}, 5),
        ("report_inputs", {"asset": "report"}, 3),
        ("affected_by_source", {"source": "raw", "first": at(0), "last": at(1)}, 5),
        ("affected_by_source", {"source": "flights", "first": at(50), "last": at(60)}, 3),
        ("affected_by_source", {"source": "flights", "first": at(-9), "last": at(-1)}, 0),
        ("affected_by_source", {"source": "delays", "first": at(50), "last": at(60), "partition": "2013-01-02"}, 0),
        ("changed_since", {"moment": at(50)}, 1),
        ("changed_since", {"moment": at(-50)}, 5),
        ("code_of_column", {"asset": "report", "column": "mean"}, 1),
        ("failures_by_asset", {}, 0),
        ("growth", {"asset": "report"}, 2),
        ("never_read", {}, 1),
        ("slowest_assets", {}, 3),
        ("slowest_assets", {"since": at(50)}, 1),
        ("slowest_steps", {}, 6),
        ("unstable_assets", {}, 0),
    ],
)
def test_the_saved_queries_of_the_example_answer(
    flights: Catalog, name: str, params: dict[str, str], expected: int
) -> None:
    saved = read(QUERIES, name)
    assert saved.asks.endswith("?") or saved.asks.endswith(".")
    assert len(flights.query(saved.sql, saved.bind(params)).rows) == expected


def test_the_catalog_answers_the_plain_module_also_when_attached(flights: Catalog) -> None:
    flights.fold()
    path = str(flights.root / "catalog.duckdb")
    with duckdb.connect(path, read_only=True) as con:
        names = {row[0] for row in con.execute("show tables").fetchall()}
        assert {"assets", "asset_partitions", "materializations", "lineage", "runs", "steps", "attempts"} <= names
        assert not {name for name in names if name.startswith("_")}
        assert con.execute("select count(*) from upstream_of('report')").fetchall() == [(3,)]
    with duckdb.connect() as con:
        con.execute(f"attach '{path}' as c (read_only)")
        assert con.execute("select count(*) from c.lineage").fetchall() == [(7,)]
        con.execute("use c")
        assert con.execute("select count(*) from upstream_of('report')").fetchall() == [(3,)]


def test_a_catalog_with_nothing_to_do_imports_no_duckdb(flights: Catalog) -> None:
    flights.fold()
    code = (
        "import sys; from pathlib import Path; from tests.catalog.making import catalog; "
        "assert catalog(Path(sys.argv[1])).is_current(); "
        "assert catalog(Path(sys.argv[1])).recover(lambda *owner: False, '2026-02-01T00:00:00.000000Z') == (); "
        "assert not {'duckdb', '_duckdb', 'polars', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(flights.root.parent)], check=True, cwd=ROOT)


def test_ctrl_c_ends_a_question_as_it_ends_anything_else(flights: Catalog) -> None:
    endless = "select sum(sqrt(range)) from range(1000000000000)"

    asking = True

    def interrupt(_number: int, _frame: object) -> None:
        if asking:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    # again and again: one that arrives where Python can only drop it, as in a finalizer, is followed by another
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            flights.query(endless)
        asking = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
