"""SQL as characters: tokens, the leading comment, places as line and column, and texts with parts replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from assetflow.values import dataclass

_TOKEN = r"""(?P<comment>--[^\n]*|/\*)
      |(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
      |(?P<quoted>"(?:[^"]|"")*")
      |(?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff]?\w*)\$.*?\$(?P=tag)\$)
      |(?P<parameter>\$\w+)
      |(?P<word>[^\W\d]\w*)
      |(?P<number>\d[\w.]*)
      |(?P<space>\s+)
      |(?P<sign>.)"""


@cache
def _token() -> re.Pattern[str]:
    """Compiled when the first query is read: it takes as long as importing a dozen modules."""
    return re.compile(_TOKEN, re.VERBOSE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its place and its kind: comment, string, quoted, dollar, parameter, word, number or sign."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.start + len(self.text)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, comments included, white space left out; whatever is no SQL comes as single signs."""
    at, pattern = 0, _token()
    while at < len(text):
        found = pattern.match(text, at)
        assert found is not None
        kind = found.lastgroup or "sign"
        kind = "dollar" if kind == "tag" else kind
        end = _comment_end(text, at) if found.group() == "/*" else found.end()
        if kind != "space":
            yield Token(kind, text[at:end], at)
        at = end


def _comment_end(text: str, start: int) -> int:
    """Block comments nest in DuckDB as they do in PostgreSQL."""
    depth = 0
    for found in re.finditer(r"/\*|\*/", text[start:]):
        depth += 1 if found.group() == "/*" else -1
        if depth == 0:
            return start + found.end()
    return len(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in a text: line and column from 1, and the line itself."""

    line: int
    column: int
    source: str

    def shown(self, length: int = 1) -> str:
        """The line with a caret below the place; of a long line, what is around it."""
        start, end = 0, len(self.source)
        if end > _LONGEST:
            start = max(0, min(self.column - 1 - _LONGEST // 4, end - _LONGEST))
            end = start + _LONGEST
        before, after = "…" if start else "", "…" if end < len(self.source) else ""
        source = f"{before}{self.source[start:end]}"
        at = self.column - 1 - start + len(before)
        lead = re.sub(r"[^\t]", " ", source[:at])
        room = max(1, len(source) - at)
        return f"    {source}{after}\n    {lead}{'^' * max(1, min(length, room))}"


_LONGEST = 160
"""Characters of a line that are shown around a place in it."""


def spot(text: str, offset: int) -> Spot:
    """Where an offset is in a text."""
    offset = max(0, min(offset, len(text)))
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[begin : len(text) if end < 0 else end].rstrip("\r")
    return Spot(line=text.count("\n", 0, offset) + 1, column=offset - begin + 1, source=line)


def character(text: str, at: int) -> int:
    """The character offset of a byte offset, as DuckDB counts."""
    return len(text.encode()[:at].decode("utf-8", "ignore"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rewritten text: from `start`, what stood at `origin`; `kept` characters are as they were."""

    start: int
    origin: int
    kept: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text with parts replaced, that still knows where each character comes from."""

    text: str
    pieces: tuple[Piece, ...]

    def origin(self, offset: int) -> int:
        """The offset in the original text; inside a replaced part, where that part began."""
        found = Piece(0, 0, True)
        for piece in self.pieces:
            if piece.start > offset:
                break
            found = piece
        return found.origin + (offset - found.start if found.kept else 0)

    def replaced(self, changes: Iterable[tuple[int, int, str]]) -> Rewritten:
        """The text with further parts (start, end, new text) replaced; parts do not overlap."""
        out: list[str] = []
        pieces: list[Piece] = []
        at = size = 0
        for start, end, new in sorted(changes):
            pieces += self._pieces_between(at, start, size)
            out += [self.text[at:start], new]
            size += start - at
            pieces.append(Piece(size, self.origin(start), False))
            size += len(new)
            at = end
        pieces += self._pieces_between(at, len(self.text), size)
        return Rewritten("".join([*out, self.text[at:]]), tuple(pieces))

    def _pieces_between(self, start: int, end: int, at: int) -> Iterator[Piece]:
        """The pieces of a stretch that is copied to offset `at`."""
        if start == end:
            return
        before = [piece for piece in self.pieces if piece.start <= start]
        first = before[-1]
        shift = start - first.start if first.kept else 0
        yield Piece(at, first.origin + shift, first.kept)
        for piece in self.pieces:
            if start < piece.start < end:
                yield Piece(at + piece.start - start, piece.origin, piece.kept)


def plain(text: str) -> Rewritten:
    """A text as it is, ready for replacements."""
    return Rewritten(text, (Piece(0, 0, True),))


def arguments(text: str) -> list[str]:
    """The arguments within the outermost parentheses of a call, as they are written."""
    found: list[str] = []
    depth, begin = 0, 0
    for token in tokens(text):
        if token.kind == "comment":
            continue
        if token.text in ("(", "[", "{"):
            depth += 1
            if depth == 1:
                begin = token.end
        elif token.text in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                found.append(text[begin : token.start].strip())
                break
        elif token.text == "," and depth == 1:
            found.append(text[begin : token.start].strip())
            begin = token.end
    return [] if found == [""] else found


def with_pivot_values(text: str) -> Rewritten:
    """The text with a value list behind each `on` of a PIVOT that takes its columns from the data.

    DuckDB's parser gives no tree for such a statement; with a list it does, and the tree is the same otherwise.
    """
    changes: list[tuple[int, int, str]] = []
    listed = [token for token in tokens(text) if token.kind != "comment"]
    for number, token in enumerate(listed):
        if token.kind == "word" and token.text.lower() in ("pivot", "pivot_wider"):
            changes += [(at, at, f" in ('{ANY_VALUE}')") for at in _open_ends(listed[number + 1 :])]
    return plain(text).replaced(changes)


ANY_VALUE = "any value of the column"
_CLAUSES = frozenset({"using", "group", "order", "limit", "having", "where", "union", "select", "join", "cross"})


def _open_ends(rest: list[Token]) -> Iterator[int]:
    """The ends of the `on` elements of one PIVOT statement that have no value list."""
    depth, within, listed, last = 0, False, False, None
    for token in rest:
        word = token.text.lower()
        if token.text in ")]}" and token.kind == "sign":
            depth -= 1
            if depth < 0:
                break
        if depth == 0 and (token.text == ";" or (within and (word in _CLAUSES or token.text == ","))):
            if within and not listed and last is not None:
                yield last.end
            listed = False
            if token.text != ",":
                return
        elif depth == 0 and word == "on" and token.kind == "word":
            within = True
        elif depth == 0 and word == "in" and within:
            listed = True
        if token.text in "([{" and token.kind == "sign":
            depth += 1
        last = token
    if within and not listed and last is not None:
        yield last.end
