"""Arrow tables and streams of record batches, in and out (extra: arrow).

pyarrow and polars are imported inside the functions: the one is an extra, the other heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assetflow.store.formats.contract import LoadRequest, missing_extra

if TYPE_CHECKING:
    import polars as pl


def is_batches(value: object) -> bool:
    """Whether the value is a pyarrow record batch or a reader of them."""
    return any(
        base.__module__.split(".")[0] == "pyarrow" and base.__name__ in ("RecordBatch", "RecordBatchReader")
        for base in type(value).__mro__
    )


def lazy_from_table(table: Any) -> pl.LazyFrame:
    """An arrow table as a lazy frame, sharing its memory."""
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()


def lazy_from_batches(value: Any) -> pl.LazyFrame:
    """A record batch, or a reader that is drawn from batch by batch while the frame is written."""
    import polars as pl
    import pyarrow as pa
    from polars.io.plugins import register_io_source

    if isinstance(value, pa.RecordBatch):
        return lazy_from_table(pa.Table.from_batches([value]))
    empty = pl.from_arrow(value.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for batch in value:
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            if left is not None:
                frame = frame.head(left)
                left -= len(frame)
            if predicate is not None:
                frame = frame.filter(predicate)
            yield frame if with_columns is None else frame.select(with_columns)
            if left == 0:
                return

    return register_io_source(source, schema=empty.schema)


def table_from(frame: pl.DataFrame, request: LoadRequest) -> Any:
    """A frame as an arrow table."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise missing_extra("pyarrow", "arrow", what=f"loading {request.who} as `pa.Table`") from None
    return frame.to_arrow()
