"""Capturing what steps print and log, each line with its step, into one file per run."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from assetflow.executor.masking import Masker
from assetflow.faults import fault
from assetflow.model.clock import Clock, to_text
from assetflow.model.record import Partition
from assetflow.values import dataclass

Line = dict[str, Any]
"""One captured line: at, task, attempt, asset, partition, stream (`stdout`, `stderr`, `log`), level, text."""


@dataclass(frozen=True, slots=True)
class _Step:
    capture: Capture
    task: int
    asset: str
    partition: Partition
    attempt: int


_current: ContextVar[_Step | None] = ContextVar("assetflow_step", default=None)
_installed = threading.Lock()
_active = 0
_level_before = logging.NOTSET
_captures: list[Capture] = []
_routers: dict[str, _Router] = {}


class Capture:
    """Writes captured lines to a file as they come, and hands each to `echo`; a run owns one.

    While any capture is installed, `sys.stdout` and `sys.stderr` route lines written inside a step to its capture and
    everything else to where it went before.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        *,
        level: str = "INFO",
        echo: Callable[[Line], None] | None = None,
        masker: Masker | None = None,
    ):
        self.masker = masker or Masker()
        self._path = path
        self._clock = clock
        self.level = level
        self._level = logging.getLevelNamesMapping()[level]
        self._echo = echo
        self._fd: int | None = None
        self._lock = threading.Lock()
        self._is_fork = False
        self._handler = _LogHandler(self, self._level)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Route output while the run lasts; several runs in one process may overlap."""
        logging.getLogger().addHandler(self._handler)
        _install(self._level)
        _captures.append(self)
        try:
            yield
        finally:
            _captures.remove(self)
            _uninstall()
            logging.getLogger().removeHandler(self._handler)
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    @contextlib.contextmanager
    def step(self, task: int, asset: str, partition: Partition, *, attempt: int = 1) -> Iterator[None]:
        """Lines written inside belong to this attempt of a step."""
        root = logging.getLogger()
        if self._handler not in root.handlers:  # a step before this one has set up logging for itself
            root.addHandler(self._handler)
        token = _current.set(_Step(self, task, asset, partition, attempt))
        try:
            yield
        finally:
            _flush_streams()
            _current.reset(token)

    def in_fork(self) -> None:
        """Go on in a child that a step has forked: the file may be written to, what `echo` reaches is the parent's."""
        self._lock = threading.Lock()
        self._echo = None
        self._is_fork = True

    def write(self, step: _Step, stream: str, text: str, level: str | None = None) -> None:
        """Keep one line of a step."""
        said = {"stream": stream, "level": level, "text": text}
        self.keep(said, step.task, step.asset, step.partition, attempt=step.attempt)

    def keep(self, said: Mapping[str, Any], task: int, asset: str, partition: Partition, *, attempt: int = 1) -> None:
        """Keep one line, given by its stream, level and text, which may come from another process."""
        line: Line = {
            "at": to_text(self._clock.now()), "task": task, "attempt": attempt, "asset": asset,
            "partition": partition,
            "stream": said["stream"], "level": said["level"], "text": self.masker.text(said["text"]),
        }  # fmt: skip
        if self._path is not None:
            data = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "replace")
            with self._lock, contextlib.suppress(OSError):  # a full disk must not fail a step over what it prints
                if self._fd is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                fault("output.write")
                os.write(self._fd, data)
        elif self._is_fork:  # of a worker process, which sends on what comes on this descriptor
            with contextlib.suppress(OSError):
                os.write(2 if said["stream"] == "stderr" else 1, (line["text"] + "\n").encode("utf-8", "replace"))
        if self._echo is not None:
            self._echo(line)


class _LogHandler(logging.Handler):
    """Sends records logged inside a step to its capture; steps of other runs have a handler of their own."""

    def __init__(self, capture: Capture, level: int) -> None:
        super().__init__(level)
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        step = _current.get()
        if step is None or step.capture is not self._capture:
            return
        try:
            text = record.getMessage()
        except (
            Exception
        ) as error:  # as with Python's own handlers, a message that does not fit its arguments fails nothing
            text = f"{record.msg!s} (its arguments {record.args!r} do not fit: {type(error).__name__}: {error})"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        step.capture.write(step, "log", text, record.levelname)


class _Router:
    """A text stream that sends whole lines written inside a step to its capture, and the rest through."""

    def __init__(self, stream: str, through: TextIO) -> None:
        self.stream = stream
        self.through = through
        self._pending: dict[int, tuple[_Step, list[str]]] = {}

    def write(self, text: str) -> int:
        step = _current.get()
        if step is None:
            return self.through.write(text)
        place = id(step)
        _, before = self._pending.setdefault(place, (step, []))
        if "\n" not in text:
            before.append(text)  # joined once, at the end of the line: it may come in very many pieces
            return len(text)
        *lines, rest = "".join([*before, text]).split("\n")
        before[:] = [rest]
        for line in lines:
            step.capture.write(step, self.stream, line)
        return len(text)

    def finish_line(self) -> None:
        """Keep what the current step wrote without a line end."""
        step = _current.get()
        if step is not None:
            _, pieces = self._pending.pop(id(step), (step, []))
            if rest := "".join(pieces):
                step.capture.write(step, self.stream, rest)

    def flush(self) -> None:
        self.through.flush()

    def close(self) -> None:
        """Close nothing: what is behind belongs to the command, not to a step."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.through, name)


def restore_streams() -> None:
    """Route `sys.stdout` and `sys.stderr` again where something else was put there; no step may be running."""
    for name, router in _routers.items():
        setattr(sys, name, router)


def _install(level: int) -> None:
    global _active, _level_before
    root = logging.getLogger()
    with _installed:
        _active += 1
        if _active == 1:
            _level_before = root.level
            _routers.update(stdout=_Router("stdout", sys.stdout), stderr=_Router("stderr", sys.stderr))
            restore_streams()
        if root.getEffectiveLevel() > level:
            root.setLevel(level)


def _uninstall() -> None:
    global _active
    with _installed:
        _active -= 1
        if _active == 0:
            logging.getLogger().setLevel(_level_before)
            for name in ("stdout", "stderr"):
                current = getattr(sys, name)
                if isinstance(current, _Router):
                    setattr(sys, name, current.through)
            _routers.clear()


def _in_fork() -> None:
    for capture in _captures:
        capture.in_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_fork)


def _flush_streams() -> None:
    for current in (sys.stdout, sys.stderr):
        if isinstance(current, _Router):
            current.finish_line()
