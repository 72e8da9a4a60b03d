"""Values that are one run of bytes: written at once, hashed in memory."""

from __future__ import annotations

from pathlib import Path

from assetflow.store.formats.contract import WriteRequest, Written
from assetflow.store.hashing import bytes_digest, content_version, file_digest
from assetflow.store.stored import StoredObject


def write_bytes(data: bytes, request: WriteRequest, *, format: str, suffix: str) -> Written:
    """Write bytes to the target; the version covers the format's name and the bytes."""
    request.target.write_bytes(data)
    return Written(format=format, suffix=suffix, data_version=content_version(format, bytes_digest(data)))


class RawVersion:
    """How formats of this kind compute the version of a stored object anew."""

    def version(self, path: Path, obj: StoredObject) -> str:
        return content_version(obj.format, file_digest(path))
