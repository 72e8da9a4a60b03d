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
