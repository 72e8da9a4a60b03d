"""Plain Python values as JSON, text as text, bytes as bytes: readable with any tool, exact in types."""

from __future__ import annotations

from typing import Any

from assetflow.errors import FormatError
from assetflow.store import tagged
from assetflow.store.asked import AskedKind
from assetflow.store.conform import conform
from assetflow.store.formats.contract import LoadRequest, NotKeptError, WriteRequest, Written
from assetflow.store.formats.raw import RawVersion, write_bytes
from assetflow.store.formats.tables import table_as

_FRAMES_FROM_ROWS = frozenset(
    {AskedKind.POLARS_FRAME, AskedKind.POLARS_LAZY, AskedKind.ARROW_TABLE, AskedKind.PANDAS_FRAME}
)


class JsonFormat(RawVersion):
    """Values whose JSON round trip is exact."""

    names = ("json",)

    def accepts(self, value: object) -> bool:
        return type(value) in tagged.TYPES

    def write(self, value: Any, request: WriteRequest) -> Written:
        try:
            data = tagged.dumps(value)
        except tagged.NotEncodableError as error:
            raise NotKeptError(str(error)) from error
        return write_bytes(data, request, format="json", suffix=".json")

    def load(self, request: LoadRequest) -> Any:
        kind = request.asked.kind
        if kind is AskedKind.PATH:
            return request.path
        data = request.path.read_bytes()
        if kind is AskedKind.BYTES:
            value = tagged.loads(data)
            return value if isinstance(value, bytes) else data
        if kind is AskedKind.MODEL:
            return conform(tagged.loads(data), request)
        if kind in _FRAMES_FROM_ROWS:
            return _frame_from_rows(tagged.loads(data), request)
        return conform(tagged.loads(data), request)


class TextFormat(RawVersion):
    """`str` as a UTF-8 file."""

    names = ("text",)

    def accepts(self, value: object) -> bool:
        return type(value) is str

    def write(self, value: Any, request: WriteRequest) -> Written:
        return write_bytes(value.encode("utf-8", "surrogatepass"), request, format="text", suffix=".txt")

    def load(self, request: LoadRequest) -> Any:
        match request.asked.kind:
            case AskedKind.PATH:
                return request.path
            case AskedKind.BYTES:
                return request.path.read_bytes()
            case _:
                return conform(request.path.read_bytes().decode("utf-8", "surrogatepass"), request)


class BytesFormat(RawVersion):
    """`bytes` and `bytearray` as a file, read back as `bytes` unless `bytearray` is asked for."""

    names = ("bytes",)

    def accepts(self, value: object) -> bool:
        return type(value) in (bytes, bytearray)

    def write(self, value: Any, request: WriteRequest) -> Written:
        return write_bytes(bytes(value), request, format="bytes", suffix=".bin")

    def load(self, request: LoadRequest) -> Any:
        if request.asked.kind is AskedKind.PATH:
            return request.path
        data = request.path.read_bytes()
        if request.asked.type is bytearray:
            return bytearray(data)
        return conform(data, request)


def _frame_from_rows(rows: Any, request: LoadRequest) -> Any:
    """A list of dictionaries as a table; every row is looked at to find the column types."""
    # imported here: polars is heavy, and plain values seldom become tables
    import polars as pl

    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise request.mismatch(type(rows).__name__, "Path", "bytes")
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise FormatError(
            f"{request.who} is a list of dictionaries that makes no table: {error}",
            hint="annotate the input as `list[dict[str, Any]]`, or return a frame",
        ) from error
    return table_as(frame.lazy(), request)
