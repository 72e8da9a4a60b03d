"""Reading a selection text piece by piece, with errors that show the place."""

from __future__ import annotations

import re
from typing import NoReturn
from unicodedata import east_asian_width

from assetflow.errors import SelectionError

_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
_ESCAPE = re.compile(r"\\([\"'\\])")
_FOUND = re.compile(r"[\w.\-/*?:=]+|.", re.DOTALL)
_WINDOW = 60


class Scanner:
    """A text and a place in it."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> None:
        """Move on to the next character that is not white space."""
        found = _SPACE.match(self.text, self.at)
        assert found is not None  # the expression matches the empty text
        self.at = found.end()

    def sees(self, literal: str) -> bool:
        """Whether the text goes on with `literal`."""
        return self.text.startswith(literal, self.at)

    def sees_pattern(self, pattern: re.Pattern[str]) -> bool:
        """Whether the text goes on with a match of `pattern`."""
        return pattern.match(self.text, self.at) is not None

    def take(self, literal: str) -> bool:
        """Move past `literal` if the text goes on with it."""
        if not self.sees(literal):
            return False
        self.at += len(literal)
        return True

    def take_pattern(self, pattern: re.Pattern[str]) -> str | None:
        """Move past a match of `pattern` and return it; None when there is none here."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def take_quoted(self) -> str | None:
        """Move past a quoted text and return what it says; None when no quote opens here."""
        if not (self.sees('"') or self.sees("'")):
            return None
        found = _QUOTED.match(self.text, self.at)
        if found is None:
            quote = self.text[self.at]
            self.fail(f"the quote {quote} is never closed", hint=f"close it with another {quote}")
        self.at = found.end()
        return _ESCAPE.sub(r"\1", found[1] if found[1] is not None else found[2])

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def found(self) -> str:
        """What stands here, for an error message."""
        piece = _FOUND.match(self.text, self.at)
        return "the end" if piece is None else f"`{piece[0]}`"

    def expected(self, what: str, *, hint: str | None = None) -> NoReturn:
        """Raise SelectionError: something else was expected here."""
        self.fail(f"expected {what}, found {self.found()}", hint=hint)

    def fail(self, problem: str, *, hint: str | None = None, at: int | None = None) -> NoReturn:
        """Raise SelectionError for a place, by default this one, with a caret under it."""
        place = self.at if at is None else at
        head = f"the selection does not parse at character {place + 1}: {problem}"
        raise SelectionError(f"{head}\n{self._caret(place)}", hint=hint, selection=self.text, position=place)

    def _caret(self, place: int) -> str:
        start, stop = max(0, place - _WINDOW), place + _WINDOW
        before = "".join(_visible(c) for c in self.text[start:place])
        after = "".join(_visible(c) for c in self.text[place:stop])
        if start:
            before = f"…{before}"
        if stop < len(self.text):
            after = f"{after}…"
        width = sum(2 if east_asian_width(c) in "WF" else 1 for c in before)
        return f"  {before}{after}\n  {' ' * width}^"


def _visible(character: str) -> str:
    return character if character.isprintable() else " "
