"""Where the column chunks of a Parquet file lie, read from its footer.

Only what hashing needs is read: row counts, column paths and the byte range of each column chunk. The footer
is a Thrift structure in the compact protocol (Parquet format specification, `FileMetaData`); reading these
few fields by hand keeps arrow an extra and costs microseconds a chunk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assetflow.errors import StoreError
from assetflow.values import dataclass

_MAGIC = b"PAR1"
_TAIL = 8  # four bytes of footer length, four bytes of magic

# compact protocol type codes
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)

# a specification names the fields to keep: None keeps the value, a dictionary descends into a struct or a
# list of structs; every other field is skipped without building a value
_Spec = dict[int, Any]
_COLUMN_META: _Spec = {3: None, 7: None, 9: None, 11: None}
_ROW_GROUP: _Spec = {1: {3: _COLUMN_META}, 3: None}
_FILE: _Spec = {3: None, 4: _ROW_GROUP}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChunk:
    """The byte range of one leaf column in one row group; `path` starts with the top-level column name."""

    path: tuple[str, ...]
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """One row group: its row count and its column chunks in schema order."""

    rows: int
    chunks: tuple[ColumnChunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetLayout:
    """What a Parquet footer says about the place of the data."""

    rows: int
    row_groups: tuple[RowGroup, ...]


def read_layout(path: Path) -> ParquetLayout:
    """Read the layout of a Parquet file; `StoreError` when it is none, or its footer is damaged."""
    footer = _read_footer(path)
    try:
        fields = _Reader(footer).struct(_FILE)
        groups = tuple(_row_group(group) for group in fields.get(4, ()))
        return ParquetLayout(rows=fields[3], row_groups=groups)
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise StoreError(f"{path} has a damaged Parquet footer: {error!r}", path=str(path)) from error


def _read_footer(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < _TAIL + len(_MAGIC):
            raise StoreError(f"{path} is no Parquet file: it has {size} bytes", path=str(path))
        file.seek(size - _TAIL)
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length > size - _TAIL:
            raise StoreError(f"{path} is no Parquet file: it ends with {tail!r}", path=str(path))
        file.seek(size - _TAIL - length)
        return file.read(length)


def _row_group(fields: dict[int, Any]) -> RowGroup:
    return RowGroup(rows=fields[3], chunks=tuple(_chunk(chunk[3]) for chunk in fields[1]))


def _chunk(meta: dict[int, Any]) -> ColumnChunk:
    # a chunk starts at its dictionary page when it has one; some writers put a zero there for "none"
    start = min(offset for offset in (meta.get(11) or meta[9], meta[9]))
    return ColumnChunk(path=tuple(part.decode() for part in meta[3]), start=start, length=meta[7])


class _Reader:
    """A cursor over Thrift's compact protocol."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def varint(self) -> int:
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, spec: _Spec) -> dict[int, Any]:
        """Read a struct, keep the fields that `spec` names, skip the rest."""
        kept: dict[int, Any] = {}
        field = 0
        while header := self.byte():
            delta, kind = header >> 4, header & 0x0F
            field = field + delta if delta else self.zigzag()
            if field in spec:
                kept[field] = self.value(kind, spec[field])
            else:
                self.skip(kind)
        return kept

    def value(self, kind: int, spec: _Spec | None) -> Any:
        if kind == _STRUCT:
            return self.struct(spec or {})
        if kind == _LIST:
            count, item = self.list_header()
            return [self.value(item, spec) for _ in range(count)]
        if kind == _BINARY:
            length = self.varint()
            self.position += length
            return self.data[self.position - length : self.position]
        if kind in (_I16, _I32, _I64):
            return self.zigzag()
        raise ValueError(f"unexpected Thrift type {kind} at byte {self.position}")

    def list_header(self) -> tuple[int, int]:
        header = self.byte()
        count = header >> 4
        return (self.varint() if count == 15 else count), header & 0x0F

    def skip(self, kind: int) -> None:
        """Pass over a value; nesting is that of the Parquet specification, a handful of levels."""
        if kind in (_TRUE, _FALSE):
            return  # in a struct the header itself holds the value
        if kind == _BYTE:
            self.position += 1
        elif kind in (_I16, _I32, _I64):
            self.varint()
        elif kind == _DOUBLE:
            self.position += 8
        elif kind == _BINARY:
            length = self.varint()  # moves the position itself, so it has to come first
            self.position += length
        elif kind in (_LIST, _SET):
            self.skip_list()
        elif kind == _STRUCT:
            self.struct({})
        else:
            raise ValueError(f"unexpected Thrift type {kind} at byte {self.position}")

    def skip_list(self) -> None:
        count, item = self.list_header()
        if item in (_TRUE, _FALSE):
            self.position += count  # in a list a boolean takes a byte
            return
        for _ in range(count):
            self.skip(item)
