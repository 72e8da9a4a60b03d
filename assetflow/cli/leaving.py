"""The end of a command whose steps have left threads or processes behind that Python waits for: it says what for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TextIO

from assetflow.cli.main import CANCELED
from assetflow.model.texts import first_of


def wait_for_rest(err: TextIO) -> None:
    """Wait for threads and `multiprocessing` children that are no daemons; Ctrl-C ends the process instead."""
    threads = [each for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]
    # not imported for this: without it there are none
    spawned = sys.modules.get("multiprocessing")
    children = [] if spawned is None else [each for each in spawned.active_children() if not each.daemon]
    rest = [("thread", each.name, each) for each in threads] + [("process", each.name, each) for each in children]
    rest = [(kind, name, each) for kind, name, each in rest if _goes_on(each)]
    if not rest:
        return
    names = first_of([f"{kind} `{name}`" for kind, name, _each in rest], 3)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as during the run, also where a shell ignores it
        err.write(f"note: waiting for what a step has started and left: {names}; Ctrl-C ends it\n")
        err.flush()
        for _kind, _name, each in rest:
            each.join()
    except KeyboardInterrupt:
        from assetflow.executor.programs import end_programs  # only here

        end_programs()
        os._exit(CANCELED)


def _goes_on(each: threading.Thread) -> bool:
    """Whether it does after a moment in which most are done."""
    each.join(0.2)
    return each.is_alive()
