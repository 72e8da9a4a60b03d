"""What a call reads of its inputs: noted while it loads, computes and writes, told when it has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from assetflow.define.values import Result, Unchanged
from assetflow.errors import FormatError, did_you_mean
from assetflow.executor.call import Call, InputCall
from assetflow.model.event import Json
from assetflow.model.reads import Read
from assetflow.store.asked import AskedKind, asked
from assetflow.store.read_log import ReadLog, is_lazy
from assetflow.values import dataclass

_CUT = frozenset({AskedKind.POLARS_FRAME, AskedKind.ARROW_TABLE, AskedKind.DUCKDB_RELATION})
"""Types of which the declared columns are all that there is to see; a pandas frame has an index beside them."""


@dataclass(slots=True)
class _Input:
    """One parameter: what was noted of it, or what is known without looking; `is_whole` counts as read whole."""

    item: InputCall
    log: ReadLog = field(default_factory=ReadLog)
    known: Read | None = None
    is_whole: bool = False


class Reading:
    """The reads of one call; a call that ends early has read no less than what was noted."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._inputs: list[_Input] = []
        self._names: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def load(self, item: InputCall, wanted: Any, load: Callable[[Any, ReadLog | None], Any]) -> Any:
        """Load one input as the type `wanted`, by a function of a type and a log; only its declared columns."""
        noted = _Input(item)
        self._inputs.append(noted)
        if item.columns is None:
            value = load(wanted, noted.log)
            if not _is_watched(value, noted.log, item):
                noted.is_whole = True
                noted.log.everything = noted.log.everything or not _is_noted(value, noted.log)
            return value
        _check_columns(item)
        kind = asked(wanted).kind
        if kind is AskedKind.POLARS_FRAME and _are_tables(item):
            # as a scan, so that other columns are not even looked at
            value = load("pl.LazyFrame", None).select(list(item.columns)).collect()
        else:
            value = load(wanted, noted.log)
            if _is_watched(value, noted.log, item):
                return _only_columns(value, item.columns)
            value = _only_columns(value, item.columns)
        if kind in _CUT and _are_tables(item):
            noted.known = Read.declared(item.columns)
        else:
            noted.log.everything = True
        return value

    def saw(self, item: InputCall, columns: Sequence[str] | None) -> None:
        """Note what a query reads of an input: values of these columns, and which columns there are; None is all."""
        noted = _Input(item)
        if columns is None:
            noted.log.everything = True
        else:
            noted.known = Read(columns=tuple(columns))
        self._inputs.append(noted)

    def returned(self, value: Any) -> None:
        """Look at what the function returned, before it is written: queries may tell which names they depend on.

        That holds only while nothing has asked for the names of the columns: what the function did then is not known.
        """
        logs = [noted.log for noted in self._inputs if noted.log.scans]
        foreign = any(noted.is_whole and noted.log.leaves for noted in self._inputs)
        if not logs or foreign or self._call.batch or any(log.resolved for log in logs):
            return
        frames = list(_outputs(value))
        if not frames or not all(is_lazy(frame) for frame in frames):
            return
        # reads polars' own form of a query; polars is imported, since there are lazy frames
        from assetflow.store.closed_query import closed_names

        columns = {name for noted in self._inputs for part in noted.item.items for name in _columns(part.payload)}
        with self.inspecting():
            self._names = closed_names(frames, columns)

    @contextlib.contextmanager
    def inspecting(self) -> Iterator[None]:
        """What looks at queries meanwhile reads nothing."""
        logs = [noted.log for noted in self._inputs]
        for log in logs:
            log.inspecting = True
        try:
            yield
        finally:
            for log in logs:
                log.inspecting = False

    def leaves(self) -> dict[str, list[tuple[Any, Path]]]:
        """The lazy frames whose reads are noted, by upstream, each with a file of its columns."""
        found: dict[str, list[tuple[Any, Path]]] = {}
        for noted in self._inputs:
            if noted.log.leaves:
                found.setdefault(noted.item.upstream, []).extend(noted.log.leaves)
        return found

    def columns(self) -> dict[str, Sequence[str]]:
        """The columns of each upstream that is a stored table."""
        return {
            noted.item.upstream: listed
            for noted in self._inputs
            for part in noted.item.items
            if (listed := _columns(part.payload))
        }

    def read_so_far(self) -> Iterator[tuple[str, Sequence[str] | None]]:
        """Every input with the columns that were read of it by now; None for all of them."""
        for noted in self._inputs:
            if noted.known is not None:
                yield noted.item.upstream, noted.known.columns
            else:
                yield noted.item.upstream, None if noted.log.everything else sorted(noted.log.columns)

    def result(self) -> dict[str, Json]:
        """Upstream to what was read of it, as JSON; an upstream that is missing was read whole."""
        found: dict[str, Read | None] = {}
        for noted in self._inputs:
            read = noted.known if noted.known is not None else self._noted(noted)
            before = found.get(noted.item.upstream, read)
            both = before is not None and read is not None
            found[noted.item.upstream] = before.united(read) if both and before and read else None
        return {upstream: read.to_json() for upstream, read in sorted(found.items()) if read is not None}

    def _noted(self, noted: _Input) -> Read | None:
        if noted.log.everything or noted.is_whole:
            return None
        # the union of partitions is made only where their columns agree, whichever are read
        names = None if noted.item.several else self._names
        return noted.log.read(names, noted.item.columns)


def _is_watched(value: Any, log: ReadLog, item: InputCall) -> bool:
    """Whether all that was handed over are lazy frames, each file of which is watched."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
    return bool(item.items) and log.scans == len(item.items) and all(is_lazy(each) for each in values)


def _is_noted(value: Any, log: ReadLog) -> bool:
    """Whether all that was handed over are lazy frames that note when they are used."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,)
    return bool(log.leaves) and all(is_lazy(each) for each in values)


def _are_tables(item: InputCall) -> bool:
    return all(part.payload is not None and part.payload.get("format") == "parquet" for part in item.items)


def _columns(payload: Mapping[str, Any] | None) -> Sequence[str]:
    schema = (payload or {}).get("schema") or ()
    return [name for name, _ in schema]


def _check_columns(item: InputCall) -> None:
    """FormatError when a stored table has not the columns that the input declares."""
    for part in item.items:
        known = _columns(part.payload)
        added = () if item.partition_column is None else (item.partition_column,)
        for column in item.columns or ():
            if known and column not in (*known, *added):
                raise FormatError(
                    f"it declares the column `{column}`, which `{item.upstream}` does not have",
                    hint=did_you_mean(column, known) or f"its columns are {', '.join(f'`{name}`' for name in known)}",
                    column=column,
                )


def _outputs(value: Any) -> Iterator[Any]:
    """The single values in what a function returned."""
    if isinstance(value, Result):
        value = value.value
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _single(item)
    elif isinstance(value, tuple) and not hasattr(value, "_fields"):
        for item in value:
            yield from _single(item)
    else:
        yield from _single(value)


def _single(value: Any) -> Iterator[Any]:
    value = value.value if isinstance(value, Result) else value
    if not isinstance(value, Unchanged):
        yield value


def _only_columns(value: Any, columns: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _only_columns(item, columns) for key, item in value.items()}
    if isinstance(value, list):
        return [_only_columns(item, columns) for item in value]
    if hasattr(value, "select") and not hasattr(value, "to_arrow_table"):
        return value.select(list(columns))
    if hasattr(value, "project"):
        return value.project(", ".join('"' + column.replace('"', '""') + '"' for column in columns))
    return value[list(columns)]
