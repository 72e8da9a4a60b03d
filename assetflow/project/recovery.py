"""Recovery: what processes that died have left behind is put in order by the next command."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from assetflow.model.clock import to_text
from assetflow.project.process import is_alive, is_running
from assetflow.store import remove_abandoned
from assetflow.store.atomic import temporary_path

if TYPE_CHECKING:
    from assetflow.project.project import Project

_GOING_ON = "select 1 from runs where status in ('queued', 'running') limit 1"


def recover(project: Project) -> tuple[str, ...]:
    """Mark runs whose process is gone as interrupted, and remove what they had only begun to write; the runs' ids."""
    ended = project.catalog.recover(is_alive, to_text(project.clock.now()))
    if ended:
        with contextlib.suppress(OSError):  # what cannot be removed now goes after the next crash
            _remove_begun(project)
    return ended


def _remove_begun(project: Project) -> None:
    root = project.store.root
    if not root.is_dir():
        return
    now = _disk_time(root)  # before it is asked who goes on: who begins later writes later
    # writers may be on another machine, where nothing tells whether they live
    if not project.catalog.query(_GOING_ON).rows:
        remove_abandoned(root, is_alive=is_running, before=now)


def _disk_time(folder: Path) -> float:
    """What the clock of a folder's disk says, in seconds, as in `st_mtime`."""
    probe = temporary_path(folder)
    probe.touch()
    instant = probe.stat().st_mtime
    probe.unlink()
    return instant
