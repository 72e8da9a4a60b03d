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
    streams = {id(found): type(found) for found in (sys.stdin, sys.stdout, sys.stderr)}
    streams |= {id(found): type(found) for found in (sys.__stdin__, sys.__stdout__, sys.__stderr__)}
    left = Counter(map(type, gc.get_objects()))
    left.subtract(streams.values())
    if any(left[kind] > 0 and hasattr(kind, "__del__") and not issubclass(kind, _HARMLESS) for kind in left):
        return
    counting = {cls.__module__.split(".")[0] for cls in object.__subclasses__() if type(cls).__module__ == "nanobind"}
    if not counting:
        gc.freeze()
