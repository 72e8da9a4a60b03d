"""The stamp: what the last verdict "everything is fresh" rested on, so that the next one is a matter of stat calls.

As ninja does: nothing is loaded that did not change. A stamp belongs to one request (selection, options, environment,
settings, interpreter) and lists every file, folder and environment variable that decided. One that differs, or a point
in time that has passed, and the command goes the long way. Imports nothing of polars, duckdb or the project.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from xxhash import xxh3_128_hexdigest

from assetflow import __version__
from assetflow.define.settings import PREFIX
from assetflow.faults import fault
from assetflow.values import dataclass
from assetflow.whole_file import keep

FORMAT = 4
MARGIN_NS = 20_000_000
"""A file changed so shortly before it was read may change again without its times telling."""

Stat = list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """`fresh` counts asset partitions, of so many `assets`.

    `files` are by path with size, times and inode; `absent` are paths that must not exist, `present` ones
    that must, each with its size (-1 for a folder).
    `variables` maps variable names to a hash of their value; `until` is the instant (ns) at which time alone could
    change the verdict.
    """

    fresh: int
    assets: int
    files: Mapping[str, Stat]
    absent: Sequence[str]
    present: Mapping[str, int]
    variables: Mapping[str, str]
    until: int | None


def request_words(
    selection: Sequence[str],
    *,
    partitions: Sequence[str],
    first: str | None,
    last: str | None,
    only: bool,
    freshness: bool,
    environment: str,
) -> list[str]:
    """A request as words that a stamp is keyed by."""
    return [json.dumps([list(selection), list(partitions), first, last, only, freshness, environment])]


def stamp_path(folder: Path, request: Sequence[str]) -> Path:
    """Where the stamp of a request is kept."""
    words = json.dumps([__version__, sys.version, sys.prefix, *request])
    return folder / "stamps" / f"{xxh3_128_hexdigest(words.encode())}.json"


def read_stamp(path: Path, environ: Mapping[str, str], now_ns: int) -> Stamp | None:
    """The stamp of a request if everything it rests on is as it was; None otherwise."""
    try:
        record = json.loads(path.read_bytes())
        if record["format"] != FORMAT:
            return None
        stamp = Stamp(**record["stamp"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if stamp.until is not None and now_ns >= stamp.until:
        return None
    if any(variable_hash(environ.get(name)) != value for name, value in stamp.variables.items()):
        return None
    if any(name.startswith(PREFIX) and name not in stamp.variables for name in environ):
        return None  # a setting that was not there before
    look = os.stat
    try:
        for file, recorded in stamp.files.items():
            seen = look(file)
            if [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino] != recorded:
                return None
        for file, size in stamp.present.items():
            if look(file).st_size != size and size >= 0:
                return None
    except OSError:
        return None
    return None if any(os.path.lexists(file) for file in stamp.absent) else stamp


def write_stamp(
    path: Path,
    *,
    fresh: int,
    assets: int,
    files: Iterable[Path],
    state: Mapping[str, Stat],
    absent: Iterable[Path],
    present: Iterable[Path],
    variables: Mapping[str, str | None],
    until: int | None,
    read_from_ns: int,
) -> bool:
    """Keep a stamp; False when a file changed since `read_from_ns` (or just before), so that nothing can be said.

    `state` are stats of the catalog's files, taken before it was read: they change with every run, also a moment ago.
    """
    if state != stats_of(state):
        return False
    stats: dict[str, Stat] = dict(state)
    try:
        for file in files:
            seen = os.stat(file)
            if max(seen.st_mtime_ns, seen.st_ctime_ns) >= read_from_ns - MARGIN_NS:
                return False
            stats[str(file)] = [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
        sizes = {str(place): _size(os.stat(place)) for place in present}
    except OSError:
        return False
    stamp = {
        "fresh": fresh,
        "assets": assets,
        "files": stats,
        "absent": [str(place) for place in absent],
        "present": sizes,
        "variables": {name: variable_hash(value) for name, value in variables.items()},
        "until": until,
    }
    with suppress(OSError):
        fault("stamp.write")
        return keep(path, json.dumps({"format": FORMAT, "stamp": stamp}))
    return False


def stats_of(places: Iterable[str]) -> dict[str, Stat]:
    """The stat of each place; one that is not there has an empty one, which never compares as unchanged."""
    found: dict[str, Stat] = {}
    for place in places:
        try:
            seen = os.stat(place)
        except OSError:
            found[place] = []
        else:
            found[place] = [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
    return found


def _size(seen: os.stat_result) -> int:
    return -1 if stat.S_ISDIR(seen.st_mode) else seen.st_size


def variable_hash(value: str | None) -> str:
    """A hash that stands for the value of an environment variable; unset is told apart from empty."""
    return "unset" if value is None else xxh3_128_hexdigest(value.encode("utf-8", "surrogateescape"))
