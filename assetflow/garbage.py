"""The garbage collector, put off while objects are made of which none is garbage: it looks through all of them."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
from collections import Counter
from collections.abc import Iterator
from types import GeneratorType

_HARMLESS: tuple[type, ...] = (GeneratorType, io.FileIO, io.BufferedReader)
"""Types with something to do at their end that nobody misses when the process ends."""


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile; also as a decorator, `@uncollected()`."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def end_without_looking() -> None:
    """Have nothing looked through as the process ends, which takes longer than many a command: all memory goes anyway.

    Not where an object is left that does something at its end, such as a file with what was not written yet, nor where
    a library is loaded that counts what is left over, and complains.
    """
    if any(type(cls).__module__ == "nanobind" for cls in object.__subclasses__()):
        return
    given = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    parts = (part for stream in given for part in (stream, getattr(stream, "buffer", None)))
    streams = {id(part): type(part) for part in parts}
    left = Counter(map(type, gc.get_objects()))
    left.subtract(streams.values())
    if any(left[kind] > 0 and hasattr(kind, "__del__") and not issubclass(kind, _HARMLESS) for kind in left):
        return
    gc.freeze()
