"""A note beside `catalog.duckdb` of what is folded into it, so that "nothing to do" is answered by stat calls."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from assetflow.catalog.disk import write_atomic
from assetflow.catalog.log import SUFFIX
from assetflow.catalog.schema import schema_version
from assetflow.catalog.views import DIGEST as VIEWS
from assetflow.errors import CatalogUnwritableError
from assetflow.values import dataclass

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the parts of a catalog are."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "catalog.duckdb"

    @property
    def sidecar(self) -> Path:
        return self.root / "folded.json"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def segments(self) -> Path:
        return self.root / "log" / "segments"

    @property
    def lock(self) -> Path:
        return self.root / "fold.lock"

    @property
    def scratch(self) -> Path:
        """The copy that a fold works on; one name, because folds take turns."""
        return self.root / ".fold.duckdb"

    @property
    def stage(self) -> Path:
        return self.root / ".fold.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What `catalog.duckdb` was when it was last folded, and how much of each log is in it.

    `unfinished` counts the runs that have begun and not ended.
    """

    catalog: tuple[int, int, int]
    schema: tuple[int, str]
    logs: Mapping[str, int] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    digest: str | None = None
    store_root: str = ""
    unfinished: int = 0


def identity(path: Path) -> tuple[int, int, int] | None:
    """Inode, size and time of a file: what changes when it is replaced; None when it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def log_sizes(folder: Path) -> dict[str, int]:
    """The size of every log by its name; empty when the folder is not there."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name.removesuffix(SUFFIX): entry.stat().st_size
                for entry in entries
                if entry.name.endswith(SUFFIX) and entry.is_file()
            }
    except OSError:
        return {}


def segment_names(folder: Path) -> tuple[str, ...]:
    """The names of the segments, sorted."""
    try:
        return tuple(sorted(name for name in os.listdir(folder) if name.endswith(".parquet")))
    except OSError:
        return ()


def is_current(paths: Paths, note: Sidecar, *, digest: str | None, store_root: Path) -> bool:
    """Whether the noted catalog holds all that the logs, the definitions and the place of the store say."""
    return (
        note.schema == (schema_version(), VIEWS)
        and (digest is None or digest == note.digest)
        and note.store_root == str(store_root.absolute())
        and logs_current(paths, note)
    )


def logs_current(paths: Paths, note: Sidecar) -> bool:
    """Whether no log and no segment has changed since the note."""
    return all(
        note.logs.get(name) == size for name, size in log_sizes(paths.log).items()
    ) and note.segments == segment_names(paths.segments)


def read(paths: Paths) -> Sidecar | None:
    """The note, if it speaks of the `catalog.duckdb` that is there."""
    try:
        record = json.loads(paths.sidecar.read_bytes())
        if record["format"] != FORMAT:
            return None
        inode, size, mtime = record["catalog"]
        note = Sidecar(
            catalog=(inode, size, mtime),
            schema=(int(record["schema"][0]), str(record["schema"][1])),
            logs=record["logs"],
            segments=tuple(record["segments"]),
            digest=record["digest"],
            store_root=record["store_root"],
            unfinished=int(record["unfinished"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a note that cannot be read is no note
    return note if identity(paths.database) == note.catalog else None


def write(paths: Paths, note: Sidecar) -> None:
    """Write the note; without it the next command only looks more closely."""
    record = {
        "format": FORMAT,
        "catalog": list(note.catalog),
        "schema": list(note.schema),
        "logs": dict(note.logs),
        "segments": list(note.segments),
        "digest": note.digest,
        "store_root": note.store_root,
        "unfinished": note.unfinished,
    }
    with suppress(CatalogUnwritableError):
        write_atomic(paths.sidecar, json.dumps(record).encode())
