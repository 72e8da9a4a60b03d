"""Questions that Ctrl-C ends at once: DuckDB looks for signals between its tasks, and for a long one not at all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from assetflow.catalog.schema import Connection

_AGAIN = 0.05
"""Seconds until a question is interrupted once more, which was between two statements the first time."""

Answer = TypeVar("Answer")


def interruptible(con: Connection, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns or raises, asked in a thread while the main thread waits for it and for signals."""
    if threading.current_thread() is not threading.main_thread():
        return ask()  # signals are for the main thread alone
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # raised again where it was asked
            errors.append(error)

    thread = threading.Thread(target=work, name="assetflow-question", daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        _end(con, thread)
        raise
    if errors:
        raise errors[0]
    return answers[0]


def _end(con: Connection, thread: threading.Thread) -> None:
    """Interrupt a question until it has ended; nobody may close its connection before, however often Ctrl-C comes."""
    while thread.is_alive():
        with contextlib.suppress(KeyboardInterrupt):
            con.interrupt()
            thread.join(_AGAIN)
