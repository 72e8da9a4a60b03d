"""Asset keys and the identifiers of runs and materializations."""

from __future__ import annotations

import re

from assetflow.errors import UsageError

_KEY = re.compile(r"(?:[\w][\w.\-]*)(?:/[\w][\w.\-]*)*", re.UNICODE)
_MAX_LENGTH = 200
_PRIVATE_TOP = re.compile(r"\b_assetflow_[^.\s]*\.")


def key_problem(key: object) -> str | None:
    """Why `key` cannot be an asset key, as a clause; None when it can."""
    if not isinstance(key, str):
        return f"is a {type(key).__name__}, not text"
    if not key:
        return "is empty"
    if len(key) > _MAX_LENGTH:
        return f"is longer than {_MAX_LENGTH} characters"
    if not _KEY.fullmatch(key):
        return "may hold letters, digits, `_`, `-` and `.`, in segments joined by `/`"
    if any(segment.endswith(".") for segment in key.split("/")):
        return "has a segment that ends in `.`"
    return None


def check_key(key: object) -> str:
    """The key itself when it is a valid asset key (`flights`, `marts/delays`); UsageError otherwise."""
    problem = key_problem(key)
    if problem is not None:
        raise UsageError(f"the asset key {key!r} {problem}", hint="rename it, for example `marts/delays`")
    assert isinstance(key, str)
    return key


def show(asset: str, partition: str | None = None) -> str:
    """An asset partition as users write it: `delays` or `delays@2013-01-01`."""
    return asset if partition is None else f"{asset}@{partition}"


def materialization_id(run_id: str, number: int) -> str:
    """The id of the `number`-th materialization of a run."""
    return f"{run_id}.{number}"


def without_private(text: str) -> str:
    """A text without what the loader puts before the names of a project's modules, which says nothing to its user."""
    return _PRIVATE_TOP.sub("", text)
