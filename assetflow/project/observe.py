"""Observing sources: what somebody else's data is now, without reading a file that did not change."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any

from assetflow.define.declare import Declaration
from assetflow.model.clock import to_text
from assetflow.model.record import Observation, Partition
from assetflow.model.version import fingerprint
from assetflow.store import hash_file
from assetflow.values import dataclass
from assetflow.whole_file import keep

_SETTLED_NS = 2_000_000_000
"""A file younger than this when it was hashed may have been written again within one tick of its clock."""

_FORMAT = 1

Stat = list[int]


@dataclass(slots=True)
class FileHashes:
    """Content hashes of files, kept by path and trusted while size, times and inode are the same.

    `stats` of the files that were looked at are what a later null build compares.
    """

    path: Path | None = None
    stats: dict[str, Stat] = field(default_factory=dict)
    _known: dict[str, tuple[Stat, str]] = field(default_factory=dict)
    _dirty: bool = False

    @staticmethod
    def load(path: Path) -> FileHashes:
        """The hashes kept in a file; none when it cannot be read, which costs time only."""
        hashes = FileHashes(path)
        try:
            record = json.loads(path.read_bytes())
            if record["format"] == _FORMAT:
                hashes._known = {file: (stat, version) for file, (stat, version) in record["files"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return hashes

    def version(self, file: Path, now_ns: int) -> str:
        """The content hash of a file; OSError when it cannot be read."""
        stat = file_stat(file)
        name = str(file)
        self.stats[name] = stat
        known = self._known.get(name)
        if known is not None and known[0] == stat:
            return known[1]
        version = hash_file(file)
        if stat[1] + _SETTLED_NS < now_ns:
            self._known[name] = (stat, version)
            self._dirty = True
        return version

    def save(self) -> None:
        """Write what is known, if anything is new."""
        if self.path is None or not self._dirty:
            return
        self._dirty = not keep(self.path, json.dumps({"format": _FORMAT, "files": self._known}))


def file_stat(path: Path | str) -> Stat:
    """Size, modification and change times (ns) and inode of a file: what differs when it was written or replaced."""
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def observe(
    sources: Mapping[str, Declaration],
    wanted: Mapping[str, Iterable[Partition]],
    *,
    project: Path,
    hashes: FileHashes,
    now: datetime,
) -> dict[str, dict[Partition, Observation]]:
    """Look at each wanted source partition; what cannot be observed carries its reason as `error`."""
    found: dict[str, dict[Partition, Observation]] = {}
    for key, partitions in wanted.items():
        source = sources[key].source
        assert source is not None
        seen: dict[Partition, Observation] = {}
        for partition in partitions:
            if source.path is not None:
                seen[partition] = _observe_files(key, source.path, partition, project, hashes, now)
            else:
                seen[partition] = _observe_by_function(key, source.observe, partition, now)
        found[key] = seen
    hashes.save()
    return found


def source_files(path: str, partition: Partition, project: Path) -> list[Path]:
    """The files a source path stands for, sorted: one file, a folder's files, or what a glob matches."""
    text = path if partition is None else path.replace("{partition}", glob.escape(partition))
    place = project / text
    if place.is_dir():
        return [place]
    if place.exists():
        return [place]
    if glob.has_magic(text):
        return [Path(match) for match in sorted(glob.glob(str(place), recursive=True)) if os.path.isfile(match)]
    return []


def _observe_files(
    key: str, path: str, partition: Partition, project: Path, hashes: FileHashes, now: datetime
) -> Observation:
    at = to_text(now)
    files = source_files(path, partition, project)
    if not files:
        shown = path if partition is None else path.replace("{partition}", partition)
        kind = "no file matches" if glob.has_magic(shown) else "there is no file"
        return Observation(
            asset=key, partition=partition, data_version="", observed_at=at, error=f"{kind} `{shown}` in the project"
        )
    now_ns = int(now.timestamp() * 1e9)
    try:
        version = _version_of(files, path, project, hashes, now_ns)
    except OSError as error:
        reason = f"cannot read `{error.filename or path}`: {error.strerror}"
        return Observation(asset=key, partition=partition, data_version="", observed_at=at, error=reason)
    names = [_relative(file, project) for file in files]
    return Observation(asset=key, partition=partition, data_version=version, observed_at=at, detail={"files": names})


def _version_of(files: Sequence[Path], path: str, project: Path, hashes: FileHashes, now_ns: int) -> str:
    if len(files) == 1 and files[0].is_file() and not glob.has_magic(path):
        return hashes.version(files[0], now_ns)
    parts: list[tuple[str, str]] = []
    for file in files:
        inside = sorted(p for p in file.rglob("*") if p.is_file()) if file.is_dir() else [file]
        parts.extend((_relative(each, project), hashes.version(each, now_ns)) for each in inside)
    return fingerprint("f1", "files", parts)


def _relative(file: Path, project: Path) -> str:
    return file.relative_to(project).as_posix() if file.is_relative_to(project) else str(file)


def _observe_by_function(key: str, function: Any, partition: Partition, now: datetime) -> Observation:
    at = to_text(now)
    try:
        value = function() if partition is None else function(partition)
    except Exception as error:
        reason = f"observe= failed: {type(error).__name__}: {error}"
        return Observation(asset=key, partition=partition, data_version="", observed_at=at, error=reason)
    if value is None:
        reason = "observe= returned None; return a version, for example a timestamp or a count as text"
        return Observation(asset=key, partition=partition, data_version="", observed_at=at, error=reason)
    return Observation(
        asset=key, partition=partition, data_version=fingerprint("o1", str(value)), observed_at=at,
        detail={"version": str(value)},
    )  # fmt: skip
