"""Queries as text cases: what each reads, column by column, and what it gives.

A case is a title, the query, and what is expected: `tables:` the tables that it reads, `columns:` the columns of its
result, and lines `OUTPUT < table.column kind, …` for single columns. Every case is run, and held against the oracle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assetflow.define.sql.parse import parse
from tests.sql.oracle import PARSER, found, missed, outputs

FILE = Path(__file__).with_name("queries.case")
TABLES = {
    "a": {"k": [1, 2, 3, 3, 5], "x": [4, 1, 7, 2, 2], "y": [3, 3, 1, 9, 0], "s": ["p", "q", "p", "r", "q"]},
    "b": {"k": [3, 1, 2, 8], "z": [5, 5, 6, 1], "w": [2, 7, 4, 4]},
}


@dataclass(frozen=True)
class Case:
    """One case of the file."""

    title: str
    sql: str
    tables: list[str]
    columns: list[str]
    origins: dict[str, set[str]]


def cases() -> Iterator[Case]:
    for block in FILE.read_text().split("\n--- ")[1:]:
        title, _, rest = block.partition("\n")
        sql, _, expected = rest.partition("\n=>\n")
        lines = dict(re.split(r"\s*(?:<|: )\s*", line.strip(), maxsplit=1) for line in expected.strip().splitlines())
        yield Case(
            title=title.strip(),
            sql=sql.strip(),
            tables=_words(lines.pop("tables", "")),
            columns=_words(lines.pop("columns")),
            origins={name: set(_words(text)) for name, text in lines.items()},
        )


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip() and part.strip() != "-"]


CASES = list(cases())


def test_there_are_enough_of_them_and_no_title_twice() -> None:
    assert len(CASES) >= 60
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_query(case: Case) -> None:
    parsed = parse(case.sql, PARSER)
    assert parsed.problem is None
    assert sorted({mention.name.lower() for mention in parsed.tables}) == sorted(case.tables)
    assert list(outputs(TABLES, case.sql)) == case.columns
    if parsed.dynamic:
        return
    said = found(TABLES, case.sql)
    for name, expected in case.origins.items():
        assert {f"{origin.asset}.{origin.column} {origin.use}" for origin in said[name]} == expected
    assert missed(TABLES, case.sql) == []
