"""Values that are one run of bytes: written at once, hashed in memory."""

from __future__ import annotations

import os
from pathlib import Path

from assetflow.store.formats.contract import WriteRequest, Written
from assetflow.store.hashing import bytes_digest, content_version, file_digest
from assetflow.store.stored import StoredObject

_BINARY = getattr(os, "O_BINARY", 0)


def write_bytes(data: bytes, request: WriteRequest, *, format: str, suffix: str, kind: str | None = None) -> Written:
    """Write bytes to the target; the version covers the format's name, the `kind` if given, and the bytes."""
    # small values come by the thousand: born read-only, as objects are, and without a file object, which asks the
    # system three things first
    file = os.open(request.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o444)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
    parts = (bytes_digest(data),) if kind is None else (kind, bytes_digest(data))
    version = content_version(format, *parts)
    return Written(format=format, suffix=suffix, data_version=version, read_only=len(data))


class RawVersion:
    """How formats of this kind compute the version of a stored object anew."""

    def version(self, path: Path, obj: StoredObject) -> str:
        return content_version(obj.format, file_digest(path))
