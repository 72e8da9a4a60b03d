"""Ending runs that go on in other processes, or in other threads of this one."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from assetflow.catalog.rows import RunRow
from assetflow.errors import RunError, UsageError
from assetflow.model.record import RunStatus
from assetflow.project.past_runs import find_run
from assetflow.project.process import is_alive

if TYPE_CHECKING:
    from assetflow.project.project import Project

PATIENCE = 30.0
"""Seconds that a run gets to end after it was asked to."""

_PAUSE = 0.05


def cancel_run(project: Project, run_id: str, *, kill: bool = False, patience: float = PATIENCE) -> RunRow:
    """Ask a run to end, or `kill` its process, and wait until it has ended; the run as it is then.

    UnknownRunError, UsageError for a run that is over, RunError for one that does not end within `patience` seconds.
    """
    row = running(project, run_id)
    if kill:
        _kill(row)
    else:
        project.catalog.cancel_request(row.run_id).make()
    return _ended(project, row, patience)


def _kill(row: RunRow) -> None:
    """Kill the process of a run on this machine, with all else that it does; the run is then `interrupted`."""
    if is_alive(row.host, row.pid, row.process_started) is not True:
        raise UsageError(
            f"run {row.run_id} goes on in process {row.pid} on `{row.host}`, which cannot be seen from here",
            hint=f"leave --kill out, or kill it on `{row.host}`",
        )
    if row.pid == os.getpid():
        raise UsageError(f"run {row.run_id} goes on in this very process", hint="leave --kill out")
    os.kill(row.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def running(project: Project, run_id: str) -> RunRow:
    """The run of that id if it goes on; UsageError when it is over."""
    row = find_run(project, run_id)
    if row.status != RunStatus.RUNNING:
        raise UsageError(f"run {row.run_id} is over: {row.status}", hint="`assetflow status` names the runs that go on")
    return row


def _ended(project: Project, row: RunRow, patience: float) -> RunRow:
    deadline = time.monotonic() + patience
    while project.catalog.is_owned(row.run_id):
        if time.monotonic() >= deadline:
            raise RunError(
                f"run {row.run_id} has not ended within {patience:g} s of being asked to: "
                f"it goes on in process {row.pid} on `{row.host}`",
                hint=f"`assetflow cancel {row.run_id} --kill` ends the process",
                run_id=row.run_id,
            )
        time.sleep(_PAUSE)
    project.recover()
    return project.catalog.run(row.run_id)
