"""Versions of a value: naming them, comparing two, and publishing an earlier one again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from assetflow.catalog.rows import HistoryRow
from assetflow.cli.commands.history import why_words
from assetflow.errors import (
    AssetflowError,
    DefinitionError,
    OutputLostError,
    PartitionError,
    UnknownAssetError,
    UnknownPartitionError,
    UsageError,
    ValueNotFoundError,
)  # fmt: skip
from assetflow.model.record import StepStatus
from tests.cli.calling import assetflow, write

BEFORE = pl.DataFrame({"id": [1, 2, 3, 4], "name": ["a", "b", "c", None], "x": [1.0, 2.0, 3.0, float("nan")]})
AFTER = pl.DataFrame(
    {"id": [2, 3, 4, 5, 6], "name": ["b", "C", None, "e", "e"], "x": [2.0, 3.5, float("nan"), 5.0, 6.0]}
)


class Shop:
    """A project of one table and what reads it, whose table is what a test says next."""

    def __init__(self, folder: Path) -> None:
        self.value: Any = BEFORE
        self.folder = folder
        self.project = self.declared()

    def declared(self, **options: Any) -> af.Project:
        @af.asset(**options)
        def table() -> Any:
            return self.value

        @af.asset
        def reader(table: Any) -> str:
            return str(table)

        return af.Project([table, reader], root=self.folder, catalog=str(self.folder / "catalog"))

    def make(self, value: Any) -> str:
        """Materialize the table with that value; the id of the materialization."""
        self.value = value
        result = self.project.materialize("table", force=True)
        assert result.ok, result.steps
        return self.project.history("table", limit=1)[0].materialization


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_rows_are_told_apart_by_a_column_that_is_unique(shop: Shop) -> None:
    first, second = shop.make(BEFORE), shop.make(AFTER)
    found = shop.project.diff("table")
    assert not found.same
    assert ([row.materialization for row in (*found.before, *found.after)]) == [first, second]
    table = found.table
    assert table is not None
    assert (table.key, table.inferred) == (("id",), True)
    assert (table.rows_before, table.rows_after, table.added, table.removed, table.changed) == (4, 5, 2, 1, 1)
    columns = {each.column: each for each in table.columns}
    assert (columns["name"].changed, columns["x"].changed) == (1, 1)
    assert columns["name"].before is not None
    assert (columns["name"].before.nulls, columns["name"].before.distinct, columns["name"].before.maximum) == (
        1,
        3,
        "c",
    )
    assert [(s.kind, s.key["id"], dict(s.values)) for s in table.samples] == [
        ("removed", 1, {}), ("added", 5, {}), ("added", 6, {}), ("changed", 3, {"name": ("c", "C"), "x": (3.0, 3.5)}),
    ]  # fmt: skip
    assert table.schema == ()


def test_without_a_unique_column_rows_are_compared_whole(shop: Shop) -> None:
    shop.make(pl.DataFrame({"g": [1, 1, 2], "v": ["a", "a", "b"]}))
    shop.make(pl.DataFrame({"g": [1, 2, 2], "v": ["a", "b", "b"]}))
    table = shop.project.diff("table").table
    assert table is not None
    assert (table.key, table.added, table.removed, table.changed, table.samples) == (None, 1, 1, None, ())


def test_a_key_of_several_columns_with_nulls(shop: Shop) -> None:
    shop.make(pl.DataFrame({"a": [1, 1, None], "b": ["x", "y", "x"], "v": [1, 2, 3]}))
    shop.make(pl.DataFrame({"a": [1, 1, None], "b": ["x", "z", "x"], "v": [1, 2, 4]}))
    table = shop.project.diff("table", key=["a", "b"]).table
    assert table is not None
    assert (table.added, table.removed, table.changed) == (1, 1, 1)
    assert table.samples[-1].values == {"v": (3, 4)}


def test_the_row_key_of_the_declaration_is_used_where_it_holds(shop: Shop) -> None:
    shop.project = shop.declared(row_key="id")
    shop.make(pl.DataFrame({"a": [1, 2, 3], "id": [1, 2, 3]}))
    shop.make(pl.DataFrame({"a": [3, 1, 2], "id": [1, 2, 3]}))
    table = shop.project.diff("table").table
    assert table is not None
    assert (table.key, table.inferred, table.changed, table.key_problem) == (("id",), False, 3, None)
    asked = shop.project.diff("table", key=["a"]).table
    assert asked is not None
    assert (asked.key, asked.changed) == (("a",), 3)
    shop.make(pl.DataFrame({"a": [3, 1, 2], "id": [1, 1, 3]}))
    broken = shop.project.diff("table").table
    assert broken is not None
    assert (broken.key, broken.inferred) == (("a",), True)
    assert broken.key_problem == "the key `id` is not unique: 2 rows of the second version have id = 1"
    shop.make(pl.DataFrame({"a": [3, 1, 2]}))
    gone = shop.project.diff("table").table
    assert gone is not None
    assert gone.key_problem == "`id` is no column of both versions"
    shown = shop.project.query("select policies ->> '$.row_key' as k from assets where asset = 'table'")
    assert shown == [{"k": '["id"]'}]


@pytest.mark.parametrize("given", [[], "", ["id", "id"], ["id", 3], 3, {"id": 1}])
def test_a_row_key_that_is_none_is_a_problem_of_the_definition(shop: Shop, given: Any) -> None:
    with pytest.raises(DefinitionError, match="row_key= is"):
        _ = shop.declared(row_key=given).graph


def test_columns_that_come_go_and_change_their_type(shop: Shop) -> None:
    shop.make(pl.DataFrame({"id": [1, 2], "n": [10, 20], "gone": [0, 0]}))
    shop.make(pl.DataFrame({"id": [1, 2], "n": ["10", "21"], "Weird \"name'": [0, 0]}))
    table = shop.project.diff("table").table
    assert table is not None
    assert [each.column for each in table.schema] == ["n", "gone", "Weird \"name'"]
    assert next(each.changed for each in table.columns if each.column == "n") == 1


@pytest.mark.parametrize(
    ("key", "words", "hint"),
    [
        (["idd"], "`idd` is no column of both versions", "did you mean `id`?"),
        (["name"], "the key `name` is not unique", "--key A,B"),
    ],
)
def test_a_wrong_key_is_named(shop: Shop, key: list[str], words: str, hint: str) -> None:
    shop.make(BEFORE)
    shop.make(AFTER)
    with pytest.raises(UsageError) as caught:
        shop.project.diff("table", key=key)
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")


def test_text_and_json_are_compared_by_lines_and_other_values_by_size(shop: Shop) -> None:
    shop.make({"a": 1, "b": [1, 2]})
    shop.make({"b": [1, 3], "a": 1})
    lines = shop.project.diff("table").lines
    assert lines is not None
    assert [line.strip() for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-    2",
        "+    3",
    ]
    shop.make(b"\x00\xff")
    found = shop.project.diff("table")
    assert (found.same, found.lines, found.table) == (False, None, None)


def test_versions_are_named_in_many_ways(shop: Shop) -> None:
    first, second = shop.make(1), shop.make(2)
    third = shop.make(3)

    def named(text: str) -> str:
        return shop.project.diff("table", text, "latest").before[0].materialization

    assert [named(text) for text in ("latest", "previous", "env:prod", first, second.partition(".")[0])] == [
        third, second, third, first, second,
    ]  # fmt: skip
    rows = {row.materialization: row for row in shop.project.history("table")}
    assert named(rows[second].materialized_at) in (first, second)
    assert named("2100-01-01") == third
    assert shop.project.diff("table", "latest", "latest").same


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: p.diff("tabel"), UnknownAssetError, "tabel"),
        (lambda p: p.diff("table", "lastest"), ValueNotFoundError, "did you mean `latest`?"),
        (lambda p: p.diff("table", "2000-01-01"), ValueNotFoundError, "was not published at 2000-01-01"),
        (lambda p: p.diff("table", "env:dve"), ValueNotFoundError, "no environment `dve`"),
        (lambda p: p.diff("table", "previous"), ValueNotFoundError, "no previous version"),
        (lambda p: p.diff("table", partition="x"), PartitionError, "has no partitions"),
        (lambda p: p.rollback("table", "nothing"), ValueNotFoundError, "names no version"),
        (lambda p: p.history("tabel"), UnknownAssetError, "tabel"),
        (lambda p: p.lineage("table", at="2000-01-01"), ValueNotFoundError, "was not published at 2000-01-01"),
        (lambda p: p.history("table", "bad"), PartitionError, "has no partitions"),
    ],
)
def test_what_is_not_there_is_named(
    shop: Shop, make: Callable[[af.Project], Any], error: type[AssetflowError], words: str
) -> None:
    shop.make(1)
    with pytest.raises(error) as caught:
        make(shop.project)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_partition_that_is_not_there_is_named_by_history(tmp_path: Path) -> None:
    @af.asset(partitions=af.StaticPartitions(["north", "south"]))
    def region(context: af.Context) -> str:
        return str(context.partition)

    project = af.Project([region], root=tmp_path)
    assert project.materialize().ok
    assert len(project.history("region", "north")) == 1
    with pytest.raises(UnknownPartitionError) as caught:
        project.history("region", "nort")
    assert "north" in f"{caught.value.hint}"
    with pytest.raises(PartitionError, match="partitioned"):
        project.rollback("region", "previous")


def test_all_partitions_are_compared_together(tmp_path: Path) -> None:
    step = [0]

    @af.asset(partitions=af.StaticPartitions(["a", "b"]), row_key="n")
    def parts(context: af.Context) -> pl.DataFrame:
        ids = [f"{context.partition}{n}" for n in range(3)]
        return pl.DataFrame({"n": [0, 1, 2], "id": ids, "v": [step[0]] * 3})

    project = af.Project([parts], root=tmp_path)
    assert project.materialize().ok
    between = project.history("parts", limit=1)[0].materialized_at
    step[0] = 1
    assert project.materialize("parts", partitions="b", force=True).ok
    keyed = project.diff("parts", between, "latest").table
    assert keyed is not None
    assert (keyed.key, keyed.inferred, keyed.changed) == (("partition", "n"), False, 3)
    table = project.diff("parts", between, "latest", key=["id"]).table
    assert table is not None
    assert (table.rows_before, table.rows_after, table.changed) == (6, 6, 3)


def test_a_rolled_back_value_is_what_downstream_reads(shop: Shop) -> None:
    project = shop.project
    first = shop.make(1)
    assert project.materialize().ok
    shop.make(2)
    assert project.materialize().ok
    assert project.load("reader") == "2"
    done = project.rollback("table", "previous")
    assert (done.after, done.moved) == (first, True)
    assert project.load("table") == 1
    assert not project.rollback("table", first).moved
    assert [step.asset for step in project.plan().steps] == ["reader"]
    result = project.materialize()
    # what was made of the earlier value is still there
    assert [(step.asset, step.status) for step in result.steps] == [("reader", StepStatus.REUSED)]
    assert project.load("reader") == "1"
    assert project.query("select reason from publications where reason = 'rollback'") == [{"reason": "rollback"}]
    project.rebuild_catalog()
    assert project.load("table") == 1


def test_a_version_that_is_gone_is_not_published_again(shop: Shop) -> None:
    first = shop.make(BEFORE)
    shop.make(AFTER)
    shop.project.store.path(shop.project.history("table")[1].uri).unlink()
    for ask in (lambda: shop.project.rollback("table", first), lambda: shop.project.diff("table")):
        with pytest.raises(OutputLostError, match=first):
            ask()


def test_a_query_over_a_value_that_is_gone_names_the_asset_partition(shop: Shop) -> None:
    shop.make(BEFORE)
    shop.project.store.path(shop.project.history("table")[0].uri).unlink()
    with pytest.raises(OutputLostError) as caught:
        shop.project.query("select * from data.table")
    assert "`table`" in caught.value.message
    assert "assetflow materialize table" in (caught.value.hint or "")


def test_history_tells_why_each_version_was_made_and_by_which_code(tmp_path: Path) -> None:
    module = "import assetflow as af\n{rest}\ndef half(x: int) -> int:\n    return x {what}\n"
    asset = "@af.asset\ndef number(context: af.Context) -> int:\n    {body}\n    return half(9)\n"

    def make(what: str, body: str = "pass", *flags: str) -> None:
        write(tmp_path, {"assets/a.py": module.format(what=what, rest=asset.format(body=body))})
        assert assetflow("materialize", *flags, at=tmp_path).code == 0

    make("// 2")
    make("// 3")
    make("// 3", "pass", "--force")
    make("// 4", "context.add_metadata(error=0.5, note='two\\nlines', see=af.Link('https://a.org'))", "--force")
    rows = assetflow("history", "number", "--json", at=tmp_path).json
    assert [[cause["kind"] for cause in row["causes"]] for row in rows] == [
        ["code_changed", "forced"], ["forced"], ["code_changed"], ["missing"],
    ]  # fmt: skip
    assert [row["code_changed"] for row in rows] == [
        ["assets/a.py:half", "assets/a.py:number"], None, ["assets/a.py:half"], None,
    ]  # fmt: skip
    assert assetflow("history", "number", "-n", "1", "--json", at=tmp_path).json == rows[:1]
    text = assetflow("history", "number", at=tmp_path).out.splitlines()
    assert "code changed: `assets/a.py:half`, `assets/a.py:number`; forced" in text[1]
    assert "error=0.5, note=two lines, see=https://a.org" in text[1]
    assert text[4].endswith("never materialized")
    declared = asset.format(body="pass").replace("@af.asset", '@af.asset(code_version="1")')
    write(tmp_path, {"assets/a.py": module.format(what="// 4", rest=declared)})
    assert assetflow("materialize", at=tmp_path).code == 0
    assert assetflow("history", "number", "--json", at=tmp_path).json[0]["code_changed"] is not None


def test_code_that_changed_without_being_a_cause_is_told() -> None:
    row = HistoryRow(
        *[*(["x"] * 14), {}, {}, 0.1, "2026-01-31T00:00:00Z", (), [{"kind": "forced"}], ("a.py:f", "+a.py:g")]
    )
    assert why_words(row) == "forced; code changed: `a.py:f`, `+a.py:g`"
    assert why_words(row._replace(causes=[{"kind": "from_the_future", "x": 1}], code_changed=None)) == "from the future"
    assert why_words(row._replace(causes=[{"kind": "upstream_stale", "upstream": "a"}], code_changed=None)) == (
        "`a` was rebuilt"
    )
    assert why_words(row._replace(causes=[{"kind": "requested"}], code_changed=())) == "requested; its code changed"


# --- the command line ------------------------------------------------------------------------------------------------

FILE = """
import polars as pl
import assetflow as af

seen = af.source("seen", path="prices.csv")

@af.asset
def prices() -> pl.DataFrame:
    return pl.read_csv("prices.csv")
"""


def test_the_commands_say_what_differs_and_move_back(tmp_path: Path) -> None:
    write(tmp_path, {"assets/shop.py": FILE, "prices.csv": "id,price\n1,10\n2,20\n"})
    assert assetflow("materialize", at=tmp_path).code == 0
    write(tmp_path, {"prices.csv": "id,price\n1,10\n2,25\n3,30\n"})
    assert assetflow("materialize", "--force", at=tmp_path).code == 0
    shown = assetflow("diff", "prices", at=tmp_path)
    assert shown.code == 0, shown.err
    assert "2 → 3 rows: 1 added, 1 changed (by `id`, which is unique)" in shown.out
    assert "price: 20 → 25" in shown.out
    assert assetflow("diff", "prices", "--check", at=tmp_path).code == 5
    assert assetflow("diff", "prices", "latest", "latest", "--check", at=tmp_path).code == 0
    document = assetflow("diff", "prices", "--json", at=tmp_path).json
    assert (document["same"], document["table"]["changed"], document["table"]["key"]) == (False, 1, ["id"])
    back = assetflow("rollback", "prices", "--to", "previous", at=tmp_path)
    assert back.code == 0, back.err
    assert "again" in back.out
    rows = json.loads(assetflow("query", "select * from data.prices", "--json", at=tmp_path).out)
    assert [row["price"] for row in rows] == [10, 20]
    assert (
        "publishes"
        in assetflow("rollback", "prices", "--to", rows and document["before"][0]["materialization"], at=tmp_path).out
    )
    for words, message in (
        (("diff", "prices", "--key", ""), "`--key` is ''"),
        (("diff", "prices", "--key", "id,,price"), "`--key` is 'id,,price'"),
        (("diff", "seen"), "`seen` is a source: it is observed"),
        (("rollback", "seen", "--to", "previous"), "`seen` is a source: it is observed"),
        (("rollback", "prices"), "`assetflow rollback` needs `--to VERSION`"),
        (("graph", "-o", "graph.pdf"), "no graph is drawn as pdf"),
    ):
        refused = assetflow(*words, at=tmp_path)
        assert (refused.code, refused.out) == (2, "")
        assert message in refused.err
    assert not (tmp_path / "graph.pdf").exists()
    wrong = assetflow("history", "prices@bad", at=tmp_path)
    assert wrong.code == 2
    assert "no partitions" in wrong.err
