"""Comparing tables that are larger than the memory that may be used for it."""

from __future__ import annotations

import duckdb
import pytest

from assetflow.catalog.compare import compare_tables
from assetflow.errors import QueryError

ROWS = 800_000
WORDS = " || ".join(f"md5((i + {n})::varchar)" for n in range(2))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two tables of 70 MB each whose texts are all different; the second begins and ends 10 rows later."""
    folder = tmp_path_factory.mktemp("tables")
    with duckdb.connect() as con:
        con.execute("set preserve_insertion_order = false")
        for name, first, what in (("a", 0, "i * 2"), ("b", 10, "case when i % 50000 = 7 then 0 else i * 2 end")):
            con.execute(
                f"copy (select i as id, {WORDS} as words, {what} as x from range({first}, {ROWS + first}) t(i)) "
                f"to '{folder / name}.parquet' (compression zstd, row_group_size 20000)"
            )
    return f"select * from read_parquet('{folder}/a.parquet')", f"select * from read_parquet('{folder}/b.parquet')"


def test_tables_above_the_memory_are_compared_on_disk(tables: tuple[str, str]) -> None:
    found = compare_tables(*tables, key=None, declared=["id"], samples=3, memory="80MB")
    assert (found.key, found.inferred, found.added, found.removed, found.changed) == (("id",), False, 10, 10, 15)
    assert [sample.key["id"] for sample in found.samples if sample.kind == "changed"] == [50007, 100007, 150007]
    words = next(each for each in found.columns if each.column == "words")
    assert words.after is not None
    assert (words.changed, words.after.nulls, words.after.distinct) == (0, 0, ROWS)


def test_what_does_not_fit_at_all_is_said_in_words(tables: tuple[str, str]) -> None:
    with pytest.raises(QueryError, match="more than 5MB of memory"):
        compare_tables(*tables, key=["words"], samples=3, memory="5MB")


def test_distinct_values_of_few_rows_are_counted_as_those_of_many() -> None:
    columns = {
        "i": "n % 3", "f": "case n % 4 when 0 then 'nan'::double when 1 then -0.0 when 2 then 0.0 else 'inf' end",
        "s": "{'a': n % 2, 'b': null}", "l": "[n % 3, null]", "z": "timestamptz '2024-01-01' + to_days(n::int % 2)",
        "gone": "null::int", "t": "case when n % 5 > 0 then chr(97 + (n % 5)::int) end", "m": "map {'k': n % 2}",
    }  # fmt: skip
    table = "select " + ", ".join(f"{text} as {name}" for name, text in columns.items()) + " from range(ROWS) t(n)"
    few, many = table.replace("ROWS", "60"), table.replace("ROWS", "6000")
    found = {each.column: each for each in compare_tables(few, many, key=None, samples=0).columns}
    for name, each in found.items():
        assert each.before is not None
        assert each.after is not None
        assert each.before.distinct == each.after.distinct, name
    assert found["f"].before is not None
    assert (found["f"].before.distinct, found["gone"].before and found["gone"].before.distinct) == (3, 0)
    empty = compare_tables(table.replace("ROWS", "0"), few, key=None, samples=0)
    assert {each.before.distinct for each in empty.columns if each.before} == {0}
