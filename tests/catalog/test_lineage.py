"""Recorded lineage: who read what, also through equal versions, in environments, in the past, and after a migration."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from assetflow.catalog import saved, schema
from assetflow.errors import QueryError
from assetflow.model.event import Event, Observed, PointerMoved
from tests.catalog.making import at, catalog, made, record, started

DOWN = "select asset, materialization, depth, is_current from downstream_of({}) order by all"


def points(asset: str, id: str | None, *, environment: str = "prod", order: int = 50, seconds: float = 50) -> Event:
    return PointerMoved(
        at=at(seconds), environment=environment, asset=asset, materialization=id, order=order, reason="test"
    )


def chain(*, again: float = 10) -> list[Event]:
    """a → b → c; then a is made again and comes out equal, so that nobody reads the new one."""
    return [
        started("r1", steps=3),
        made("r1", 1, "a", version="v:a", order=1),
        made("r1", 2, "b", version="v:b", order=2, inputs=[("a", None, "r1.1", "v:a")]),
        made("r1", 3, "c", version="v:c", order=3, inputs=[("b", None, "r1.2", "v:b")]),
        started("r2", seconds=again),
        made("r2", 1, "a", version="v:a", order=4, seconds=again),
    ]


def test_who_read_an_equal_version_has_read_this_one(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", chain())
    below = [("b", "r1.2", 1, True), ("c", "r1.3", 2, True)]
    assert target.query(DOWN.format("'a'")).rows == below
    assert [(e.asset, e.materialization, e.depth) for e in target.lineage("a").downstream] == [b[:3] for b in below]
    down = target.lineage("a", materialization="r2.1").downstream
    assert [edge.materialization for edge in down] == ["r1.2", "r1.3"]
    # what was really read is kept: upward the walk names the first one
    assert [edge.input_materialization for edge in target.lineage("c").upstream] == ["r1.2", "r1.1"]


def test_equal_versions_are_followed_on_the_way_too(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    events = chain()
    # another version of a made an equal b: c, which read the first b, is below this a as well
    events += [
        made("r2", 2, "a", version="v:a2", order=5, seconds=11),
        made("r2", 3, "b", version="v:b", order=6, seconds=12, inputs=[("a", None, "r2.2", "v:a2")]),
    ]
    record(target, "r1", events)
    assert target.query(DOWN.format("'a'")).rows == [("b", "r2.3", 1, True), ("c", "r1.3", 2, True)]


def test_a_version_of_another_partition_is_another_value(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(
        target,
        "r1",
        [
            made("r1", 1, "a", "x", version="v:same"),
            made("r1", 2, "a", "y", version="v:same"),
            made("r1", 3, "b", inputs=[("a", "x", "r1.1", "v:same")]),
        ],
    )
    assert target.query(DOWN.format("'a', 'y'")).rows == []
    assert len(target.query(DOWN.format("'a', 'x'")).rows) == 1


@pytest.mark.parametrize("readers_first", [True, False], ids=["readers first", "readers last"])
def test_the_order_of_folding_does_not_matter(tmp_path: Path, *, readers_first: bool) -> None:
    target = catalog(tmp_path)
    events = chain()
    logs = {"z1": [events[1]], "z2": events[2:4], "z3": [events[5]]}
    for name in sorted(logs, reverse=readers_first):
        record(target, name, logs[name])
        target.fold()
    assert target.query(DOWN.format("'a'")).rows == [("b", "r1.2", 1, True), ("c", "r1.3", 2, True)]
    assert {row[0] for row in target.query("select input_data_version from lineage").rows} == {"v:a", "v:b"}


def test_a_question_may_be_about_the_past(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    events = [
        *chain(),
        made("r3", 1, "b", version="v:b3", order=9, seconds=100, inputs=[("a", None, "r2.1", "v:a")]),
        made("r3", 2, "c", version="v:c3", order=10, seconds=101, inputs=[("b", None, "r3.1", "v:b3")]),
    ]
    record(target, "r1", events)
    sql = "select input_materialization from upstream_of('c', moment := $moment) order by depth"
    assert target.query(sql, {"moment": at(50)}).rows == [("r1.2",), ("r1.1",)]
    assert target.query(sql, {"moment": None}).rows == [("r3.1",), ("r2.1",)]
    assert target.query(sql, {"moment": at(-1)}).rows == []
    # what read the value of then, and whether that is still published now
    then = target.query("select materialization, is_current from downstream_of('b', moment := $m)", {"m": at(50)})
    assert then.rows == [("r1.3", False)]
    assert [e.input_materialization for e in target.lineage("c", moment=at(50)).upstream] == ["r1.2", "r1.1"]
    assert target.published("c", moment=at(50)) == "r1.3"
    assert target.published("c") == "r3.2"
    assert target.published("c", "x") is None


def test_an_environment_shows_what_it_has_and_else_what_prod_has(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    own = made("d1", 1, "b", version="v:bd", environment="dev", inputs=[("a", None, "r1.1", "v:a")], seconds=20)
    record(target, "r1", [*chain(), started("d1", environment="dev", seconds=19), own])
    sql = "select asset, input_asset from upstream_of('{}', environment := '{}') order by depth"
    assert target.query(sql.format("c", "dev")).rows == [("c", "b"), ("b", "a")]
    assert target.lineage("b", environment="dev").upstream[0].materialization == "d1.1"
    below = target.query(
        "select materialization, is_current from downstream_of('a', environment := 'dev') order by all"
    )
    assert below.rows == [("d1.1", True), ("r1.2", False), ("r1.3", True)]
    record(target, "m", [points("c", None, environment="dev")])
    assert target.query(sql.format("c", "dev")).rows == []
    assert len(target.query(sql.format("c", "prod")).rows) == 2


def test_what_goes_back_to_a_version_that_was_there_between_two_moments(tmp_path: Path) -> None:
    target = catalog(tmp_path)

    def seen(number: int, seconds: float) -> Event:
        return Observed(
            at=at(seconds), id=f"o{number}", run_id="r1", asset="raw", data_version=f"s:{number}", detail={},
            order=number,
        )  # fmt: skip

    events: list[Event] = [started("r1", steps=4)]
    for number in (1, 2, 3):
        events += [
            seen(number, 100 * number),
            made(
                "r1", number, "day", f"d{number}", seconds=100 * number + 1, order=number,
                inputs=[("raw", None, f"o{number}", f"s:{number}")],
            ),
        ]  # fmt: skip
    inputs = [("day", f"d{n}", f"r1.{n}", f"d:r1.{n}") for n in (1, 2)]
    events.append(made("r1", 4, "sum", seconds=350, order=5, inputs=inputs))
    record(target, "r1", events)

    def affected(first: float, last: float) -> list[tuple[object, ...]]:
        sql = "select asset, \"partition\" from affected_by('raw', $first, $last) order by all"
        return target.query(sql, {"first": at(first), "last": at(last)}).rows

    assert affected(110, 150) == [("day", "d1"), ("sum", None)]  # seen before, and there until the next one was seen
    assert affected(150, 250) == [("day", "d1"), ("day", "d2"), ("sum", None)]
    assert affected(300, 900) == [("day", "d3")]
    assert affected(0, 50) == []


def test_a_catalog_from_before_equal_versions_is_migrated(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", chain())
    target.fold()
    target.close()
    kept = "select m, same from inside.materializations order by m", "select * from inside.edges order by all"
    with duckdb.connect(str(target.root / "catalog.duckdb")) as con:
        before = [con.execute(sql).fetchall() for sql in kept]
        con.execute("alter table inside.materializations drop column same")
        con.execute("alter table inside.edges drop column same")
        con.execute("alter table inside.edges drop column input_same")
        (step,) = [each for each in schema.MIGRATIONS if each.__name__ == "_equal_versions"]
        step(con)
        assert [con.execute(sql).fetchall() for sql in kept] == before
        assert con.execute(DOWN.format("'a'")).fetchall() == [("b", "r1.2", 1, True), ("c", "r1.3", 2, True)]


# --- saved queries -----------------------------------------------------------------------------------------------

QUERY = """-- How many?
-- $asset (text): the asset
-- $since (timestamp, null): in UTC
-- $most (integer, 20): how many at most
select '$no', "$neither", $asset, $since, $most, $plain -- $nor
"""


def test_a_saved_query_declares_what_it_takes() -> None:
    query = saved.parse("count", QUERY)
    assert query.asks == "How many?"
    assert [(p.name, p.type, p.default) for p in query.parameters] == [
        ("asset", "text", None), ("since", "timestamp", "null"), ("most", "integer", "20"), ("plain", "text", None),
    ]  # fmt: skip
    bound = query.bind({"asset": "a", "plain": "", "since": "2026-01-31"})
    assert (bound["asset"], bound["most"], bound["plain"], bound["since"].year) == ("a", 20, None, 2026)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"asset": "a"}, "needs a value for `plain`", "-p plain=…"),
        ({}, "needs a value for `asset`, `plain`", "-p asset=… -p plain=…"),
        ({"aset": "a"}, "has no parameter `aset`", "did you mean `asset`?"),
        ({"asset": "a", "plain": "", "most": "many"}, "`most` is 'many', which is no integer", "how many at most"),
    ],
)
def test_a_wrong_value_is_named(given: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        saved.parse("count", QUERY).bind(given)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(QueryError) as caught:
        saved.parse("count", "-- Hm?\n-- $n (integr): how many\nselect $n")
    assert caught.value.hint == "did you mean `integer`?"
