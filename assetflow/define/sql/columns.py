"""Columns while a query is followed: what each is made of, the tables in scope, and the names they answer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from assetflow.values import dataclass


class Use(StrEnum):
    """How an input column takes part in an output column."""

    VALUE = "value"
    FILTER = "filter"
    JOIN = "join key"
    GROUP = "group key"
    ORDER = "order"
    ROWS = "rows"
    UNKNOWN = "unknown"


EVERY = "*"
"""Stands for all columns of an input, where single ones cannot be told, or where its rows count and no column does."""


class Origin(NamedTuple):
    """One input column and how it is used."""

    asset: str
    column: str
    use: Use


Origins = frozenset[Origin]
NOTHING: Origins = frozenset()


def used_as(origins: Iterable[Origin], use: Use) -> Origins:
    """The origins in a new role: what was a value becomes `use`, what decided about rows stays what it was."""
    return frozenset(o if o.use is not Use.VALUE else o._replace(use=use) for o in origins)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of some table of a query: its name as written, and what it is made of."""

    name: str
    origins: Origins


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gives: its columns in order, and what decides about its rows.

    `rest` is what any column that is not listed is made of; None when the list is complete. `asset` is the asset whose
    columns, unknown here, are passed through as they are.
    """

    columns: tuple[Column, ...]
    rows: Origins = NOTHING
    rest: Origins | None = None
    asset: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether all columns are known."""
        return self.rest is None and self.asset is None

    def all_origins(self) -> Origins:
        """Everything that any column is made of."""
        found = {origin for column in self.columns for origin in column.origins} | (self.rest or NOTHING)
        if self.asset is not None:
            found.add(Origin(self.asset, EVERY, Use.UNKNOWN))
        return frozenset(found)

    def named(self, name: str) -> Origins | None:
        """What the column of a name is made of; None when there is no such column."""
        wanted = name.lower()
        found = [column.origins for column in self.columns if column.name.lower() == wanted]
        if found:
            return frozenset().union(*found)
        if self.asset is not None:
            return frozenset({Origin(self.asset, name, Use.VALUE)})
        return self.rest

    def renamed(self, names: Sequence[str]) -> Result:
        """The result with its first columns under other names."""
        if not names:
            return self
        columns = [
            Column(names[at] if at < len(names) else column.name, column.origins)
            for at, column in enumerate(self.columns)
        ]
        left = names[len(columns) :] if not self.is_closed else ()
        columns += [Column(name, self.all_origins()) for name in left]
        return Result(tuple(columns), self.rows, self.rest, self.asset)


@dataclass(frozen=True, slots=True)
class Table:
    """A table in FROM: the names it answers to (alias, or the parts of its name), and its columns.

    `hidden` are columns that a USING has merged into those of another table, in lower case.
    """

    names: tuple[tuple[str, ...], ...]
    result: Result
    hidden: frozenset[str] = frozenset()

    def is_called(self, parts: tuple[str, ...]) -> bool:
        """Whether a qualifier means this table."""
        return tuple(part.lower() for part in parts) in self.names


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean at one place of a query: its tables, aliases of its select list, and the query around it."""

    tables: tuple[Table, ...] = ()
    outer: Scope | None = None
    queries: Mapping[str, Result] = field(default_factory=dict)
    aliases: Mapping[str, Origins] = field(default_factory=dict)
    merged: Mapping[str, Origins] = field(default_factory=dict)

    def column(self, parts: tuple[str, ...]) -> Origins | None:
        """What a column is made of; the union of all it could mean, None when nothing here has it."""
        scope: Scope | None = self
        guessed: list[Origins] = []
        while scope is not None:
            found = list(scope._here(parts))
            if found:
                return frozenset().union(*found, *guessed)
            # a table of unknown columns may have it, and so may the query around
            guessed += scope._perhaps(parts[0])
            scope = scope.outer
        return frozenset().union(*guessed) if guessed else None

    def _here(self, parts: tuple[str, ...]) -> Iterator[Origins]:
        for length in range(min(3, len(parts) - 1), 0, -1):
            called = [table for table in self.tables if table.is_called(parts[:length])]
            found = [origins for table in called if (origins := table.result.named(parts[length])) is not None]
            if found:
                yield from found
                return
        yield from self._plain(parts[0])
        if len(parts) == 1:
            for table in self.tables:
                if table.is_called(parts):  # a whole row
                    yield table.result.all_origins()

    def _plain(self, name: str) -> Iterator[Origins]:
        if name.lower() in self.merged:
            yield self.merged[name.lower()]
        for table in self.tables:
            if table.result.is_closed or any(column.name.lower() == name.lower() for column in table.result.columns):
                found = table.result.named(name)
                if found is not None:
                    yield found
        if name.lower() in self.aliases:
            yield self.aliases[name.lower()]
            yield from self._perhaps(name)  # a column of a table goes before an alias, where there is one

    def _perhaps(self, name: str) -> Iterator[Origins]:
        """What tables of unknown columns may say to a name."""
        unsure = [table.result for table in self.tables if not table.result.is_closed]
        if len(unsure) == 1:
            found = unsure[0].named(name)
            if found is not None:
                yield found
            return
        for result in unsure:
            yield used_as(result.named(name) or NOTHING, Use.UNKNOWN)

    def query(self, name: str) -> Result | None:
        """A `with` query by its name."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.queries:
                return scope.queries[name.lower()]
            scope = scope.outer
        return None
