"""Noticing that nobody reads any more what a command writes to a pipe, also while it has nothing to write."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading
from collections.abc import Callable
from typing import TextIO


def when_reader_leaves(stream: TextIO, then: Callable[[], None]) -> None:
    """Call `then`, on a thread, when the reader of a pipe or socket has left; of other streams nothing is told."""
    if not hasattr(select, "poll"):
        return
    with contextlib.suppress(OSError, ValueError):  # a stream in memory has no descriptor
        own = os.dup(stream.fileno())  # the public number may lead elsewhere later
        mode = os.fstat(own).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            threading.Thread(target=_wait, args=(own, then), name="assetflow-reader", daemon=True).start()
        else:
            os.close(own)


def _wait(descriptor: int, then: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # an error or a hangup is told in any case
    poll.poll()
    then()
