"""Asking a run to end: from another thread, from a signal handler, from anywhere."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType


class Dropped(BaseException):
    """Raised inside of a step in a thread of which nothing is wanted any more."""


class Cancel:
    """A request to end one run in order; may be made before the run begins, more than once, and after it has ended."""

    def __init__(self) -> None:
        self.asked = False
        self.dropped: frozenset[str] = frozenset()
        """Assets of which nothing is wanted any more, while the rest of the run is."""
        self.in_body: tuple[str, ...] = ()
        """The assets of the step that runs on the run's own thread, where only an exception can end it."""
        self._wake: Callable[[], None] = lambda: None

    def ask(self) -> None:
        """Have the run end: nothing new starts, what can be stopped is stopped. Returns at once."""
        self.asked = True
        self._wake()

    def drop(self, assets: Iterable[str]) -> bool:
        """Have the steps of these assets end, with what waits for them, and all others go on. Returns at once.

        True where one of them runs on the run's own thread: it takes an `interrupt` to end that.
        """
        self.dropped |= frozenset(assets)
        self._wake()
        return not self.dropped.isdisjoint(self.in_body)

    def when_asked(self, wake: Callable[[], None]) -> None:
        """Have `wake` called with each request; it must be safe in a signal handler."""
        self._wake = wake
        if self.asked:
            wake()

    def interrupt(self) -> None:
        """The request of a signal handler: on the main thread, in between any two instructions.

        It raises KeyboardInterrupt only where a step runs on this thread: elsewhere the run ends in order by itself.
        """
        self.ask()
        if self.in_body:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Let Ctrl-C ask while inside, where nobody else has taken it; then raise KeyboardInterrupt after the run.

        A second Ctrl-C raises at once.
        """
        is_ours = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if not is_ours:
            yield
            return
        pressed = False

        def handle(_number: int, _frame: FrameType | None) -> None:
            nonlocal pressed
            pressed = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.interrupt()

        signal.signal(signal.SIGINT, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if pressed:
            raise KeyboardInterrupt
