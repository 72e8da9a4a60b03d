"""What one call reads of the world: files that are opened and variables that are looked up while its function runs.

Python tells of every file that it opens by an audit event; what polars and other libraries open by themselves is heard
from the functions that take its name (`readers`), and variables from the environment itself (`variables`). All of it
belongs to the call whose context it happens in, its thread or coroutine, or that has started the thread (`threads`).
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any

from assetflow.executor.undeclared.readers import reading_functions
from assetflow.executor.undeclared.threads import of_thread, started_threads
from assetflow.executor.undeclared.variables import watched_environment

_SLACK_NS = 20_000_000
"""Clocks of files are coarse: what was written just after the start may seem to be this much older."""

_IMPORTERS = frozenset({"linecache", "tokenize", "zipimport", "pkgutil", "inspect"})
"""Standard modules that read source on their own account: imports, tracebacks."""

_MODIFIED = os.O_WRONLY | os.O_RDWR


class Seen:
    """What one call has read: `files` (absolute paths, folders and patterns) and `variables`, each with who asked."""

    __slots__ = ("_all_of", "_since", "_written", "files", "variables")

    def __init__(self, since_ns: int) -> None:
        self._since = since_ns - _SLACK_NS
        self._written: set[str] = set()
        self._all_of: set[tuple[Any, int]] = set()
        self.files: dict[str, bool] = {}
        self.variables: dict[str, str] = {}

    def opened(self, path: Any, flags: int) -> None:
        """A file is about to be opened; one that the call itself made or wrote is none of the world's."""
        if isinstance(path, int):
            return
        name = os.path.abspath(os.fsdecode(path))
        if flags & (os.O_TRUNC | os.O_EXCL) or flags & _MODIFIED == os.O_WRONLY:
            self._written.add(name)
            return
        if name not in self.files and name not in self._written:
            self.files[name] = self._is_older(name)
        if flags & _MODIFIED:
            self._written.add(name)

    def named(self, text: Any) -> None:
        """A function is about to read what is named so: a file, a folder, a pattern; any other text means nothing."""
        name = os.path.expanduser(os.fsdecode(text)).removeprefix("file://")
        if not name or "\0" in name or "://" in name:
            return
        name = os.path.abspath(name)
        if name in self.files or name in self._written:
            return
        if os.path.exists(name):
            self.files[name] = os.path.isdir(name) or self._is_older(name)
        elif glob.has_magic(name):
            self.files[name] = any(self._is_older(match) for match in glob.iglob(name, recursive=True))

    def asked(self, variable: str, code: Any, at: int) -> None:
        """A variable was looked up at a place in the code; not where that place goes through all of them."""
        if (code, at) not in self._all_of:
            self.variables.setdefault(variable, code.co_filename)

    def asked_all(self, code: Any, at: int) -> None:
        """A place in the code goes through all variables, to copy them or to hand them on: that says nothing."""
        self._all_of.add((code, at))

    def set(self, variable: str) -> None:
        """A variable was set by the call itself."""
        self.variables.setdefault(variable, "")

    def _is_older(self, path: str) -> bool:
        """Whether a path is a file that was there, as it is, before the call began."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(found.st_mode) and max(found.st_mtime_ns, found.st_ctime_ns) < self._since


_current: ContextVar[Seen | None] = ContextVar("assetflow_seen", default=None)
_lock = threading.Lock()
_runs = 0
_hooked = False
_parts = contextlib.ExitStack()


class watching:  # noqa: N801
    """Note what is read inside, where a run has `installed` the means to see it."""

    # a class: every step goes through here, and a generator costs ten times as much
    __slots__ = ("_seen", "_token")

    def __enter__(self) -> Seen:
        # files carry the system's time, so that is the clock to compare with
        self._seen = Seen(time.time_ns())
        self._token: Token[Seen | None] = _current.set(self._seen)
        return self._seen

    def __exit__(self, *_exc: object) -> None:
        _current.reset(self._token)


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """See reads while a run lasts; several runs in one process may overlap."""
    global _runs
    with _lock:
        _runs += 1
        if _runs == 1:
            _install()
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:
                _parts.close()


def _install() -> None:
    global _hooked
    if not _hooked:
        sys.addaudithook(_hear)  # for good: there is no way to take one back
        _hooked = True
    for part in (started_threads(_look), watched_environment(_look), reading_functions(_look)):
        _parts.enter_context(part)


def _look() -> Seen | None:
    """What the call that this happens in has read; None outside of any."""
    seen = _current.get()
    return of_thread() if seen is None else seen


def _hear(event: str, words: tuple[Any, ...]) -> None:
    """Called for every audit event of the process, so it is quick about those that it does not mean."""
    if event != "open" and event != "sqlite3.connect":
        return
    seen = _look()
    if seen is None:
        return
    try:
        if event == "open":
            frame = sys._getframe(1)
            if not _is_import(frame.f_code.co_filename, frame.f_globals.get("__name__")):
                seen.opened(words[0], words[2] or 0)
        elif isinstance(words[0], (str, bytes)):
            seen.named(words[0])
    except Exception:
        return  # an error here would be raised where the function opens its file


def _is_import(file: str, module: Any) -> bool:
    return file.startswith(("<frozen importlib", "<frozen zipimport")) or module in _IMPORTERS
