"""Forks inside a step: a child that comes back from the function ends there.

It has the locks, the sockets and the threads of nobody: going on as the step, or as the run, it would record twice what
is done once. Children that end by themselves (`os._exit`, `multiprocessing`) never come here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator


@contextlib.contextmanager
def ending_forks() -> Iterator[None]:
    """End every process but the present one that leaves the block, as if the block had been its whole program."""
    owner = os.getpid()
    try:
        yield
    except BaseException as error:  # whatever a child raises ends the child
        if os.getpid() != owner:
            _end(error)
        raise
    if os.getpid() != owner:
        os._exit(0)


def _end(error: BaseException) -> None:
    """End as an interpreter does that an error has come to the top of."""
    status = 1
    try:
        if not isinstance(error, SystemExit):
            sys.stderr.write("".join(traceback.format_exception(error)))
        elif error.code is None or isinstance(error.code, int):
            status = (error.code or 0) & 0xFF
        else:
            sys.stderr.write(f"{error.code}\n")
    finally:
        os._exit(status)
