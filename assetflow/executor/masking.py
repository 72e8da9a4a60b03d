"""Masking: the values of declared secrets never reach a log, a record, a screen or a subscriber.

Steps may print a password, raise it in an error or put it in metadata, without meaning to. Whatever a run is about to
keep or show of a step passes here. The values that steps return are the user's own data and stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from assetflow.define.config_values import SECRET
from assetflow.define.values import Unchanged
from assetflow.executor.call import Made, Outcome

SHORTEST = 4
"""Secrets shorter than this cannot be told from ordinary text."""


class Masker:
    """Replaces secrets, also escaped ones and the lines of long ones; without secrets it costs nothing."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        shapes = {shape for secret in secrets for shape in _shapes(secret) if len(shape) >= SHORTEST}
        # the longest first: one may hold another
        ordered = sorted(shapes, key=lambda shape: (-len(shape), shape))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub(SECRET, text)

    def plain(self, value: Any) -> Any:
        """A plain value (JSON) without secrets, in keys too."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.plain(key): self.plain(item) for key, item in value.items()}
            case list() | tuple():
                return type(value)(self.plain(item) for item in value)
            case None | bool() | int() | float():
                return value
            case _:
                return self.text(str(value))  # it would be recorded as text all the same

    def outcome(self, outcome: Outcome) -> Outcome:
        """An outcome without secrets in its error, its events and its metadata."""
        if self._pattern is None:
            return outcome
        failure = outcome.failure
        if failure is not None:
            failure = replace(failure, message=self.text(failure.message), traceback=self.text(failure.traceback))
        return replace(
            outcome,
            failure=failure,
            skipped=None if outcome.skipped is None else self.text(outcome.skipped),
            emitted=tuple(self.plain(emitted) for emitted in outcome.emitted),
            made={place: self._made(made) for place, made in outcome.made.items()},
        )

    def texts(self, source: Callable[[str], Mapping[str, str]]) -> Callable[[str], Mapping[str, str]]:
        """A source of texts by name, without secrets in the texts."""
        if self._pattern is None:
            return source
        return lambda asset: {name: self.text(text) for name, text in source(asset).items()}

    def _made(self, made: Made | Unchanged) -> Made | Unchanged:
        return made if isinstance(made, Unchanged) else replace(made, metadata=self.plain(made.metadata))


def secrets_in(values: Iterable[Any]) -> Iterator[str]:
    """The secrets that values hold, however deep: of pydantic models, mappings and lists."""
    pending, seen = list(values), set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if hasattr(value, "get_secret_value"):
            secret = value.get_secret_value()
            if isinstance(secret, bytes):
                yield repr(secret)[2:-1]  # as bytes are met where they are printed
                yield secret.decode("utf-8", "replace")
            else:
                yield str(secret)
        elif isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, (list, tuple, set, frozenset)):
            pending += value
        elif hasattr(type(value), "model_fields"):
            pending += [getattr(value, name) for name in type(value).model_fields]


def default_secrets(model: Any) -> Iterator[str]:
    """The secrets among the defaults of a pydantic class that a run may make an instance of."""
    for field in getattr(model, "model_fields", {}).values():
        if "Secret" not in str(field.annotation):
            continue
        try:
            default = field.get_default(call_default_factory=True)
        except Exception:
            continue
        yield from secrets_in([default])


def _shapes(secret: str) -> Iterator[str]:
    """A secret as it may be met: as it is, quoted for Python, JSON and addresses, and its single lines."""
    yield from (
        secret,
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    )
    yield from (quote(secret), quote(secret, safe=""))
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= 2 * SHORTEST)
