"""The footer reader agrees with arrow's, and refuses what is no Parquet file."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assetflow.errors import StoreError
from assetflow.store.parquet_layout import read_layout


def wide_frame(rows: int) -> pl.DataFrame:
    return pl.select(
        pl.int_range(rows).alias("a.dotted"),
        pl.int_range(rows).cast(pl.String).alias("ü"),
        pl.struct(x=pl.int_range(rows), y=pl.concat_list(pl.int_range(rows), pl.int_range(rows))).alias("nested"),
        (pl.int_range(rows) % 2 == 0).alias("flag"),
        *[pl.int_range(rows).alias(f"c{number}") for number in range(20)],
    )


def assert_like_arrow(path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    metadata = parquet.ParquetFile(path).metadata
    layout = read_layout(path)
    assert layout.rows == metadata.num_rows
    assert [group.rows for group in layout.row_groups] == [
        metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)
    ]
    for number, group in enumerate(layout.row_groups):
        for position, chunk in enumerate(group.chunks):
            column = metadata.row_group(number).column(position)
            start = column.data_page_offset
            if column.has_dictionary_page and column.dictionary_page_offset:
                start = min(start, column.dictionary_page_offset)
            assert ".".join(chunk.path) == column.path_in_schema
            assert (chunk.start, chunk.length) == (start, column.total_compressed_size)


@pytest.mark.parametrize("rows", [0, 1, 999, 5000])
def test_layout_of_files_by_polars(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "t.parquet"
    wide_frame(rows).write_parquet(path, row_group_size=700, metadata={"note": "x" * 300})
    assert_like_arrow(path)


def test_layout_of_files_by_duckdb_and_arrow(tmp_path: Path) -> None:
    duckdb.sql("select i, 'text ' || i % 50 s, [i] l from range(5000) t(i)").write_parquet(str(tmp_path / "d.parquet"))
    assert_like_arrow(tmp_path / "d.parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(wide_frame(100).to_arrow(), tmp_path / "a.parquet", row_group_size=33)
    assert_like_arrow(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"not a table at all", b"PAR1" + b"\xff" * 40 + b"PAR1"]
)
def test_what_is_no_parquet_file_is_a_store_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"broken\.parquet"):
        read_layout(path)


def test_a_damaged_footer_is_a_store_error_or_harmless_whatever_byte_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    wide_frame(10).write_parquet(path)
    good = path.read_bytes()
    length = int.from_bytes(good[-8:-4], "little")
    for position in range(len(good) - 8 - length, len(good) - 8):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        # a flipped bit in a name or a statistic is none of its business
        with contextlib.suppress(StoreError):
            read_layout(path)
