"""Asking a run to end, from any process on any machine that sees the project: a file with the run's name."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from assetflow.catalog.disk import writing

_PAUSE = 0.1


class CancelRequest:
    """The request to end one run; it is looked for a few times a second, however often one asks."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.path = folder / f"{run_id}.cancel"
        self._next_look = 0.0
        self._found = False

    def make(self) -> None:
        """Ask the run to end."""
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()

    def is_made(self) -> bool:
        """Whether somebody has asked the run to end."""
        now = time.monotonic()
        if not self._found and now >= self._next_look:
            self._next_look = now + _PAUSE
            self._found = os.path.exists(self.path)
        return self._found

    def clear(self) -> None:
        """Take the request away, once the run is over."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
