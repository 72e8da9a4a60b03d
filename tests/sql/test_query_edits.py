"""Edits of queries: what leaves the version as it is gives the same rows, which running both on random data shows."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assetflow.define.sql.parse import parse
from tests.sql.oracle import PARSER

WORLDS = 12


@dataclass(frozen=True)
class Edit:
    """One edit: two texts, and whether the version stays."""

    title: str
    same: bool
    before: str
    after: str


def edits() -> list[Edit]:
    found = []
    for block in Path(__file__).with_name("edits.case").read_text(encoding="utf-8").split("\n--- ")[1:]:
        head, _, rest = block.partition("\n")
        verdict, _, title = head.partition(": ")
        assert verdict in ("same", "changes"), head
        before, _, after = rest.partition("\n=>\n")
        found.append(Edit(title.strip(), verdict == "same", before.strip(), after.strip()))
    return found


EDITS = edits()


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Databases with tables `a` and `b` of random rows, with nulls and duplicates."""
    with contextlib.ExitStack() as stack:
        found = []
        for seed in range(WORLDS):
            rng = random.Random(seed)
            values = [None, *range(8)]
            con = stack.enter_context(duckdb.connect())
            con.execute("create table a(k integer, x integer, y integer, s varchar)")
            con.execute("create table b(k integer, z integer, w integer)")
            rows = range(rng.randrange(1, 12))
            con.executemany(
                "insert into a values (?, ?, ?, ?)",
                [(rng.randrange(4), rng.choice(values), rng.choice(values), rng.choice("pPqr")) for _ in rows],
            )
            con.executemany(
                "insert into b values (?, ?, ?)",
                [(rng.randrange(6), rng.choice(values), rng.choice(values)) for _ in rows],
            )
            found.append(con)
        yield found


def result(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """Columns with types, and the rows as a multiset."""
    cursor = con.execute(sql)
    columns = tuple((name, str(kind)) for name, kind, *_ in cursor.description or ())
    return columns, Counter(map(repr, cursor.fetchall()))


def test_there_are_enough_of_them() -> None:
    assert len(EDITS) >= 45
    assert sum(edit.same for edit in EDITS) >= 15
    assert len({edit.title for edit in EDITS}) == len(EDITS)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.title)
def test_the_version_tells_whether_the_rows_can_differ(edit: Edit, worlds: list[duckdb.DuckDBPyConnection]) -> None:
    before, after = (parse(text, PARSER) for text in (edit.before, edit.after))
    assert before.digest is not None, before.problem
    assert after.digest is not None, after.problem
    assert (before.digest == after.digest) == edit.same
    differ = any(result(con, edit.before) != result(con, edit.after) for con in worlds)
    assert differ != edit.same
