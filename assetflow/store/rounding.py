"""How two stored tables differ: which columns, where first, and whether only by rounding.

polars is imported inside the functions: `import assetflow.store` has to stay light.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.store.stored import StoredObject
from assetflow.values import dataclass

if TYPE_CHECKING:
    import polars as pl

ROUNDING = 1e-9
"""Relative difference below which floats of two runs are said to be equal but for rounding."""

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two stored values that are not equal.

    `columns` are those that differ, empty where that cannot be told; `rows` the first rows (from 0) in which they do,
    each with the two values by column, as text; `largest` the largest relative difference where all of it is in floats.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[int, dict[str, tuple[str, str]]], ...] = ()
    largest: float | None = None

    def within(self, tolerance: float) -> bool:
        """Whether the values are equal but for rounding: every cell differs by that factor of the larger at most."""
        return self.largest is not None and self.largest <= tolerance

    def to_json(self) -> dict[str, Any]:
        """The difference as it is recorded."""
        rows = [
            {"row": row, "values": {name: list(pair) for name, pair in values.items()}} for row, values in self.rows
        ]
        return {"columns": list(self.columns), "rows": rows, "largest_relative_difference": self.largest}


def difference(left: StoredObject, left_path: Path, right: StoredObject, right_path: Path) -> Difference | None:
    """How two stored objects differ, None when their versions are equal."""
    if left.data_version == right.data_version:
        return None
    if left.column_versions is None or right.column_versions is None or not left.format == right.format == "parquet":
        return Difference()
    if left.schema != right.schema or left.rows != right.rows:
        before, now = dict(left.schema or ()), dict(right.schema or ())
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        return Difference(columns=tuple(names))
    versions = dict(right.column_versions)
    columns = tuple(name for name, version in left.column_versions if versions[name] != version)
    if not columns:
        return Difference()  # in what is kept beside the columns
    import polars as pl

    tables = [pl.read_parquet(path, columns=list(columns), glob=False, hive_partitioning=False)
              for path in (left_path, right_path)]  # fmt: skip
    return _cells(tables[0], tables[1], columns)


def _cells(left: pl.DataFrame, right: pl.DataFrame, columns: tuple[str, ...]) -> Difference:
    rows: dict[int, dict[str, tuple[str, str]]] = {}
    largest: float | None = 0.0
    for name in columns:
        a, b = left[name], right[name]
        # bits may differ where values are equal: 0.0 and -0.0
        for row in (a.ne_missing(b)).arg_true().head(_SHOWN).to_list():
            rows.setdefault(row, {})[name] = (str(a[row]), str(b[row]))
        largest = _largest(a, b, largest)
    first = sorted(rows)[:_SHOWN]
    return Difference(columns=columns, rows=tuple((row, rows[row]) for row in first), largest=largest)


def _largest(a: pl.Series, b: pl.Series, before: float | None) -> float | None:
    """The largest relative difference of two columns and `before`; None where it is no matter of rounding."""
    if before is None or not a.dtype.is_float():
        return None
    import polars as pl

    pair = pl.DataFrame({"a": a.cast(pl.Float64), "b": b.cast(pl.Float64)}).filter(pl.col("a").ne_missing(pl.col("b")))
    if not pair.height:
        return before
    if pair.null_count().row(0) != (0, 0) or pair.select(pl.all().is_finite().all()).row(0) != (True, True):
        return None  # something became null, infinite or no number
    relative = (pl.col("a") - pl.col("b")).abs() / pl.max_horizontal(pl.col("a").abs(), pl.col("b").abs())
    return max(before, float(pair.select(relative.max()).item()))
