"""Options that take one text or several, and lists of names in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def first_of(names: Sequence[str], most: int) -> str:
    """The first `most` names and how many more there are: `a, b and 3 more`; the JSON has everything."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def in_words(names: Sequence[str], most: int | None = None) -> str:
    """Names as in a sentence, `a, b and c`; of many the first `most`, as `first_of` writes them."""
    if most is not None and len(names) > most:
        return first_of(names, most)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
