"""One value for many partitions, as a batch returns it: split by partition key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assetflow.errors import FormatError, did_you_mean

PARTITION_COLUMN = "partition"
"""The column of a batch's frame that says which partition a row belongs to; it is not stored."""


def split_partitions(value: Any, keys: Sequence[str], *, who: str) -> Iterator[tuple[str, Any]]:
    """The value of each partition, in the order of `keys`: from a dict by key, or a frame with a column `partition`.

    A frame (polars, arrow, pandas or a DuckDB relation) may lack rows of a partition, which then is an empty table; a
    dict must have every key. FormatError for keys that were not asked for.
    """
    if isinstance(value, Mapping):
        _check_keys(value, keys, who)
        absent = [key for key in keys if key not in value]
        if absent:
            raise FormatError(
                f"{who} returned no value for partition {absent[0]!r}", hint="return a dict with every key asked for"
            )
        return ((key, value[key]) for key in keys)
    frame = _as_polars(value)
    if frame is None:
        raise FormatError(
            f"{who} is a batch and returned a {type(value).__name__}",
            hint=f"return a dict by partition key, or a frame with a column `{PARTITION_COLUMN}`",
        )
    return _split_frame(frame, keys, who)


def _as_polars(value: Any) -> Any:
    """The frame as a polars one, whatever library it comes from; None for what is no frame."""
    library = type(value).__module__.split(".")[0].lstrip("_")
    if library == "polars" and hasattr(value, "lazy"):
        return value.lazy().collect()
    if library == "duckdb" and hasattr(value, "pl"):
        return value.pl()
    if (library == "pandas" and hasattr(value, "iloc")) or (library == "pyarrow" and hasattr(value, "column_names")):
        import polars as pl  # heavy, and needed only for such a frame

        return pl.DataFrame(value)
    return None


def _split_frame(frame: Any, keys: Sequence[str], who: str) -> Iterator[tuple[str, Any]]:
    if PARTITION_COLUMN not in frame.columns:
        raise FormatError(
            f"{who} is a batch, and its frame has no column `{PARTITION_COLUMN}`",
            hint=did_you_mean(PARTITION_COLUMN, frame.columns)
            or "add one with the partition key of each row, or return a dict by key",
        )
    nulls = frame[PARTITION_COLUMN].null_count()
    if nulls:
        raise FormatError(
            f"{who} returned {nulls:,} rows without a partition key in `{PARTITION_COLUMN}`",
            hint="give each row the key of its partition, or leave the row out",
        )
    parts = frame.partition_by(PARTITION_COLUMN, as_dict=True, include_key=False, maintain_order=True)
    by_key = {str(name): part for (name,), part in parts.items()}
    _check_keys(by_key, keys, who)
    empty = frame.clear().drop(PARTITION_COLUMN)
    return ((key, by_key.get(key, empty)) for key in keys)


def _check_keys(found: Mapping[Any, Any], keys: Sequence[str], who: str) -> None:
    asked = frozenset(keys)
    for key in found:
        if key not in asked:
            raise FormatError(
                f"{who} returned a value for partition {key!r}, which it was not asked for",
                hint=did_you_mean(str(key), keys) or "context.partitions names the partitions of the batch",
            )
