"""`--exec`: a command of the user's after each tick; what it fails with is shown, and harms nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

from assetflow.cli.session import Session
from assetflow.define.settings import Settings
from assetflow.project.tick import Tick
from assetflow.scheduler.ending import kill_group


def run_hook(
    session: Session, command: str, tick: Tick, settings: Settings, *, say: Callable[[str, int], None]
) -> None:
    """Run a shell command in the project's folder, with the tick as JSON on stdin and its main facts in variables.

    Its output goes to stderr. It ends when the watch is interrupted. `say` is told the command and its exit code.
    """
    environ = {
        **session.environ,
        "ASSETFLOW_TICK": str(tick.number),
        "ASSETFLOW_TICK_STATUS": status_of(tick),
        "ASSETFLOW_TICK_RUN": "" if tick.result is None else tick.result.run_id or "",
        "ASSETFLOW_TICK_CHANGES": os.pathsep.join(change.path for change in tick.changes),
    }
    session.screen.flush()
    process = subprocess.Popen(
        command, shell=True, cwd=settings.root, env=environ, stdin=subprocess.PIPE, stdout=_descriptor(session),
        start_new_session=True,
    )  # fmt: skip
    try:
        process.communicate(json.dumps(tick.to_json(), default=str).encode())
    finally:
        if process.poll() is None:  # the watch was interrupted
            kill_group(process)
            process.wait()
    say(command, process.returncode)


def status_of(tick: Tick) -> str:
    """One word for how a tick ended: `broken`, `planned`, `fresh`, or the status of its run."""
    if tick.result is None:
        return "broken" if tick.error is not None else "planned"
    return "fresh" if tick.result.run_id is None else str(tick.result.status)


def _descriptor(session: Session) -> int | None:
    """Where the command's stdout goes: to stderr, since ours is for what was asked for."""
    try:
        return session.screen.err.fileno()
    except (OSError, ValueError):
        return None
