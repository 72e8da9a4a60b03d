"""Two tables beside each other: schema, rows by key, columns in figures; with DuckDB, which spills what is too big."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from assetflow.catalog.engine import duckdb
from assetflow.catalog.reader import in_utc
from assetflow.catalog.schema import Connection
from assetflow.catalog.tables import literal, quoted
from assetflow.errors import QueryError, UsageError, did_you_mean
from assetflow.values import dataclass

MEMORY = "1GB"
"""What a comparison may take of the memory; beyond it, DuckDB uses temporary files."""

_CELLS = 1_000_000
"""Values among which distinct ones are counted at once."""
_COLUMNS = 64
"""Columns of which they are: also an empty table of distinct values takes half a megabyte."""

_FEW = 1000
"""Rows of which the distinct values are put into lists: a table of them costs milliseconds, however few it holds."""

_NO_KEY = ("DOUBLE", "FLOAT", "BOOLEAN")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures:
    """One column in figures; `minimum` and `maximum` as text, `mean` for numbers; they ignore nulls."""

    type: str
    nulls: int
    distinct: int
    minimum: str | None
    maximum: str | None
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """One column on both sides (None where it is not); `changed` counts rows of the same key with another value."""

    column: str
    before: ColumnFigures | None
    after: ColumnFigures | None
    changed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSample:
    """A row that is not the same: its key, and (before, after) by column for one that changed."""

    kind: str
    key: Mapping[str, Any]
    values: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDiff:
    """What differs between two tables.

    Without a `key`, rows are compared whole: then `changed` is None, and a changed row counts as removed and added.
    `key_problem` says why the declared key could not be used.
    """

    rows_before: int
    rows_after: int
    key: tuple[str, ...] | None
    inferred: bool
    added: int
    removed: int
    changed: int | None
    columns: tuple[ColumnDiff, ...]
    samples: tuple[RowSample, ...]
    key_problem: str | None = None

    @property
    def schema(self) -> tuple[ColumnDiff, ...]:
        """The columns that came, went or changed their type."""
        return tuple(
            each
            for each in self.columns
            if each.before is None or each.after is None or each.before.type != each.after.type
        )


@contextmanager
def workbench(memory: str = MEMORY) -> Iterator[Connection]:
    """A DuckDB of its own with bounded memory and a folder to spill to, both gone afterwards.

    QueryError when the work does not fit into either, or a file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="assetflow-") as folder, duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"set memory_limit = {literal(memory)}")
        con.execute(f"set temp_directory = {literal(folder)}")
        con.execute("set preserve_insertion_order = false")
        try:
            yield con
        except duckdb.Error as error:
            if not isinstance(error, duckdb.OutOfMemoryException):
                raise QueryError(f"DuckDB says: {str(error).splitlines()[0]}") from error
            raise QueryError(
                f"this needs more than {memory} of memory, or more room on the disk: {str(error).splitlines()[0]}",
                hint=f"it spills to `{tempfile.gettempdir()}`; TMPDIR names another folder",
            ) from None


def figures(con: Connection, relation: str) -> tuple[int, dict[str, ColumnFigures]]:
    """The number of rows of a relation and each of its columns in figures."""
    types = {row[0]: str(row[1]) for row in con.execute(f"describe {relation}").fetchall()}
    wanted = ["count(*)"]
    for name, kind in types.items():
        column = quoted(name)
        mean = f"avg({column})::double" if _is_number(kind) else "null"
        wanted += [f"count({column})", f"min({column})::varchar", f"max({column})::varchar", mean]
    row = con.execute(f"select {', '.join(wanted)} from ({relation})").fetchone()
    assert row is not None
    rows, found = int(row[0]), {}
    different = _distinct(con, relation, list(types), rows)
    for at, (name, kind) in enumerate(types.items()):
        there, low, high, mean = row[1 + 4 * at : 5 + 4 * at]
        found[name] = ColumnFigures(
            type=kind, nulls=rows - there, distinct=different[name], minimum=low, maximum=high, mean=mean
        )
    return rows, found


def _distinct(con: Connection, relation: str, names: Sequence[str], rows: int) -> dict[str, int]:
    """How many values other than null each column has.

    A few columns at a time, large ones alone: the distinct values of all would have to be held at once.
    """
    found: dict[str, int] = {}
    together = min(_COLUMNS, max(1, _CELLS // max(rows, 1)))
    for first in range(0, len(names), together):
        some = names[first : first + together]
        if rows <= _FEW:
            counts = ", ".join(f"coalesce(len(list_distinct(list({quoted(name)}))), 0)" for name in some)
        else:
            counts = ", ".join(f"count(distinct {quoted(name)})" for name in some)
        row = con.execute(f"select {counts} from ({relation})").fetchone()
        found |= dict(zip(some, row or (), strict=True))
    return found


def _is_number(kind: str) -> bool:
    return kind.endswith("INT") or kind.startswith("DECIMAL") or kind in ("INTEGER", "UINTEGER", "DOUBLE", "FLOAT")


def compare_tables(
    before: str,
    after: str,
    *,
    key: Sequence[str] | None,
    samples: int,
    declared: Sequence[str] = (),
    memory: str = MEMORY,
) -> TableDiff:
    """What differs between two relations (SQL), rows told apart by `key`, or by a column that is unique in both.

    UsageError for a key that is no column of both, or not unique. One that is `declared` and does not hold in these
    versions is told as `key_problem` instead.
    """
    used: tuple[str, ...] | None
    problem: str | None = None
    changed: int | None
    by_column: dict[str, int] = {}
    shown: list[RowSample] = []
    with workbench(memory) as con:
        rows_before, old = figures(con, before)
        rows_after, new = figures(con, after)
        shared = [name for name in old if name in new]
        used = _checked(con, (before, after), key, shared) if key else ()
        if declared and not used:
            try:
                used = _checked(con, (before, after), declared, shared)
            except UsageError as error:
                problem = error.message
        inferred = not used
        used = used or _unique(shared, (rows_before, old), (rows_after, new))
        con.execute(f"create temp view _a as {before}")
        con.execute(f"create temp view _b as {after}")
        others = [name for name in shared if name not in (used or ())]
        columns = {name: _pair(name, old[name].type == new[name].type) for name in others}
        if used is None:
            added, removed = _whole_rows(con, {name: _pair(name, old[name].type == new[name].type) for name in shared})
            changed = None
        else:
            added, removed, changed, by_column = _by_key(con, used, columns)
            shown = _samples(con, used, columns, samples)
    return TableDiff(
        rows_before=rows_before, rows_after=rows_after,
        key=used, inferred=inferred and used is not None, key_problem=problem,
        added=added, removed=removed, changed=changed, samples=tuple(shown),
        columns=tuple(
            ColumnDiff(column=name, before=old.get(name), after=new.get(name), changed=by_column.get(name))
            for name in [*old, *(name for name in new if name not in old)]
        ),
    )  # fmt: skip


def _pair(name: str, same_type: bool) -> tuple[str, str]:
    """How a column is compared: as it is, or by its text where the types differ."""
    column = quoted(name)
    return (f"a.{column}", f"b.{column}") if same_type else (f"a.{column}::varchar", f"b.{column}::varchar")


def _unique(
    shared: Sequence[str],
    before: tuple[int, Mapping[str, ColumnFigures]],
    after: tuple[int, Mapping[str, ColumnFigures]],
) -> tuple[str, ...] | None:
    for name in shared:
        both = [(rows, found[name]) for rows, found in (before, after)]
        if len({column.type for _, column in both}) > 1 or both[0][1].type in _NO_KEY:
            continue
        if all(column.nulls == 0 and column.distinct == rows for rows, column in both):
            return (name,)
    return None


def _checked(con: Connection, relations: tuple[str, str], key: Sequence[str], shared: Sequence[str]) -> tuple[str, ...]:
    for name in key:
        if name not in shared:
            hint = did_you_mean(name, shared) or f"columns of both: {', '.join(f'`{each}`' for each in shared)}"
            raise UsageError(f"`{name}` is no column of both versions", hint=hint, column=name)
    names = ", ".join(quoted(name) for name in key)
    for relation, side in zip(relations, ("first", "second"), strict=True):
        seen = ", ".join(_in_utc(con, [quoted(name) for name in key], f"({relation})"))
        row = con.execute(
            f"select {seen}, count(*) from ({relation}) group by {names} having count(*) > 1 order by all limit 1"
        ).fetchone()
        if row is not None:
            shown = ", ".join(f"{name} = {value!r}" for name, value in zip(key, row, strict=False))
            raise UsageError(
                f"the key {', '.join(f'`{each}`' for each in key)} is not unique: {row[-1]} rows of the {side} version "
                f"have {shown}",
                hint="add a column with --key A,B, or leave --key out to compare whole rows",
            )
    return tuple(key)


def _in_utc(con: Connection, expressions: Sequence[str], relation: str) -> list[str]:
    """The expressions with instants as naive times in UTC: DuckDB hands zoned ones out only where pytz is installed."""
    if not expressions:
        return []
    types = [str(row[1]) for row in con.execute(f"describe select {', '.join(expressions)} from {relation}").fetchall()]
    return [in_utc(each, kind) for each, kind in zip(expressions, types, strict=True)]


def _whole_rows(con: Connection, columns: Mapping[str, tuple[str, str]]) -> tuple[int, int]:
    if not columns:
        return _count(con, "select count(*) from _b"), _count(con, "select count(*) from _a")
    old = f"select {', '.join(a for a, _ in columns.values())} from _a a"
    new = f"select {', '.join(b for _, b in columns.values())} from _b b"
    return (
        _count(con, f"select count(*) from (({new}) except all ({old}))"),
        _count(con, f"select count(*) from (({old}) except all ({new}))"),
    )


def _count(con: Connection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _joined(key: Sequence[str]) -> str:
    on = " and ".join(f"a.{quoted(name)} is not distinct from b.{quoted(name)}" for name in key)
    return f"(select true as _old, * from _a) a full join (select true as _new, * from _b) b on {on}"


def _differs(columns: Mapping[str, tuple[str, str]]) -> str:
    tests = [f"{a} is distinct from {b}" for a, b in columns.values()]
    return f"a._old and b._new and ({' or '.join(tests) or 'false'})"


def _by_key(
    con: Connection, key: Sequence[str], columns: Mapping[str, tuple[str, str]]
) -> tuple[int, int, int, dict[str, int]]:
    wanted = ["a._old is null", "b._new is null", _differs(columns)]
    wanted += [f"a._old and b._new and {a} is distinct from {b}" for a, b in columns.values()]
    counts = ", ".join(f"count(*) filter ({test})" for test in wanted)
    row = con.execute(f"select {counts} from {_joined(key)}").fetchone()
    assert row is not None
    return row[0], row[1], row[2], dict(zip(columns, row[3:], strict=True))


def _samples(con: Connection, key: Sequence[str], columns: Mapping[str, tuple[str, str]], most: int) -> list[RowSample]:
    both = _joined(key)
    keys = ", ".join(_in_utc(con, [f"coalesce(a.{quoted(name)}, b.{quoted(name)})" for name in key], both))
    compared = ", ".join(_in_utc(con, [side for pair in columns.values() for side in pair], both))
    found: list[RowSample] = []
    for kind, test in (("removed", "b._new is null"), ("added", "a._old is null"), ("changed", _differs(columns))):
        values = f", {compared}" if kind == "changed" and columns else ""
        tests = "".join(f", {a} is distinct from {b}" for a, b in columns.values()) if kind == "changed" else ""
        order = ", ".join(str(at + 1) for at in range(len(key)))
        sql = f"select {keys}{values}{tests} from {both} where {test} order by {order} limit {most}"
        for row in con.execute(sql).fetchall():
            rest = row[len(key) :]
            pairs = rest[: 2 * len(columns)]
            moved = rest[2 * len(columns) :]
            shown = {name: (pairs[2 * at], pairs[2 * at + 1]) for at, name in enumerate(columns) if moved and moved[at]}
            found.append(RowSample(kind=kind, key=dict(zip(key, row, strict=False)), values=shown))
    return found
