"""SQL assets from end to end: what they read, how they are told things, what they store, when they are stale."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import assetflow as af
from assetflow.define.sql.macros import Macros, macro_of, statements
from assetflow.define.sql.parse import Parser, parse
from assetflow.define.sql.text import arguments, plain, spot
from assetflow.errors import DefinitionError, QueryError
from tests.cli.calling import assetflow
from tests.sql.making import rows, statuses, write

TOTALS = """
-- @asset
-- tags = {layer = "gold"}
-- config = {least = 0}

-- Totals by region.
select r.name, sum(amount)::bigint as total
from orders o join marts.regions r using (region)
where amount > $least
group by r.name order by total
"""


def problems(root: Path, **files: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        write(root, **files).plan()
    return str(caught.value)


# --- inputs, values, versions ---


def test_a_query_reads_python_assets_and_python_reads_it(tmp_path: Path) -> None:
    project = write(tmp_path, totals=TOTALS)
    (tmp_path / "assets" / "after.py").write_text(
        "import polars as pl\nimport assetflow as af\n@af.asset\n"
        "def after(totals: pl.LazyFrame) -> int:\n    return totals.collect()['total'].sum()\n"
    )
    project.reload()
    assert project.materialize("after").ok
    assert rows(project, "totals") == [("States", 5), ("Europe", 17)]
    assert project.load("after") == 22
    assert project.plan("after").is_empty
    spec = project.graph.specs["totals"]
    assert (str(spec.kind), spec.upstreams, spec.description) == (
        "sql",
        ("marts/regions", "orders"),
        "Totals by region.",
    )
    assert dict(spec.tags) == {"layer": "gold"}
    edges = project.query("select input_asset from lineage where asset = 'totals' order by all")
    assert [edge["input_asset"] for edge in edges] == ["marts/regions", "orders"]


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        (TOTALS.replace("select", "SELECT").replace(" as total", "\n  AS total -- a remark"), False),
        (TOTALS.replace("from orders o", "FROM Orders AS o"), False),
        (TOTALS.replace("amount > $least", "(Amount > $least)"), False),
        (TOTALS.replace('layer = "gold"', 'layer = "silver"'), False),
        (TOTALS.replace("as total", "as Total"), True),
        (TOTALS.replace("amount > $least", "amount >= $least"), True),
        (TOTALS.replace("order by total", "order by total desc"), True),
    ],
)
def test_what_a_query_says_counts_and_its_layout_does_not(tmp_path: Path, edited: str, stale: bool) -> None:
    project = write(tmp_path, totals=TOTALS)
    project.materialize("totals")
    (tmp_path / "assets" / "totals.sql").write_text(edited)
    project.reload()
    causes = [cause.describe() for step in project.plan("totals").steps for cause in step.causes]
    assert causes == (["code changed: `assets/totals.sql`"] if stale else [])


def test_a_source_file_is_read_by_name_and_its_change_is_seen(tmp_path: Path) -> None:
    project = write(tmp_path, labels="select upper(label) as label from raw order by id")
    project.materialize("labels")
    assert rows(project, "labels") == [("ONE",), ("TWO",)]
    (tmp_path / "data" / "raw.csv").write_text("id,label\n1,three\n")
    project.materialize("labels")
    assert rows(project, "labels") == [("THREE",)]


def test_config_is_a_bound_parameter_that_the_command_line_sets(tmp_path: Path) -> None:
    project = write(tmp_path, totals=TOTALS)
    project.materialize("totals", config={"totals": {"least": 6}})
    assert rows(project, "totals") == [("Europe", 17)]
    (step,) = project.plan("totals").steps
    assert [cause.to_json()["kind"] for cause in step.causes] == ["config_changed"]


def test_text_in_config_is_a_value_and_never_sql(tmp_path: Path) -> None:
    nasty = "eu' or '1'='1"
    made = af.materialize(
        [af.sql_asset("found", "select $wanted as wanted, count(*) as n from orders where region = $wanted",
                      config={"wanted": "eu"})],
        values={"orders": pl.DataFrame({"region": ["eu", "us"]})}, config={"found": {"wanted": nasty}},
    )  # fmt: skip
    assert made["found"].rows() == [(nasty, 0)]


def test_order_is_kept_and_types_are_those_of_any_table(tmp_path: Path) -> None:
    big = pl.DataFrame({"n": range(300_000)})
    query = "select n, n::hugeint as h, 'x'::enum('x', 'y') as e, [n::hugeint] as l from big order by n desc"
    made = af.materialize([af.sql_asset("ordered", query)], values={"big": big})["ordered"]
    assert made["n"].to_list() == list(range(299_999, -1, -1))
    assert made.schema["h"] == pl.Decimal(38, 0)
    assert made.schema["e"] == pl.String
    assert made.schema["l"] == pl.List(pl.Decimal(38, 0))


def test_what_json_holds_is_found_by_the_next_query() -> None:
    made = af.materialize(
        [af.sql_asset("kept", """select '{"a": [7]}'::json as j"""),
         af.sql_asset("found", "select j->>'a' as text, (j->'a'->0)::int as first from kept")]
    )  # fmt: skip
    assert made["kept"].schema["j"] == pl.String
    assert made["found"].rows() == [("[7]", 7)]


def test_a_query_and_the_same_table_from_polars_have_one_data_version(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})

    @af.asset
    def given() -> pl.DataFrame:
        return frame

    project = af.Project(assets=[given, af.sql_asset("same", "from given")], root=tmp_path)
    project.materialize()
    versions = project.query("select distinct data_version from asset_partitions")
    assert len(versions) == 1


# --- partitions ---


def test_each_partition_runs_for_its_own_window(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        windows='/* @asset\npartitions = {like = "daily"}\n*/ '
        "select $partition as p, $window_start as s, $window_end as e, "
        "(select count(*) from orders where day::timestamp >= $window_start and day::timestamp < $window_end) as n",
    )
    assert project.materialize("windows").ok
    assert rows(project, "windows", partition="2024-01-01") == [
        ("2024-01-01", datetime(2024, 1, 1, 5, tzinfo=UTC), datetime(2024, 1, 2, 5, tzinfo=UTC), 2)
    ]
    assert [rows(project, "windows", partition=f"2024-01-0{day}")[0][3] for day in (2, 3)] == [1, 0]


def test_a_whole_reads_all_partitions_with_their_keys(tmp_path: Path) -> None:
    header = '-- @asset inputs.daily = {partition_column = "p"}\n'
    project = write(tmp_path, whole=f"{header}select p, region, amount from daily order by all")
    project.materialize("whole")
    assert rows(project, "whole") == [("2024-01-01", "eu", 10), ("2024-01-01", "us", 5), ("2024-01-02", "eu", 7)]


def test_its_own_key_is_the_partition_before(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        running='/* @asset\npartitions = {like = "daily"}\ncolumns = {day = "varchar", total = "bigint"}\n*/\n'
        "select $partition as day, "
        "(select count(*) from daily) + coalesce((select max(total) from running), 0) as total",
    )
    assert project.materialize("running").ok
    assert [rows(project, "running", partition=f"2024-01-0{day}")[0][1] for day in (1, 2, 3)] == [2, 3, 3]
    assert project.plan("running").is_empty


def test_without_partitions_its_own_key_is_the_previous_value(tmp_path: Path) -> None:
    query = '-- @asset columns = {n = "integer"}\nselect (coalesce(max(n), 0) + 1)::int as n from counter'
    project = write(tmp_path, counter=query)
    for expected in (1, 2, 3):
        project.materialize("counter", force=True)
        assert rows(project, "counter") == [(expected,)]
    assert project.plan("counter").is_empty


def test_a_batch_is_one_query_for_many_partitions(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        batched='/* @asset\npartitions = {like = "daily"}\nbatch = true\n*/\n'
        "select day as partition, amount, len($partitions) as asked from orders "
        "where day::timestamp >= $window_start and day::timestamp < $window_end",
    )
    assert project.materialize("batched").ok
    assert sorted(rows(project, "batched", partition="2024-01-01")) == [(5, 3), (10, 3)]
    assert rows(project, "batched", partition="2024-01-03") == []


def test_several_dimensions_are_parameters_of_their_own(tmp_path: Path) -> None:
    header = (
        '/* @asset\n[partitions.multi]\nday = {daily = "2024-01-01", end = "2024-01-03"}\n'
        'region = {static = ["eu", "us"]}\n*/\n'
    )
    query = (
        "select $partition_day as d, $partition_region as r, $window_start as s, sum(amount)::bigint as n from orders "
        "where day = $partition_day and region = $partition_region"
    )
    project = write(tmp_path, cells=header + query)
    assert project.materialize("cells").ok
    assert rows(project, "cells", partition="2024-01-02|eu") == [
        ("2024-01-02", "eu", datetime(2024, 1, 2, tzinfo=UTC), 7)
    ]


# --- macros ---

MACROS = """
create macro twice(x) as x * 2;
create macro fourfold(x) as twice(twice(x));
create macro big(least) as table select * from orders where amount >= least;
"""


def test_macros_of_a_file_are_there_for_every_query_and_count(tmp_path: Path) -> None:
    project = write(tmp_path, macros=MACROS, quad="select fourfold(amount) as q from big(7) order by q")
    project.materialize("quad")
    assert rows(project, "quad") == [(28,), (40,)]
    assert project.graph.specs["quad"].upstreams == ("orders",)
    (tmp_path / "assets" / "macros.sql").write_text(MACROS.replace("x * 2", "x * 3"))
    project.reload()
    (step,) = project.plan("quad").steps
    assert [cause.describe() for cause in step.causes] == ["code changed: `macro:fourfold`, `macro:twice`"] or [
        cause.describe() for cause in step.causes
    ] == ["code changed: `macro:twice`"]


def test_macros_in_python_write_sql_and_count_by_what_they_write(tmp_path: Path) -> None:
    source = (
        "import assetflow as af\n@af.sql_macro\ndef cents(x):\n    return f'{x} * 100'\n"
        "@af.sql_macro\ndef powers(x, n: int):\n    return [f'{x} ** {i} as p{i}' for i in range(1, n + 1)]\n"
    )
    project = write(tmp_path, money="select cents(amount + 1)::int as c, powers(2, 2) from orders order by 1")
    (tmp_path / "assets" / "writing.py").write_text(source)
    project.reload()
    project.materialize("money")
    assert rows(project, "money")[0] == (600, 2.0, 4.0)
    (tmp_path / "assets" / "writing.py").write_text(
        source.replace("return f'{x} * 100'", "y = x\n    return f'{y} * 100'")
    )
    project.reload()
    assert project.plan("money").is_empty
    (tmp_path / "assets" / "writing.py").write_text(source.replace("* 100", "* 10"))
    project.reload()
    (step,) = project.plan("money").steps
    assert [cause.describe() for cause in step.causes] == ["code changed: `macro:cents`"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("powers(1)", "is called with 1 arguments"),
        ("powers(amount, amount)", "takes a literal int as `n`, not `amount`"),
        ("broken(1)", "failed: ZeroDivisionError"),
        ("nothing(1)", "returned None"),
        ("endless(1)", "writes a call of itself"),
    ],
)
def test_a_macro_that_goes_wrong_is_told_at_its_call(tmp_path: Path, call: str, said: str) -> None:
    project = write(tmp_path, bad=f"select\n  {call} as x from orders")
    (tmp_path / "assets" / "writing.py").write_text(
        "import assetflow as af\n@af.sql_macro\ndef powers(x, n: int):\n    return x\n"
        "@af.sql_macro\ndef broken(x):\n    return 1 / 0\n@af.sql_macro\ndef nothing(x):\n    pass\n"
        "@af.sql_macro\ndef endless(x):\n    return 'endless(x)'\n"
    )
    project.reload()
    with pytest.raises(DefinitionError, match=r"assets/bad\.sql:2:3: ") as caught:
        project.plan()
    assert said in str(caught.value)


def test_the_parts_of_a_macro_statement() -> None:
    (one,) = statements(
        "create or replace temp macro m.f(a, b := 2) as a + b, (a) as table select * from t where x = a"
    )
    macro = macro_of(
        one, "create or replace temp macro m.f(a, b := 2) as a + b, (a) as table select * from t where x = a"
    )
    assert macro is not None
    assert (macro.name, macro.bodies) == ("f", ("select (a + b)", "select * from t where x = a"))
    assert Macros(sql={"f": macro}).names() == ["f"]


# --- mistakes ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select *\nfrom oders", ["bad.sql:2:6: ", "`oders`", "     ^^^^^", "did you mean `orders`?"]),
        ("select a,, b from orders", ["bad.sql:1:10: ", "syntax error at or near"]),
        ("-- @asset\n-- tagz = 1\nselect 1 as x", ["bad.sql:2: ", "unknown option 'tagz'", "did you mean `tags`?"]),
        ("-- @asset\n-- group = \nselect 1 as x", ["bad.sql:2: ", "no TOML"]),
        ("-- @asset\n-- batch = 1\nselect 1 as x", ["batch= is 1"]),
        ("select $partitoin from orders", ["bad.sql:1:8: ", "`$partitoin` is not known"]),
        ("select * from orders where a = ?", ["parameters have names"]),
        ("from read_csv('x.csv')", ["bad.sql:1:6: ", "`read_csv` reads what is no asset"]),
        ("from 'x.csv'", ['source("name", path="x.csv")']),
        ("from query('from orders')", ["names its tables when it runs"]),
        ("select 1; select 2", ["bad.sql:1:11: ", "there are 2 queries"]),
        ("-- nothing", ["there is no query"]),
        ("drop table orders", ["it is no query"]),
        ("from bad", ["the query reads its own earlier value", "columns = {"]),
        ('-- @asset partitions = {like = "orders"}\nselect 1 as x', ["`orders` has no partitions"]),
        ('-- @asset partitions = {dayly = "2024-01-01"}\nselect 1 as x', ["did you mean `daily`?"]),
        ('-- @asset inputs.order = {mapping = "all"}\nfrom orders', ["the query does not read `order`"]),
        ('-- @asset inputs.orders = {mapping = "al"}\nfrom orders', ["did you mean `all`?"]),
        ("-- @asset config = {leest = 1}\nselect $least as x", ["`$least`", "did you mean `leest`?"]),
        ('-- @asset freshness = {max_age = "soon"}\nselect 1 as x', ["bad.sql:1: ", "'soon'"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, said: list[str]) -> None:
    found = problems(tmp_path, bad=text)
    for part in said:
        assert part in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select amont,\n  region from orders", ["assets/bad.sql:1:8: there is no column `amont` in `orders`"]),
        ("select region,\n  summ(amount) from orders", ["assets/bad.sql:2:3: ", "summ does not exist"]),
        ("select\n  region::int as x from orders", ["assets/bad.sql:2:", "Could not convert string 'eu'"]),
        ("select 'ü' as a, amont from orders", ["assets/bad.sql:1:18: "]),
        ("select * from number", ["reads `number`, which is no table: it is stored as json"]),
        ('-- @asset columns = {amount = "text"}\nfrom orders', ["declares `amount` as TEXT", "returns BIGINT"]),
        ('-- @asset columns = {amont = "text"}\nfrom orders', ["declares a column `amont`"]),
        ("select 1 as a, 2 as A", ["more than one column"]),
        ("select interval 1 day as i", ["has the type INTERVAL"]),
        ("from '/etc/passwd.csv'", ["no asset is called"]),
    ],
)  # fmt: skip
def test_what_goes_wrong_at_run_time_points_at_the_file(tmp_path: Path, text: str, said: list[str]) -> None:
    project = write(tmp_path, bad=text)
    try:
        run = project.materialize("bad")
        found = next(step for step in run.steps if step.asset == "bad").error or ""
    except DefinitionError as error:
        found = str(error)
    for part in said:
        assert part in found


def test_a_query_reaches_neither_files_nor_variables_of_the_process(tmp_path: Path) -> None:
    outside = tmp_path / "outside.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(outside)
    project = write(
        tmp_path / "made" if (tmp_path / "made").mkdir() is None else tmp_path,
        macros=f"create macro sneak() as table select * from read_parquet('{outside}')",
        bad="from sneak()",
    )
    with pytest.raises(DefinitionError, match="reads what is no asset"):
        project.plan()


def test_a_failed_query_leaves_nothing_behind(tmp_path: Path) -> None:
    project = write(tmp_path, bad="select error('no') as x from orders")
    assert statuses(project.materialize("bad")) == {"orders": "materialized", "bad": "failed"}
    assert [path.name for path in (tmp_path / "catalog" / "store").rglob(".tmp-*")] == []


def test_a_warm_plan_does_not_parse_again(tmp_path: Path) -> None:
    write(tmp_path, totals=TOTALS).plan()
    cache = (
        json.loads((tmp_path / "catalog" / "cache" / "queries.json").read_text())
        if (tmp_path / "catalog").exists()
        else None
    )
    assert cache is None  # a plan makes no folders
    project = write(tmp_path, totals=TOTALS)
    project.materialize("totals")
    again = af.Project.load(tmp_path)
    assert again.loaded.definitions.queries is not None
    again.plan()
    third = af.Project.load(tmp_path)
    third.plan()
    queries = third.loaded.definitions.queries
    assert queries is not None
    assert queries.parser.is_idle


# --- the text of a query ---


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("with a as (from a) select * from a, b", ["a", "b"]),
        ("with recursive t as (select 1 as n union all select n + 1 from t where n < 3) from t", []),
        ("pivot sales on region, kind using sum(x) group by day", ["sales"]),
        ("with p as (pivot sales on region using sum(x)) from p join dims using (day)", ["sales", "dims"]),
        ("select (select max(x) from a1) from b1 where exists (from c1)", ["a1", "b1", "c1"]),
        ('select * from "My Table", a.b.c', ["My Table", "a.b.c"]),
    ],
)  # fmt: skip
def test_tables_of_a_query(sql: str, tables: list[str]) -> None:
    assert [mention.name for mention in parse(sql, Parser()).tables] == tables


def test_places_in_text_survive_replacements() -> None:
    text = plain("select m(a), n(b) from t").replaced([(7, 11, "(x + y)"), (13, 17, "z")])
    assert text.text == "select (x + y), z from t"
    assert [text.origin(at) for at in (0, 8, 12, 14, 16, 18, 23)] == [0, 7, 7, 11, 13, 18, 23]
    again = text.replaced([(16, 17, "longer")])
    assert again.text[again.text.index("from") :] == "from t"
    assert again.origin(again.text.index("from")) == 18
    assert spot("a\nbcd", 3).shown(5) == "    bcd\n     ^^"
    assert arguments("f(a, g(b, 'x, y'), [1, 2])") == ["a", "g(b, 'x, y')", "[1, 2]"]


# --- before anything runs ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select region, amont from orders", ["assets/bad.sql:1:16: ", "no column `amont`", "did you mean `amount`?"]),
        ("select region + 1 as x from orders where day > $d", ["is not known"]),
        ("select sum(region) as x\nfrom chain", ["assets/bad.sql:1:8: ", "sum(VARCHAR)"]),
        ("select\n  amount from chain", ["assets/bad.sql:2:3: ", "no column `amount` in `chain`"]),
        ("select lable from raw", ["assets/bad.sql:1:8: ", "did you mean `label`?"]),
        ('-- @asset columns = {amount = "date"}\nselect amount from orders', ["declares `amount` as DATE"]),
    ],
)
def test_columns_and_types_are_checked_before_anything_runs(tmp_path: Path, text: str, said: list[str]) -> None:
    chain = "select region, sum(amount) as total from orders group by region"
    project = write(tmp_path, chain=chain)
    project.materialize("orders")
    (tmp_path / "assets" / "bad.sql").write_text(text)
    project.reload()
    with pytest.raises(DefinitionError) as caught:
        project.materialize("bad")
    for part in said:
        assert part in str(caught.value)
    assert len(project.runs()) == 1


def test_nothing_is_said_of_a_query_over_what_is_about_to_change(tmp_path: Path) -> None:
    project = write(tmp_path, later="select extra from orders")
    project.materialize("orders")
    made = tmp_path / "assets" / "made.py"
    made.write_text(made.read_text().replace('"amount": [10, 5, 7],', '"amount": [10, 5, 7], "extra": [1, 2, 3],'))
    project.reload()
    assert project.materialize("later").ok


def test_validate_names_what_it_could_not_check(tmp_path: Path) -> None:
    write(tmp_path, totals=TOTALS, bad="select lable from raw")
    ended = assetflow("validate", at=tmp_path)
    assert (ended.code, "did you mean `label`?" in ended.err) == (3, True)
    (tmp_path / "assets" / "bad.sql").unlink()
    ended = assetflow("validate", at=tmp_path)
    assert ended.code == 0
    assert "the columns that `totals` names are checked when it runs: `" in ended.err


def test_a_query_may_be_limited_like_a_function(tmp_path: Path) -> None:
    long = "select sum(a.range * b.range) as s from range(200000) a, range(200000) b"
    project = write(tmp_path, slow=f'-- @asset\n-- timeout = "1s"\n-- memory = "2GB"\n{long}')
    (step,) = project.materialize("slow").steps
    assert step.status == "failed"
    assert "did not end within 1 s" in str(step.error)


def test_limits_that_make_no_sense_are_problems(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        a='-- @asset\n-- timeout = "soon"\nselect 1 as n',
        b="-- @asset\n-- timeout = -4\nselect 1 as n",
        c='-- @asset\n-- memory = "lots"\nselect 1 as n',
        d='-- @asset\n-- compute = "proces"\nselect 1 as n',
        e='-- @asset\n-- pool = "db"\nselect 1 as n',
    )
    for word in ("'soon'", "-4", "'lots'", "'proces'", "`db`"):
        assert word in told


def test_two_macros_of_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    write(tmp_path)
    assets = tmp_path / "assets"
    (assets / "m1.sql").write_text("create macro share(a, b) as a / b;\n")
    (assets / "m2.sql").write_text("\ncreate macro Share(a) as a;\n")
    (assets / "m3.py").write_text("import assetflow as af\n\n\n@af.sql_macro\ndef share(a):\n    return a\n")
    (assets / "m4.py").write_text("from m3 import share\n")
    with pytest.raises(DefinitionError) as caught:
        af.Project.load(tmp_path).plan()
    told = [(found.file, found.line, found.message) for found in caught.value.problems]
    assert told == [
        ("assets/m2.sql", 2, "the macro `Share` is there already, in assets/m1.sql:1"),
        ("assets/m3.py", 4, "the macro `share` is there already, in assets/m1.sql:1"),
    ]


def test_descriptions_of_columns_are_shown_and_told(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        totals='-- @asset\n-- columns = {t = {description = "euros, all regions"}, n = "BIGINT"}\n'
        "select sum(amount) as t, count(*) as n from orders",
    )
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.assetflow.openlineage]\ntransport = "file"\npath = "told.jsonl"\n')
    project = af.Project.load(tmp_path)
    assert project.materialize("totals").ok
    assert "euros, all regions" in assetflow("show", "totals", at=tmp_path).out
    schema = assetflow("show", "totals", "--json", at=tmp_path).json["schema"]
    assert {each["column"]: each["description"] for each in schema} == {"t": "euros, all regions", "n": None}
    assert "  t  euros, all regions\n" in assetflow("lineage", "totals", "--columns", at=tmp_path).out
    found = assetflow("lineage", "totals", "--columns", "n", "--json", at=tmp_path).json
    assert found["descriptions"] == {}
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    fields = [
        field
        for event in told
        for output in event.get("outputs", ())
        for field in output["facets"].get("schema", {}).get("fields", ())
        if output["name"] == "totals"
    ]
    assert {field["name"]: field.get("description") for field in fields} == {"t": "euros, all regions", "n": None}


def test_a_column_that_nobody_followed_may_be_asked_about(tmp_path: Path) -> None:
    write(tmp_path).materialize("marts/regions")
    ended = assetflow("lineage", "marts/regions", "--columns", "name", at=tmp_path)
    assert ended.code == 0, ended.err
    ended = assetflow("lineage", "marts/regions", "--columns", "nam", at=tmp_path)
    assert (ended.code, "did you mean `name`?" in ended.err) == (2, True)


def test_a_large_text_file_is_not_read_for_its_columns_and_validate_says_so(tmp_path: Path) -> None:
    write(tmp_path, bad="select lable from raw")
    with (tmp_path / "data" / "raw.csv").open("a") as file:
        file.writelines("7,more\n" * 1_000 for _ in range(5_000))
    ended = assetflow("validate", "--json", at=tmp_path)
    assert (ended.code, "`raw` is a text file of 35 MB" in ended.err) == (0, True), ended.err
    assert [each["asset"] for each in ended.json["unchecked"]] == ["bad"]


def test_a_template_is_told_how_to_be_a_query(tmp_path: Path) -> None:
    told = problems(tmp_path, a='select * from {{ ref("orders") }}', b="-- nothing yet")
    assert "assets/a.sql:1:15: asset `a`: syntax error" in told
    assert "name assets as tables" in told
    assert "write a SELECT, or delete the file" in told


# --- mistakes that others follow from ---

BASE = """
import assetflow as af
import polars as pl

@af.asset(partitions=af.StaticPartitions(["a", "b"]))
def base() -> pl.DataFrame:
    return pl.DataFrame({"k": [1]})
"""
READERS = """
import assetflow as af

@af.asset
def counted(base: object, typo: int) -> int:
    return 1

@af.asset(deps=["base"])
def after() -> int:
    return 1
"""


def problems_of(folder: Path, base: str, like: str) -> list[str]:
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "base.py").write_text(base)
    (folder / "assets" / "readers.py").write_text(READERS)
    (folder / "assets" / "by_key.sql").write_text(
        f'-- @asset\n-- partitions = {{like = "{like}"}}\nselect $partition as p, $partition_x as q, k from base\n'
    )
    with pytest.raises(DefinitionError) as caught:
        af.Project.load(folder).plan()
    return [problem.message.splitlines()[0] for problem in caught.value.problems]


def test_a_file_that_fails_is_one_problem_and_not_one_for_each_reader(tmp_path: Path) -> None:
    (failed, other) = problems_of(tmp_path, BASE + "\nx = af.nothing\n", "base")
    assert failed == "AttributeError: module 'assetflow' has no attribute 'nothing'"
    assert "parameter `typo` is neither an asset" in other


def test_partitions_like_an_asset_that_is_none_are_one_problem(tmp_path: Path) -> None:
    found = problems_of(tmp_path, BASE, "basee")
    assert "asset `by_key`: partitions: no asset is called `basee`" in found
    assert not [each for each in found if "$partition" in each]


# --- asking for tables ---


def test_a_table_that_is_not_there_is_told_in_words_of_assets(tmp_path: Path) -> None:
    project = write(tmp_path, totals="select count(*) as n from orders")

    def refused(sql: str) -> str:
        with pytest.raises(QueryError) as caught:
            project.query(sql)
        return f"{caught.value.message} / {caught.value.hint}"

    assert refused('from data."totals"') == (
        "nothing is published of `totals` in `prod`, so that there is no table `data.totals` / "
        "run `assetflow materialize totals`"
    )
    assert refused("from data.total") == (
        "there is no table `data.total`, and no asset of that name / did you mean `totals`?"
    )
    assert "did you mean `lineage`?" in refused("from lineag")
    assert project.materialize("totals").ok
    assert project.query("from data.totals")


def test_of_a_long_line_an_error_shows_what_is_around_the_place(tmp_path: Path) -> None:
    long = ", ".join(f"amount + {n} as c{n}" for n in range(900))
    project = write(tmp_path, wide=f"select {long}, amoun as x, {long.replace('c', 'd')} from orders")
    assert project.materialize("orders").ok
    with pytest.raises(DefinitionError) as caught:
        project.plan("wide")
    (_, line, caret) = caught.value.problems[0].message.split("\n")
    assert len(line) < 180
    assert line[caret.index("^") :].startswith("amoun as x, ")
    assert line.startswith("    …")
    assert line.endswith("…")


def test_an_expression_that_is_too_deep_is_told_without_settings_of_the_engine(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="expression depth") as caught:
        write(tmp_path, deep=f"select {'+'.join(['amount'] * 1500)} as x from orders").plan()
    assert "SET" not in caught.value.message
