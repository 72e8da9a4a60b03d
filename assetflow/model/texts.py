"""Options that take one text or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assetflow.errors import UsageError


def texts_of(given: Any, what: str) -> tuple[str, ...]:
    """One text or several as a tuple; a UsageError that names `what` for anything else."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable) or isinstance(given, (Mapping, bytes)):
        raise UsageError(f"{what} is {given!r}", hint="use text, or a list of texts")
    found = tuple(given)
    for each in found:
        if not isinstance(each, str):
            raise UsageError(f"{what} holds {each!r}", hint="use text, or a list of texts")
    return found


def named_texts(given: Any, what: str) -> tuple[str, ...]:
    """The same of what has to name something: none at all, and an empty text, are errors too."""
    found = texts_of(given, what)
    if not all(found) or not found:
        raise UsageError(f"{what} is {list(found)!r}, which names nothing", hint="give one text, or more")
    return found
