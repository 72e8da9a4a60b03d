"""Which log lines are not in the catalog yet: from the logs that grew and the segments that are new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field

from assetflow.catalog import segments
from assetflow.catalog.disk import set_aside, sync_file
from assetflow.catalog.log import SUFFIX, LogReader, cut_torn_tail, try_own
from assetflow.catalog.rows import Notice
from assetflow.catalog.schema import Connection
from assetflow.catalog.sidecar import Paths, log_sizes, segment_names
from assetflow.catalog.stage import Line
from assetflow.values import dataclass


@dataclass(slots=True, kw_only=True)
class Pending:
    """The lines still to be folded, and after they were read, how far that went.

    `folded` is by log name how far the catalog goes, `seen` the size each log file had when it was read.
    """

    con: Connection
    paths: Paths
    numbers: dict[str, int] = field(default_factory=dict)
    folded: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    known_segments: set[str] = field(default_factory=set)
    read_logs: int = 0
    read_segments: int = 0
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, name, size in self.con.execute("select log, name, size from inside.logs").fetchall():
            self.numbers[name] = number
            self.folded[name] = size
        self.known_segments = {row[0] for row in self.con.execute("select name from inside.segments").fetchall()}

    def lines(self) -> Iterator[Line]:
        """Every line that is not folded, segments first, each exactly once."""
        for name in segment_names(self.paths.segments):
            if name not in self.known_segments:
                yield from self._segment(name)
        for name, size in sorted(log_sizes(self.paths.log).items()):
            self.seen[name] = size
            if size != self.folded.get(name, 0):
                yield from self._log(name)

    def _number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) + 1)

    def _segment(self, name: str) -> Iterator[Line]:
        path = self.paths.segments / name
        before = dict(self.folded)
        try:
            for log, offset, body, end in segments.lines(self.con, path):
                if offset < before.get(log, 0):
                    continue
                self.folded[log] = max(end, self.folded.get(log, 0))
                if body is None:
                    self._damaged(log, offset, "its checksum in the segment does not hold")
                    continue
                yield Line(self._number(log), log, offset, body)
        except segments.UnreadableSegment as error:
            target = set_aside(self.paths.root, name, path)
            self.notices.append(
                Notice(
                    slug="segment_damaged",
                    message=f"the log segment `{path}` cannot be read ({error}); it was moved to `{target}`",
                    path=str(target),
                    hint="put that file back from a backup and run `assetflow catalog rebuild`",
                )
            )
            return
        self.known_segments.add(name)
        self.read_segments += 1

    def _log(self, name: str) -> Iterator[Line]:
        path = self.paths.log / f"{name}{SUFFIX}"
        size = self.seen[name]
        start = self.folded.get(name, 0)
        if size < start:
            self.notices.append(
                Notice(
                    slug="log_shrunk",
                    message=f"the log `{path}` has {size} bytes, of which {start} were read before",
                    path=str(path),
                    hint="somebody cut or replaced it; what was read stays in the catalog",
                )
            )
            self.folded[name] = size
            self._number(name)
            return
        # what the catalog says must not be lost by a power failure that the log did not survive
        sync_file(path)
        reader = LogReader(path, offset=start)
        number = self._number(name)
        for offset, body in reader.lines():
            yield Line(number, name, offset, body)
        self.read_logs += 1
        self.folded[name] = reader.end
        self.seen[name] = reader.size
        for damaged in reader.damaged:
            target = set_aside(self.paths.root, f"{name}-{damaged.offset}.line", damaged.raw)
            self._damaged(name, damaged.offset, f"it was set aside as `{target}`")
        if reader.end < reader.size:
            self._torn(name, reader.end)

    def _torn(self, name: str, end: int) -> None:
        path = self.paths.log / f"{name}{SUFFIX}"
        fd = try_own(path)
        if fd is None:
            return  # its writer lives and is about to finish the line
        try:
            before = os.fstat(fd).st_size
            left = cut_torn_tail(path, fd)
        finally:
            os.close(fd)
        self.seen[name] = left
        if left < before and left == end:
            self.notices.append(
                Notice(
                    slug="log_cut",
                    message=f"the log `{path}` ended in an unfinished line; its {before - left} bytes were cut",
                    path=str(path),
                )
            )

    def _damaged(self, name: str, offset: int, what: str) -> None:
        self.notices.append(
            Notice(
                slug="log_line_damaged",
                message=f"line at byte {offset} of the log `{name}` is damaged; {what}",
                path=str(self.paths.log / f"{name}{SUFFIX}"),
                hint="the lines after it were read; what that line recorded has to be materialized again",
            )
        )

    def record(self) -> None:
        """Write to the catalog how far every log was read."""
        self.con.execute("delete from inside.logs")
        rows = sorted((number, name, self.folded.get(name, 0)) for name, number in self.numbers.items())
        if rows:
            self.con.execute(
                "insert into inside.logs select unnest($n::integer[]), unnest($t::varchar[]), unnest($s::bigint[])",
                {"n": [r[0] for r in rows], "t": [r[1] for r in rows], "s": [r[2] for r in rows]},
            )
        self.con.execute("delete from inside.segments")
        if self.known_segments:
            self.con.execute("insert into inside.segments select unnest(?::varchar[])", [sorted(self.known_segments)])
