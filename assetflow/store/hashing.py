"""Data versions: what makes two stored values equal.

`d1:<32 hex>` stands for the content of a stored value, `c1:` for one column of a table, `f1:` for files that
somebody else writes. All are xxh3_128 over type-tagged, length-prefixed parts.

A table's version covers its column names, types and order, its row count and every column's content in row
order. Content is hashed as the pages of the Parquet file just written: with a fixed row group size the
encoder gives the same bytes for the same values, whatever the chunking, slicing, thread count or engine that
made them, and hashing bytes that are still in the page cache is nearly free. Values are told apart by their
bits: `0.0` and `-0.0`, and two NaNs with different payloads, are different content. An encoder that changes
its output in a later release makes old and new versions differ; tests pin versions of known tables, so that
this cannot happen unnoticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from xxhash import xxh3_128

from assetflow.model.version import fingerprint
from assetflow.store.parquet_layout import ColumnChunk, ParquetLayout

DATA_ALGORITHM = "d1"
COLUMN_ALGORITHM = "c1"
FILE_ALGORITHM = "f1"

_BLOCK = 1 << 20


def version_hex(version: str) -> str:
    """The hexadecimal part of a version."""
    return version.rsplit(":", 1)[1]


def content_version(kind: str, *parts: object) -> str:
    """The data version of a value that is no table: the kind of format, then whatever tells its content."""
    return fingerprint(DATA_ALGORITHM, kind, *parts)


def bytes_digest(data: bytes | bytearray | memoryview) -> str:
    """The plain digest of bytes in memory, 32 hexadecimal digits."""
    return xxh3_128(data).hexdigest()


def file_digest(path: Path) -> str:
    """The plain digest of a file's bytes, read in blocks, 32 hexadecimal digits."""
    with path.open("rb", buffering=0) as file:
        return stream_digest(file)


def stream_digest(file: BinaryIO, copy_to: BinaryIO | None = None) -> str:
    """The plain digest of a stream, which is copied on the way when `copy_to` is given."""
    digest = xxh3_128()
    view = memoryview(bytearray(_BLOCK))
    while count := file.readinto(view):  # type: ignore[attr-defined]  # BinaryIO leaves readinto out
        digest.update(view[:count])
        if copy_to is not None:
            copy_to.write(view[:count])
    return digest.hexdigest()


def column_digests(path: Path, layout: ParquetLayout) -> dict[str, list[str]]:
    """For each top-level column the digests of its leaf columns over all row groups, in schema order."""
    digests: dict[tuple[str, ...], xxh3_128] = {}
    view = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        for group in layout.row_groups:
            for chunk in group.chunks:
                digest = digests.setdefault(chunk.path, xxh3_128())
                digest.update(b"%d:%d|" % (group.rows, chunk.length))
                _update(digest, file, chunk, view)
    result: dict[str, list[str]] = {}
    for leaf, digest in digests.items():
        result.setdefault(leaf[0], []).append(f"{'/'.join(leaf[1:])}={digest.hexdigest()}")
    return result


def _update(digest: xxh3_128, file: BinaryIO, chunk: ColumnChunk, view: memoryview) -> None:
    file.seek(chunk.start)
    left = chunk.length
    while left:
        count = file.readinto(view[: min(left, len(view))])  # type: ignore[attr-defined]
        if not count:
            raise EOFError(f"the file ends inside the column {'.'.join(chunk.path)}")
        digest.update(view[:count])
        left -= count


def table_versions(
    path: Path, layout: ParquetLayout, schema: Sequence[tuple[str, str]], *, metadata: str | None
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The data version of a Parquet file and the version of each column.

    `schema` holds (column name, type text) in order; `metadata` is what else belongs to the value, like the
    names of a pandas index.
    """
    digests = column_digests(path, layout)
    columns = tuple(
        (name, fingerprint(COLUMN_ALGORITHM, name, kind, layout.rows, digests.get(name, []))) for name, kind in schema
    )
    return fingerprint(DATA_ALGORITHM, "table", layout.rows, columns, metadata), columns
