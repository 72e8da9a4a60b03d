"""The plan of a lazy frame as polars resolves it, with every name known, before anything is optimized away.

Polars shows that plan to libraries that carry it out by themselves (a traverser over its nodes and expressions). That
is not public, so that whatever is not as expected means: the plan cannot be seen. This module imports polars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PanicException

Leaf = tuple[Any, Path]
"""A scan that was handed to a function, and a file of it."""

LARGEST = 64 << 20
"""Bytes of a plan, with the frames in memory that are part of it, beyond which it is not looked at."""

_SCAN, _OPTIONS = b"\x81\xa4Scan\x83\xa7sources\x81\xa5Paths", b"\xb1unified_scan_args"
_KIND, _END = b"\xa9scan_type", b"\xa7version"
_LITERALLY = ((b"\xa4glob\xc3", b"\xa4glob\xc2"), (b"\xa7enabled\xc3", b"\xa7enabled\xc2"))
"""How polars writes a scan down (in MessagePack), and the options by which a path would be more than a name."""

_NO_FRAMES = b"\xaadataframes\x91"
"""The list of the frames in memory that a plan holds, with nothing in it but its empty first place."""

_ASKS_PYTHON = (b"PythonDataset", b"Resolver")


class _Bounded(BytesIO):
    """Takes bytes up to a size, so that a frame in memory is not copied again and again."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > LARGEST:
            raise OverflowError("the plan is too large")
        return super().write(data)


def resolved_plan(frame: pl.LazyFrame, leaves: Iterable[Leaf]) -> Any:
    """A traverser over the plan of a frame, in which plain scans stand for the leaves; None where it cannot be had.

    A scan that asks Python for its files does so from another thread, which would wait for this one: such plans are
    left alone once the leaves are replaced.
    """
    try:
        written = _written(frame)
        for leaf, path in leaves:
            written = _replaced(written, leaf, path)
        if any(word in written for word in _ASKS_PYTHON):
            return None
        copy = pl.LazyFrame.deserialize(BytesIO(written))
        return copy._ldf.with_optimizations(pl.QueryOptFlags.none()._pyoptflags).visit()
    except (Exception, PanicException):  # another polars, a function that cannot be written down, a query that fails
        return None


def holds_frames(frame: pl.LazyFrame) -> bool:
    """Whether a query reads frames in memory, or may; its text would tell too, in a time that grows with its square."""
    written = _written(frame)
    return _NO_FRAMES not in written


def _replaced(written: bytes, leaf: pl.LazyFrame, path: Path) -> bytes:
    """A plan with a scan of `path` for every scan of the leaf; what else is asked of the scan stays.

    Plans are written as lists of nodes, so that a node looks the same wherever it stands.
    """
    before, after = _written(leaf), _written(_stand_in(leaf, path))
    start, kind = _files(before), _kind(before)
    parts: list[bytes] = []
    done = 0
    while (found := written.find(start, done)) >= 0:
        at = written.index(_KIND, found)
        if written.startswith(kind, at):
            options = written[found + len(start) : at]
            for asked, literal in _LITERALLY:
                options = options.replace(asked, literal)
            parts += [written[done:found], _files(after), options, _kind(after)]
            done = at + len(kind)
        else:
            parts.append(written[done:at])
            done = at
    return b"".join([*parts, written[done:]])


def _stand_in(leaf: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    """A scan whose columns are known without reading what is behind the leaf once more."""
    if path.suffix == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    # polars keeps the schema that it infers with the scan, and does not infer it again when the query runs
    return pl.scan_csv(path, schema=leaf.collect_schema(), glob=False)


def _files(written: bytes) -> bytes:
    """What a plan of one scan says about its files."""
    return written[written.index(_SCAN) : written.index(_OPTIONS)]


def _kind(written: bytes) -> bytes:
    """What a plan of one scan says about how they are read."""
    return written[written.index(_KIND) : written.rindex(_END)]


def _written(frame: pl.LazyFrame) -> bytes:
    target = _Bounded()
    # as `frame.serialize()` does, without the check of a path
    frame._ldf.serialize_binary(target)
    return target.getvalue()


def inputs_of(traverser: Any, node: int) -> Sequence[int]:
    """The nodes that a node takes."""
    traverser.set_node(node)
    return list(traverser.get_inputs())
