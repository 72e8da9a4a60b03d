"""Questions that Ctrl-C ends at once: DuckDB looks for signals between its tasks, and for a long one not at all."""

from __future__ import annotations

import _thread
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from assetflow.catalog.schema import Connection

_AGAIN = 0.05
"""Seconds until a question is interrupted once more, which was between two statements the first time."""

Answer = TypeVar("Answer")


def interruptible(con: Connection, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns or raises, asked in a thread while the main thread waits for it and for signals."""
    if threading.current_thread() is not threading.main_thread():
        return ask()  # signals are for the main thread alone
    question = _Question(con, ask)
    try:
        # starting a Thread and waiting for an Event go on in Python, where an interrupt leaves their locks in disorder
        _thread.start_new_thread(question.answer, ())
        question.ended.acquire()
    except BaseException:
        while not question.is_over:
            with contextlib.suppress(KeyboardInterrupt):  # nobody may close the connection before
                question.interrupt()
        raise
    if question.errors:
        raise question.errors[0]
    return question.answers[0]


class _Question(Generic[Answer]):
    """One question, which a thread answers unless it is interrupted before that thread has begun."""

    def __init__(self, con: Connection, ask: Callable[[], Answer]) -> None:
        self.con, self.ask = con, ask
        self.answers: list[Answer] = []
        self.errors: list[BaseException] = []
        self.is_over = False
        self.ended = threading.Lock()
        self.ended.acquire()
        self._turn = threading.Lock()  # of the thread when it begins, else of who interrupts it before that

    def answer(self) -> None:
        """Ask, and keep what comes of it."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self.answers.append(self.ask())
        except BaseException as error:  # raised again where it was asked
            self.errors.append(error)
        finally:
            self.is_over = True
            self.ended.release()

    def interrupt(self) -> None:
        """End it once, or see to it that it never begins; to be called until it is over."""
        if self._turn.acquire(blocking=False):
            self.is_over = True
        else:
            self.con.interrupt()
            self.ended.acquire(timeout=_AGAIN)
