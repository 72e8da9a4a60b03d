"""What a materialization read of a table, and whether another table is the same to such a reader.

A function that takes a lazy frame reads some columns of it. Recorded are the columns whose values it read and the names
that decided how it read them; a table that agrees in these, in its number of rows and in their order, gives the same
result. Where the reads cannot be seen, there is no `Read`, which stands for everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from assetflow.model.version import fingerprint
from assetflow.values import dataclass

READ_ALGORITHM = "r1"


class TableFacts(NamedTuple):
    """What the store recorded of one table: its rows, (name, type) of its columns in order, (name, version) of them."""

    data_version: str
    rows: int
    schema: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]

    @staticmethod
    def of(payload: Mapping[str, Any]) -> TableFacts | None:
        """The facts in the JSON of a stored object; None for what is no table."""
        rows, schema, columns = payload.get("rows"), payload.get("schema"), payload.get("column_versions")
        if rows is None or not schema or columns is None:
            return None
        pairs = tuple((name, kind) for name, kind in schema)
        return TableFacts(payload["data_version"], rows, pairs, tuple((name, version) for name, version in columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of one input.

    `columns` are those whose values were read; `names` those whose presence and type decided, None for all that there
    are and their order. A name that ends in one of `suffixes` decides too, as a join may have made it. `visible` are
    the only columns that were handed over, None for all.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...] | None = None
    suffixes: tuple[str, ...] = ()
    visible: tuple[str, ...] | None = None

    @staticmethod
    def declared(columns: Iterable[str]) -> Read:
        """All of the columns that an input declares, which are all it is given."""
        listed = tuple(sorted(set(columns)))
        return Read(columns=listed, visible=listed)

    def version(self, table: TableFacts) -> str:
        """The version of a table as this reader sees it: equal ones give equal results."""
        versions = dict(table.columns)
        return fingerprint(
            READ_ALGORITHM, table.rows, [(name, versions.get(name)) for name in self.columns], self._schema(table)
        )

    def _schema(self, table: TableFacts) -> tuple[tuple[str, str], ...]:
        seen = [pair for pair in table.schema if self.visible is None or pair[0] in self.visible]
        if self.names is None:
            return tuple(seen)
        return tuple(sorted(pair for pair in seen if pair[0] in self.names or pair[0].endswith(self.suffixes)))

    def differing(self, before: TableFacts, now: TableFacts) -> tuple[str, ...]:
        """The columns that make two tables different to this reader, in the order of the present table.

        Values where they were read, presence and type where only these mattered. Empty where the rows alone differ in
        number, or only the order of the columns.
        """
        then_versions, now_versions = dict(before.columns), dict(now.columns)
        then_types, now_types = dict(self._schema(before)), dict(self._schema(now))
        names = [name for name, _ in now.schema] + [name for name, _ in before.schema]
        read = frozenset(self.columns)
        return tuple(
            name
            for name in dict.fromkeys(names)
            if then_types.get(name) != now_types.get(name)
            or (name in read and then_versions.get(name) != now_versions.get(name))
        )

    def united(self, other: Read) -> Read:
        """What both together read."""
        names = None
        if self.names is not None and other.names is not None:
            names = _union(self.names, other.names)
        visible = None
        if self.visible is not None and other.visible is not None:
            visible = _union(self.visible, other.visible)
        return Read(
            columns=_union(self.columns, other.columns),
            names=names,
            suffixes=_union(self.suffixes, other.suffixes),
            visible=visible,
        )

    def to_json(self) -> dict[str, Any]:
        """The read as it is recorded; fields that say nothing are left out."""
        record: dict[str, Any] = {"columns": list(self.columns)}
        if self.names is not None:
            record["names"] = list(self.names)
        if self.suffixes:
            record["suffixes"] = list(self.suffixes)
        if self.visible is not None:
            record["visible"] = list(self.visible)
        return record

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Read:
        """Read what `to_json` gave."""
        names, visible = record.get("names"), record.get("visible")
        return Read(
            columns=tuple(record["columns"]),
            names=None if names is None else tuple(names),
            suffixes=tuple(record.get("suffixes", ())),
            visible=None if visible is None else tuple(visible),
        )


def _union(left: Iterable[str], right: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*left, *right}))
