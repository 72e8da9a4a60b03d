"""The logs of ended runs, packed into Parquet: `log/segments/<n>.parquet` with a row per raw line.

A segment is renamed into place before the logs it replaces are unlinked. A crash in between leaves both, and lines
that are there twice are folded once: a line is its log's name and its offset.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from assetflow.catalog.disk import replace, sync_file, sync_folder, writing
from assetflow.catalog.engine import duckdb
from assetflow.catalog.log import SUFFIX, LogReader, try_own, verified
from assetflow.catalog.schema import Connection
from assetflow.catalog.sidecar import Paths, log_sizes, segment_names
from assetflow.catalog.tables import literal
from assetflow.faults import fault
from assetflow.values import dataclass

_FETCH = 10_000
_SEPARATOR = "\x01"
"""Stands between the fields of the temporary file: JSON text never holds it raw."""

_ENDED = """
select l.name, l.size from inside.logs l
where not exists (
    select 1 from inside.runs r anti join inside.run_ends e on e.run = r.run where r.log = l.log)
order by l.name"""


class UnreadableSegment(Exception):
    """A segment that DuckDB cannot read; the message says why."""


def lines(con: Connection, path: Path) -> Iterator[tuple[str, int, bytes | None, int]]:
    """Log name, offset, JSON text (None: damaged) and end offset of every line of a segment, as they were written."""
    cursor = con.cursor()
    try:
        cursor.execute('select log, "offset", line from read_parquet(?) order by log, "offset"', [str(path)])
        while rows := cursor.fetchmany(_FETCH):
            for log, offset, line in rows:
                raw = line.encode()
                yield log, offset, verified(raw), offset + len(raw) + 1
    except duckdb.Error as error:
        raise UnreadableSegment(str(error).splitlines()[0]) from error
    finally:
        cursor.close()


def ended(con: Connection, paths: Paths) -> list[tuple[str, int]]:
    """Logs on disk, with their sizes, that are wholly folded and hold no unfinished run, sorted by name."""
    sizes = log_sizes(paths.log)
    return [(name, size) for name, size in con.execute(_ENDED).fetchall() if sizes.get(name) == size > 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A segment in place, and the logs it replaces with the handles that own them."""

    segment: str
    logs: tuple[tuple[str, int], ...]

    def drop(self, paths: Paths) -> None:
        """Unlink the logs, once the catalog that knows the segment is in place, and let go of them."""
        if os.name == "nt":  # an open file cannot be unlinked there
            self.release()
        try:
            with writing(paths.log):
                for name, _fd in self.logs:
                    fault("segment.drop")
                    (paths.log / f"{name}{SUFFIX}").unlink(missing_ok=True)
        finally:
            if os.name != "nt":
                self.release()

    def release(self) -> None:
        """Let go of the logs without unlinking them."""
        for _name, fd in self.logs:
            os.close(fd)


def pack(con: Connection, paths: Paths, logs: Sequence[tuple[str, int]]) -> Packed | None:
    """Write one segment from those logs that no writer holds; None when somebody holds each of them."""
    owned: list[tuple[str, int]] = []
    for name, size in logs:
        fd = try_own(paths.log / f"{name}{SUFFIX}")
        if fd is None:
            continue
        if os.fstat(fd).st_size == size:
            owned.append((name, fd))
        else:
            os.close(fd)
    if not owned:
        return None
    packed = Packed(segment=_next_name(paths), logs=tuple(owned))
    try:
        _write(con, paths, packed)
    except BaseException:
        packed.release()
        raise
    return packed


def _write(con: Connection, paths: Paths, packed: Packed) -> None:
    with writing(paths.segments):
        paths.segments.mkdir(parents=True, exist_ok=True)
        longest = _spread(paths, [name for name, _fd in packed.logs])
    target = paths.segments / packed.segment
    temporary = target.with_suffix(".tmp")
    columns = "{'log': 'VARCHAR', 'offset': 'BIGINT', 'line': 'VARCHAR'}"
    con.execute(
        f"copy (select * from read_csv({literal(str(paths.stage))}, delim = '{_SEPARATOR}', quote = '', escape = '', "
        f"header = false, columns = {columns}, max_line_size = {longest + 1000}, auto_detect = false)) "
        f"to {literal(str(temporary))} (format parquet, compression zstd)"
    )
    with writing(target):
        sync_file(temporary)
        fault("segment.rename")
        replace(temporary, target)
        sync_folder(paths.segments)


def _next_name(paths: Paths) -> str:
    taken = [int(name.split(".")[0]) for name in segment_names(paths.segments) if name.split(".")[0].isdigit()]
    return f"{max(taken, default=0) + 1:06d}.parquet"


def _spread(paths: Paths, names: Sequence[str]) -> int:
    """Write the lines of logs to the temporary file and return the length of the longest."""
    longest = 0
    with open(paths.stage, "wb") as file:
        for name in names:
            prefix = name.encode()
            for offset, body in LogReader(paths.log / f"{name}{SUFFIX}").lines():
                line = b"%b\x01%d\x01%08x %b\n" % (prefix, offset, crc32(body), body)
                longest = max(longest, len(line))
                file.write(line)
    return longest
