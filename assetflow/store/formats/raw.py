"""Values that are one run of bytes: written at once, hashed in memory."""

from __future__ import annotations

from pathlib import Path

from assetflow.store.formats.contract import WriteRequest, Written
from assetflow.store.hashing import bytes_digest, content_version, file_digest
from assetflow.store.stored import StoredObject


def write_bytes(data: bytes, request: WriteRequest, *, format: str, suffix: str, kind: str | None = None) -> Written:
    """Write bytes to the target; the version covers the format's name, the `kind` if given, and the bytes."""
    request.target.write_bytes(data)
    parts = (bytes_digest(data),) if kind is None else (kind, bytes_digest(data))
    return Written(format=format, suffix=suffix, data_version=content_version(format, *parts))


class RawVersion:
    """How formats of this kind compute the version of a stored object anew."""

    def version(self, path: Path, obj: StoredObject) -> str:
        return content_version(obj.format, file_digest(path))
