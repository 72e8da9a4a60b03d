"""The analysis of source files, kept by content, so that a start with nothing changed parses and reads nothing.

The file holds a heading with a checksum, an index, and one line of JSON per source content, decoded when asked for.
A cache that is damaged, of another version or of another Python is ignored: it costs time, never correctness.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from assetflow.define.code.analysis import read_symbols
from assetflow.define.code.digest import ALGORITHM
from assetflow.define.code.symbols import FileSymbols
from assetflow.whole_file import keep

_MAGIC = "assetflow-parse-cache"
_FORMAT = 2
_SETTLED_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]
"""Size, both times and inode of a file: what copies or unpacks often keeps size and time where the content differs."""

_ANALYZERS = ("analysis.py", "digest.py", "scopes.py", "shapes.py", "symbols.py", "tokens.py", "walk.py")


class ParseCache:
    """What files hold, by content; a file whose size, times and inode are as recorded is not read again.

    The times are trusted only if they are at least two seconds older than the cache itself: a file saved later may
    have been edited again within one tick of its clock. Such files are read and compared by content.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._stats: dict[str, tuple[Stamp, str]] = {}
        self._trusted: set[str] = set()
        self._encoded: dict[str, bytes] = {}
        self._decoded: dict[str, FileSymbols] = {}
        self._dirty = False

    @classmethod
    def load(cls, path: Path) -> ParseCache:
        """The cache kept in a file; an empty one if there is none that can be used."""
        cache = cls(path)
        try:
            written = path.stat().st_mtime_ns
            heading, _, body = path.read_bytes().partition(b"\n")
            if heading != _heading(body):
                return cache
            index, *lines = body.split(b"\n")
            data = json.loads(index)
            stats = {file: (_stamp(*stamp), str(content)) for file, (stamp, content) in data["files"].items()}
            contents = dict(zip(data["contents"], lines, strict=True))
        except (OSError, ValueError, KeyError, TypeError):
            return cache
        cache._stats = stats
        cache._encoded = contents
        cache._trusted = {
            file
            for file, ((_, modified, changed, _), _) in stats.items()
            if max(modified, changed) + _SETTLED_NS <= written
        }
        return cache

    def symbols(self, file: str) -> FileSymbols | None:
        """What a source file holds; None if it cannot be read. Source that does not parse has its `error` set."""
        try:
            content, source = self._content(file)
        except OSError:
            return None
        known = self._decoded.get(content)
        if known is not None:
            return known
        encoded = self._encoded.get(content)
        if encoded:
            known = FileSymbols.from_json(json.loads(encoded))
        else:
            known = read_symbols(source if source is not None else Path(file).read_bytes())
            self._encoded[content] = json.dumps(known.to_json(), separators=(",", ":")).encode()
            self._dirty = True
        self._decoded[content] = known
        return known

    def digest(self, file: str) -> str:
        """The hash of a file's bytes, 32 hex digits; OSError if it cannot be read."""
        return self._content(file)[0]

    def _content(self, file: str) -> tuple[str, bytes | None]:
        status = os.stat(file)
        known = self._stats.get(file)
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if known is not None and file in self._trusted and known[0] == stamp:
            return known[1], None
        source = Path(file).read_bytes()
        content = xxh3_128_hexdigest(source)
        entry = (stamp, content)
        if known != entry:
            self._stats[file] = entry
            self._dirty = True
        elif file not in self._trusted:
            self._dirty = True  # the entry was too young to be trusted; a cache written now makes it older
        self._trusted.discard(file)
        return content, source

    def save(self) -> bool:
        """Write the cache beside its old file and move it there; False if nothing changed or it cannot be written."""
        if self.path is None or not self._dirty:
            return False
        stats = {file: entry for file, entry in sorted(self._stats.items()) if os.path.exists(file)}
        used = sorted({content for _, content in stats.values()})
        index = json.dumps({"files": stats, "contents": used}, separators=(",", ":")).encode()
        body = b"\n".join([index, *[self._encoded.get(content, b"") for content in used]])
        self._dirty = not keep(self.path, _heading(body) + b"\n" + body)
        return not self._dirty


def _stamp(size: int, modified: int, changed: int, inode: int) -> Stamp:
    return size, modified, changed, inode


def _heading(body: bytes) -> bytes:
    """What tells a usable cache: format, algorithm, the analyzing code itself, Python, and a checksum of the rest."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    fields: list[Any] = [_MAGIC, _FORMAT, ALGORITHM, _analyzer_digest(), version, xxh3_128_hexdigest(body)]
    return " ".join(str(field) for field in fields).encode()


def _analyzer_digest() -> str:
    """A hash over the modules that analyze, so that an upgrade never reads what older code concluded."""
    folder = Path(__file__).parent
    try:
        return xxh3_128_hexdigest(b"".join((folder / name).read_bytes() for name in _ANALYZERS))
    except OSError:
        return "unreadable"  # packed into an archive: the format and algorithm numbers have to do
