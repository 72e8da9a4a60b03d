"""A returned `Path`: the file or folder it names is copied into the store, and read back as a path there.

The suffix of the name is kept, since programs go by it, and is part of the version. A folder is copied as a
tree; its version covers relative names and contents. Links to files are followed; links to folders and
special files are refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assetflow.errors import FormatError
from assetflow.store.asked import AskedKind
from assetflow.store.formats.contract import LoadRequest, WriteRequest, Written
from assetflow.store.hashing import content_version, file_digest, stream_digest
from assetflow.store.stored import StoredObject

_SUFFIX = re.compile(r"(?:\.tar)?\.[a-z0-9]{1,12}$", re.IGNORECASE)
_FOLDER_SUFFIX = ".dir"


class FileFormat:
    """Files and folders that the asset wrote itself."""

    names = ("file", "folder")

    def accepts(self, value: object) -> bool:
        return isinstance(value, Path)

    def write(self, value: Any, request: WriteRequest) -> Written:
        if value.is_dir():
            return _write_folder(value, request)
        if not value.is_file():
            raise FormatError(
                f"{request.who} returned the path {str(value)!r}, which is no file or folder",
                hint="write the file before returning its Path; to keep only the name, return `str(path)`",
                path=str(value),
            )
        found = _SUFFIX.search(value.name)
        suffix = found.group(0).lower() if found else ""
        digest = _copy(value, request.target)
        return Written(format="file", suffix=suffix, data_version=content_version("file", suffix, digest))

    def load(self, request: LoadRequest) -> Any:
        match request.asked.kind:
            case AskedKind.NATIVE | AskedKind.PATH:
                return request.path
            case AskedKind.BYTES | AskedKind.TEXT if request.path.is_dir():
                raise request.mismatch("Path")
            case AskedKind.BYTES:
                return request.path.read_bytes()
            case AskedKind.TEXT:
                return request.path.read_text("utf-8")
            case _:
                return _load_other(request)

    def version(self, path: Path, obj: StoredObject) -> str:
        if obj.format == "folder":
            entries = [(name, file_digest(file)) for name, file in folder_files(path)]
            return content_version("folder", entries)
        suffix = obj.uri.rsplit("/", 1)[1].partition(".")
        return content_version("file", "".join(suffix[1:]), file_digest(path))


def folder_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative posix name, path) of every file below a folder, by name; empty folders do not count."""
    pending = [folder]
    found: list[tuple[str, Path]] = []
    while pending:
        current = pending.pop()
        for entry in os.scandir(current):
            path = Path(entry.path)
            if entry.is_file():
                found.append((path.relative_to(folder).as_posix(), path))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
            else:
                raise FormatError(
                    f"the folder {str(folder)!r} holds {str(path)!r}, which is no file and no plain folder",
                    hint="leave out links to folders, sockets and devices",
                    path=str(path),
                )
    yield from sorted(found)


def _write_folder(folder: Path, request: WriteRequest) -> Written:
    request.target.mkdir()
    entries: list[tuple[str, str]] = []
    for name, file in folder_files(folder):
        copy = request.target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        entries.append((name, _copy(file, copy)))
    return Written(format="folder", suffix=_FOLDER_SUFFIX, data_version=content_version("folder", entries))


def _copy(source: Path, target: Path) -> str:
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as write:
        return stream_digest(read, write)


def _load_other(request: LoadRequest) -> Any:
    """A stored file as a table or a plain value, read by its suffix like any other file."""
    # here, not above: external files build on the table formats, which the registry loads with this one
    from assetflow.store.external import read_file

    return read_file(request.path, request.asked, connection=request.connection, who=request.who)
