"""Immutable objects on a local file system: what the catalog records about one, and the store that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """Everything the catalog records about one immutable object of the store.

    `uri` is the posix path relative to the store root; `bytes` the size on disk; `rows`, `schema` (column name, type
    text) and `column_versions` (column name, hash of that column's name, type and content in row order) are None
    for what is no table; `python_type` names the type of the value that was written, for information.
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
            "column_versions": None
            if self.column_versions is None
            else [list(pair) for pair in self.column_versions],
            "python_type": self.python_type,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StoredObject:
        """Read what `to_json` gave; keys it does not know are ignored, so an older assetflow reads a newer record."""
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


class LocalStore:
    """Immutable, content-addressed objects below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def write(
        self, value: object, *, asset: str, partition: str | None, unordered: bool = False, durable: bool = True
    ) -> StoredObject:
        """Write a value as a new immutable object, in the format its type asks for."""
        raise NotImplementedError

    def load(self, obj: StoredObject, as_type: object = None) -> Any:
        """Read an object back as the type that an annotation asks for; None gives the format's own type."""
        raise NotImplementedError

    def load_many(
        self,
        objs: Sequence[tuple[str, StoredObject]],
        as_type: object = None,
        *,
        partition_column: str | None = None,
    ) -> Any:
        """Read the objects of several partitions, given as (partition key, object) in partition order."""
        raise NotImplementedError

    def exists(self, uri: str) -> bool:
        """Whether the object is in the store."""
        raise NotImplementedError

    def path(self, uri: str) -> Path:
        """The absolute path of an object."""
        raise NotImplementedError

    def verify(self, obj: StoredObject) -> bool:
        """Whether the object's content still has the recorded data version; reads all of it."""
        raise NotImplementedError

    def sync(self, uris: Iterable[str]) -> None:
        """Flush objects written with `durable=False`, and their folders, to the disk."""
        raise NotImplementedError
