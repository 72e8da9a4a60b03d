"""Fault points: named places at the writes, where a test lets the process die or the disk fail.

`ASSETFLOW_FAULT=log.append:3=kill` kills the process when it comes to the point `log.append` for the third time;
`enospc` and `eio` raise what a full or a broken disk would. Unset, a point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping

POINTS: Mapping[str, str] = {
    "claims.take": "a run has claimed a step and not written so",
    "claims.drop": "a run has written that it gives a claim back and not given it back",
    "store.write": "a value is whole under its temporary name",
    "store.rename": "a value has its name and is not recorded",
    "store.sync": "values are about to be flushed together",
    "log.append": "events are about to be written",
    "log.sync": "events are written and not flushed",
    "log.synced": "events are on disk and nobody was told",
    "output.write": "a line of a step's output is about to be written",
    "fold.copy": "the catalog file is copied",
    "fold.insert": "events are in the copy, not yet committed",
    "fold.rename": "the copy is whole and about to take the catalog's place",
    "fold.renamed": "the catalog is replaced and the note about it is old",
    "note.write": "a small file is whole under its temporary name",
    "segment.rename": "a segment is whole under its temporary name",
    "segment.drop": "a segment is in place and its logs are still there",
    "stamp.write": "a stamp is about to be written",
}
"""Every point with what has happened when it is reached."""

_ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}
_armed: Callable[[str], None] | None = None


def fault(point: str) -> None:
    """Mark a fault point."""
    if _armed is not None:
        _armed(point)


def arm(text: str | None) -> None:
    """Arm one point (`NAME[:COUNT]=ACTION`), or none; ValueError for what is no such text."""
    global _armed
    _armed = None
    if text is None:
        return
    place, _, action = text.partition("=")
    name, _, count = place.partition(":")
    if name not in POINTS or action not in ("kill", *_ERRORS):
        raise ValueError(f"ASSETFLOW_FAULT={text!r} is not of the form NAME[:COUNT]=kill|enospc|eio")
    left = int(count or 1)

    def reach(point: str) -> None:
        nonlocal left
        if point != name:
            return
        left -= 1
        if left > 0:
            return
        if action != "kill":
            raise OSError(_ERRORS[action], os.strerror(_ERRORS[action]), point)
        if left == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    _armed = reach


arm(os.environ.get("ASSETFLOW_FAULT"))
