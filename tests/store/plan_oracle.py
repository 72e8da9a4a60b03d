"""The obvious answer to where the columns of a lazy frame come from: change one column, see which outputs move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from assetflow.define.sql.columns import EVERY, Use
from assetflow.store.plan_columns import FrameColumns, frame_columns
from assetflow.store.read_log import ReadLog
from assetflow.store.watched_scan import watched_files

Frames = Mapping[str, pl.LazyFrame]
Query = Callable[[Frames], pl.LazyFrame]

TABLES: Mapping[str, pl.DataFrame] = {
    "a": pl.DataFrame(
        {"k": [1, 2, 3, 3, 5], "x": [4, 1, 7, 2, 2], "y": [3, 3, 1, 9, 0], "s": ["p", "q", "p", "r", "q"]}
    ),
    "b": pl.DataFrame({"k": [3, 1, 2, 8], "z": [5, 5, 6, 1], "w": [2, 7, 4, 4]}),
}


def followed(query: Query, folder: Path, tables: Mapping[str, pl.DataFrame] = TABLES) -> FrameColumns | None:
    """What the lineage says of a query over stored tables, as a function receives them."""
    log = ReadLog()
    frames: dict[str, pl.LazyFrame] = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        if not path.exists():
            table.write_parquet(path)
        frame = watched_files([path], log)
        assert frame is not None
        frames[name] = frame
    log.inspecting = True
    leaves = {name: [leaf] for name, leaf in zip(frames, log.leaves, strict=True)}
    found = frame_columns(query(frames), leaves)
    assert not log.columns
    assert not log.everything
    return found


def outputs(query: Query, tables: Mapping[str, pl.DataFrame]) -> dict[str, list[object]]:
    """The columns of a query's result, by name."""
    made = query({name: table.lazy() for name, table in tables.items()}).collect(engine="in-memory")
    return {column.name: column.to_list() for column in made.get_columns()}


def moved(query: Query, table: str, column: str) -> set[str]:
    """The output columns that differ when the values of one column are others."""
    before = outputs(query, TABLES)
    changed: set[str] = set()
    values = TABLES[table][column].to_list()
    for shift in (1, 4):
        other = [f"{v}{shift}" if isinstance(v, str) else v + shift * (at + 1) for at, v in enumerate(values)]
        series = pl.Series(column, other, dtype=TABLES[table].schema[column])
        after = outputs(query, {**TABLES, table: TABLES[table].with_columns(series)})
        assert list(after) == list(before)
        changed |= {name for name in before if before[name] != after[name]}
    return changed


def missed(query: Query, found: FrameColumns) -> list[str]:
    """Every influence that the lineage does not know of, in words."""
    wrong = []
    for table, data in TABLES.items():
        for column in data.columns:
            for output in sorted(moved(query, table, column)):
                named = {(o.asset, o.column) for o in found.columns.get(output, ()) if o.use is not Use.ROWS}
                if not named & {(table, column), (table, EVERY)}:
                    wrong.append(f"{table}.{column} moves {output}")
    return wrong
