"""The garbage collector, put off while objects are made of which none is garbage: it looks through all of them."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator


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


def spare() -> None:
    """Look through nothing again that there is now, for it stays; not where DuckDB is loaded.

    DuckDB's library counts what is left over at the end, as a connection would be, and complains.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()
