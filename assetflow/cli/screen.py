"""Where words go: data to stdout, talk to stderr, colors only where somebody looks."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}

VERDICT_STYLES = {"fresh": "green", "stale": "yellow", "missing": "cyan", "overdue": "magenta", "failed": "red"}
STATUS_STYLES = {
    "materialized": "green", "succeeded": "green", "reused": "cyan", "unchanged": "dim", "skipped": "yellow",
    "failed": "red", "canceled": "yellow", "interrupted": "yellow", "running": "cyan", "retrying": "yellow",
}  # fmt: skip


class Screen:
    """The two streams of one command, and what may be written to them."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str]) -> None:
        self.out = out
        self.err = err
        self.quiet = False
        self.lost: OSError | None = None  # why stdout could not be written, as to a full disk
        self.reader_left = False
        self.out_color = _wants_color(out, environ)
        self.err_color = _wants_color(err, environ)
        self._environ = environ
        self.err_is_terminal = err.isatty() and environ.get("TERM") != "dumb"
        self.out_is_terminal = out.isatty()
        for stream in (out, err):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # a terminal without a character is no reason to fail

    @property
    def width(self) -> int | None:
        """Columns of the terminal as it is now; None where lines may be as long as they are."""
        return _width(self.out, self._environ)

    def no_color(self) -> None:
        """Write no escape codes from now on."""
        self.out_color = self.err_color = False

    def data(self, text: str) -> None:
        """One or more lines of what was asked for."""
        self._write(self.out, text + "\n")

    def document(self, value: Any) -> None:
        """The one JSON document of a command."""
        self._write(self.out, json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")

    def talk(self, text: str) -> None:
        """A line beside the data; not when quiet."""
        if not self.quiet:
            self.urgent(text)

    def note(self, text: str) -> None:
        """A remark that is no error."""
        self.talk(f"{self.talk_style('note:', 'cyan')} {text}")

    def urgent(self, text: str) -> None:
        """A line beside the data that is written also when quiet: errors."""
        self._write(self.out, "", flush=True)
        self._write(self.err, text + "\n", flush=True)

    def style(self, text: str, *names: str) -> str:
        """The text as stdout shows it in a style."""
        return styled(text, names) if self.out_color else text

    def talk_style(self, text: str, *names: str) -> str:
        """The text as stderr shows it in a style."""
        return styled(text, names) if self.err_color else text

    @contextlib.contextmanager
    def apart(self, *, processes: bool) -> Iterator[None]:
        """Send what the project's own code prints to stderr meanwhile: stdout is for what was asked for.

        With `processes` that holds for what programs started by that code write, too.
        """
        with contextlib.ExitStack() as stack:
            if processes:
                with contextlib.suppress(OSError, ValueError):  # streams in memory have no descriptors
                    stack.enter_context(self._own_descriptor())
            stack.enter_context(contextlib.redirect_stdout(self.err))
            yield

    @contextlib.contextmanager
    def _own_descriptor(self) -> Iterator[None]:
        """Write to a descriptor that nobody else has, and let the public one lead to stderr."""
        before, public = self.out, self.out.fileno()
        before.flush()
        self.out = os.fdopen(os.dup(public), "w", encoding=before.encoding, errors="replace")
        os.dup2(self.err.fileno(), public)
        try:
            yield
        finally:
            self._write(self.out, "", flush=True)
            os.dup2(self.out.fileno(), public)
            self.out.close()
            self.out = before

    def flush(self) -> None:
        """Hand everything to the system."""
        for stream in (self.out, self.err):
            self._write(stream, "", flush=True)

    def _write(self, stream: TextIO, text: str, *, flush: bool = False) -> None:
        """Write; where the reader of a pipe has left, to nobody: that is no reason to end what goes on."""
        try:
            stream.write(text)
            if flush:
                stream.flush()
        except BrokenPipeError:
            self.reader_left = self.reader_left or stream is self.out
            let_go(stream)
        except OSError as error:
            let_go(stream)
            if stream is self.out:
                self.lost = error


def stand_in_for_closed() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise the next file to be opened, say a log, takes its number, and whatever is printed ends up in there.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def let_go(stream: TextIO) -> None:
    """Turn a stream whose reader has left to the null device, also for what Python writes when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def styled(text: str, names: tuple[str, ...]) -> str:
    """The text between the escape codes of the named styles; empty names and empty text stay plain."""
    codes = ";".join(_CODES[name] for name in names if name)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def _wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    match environ.get("ASSETFLOW_COLOR"):
        case "always":
            return True
        case "never":
            return False
        case _:
            return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and stream.isatty()


def _width(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    """Columns of the terminal; None where lines may be as long as they are."""
    given = environ.get("ASSETFLOW_WIDTH", "")
    if given.isdigit() and int(given):
        return int(given)
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return 80
