"""Ending a step in a thread without harm to those beside it: only while it executes the project's own code.

An exception raised inside a library could leave a lock taken or a module half imported, for every other step to meet.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import FrameType

from assetflow.executor.cancel import Dropped

_FIRST, _LAST = 0.01, 0.25
"""Seconds between two looks where a thread is, at first and in the end."""


class Stopper:
    """Raises `Dropped` in threads, each as soon as it is seen in code below the folder `root`.

    `lock` is held while one is looked at; `goes_on` says whether a thread is still at what it is to leave, and is
    called with the lock held.
    """

    def __init__(self, root: str, lock: threading.Lock, goes_on: Callable[[threading.Thread], bool]) -> None:
        self._own = os.path.join(root, "")
        self._lock = lock
        self._goes_on = goes_on
        self._left: dict[threading.Thread, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def stop(self, thread: threading.Thread, nudge: Callable[[], None]) -> None:
        """End what a thread does; `nudge` is called at every look until that has worked. Returns at once."""
        with self._changed:
            self._left[thread] = nudge
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="assetflow-stopper", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Take no more; returns at once, also while threads go on that are to end."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _serve(self) -> None:
        pause = _FIRST
        with self._changed:
            while True:
                before = len(self._left)
                self._left = {thread: nudge for thread, nudge in self._left.items() if not self._ended(thread, nudge)}
                if self._closed and not self._left:
                    return
                pause = min(_LAST, pause * 1.5) if len(self._left) == before else _FIRST
                self._changed.wait(pause if self._left else None)

    def _ended(self, thread: threading.Thread, nudge: Callable[[], None]) -> bool:
        with self._lock:
            if not self._goes_on(thread) or thread.ident is None:
                return True
            if self._is_at_own_code(thread.ident):
                import ctypes  # here: every run would load it, and hardly any ends a thread

                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Dropped))
                return True
        nudge()
        return False

    def _is_at_own_code(self, ident: int) -> bool:
        frame: FrameType | None = sys._current_frames().get(ident)
        if frame is None or not self._is_own(frame.f_code.co_filename):
            return False
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return False
            frame = frame.f_back
        return True

    def _is_own(self, file: str) -> bool:
        return file.startswith(self._own) and "site-packages" not in file
