"""Column lineage of queries, held against an oracle that changes columns and looks what moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assetflow.define.sql.columns import Origins
from tests.cli.calling import assetflow
from tests.sql.making import statuses, write
from tests.sql.oracle import found, is_valid, missed

TABLES = {
    "a": {"k": [1, 2, 3, 3, 5], "x": [4, 1, 7, 2, 2], "y": [3, 3, 1, 9, 0], "s": ["p", "q", "p", "r", "q"]},
    "b": {"k": [3, 1, 2, 8], "z": [5, 5, 6, 1], "w": [2, 7, 4, 4]},
}

NUMBERS = ["k", "x", "y"]


def uses(origins: Origins) -> set[str]:
    return {f"{origin.asset}.{origin.column} {origin.use}" for origin in origins}


def of(expression: str, table: str, columns: str = "k") -> str:
    """An expression with some of its columns named with their table."""
    return re.sub(rf"(?<![.\w])([{columns}])\b", rf"{table}.\1", expression)


@st.composite
def scalar(draw: st.DrawFn, columns: list[str], depth: int = 2) -> str:
    """A number made of these columns."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([*columns, *columns, "1", "3"]))
    one = draw(scalar(columns, depth - 1))
    two = draw(scalar(columns, depth - 1))
    forms = [
        f"({one} + {two})", f"greatest({one}, {two})", f"(case when {one} > {two} then {one} else 0 end)",
        f"coalesce(nullif({one}, {two}), -1)", f"list_sum(list_transform([{one}, {two}], lambda v: v + k))",
        f"list_sum([v for v in [{one}, {two}] if v > x])", f"(struct_pack(f := {one})).f",
        f"(select max(z) from b where b.k = {one})", f"(select count(*) from b where z > {two})",
        f"({one} in (select w from b))::int", f"(exists (from b where w = {one}))::int",
    ]  # fmt: skip
    return draw(st.sampled_from(forms))


@st.composite
def query(draw: st.DrawFn) -> str:
    """A query over a and b, of one of the shapes that SQL has."""
    columns = NUMBERS
    one, two, three = (draw(scalar(columns, 2)) for _ in range(3))
    simple = draw(scalar(columns, 1))
    inner = f"select k, {one} as x, y, s from a where {two} > 1"
    agg = draw(st.sampled_from(["sum", "min", "count", "list", "first", "any_value"]))
    order = "order by all"
    shapes = [
        f"select {one} as o, {two} as p from a where {three} > 2 {order}",
        f"select *, {one} as o from a {order}",
        f"select * exclude (y) replace ({simple} as x) from a {order}",
        f"select * rename (x as xx), x as x2 from a {order}",
        f"select s, {agg}({one}) as o, count(*) as n from a where {two} > 0 group by s having sum(k) > 2 order by s",
        f"select {simple} as g, count(*) as n, sum({two}) as o from a group by all {order}",
        f"select {simple} as g, sum(x) filter (y > 1) as o from a group by 1 order by 1",
        f"with i as ({inner}) select sum(x) as o, max(y) as p from i",
        f"with a as ({inner}), j as (select x, y from a) select y, x + 1 as o from j {order}",
        f"select a.s, b.z, {of(one, 'a')} as o from a join b on a.k = b.k and b.w > 2 {order}",
        f"select *, row_number() over (partition by s order by {simple}, y, x, k) as r from a {order}",
        f"select s, sum(x) over (partition by s order by y, k rows 1 preceding) as r from a {order}",
        f"select k, x from a qualify row_number() over (partition by s order by {one}, k, x, y) = 1 {order}",
        f"select {one} as o from a union all select z from b {order}",
        f"select {simple} as o from a union select w from b {order}",
        f"select k as o from a where {one} > 1 except select k from b {order}",
        f"select x as o from a intersect select {simple} from a {order}",
        f"select x, y from a union all by name select z as y, w as q from b {order}",
        f"select distinct {simple} as o from a {order}",
        f"select distinct on (s) s, x from a order by s, {one}, x, y, k",
        f"select x from a order by {one}, k, x, y limit 2",
        f"select q.v, a.s from a, lateral (select {of(one, 'a')} as v) q {order}",
        f"select s, unnest([x, {simple}]) as u from a {order}",
        f"from (pivot a on s in ('p', 'q') using sum({simple}) group by k) {order}",
        f"from a pivot (sum(x) as t, max(y) as m for s in ('p', 'q') group by k) {order}",
        f"select k, n, v from (select k, x, y from a) unpivot (v for n in (x, y)) {order}",
        f"select a.s, b.w from a left join b using (k) where {of(simple, 'a')} > 0 {order}",
        "select * from a full join b using (k) order by all",
        "select k, s, z from a natural join b order by all",
        f"select s from a semi join b on a.k = b.k and {of(simple, 'b')} > 1 {order}",
        f"select k, x from a anti join b using (k) {order}",
        "select a.x, b.z from a asof join b on a.k >= b.k order by all",
        f"select columns('x|y'), columns(* exclude (s)) + 1 from a {order}",
        f"select min(columns(* exclude (s))) from a where {one} > 1",
        "with recursive r(n, m) as (select k, x from a where k < 3 union all select n + 1, m + 1 from r where n < 5) "
        "from r",
        f"select sum(o) as t from (select {one} as o from a order by {two}, x, y, k limit 3)",
        f"select (select sum(x) from a i where i.s = a.s and {of(simple, 'i', 'kxy')} > 0) as o, k from a {order}",
        f"select x as y, y + 1 as o from a {order}",
        f"select k as kk, kk + 1 as o from a where kk > {simple} {order}",
        f"select {simple} as x, sum(y) as t from a group by x {order}",
        f"from a select s, string_agg(s, '-' order by {simple}, k, x, y) as l group by s {order}",
        f"select v.c, a.s from (values (1, 2), (3, 4)) v(c, d) join a on k = v.c and {of(simple, 'a')} > 0 {order}",
        f"select count(*) as n from a positional join b where x > {of(simple, 'a')}",
        f"select grouping(s) as g, s, sum({simple}) as o from a group by rollup (s) {order}",
        f"select a as whole, s from a {order}",
    ]  # fmt: skip
    return draw(st.sampled_from(shapes))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query())
def test_no_influence_is_missed(sql: str) -> None:
    assume(is_valid(TABLES, sql))
    assert missed(TABLES, sql) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(query())
def test_no_influence_is_missed_where_the_columns_of_inputs_are_not_known(sql: str) -> None:
    assume(is_valid(TABLES, sql))
    assert missed(TABLES, sql, known=False) == []


@pytest.mark.parametrize(
    ("sql", "column", "expected"),
    [
        ("select x + y as o from a where k > 1", "o", {"a.x value", "a.y value", "a.k filter"}),
        ("select count(*) as n from a", "n", {"a.* rows"}),
        ("select s, sum(x) as t from a group by s", "t", {"a.x value", "a.s group key"}),
        ("select z from a join b using (k)", "z", {"b.z value", "a.k join key", "b.k join key"}),
        ("select x from a order by y", "x", {"a.x value", "a.y order"}),
        ("select row_number() over (partition by s order by x) as r from a", "r", {"a.s group key", "a.x order"}),
        ("select sum(x) filter (y > 1) as t from a", "t", {"a.x value", "a.y filter"}),
        ("select * from a where k in (select k from b)", "x", {"a.x value", "a.k filter", "b.k filter"}),
    ],
)
def test_each_use_has_its_kind(sql: str, column: str, expected: set[str]) -> None:
    assert uses(found(TABLES, sql)[column]) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select sum(x), sum(y) from a", {"sum(x)": {"a.x value"}, "sum(y)": {"a.y value"}}),
        ('select "max(y)" as t, "(x + 1)" from (select sum(x), max(y), x + 1 from a group by x)',
         {"t": {"a.y value", "a.x group key"}, "(x + 1)": {"a.x value", "a.x group key"}}),
        ("select x as o, y as o from a", {"o": {"a.x value", "a.y value"}}),
        ("select unnest(w), s from (select {'p': x, 'q': y} as w, s from a)",
         {"s": {"a.s value"}, "*": {"a.x value", "a.y value", "a.s value"}}),
        ("select unnest([x, y]) as u from a", {"u": {"a.x value", "a.y value"}}),
    ],
)  # fmt: skip
def test_columns_without_a_name_are_called_as_the_engine_will(sql: str, expected: dict[str, set[str]]) -> None:
    assert {name: uses(origins) for name, origins in found(TABLES, sql, named=False).items()} == expected
    if "*" not in expected:
        assert found(TABLES, sql).keys() == expected.keys()
    assert missed(TABLES, sql) == []


def test_what_cannot_be_told_is_unknown_and_not_left_out() -> None:
    said = found(TABLES, "select q, x from a, b", known=False)
    assert uses(said["q"]) == {"a.q unknown", "b.q unknown"}
    assert uses(found(TABLES, "select * from a", known=False)["*"]) == {"a.* unknown"}


def test_an_expression_of_a_thousand_levels_is_followed() -> None:
    assert uses(found(TABLES, f"select {' + '.join(['x'] * 900)} as o from a")["o"]) == {"a.x value"}


# --- in a project ---


def test_the_view_and_the_command_follow_columns_through_assets(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        totals="select region, sum(amount)::bigint as total from orders where day > '2023' group by region",
        report="select name, total as t from totals join marts.regions using (region)",
    )
    assert project.materialize("report").ok
    rows = project.query("select * from column_lineage where asset = 'report' and \"column\" = 't' order by all")
    assert [(row["input_asset"], row["input_column"], row["kind"]) for row in rows] == [
        ("marts/regions", "region", "join key"),
        ("totals", "region", "join key"),
        ("totals", "total", "value"),
    ]
    unknown = project.query("select * from column_lineage where asset = 'daily'")
    assert [(row["column"], row["input_column"], row["kind"]) for row in unknown] == [("*", "*", "unknown")]
    found = assetflow("lineage", "report", "--columns", "T", "--json", at=tmp_path).json["upstream"]
    assert {("orders", "amount", "value", 2), ("orders", "day", "filter", 2), ("totals", "total", "value", 1)} <= {
        (hop["input_asset"], hop["input_column"], hop["kind"], hop["depth"]) for hop in found
    }
    down = assetflow("lineage", "orders", "--columns", "amount", "--json", at=tmp_path).json["downstream"]
    assert {(hop["asset"], hop["column"]) for hop in down} == {("totals", "total"), ("report", "t"), ("daily", "*")}


def test_what_a_query_does_not_read_makes_nothing_stale(tmp_path: Path) -> None:
    project = write(tmp_path, totals="select region, count(*) as n from orders group by region order by region")
    project.materialize("totals")
    made = tmp_path / "assets" / "made.py"
    made.write_text(made.read_text().replace('"amount": [10, 5, 7]', '"amount": [11, 5, 7]'))
    project.reload()
    assert statuses(project.materialize("totals")) == {"orders": "materialized", "totals": "unchanged"}
    made.write_text(made.read_text().replace('"region": ["eu", "us", "eu"]', '"region": ["eu", "eu", "eu"]'))
    project.reload()
    assert statuses(project.materialize("totals")) == {"orders": "materialized", "totals": "materialized"}
