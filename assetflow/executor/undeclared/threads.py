"""Threads that a function starts: what they read is the function's too, though they have no context of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from assetflow.executor.undeclared.seen import Seen

_SHARED = "asyncio_"
"""The name of threads that the coroutines of an event loop share begins like this."""

_started: WeakKeyDictionary[threading.Thread, Seen] = WeakKeyDictionary()


def of_thread() -> Seen | None:
    """What the call that started this thread has read, None for every other thread."""
    return _started.get(threading.current_thread()) if _started else None


@contextlib.contextmanager
def started_threads(look: Callable[[], Seen | None]) -> Iterator[None]:
    """Remember who starts a thread, for the call that `look` gives."""
    before: Any = threading.Thread.start

    def start(self: threading.Thread) -> None:
        seen = look()
        if seen is not None and not self.name.startswith(_SHARED):
            _started[self] = seen
        before(self)

    threading.Thread.start = start  # type: ignore[method-assign]
    try:
        yield
    finally:
        if threading.Thread.start is start:
            threading.Thread.start = before  # type: ignore[method-assign]
