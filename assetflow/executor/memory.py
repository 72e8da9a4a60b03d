"""How much memory a process has, as Linux tells it; None where nobody does."""

from __future__ import annotations


def held_bytes(pid: int | str = "self") -> int | None:
    """Memory that a process alone holds: its own pages in memory, without files and libraries it shares."""
    return _kilobytes(pid, b"RssAnon:")


def data_bytes() -> int | None:
    """Address space for data that this process has asked for, used or not: what RLIMIT_DATA limits."""
    return _kilobytes("self", b"VmData:")


def shown(count: int) -> str:
    """A size in words: `200 MB`, `1.5 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count:,} bytes"


def _kilobytes(pid: int | str, field: bytes) -> int | None:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return None
