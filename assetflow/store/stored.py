"""What the catalog records about one immutable object of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """Everything the catalog records about one immutable object of the store.

    `uri` is the posix path relative to the store root; `bytes` the size on disk; `rows`, `schema` (column
    name, type text) and `column_versions` (column name, hash of that column's name, type and content in row
    order) are None for what is no table; `python_type` names the type of the value that was written, for
    information.
    """

    uri: str
    format: str
    data_version: str
    bytes: int
    rows: int | None = None
    schema: tuple[tuple[str, str], ...] | None = None
    column_versions: tuple[tuple[str, str], ...] | None = None
    python_type: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object as plain JSON values; `from_json` reads it back."""
        return {
            "uri": self.uri,
            "format": self.format,
            "data_version": self.data_version,
            "bytes": self.bytes,
            "rows": self.rows,
            "schema": None if self.schema is None else [list(pair) for pair in self.schema],
            "column_versions": None if self.column_versions is None else [list(pair) for pair in self.column_versions],
            "python_type": self.python_type,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StoredObject:
        """Read what `to_json` gave; unknown keys are ignored, so an older assetflow reads a newer record."""
        return cls(
            uri=data["uri"],
            format=data["format"],
            data_version=data["data_version"],
            bytes=data["bytes"],
            rows=data.get("rows"),
            schema=_pairs(data.get("schema")),
            column_versions=_pairs(data.get("column_versions")),
            python_type=data.get("python_type"),
        )


def _pairs(value: Iterable[Sequence[str]] | None) -> tuple[tuple[str, str], ...] | None:
    return None if value is None else tuple((pair[0], pair[1]) for pair in value)
