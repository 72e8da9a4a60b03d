"""The grammar of selections.

    either  = both { "or" both }
    both    = negated { "and" negated }
    negated = "not" negated | reach
    reach   = [ [levels] "+" ] atom [ "+" [levels] ]           nothing stands between these
    atom    = "(" either ")" | ("roots" | "sinks") "(" either ")" | predicate | key [ "@" terms ]
    terms   = term { "," term }
    term    = a partition key, a glob over them, first ".." last; read later by the asset's partitions definition

A predicate is `name:value`. Keys, values and partitions may be quoted.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn, TypeVar, assert_never

from assetflow.errors import did_you_mean
from assetflow.graph.selection.scanner import Scanner
from assetflow.graph.selection.selection import Selection
from assetflow.graph.selection.tree import (
    And,
    Attribute,
    Change,
    Changed,
    End,
    Ends,
    Field,
    Keys,
    Node,
    Not,
    Or,
    Reach,
    Status,
    StatusName,
    Tag,
)

_NESTING = 40  # parse, print and resolve recurse once per level of parentheses

_KEY = re.compile(r"[\w.\-/*?]+")
_KEYWORD = re.compile(r"(?:and|or|not)(?![\w.\-/*?])", re.IGNORECASE)
_AND = re.compile(r"and(?![\w.\-/*?])", re.IGNORECASE)
_OR = re.compile(r"or(?![\w.\-/*?])", re.IGNORECASE)
_NOT = re.compile(r"not(?![\w.\-/*?])", re.IGNORECASE)
_ENDS = re.compile(r"(?:roots|sinks)(?=\s*\()")
_PREDICATE = re.compile(r"[\w.\-/*?]+:")
_UP = re.compile(r"(\d*)\+(?=[^\s+)])")
_DOWN = re.compile(r"\+(\d*)")
_OFFSET = re.compile(r"\+\d\d:?\d\d(?!\d)")
_VALUE = re.compile(r"[^\s()\"',+@]+")
_VALUE_WITH_AT = re.compile(r"[^\s()\"',+]+")
_TAG_KEY = re.compile(r"[^\s()\"',+=]+")
_PARTITION = re.compile(r"[^\s()\"',+]+")
_PARTITION_SIGNS = re.compile(r"[,*?\[\"=]|\.\.")

_OPERAND = "an asset, a predicate such as `tag:daily`, `not`, `+` or `(`"
_FOREIGN = {
    ",": "write `a or b`, or give two selections",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`",
    "~": "write `not`",
    "-": "write `and not`",
}


class _Name(StrEnum):
    """The names that may stand before a `:`."""

    KEY = "key"
    TAG = "tag"
    GROUP = "group"
    KIND = "kind"
    OWNER = "owner"
    STATUS = "status"
    CHANGED = "changed"


def parse(text: str) -> Selection:
    """The selection that a text describes; SelectionError, showing the place, when it does not parse."""
    parser = _Parser(text)
    scanner = parser.scanner
    scanner.skip_space()
    if scanner.at_end():
        scanner.fail("the selection is empty", hint="write an asset key, or `*` for everything")
    tree = parser.either()
    scanner.skip_space()
    if not scanner.at_end():
        parser.unfinished("`and`, `or` or the end")
    return Selection(tree)


class _Parser:
    __slots__ = ("depth", "scanner")

    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.depth = 0

    def either(self) -> Node:
        operands = [self._both()]
        while self._keyword(_OR):
            operands.append(self._both())
        return operands[0] if len(operands) == 1 else Or(operands=tuple(operands))

    def _both(self) -> Node:
        operands = [self._negated()]
        while self._keyword(_AND):
            operands.append(self._negated())
        return operands[0] if len(operands) == 1 else And(operands=tuple(operands))

    def _negated(self) -> Node:
        if not self._keyword(_NOT):
            return self._reach()
        self._enter()
        operand = self._negated()
        self.depth -= 1
        return Not(operand=operand)

    def _reach(self) -> Node:
        scanner = self.scanner
        scanner.skip_space()
        up = self._levels(_UP, otherwise=0)
        if up != 0 and scanner.sees_pattern(_KEYWORD):
            scanner.expected("an asset, a predicate or `(` after `+`", hint="put what follows in parentheses")
        operand = self._atom()
        down = self._levels(_DOWN, otherwise=0)
        if up == 0 and down == 0:
            return operand
        return Reach(operand=operand, up=up, down=down)

    def _levels(self, pattern: re.Pattern[str], *, otherwise: int) -> int | None:
        """The levels written with a `+` here: None for all; `otherwise` when there is no `+`."""
        start = self.scanner.at
        taken = self.scanner.take_pattern(pattern)
        if taken is None:
            return otherwise
        digits = taken.strip("+")
        if len(digits) > 9:
            self.scanner.fail(f"{digits} levels are more than any graph has", at=start)
        return int(digits) if digits else None

    def _atom(self) -> Node:
        scanner = self.scanner
        if scanner.take("("):
            return self._parenthesized(scanner.at - 1)
        quoted = scanner.take_quoted()
        if quoted is not None:
            if not quoted:
                scanner.fail("a key cannot be empty", at=scanner.at - 2)
            return self._keys(quoted)
        if scanner.sees_pattern(_KEYWORD):
            scanner.expected(_OPERAND, hint="quote the name if an asset is called so")
        end = scanner.take_pattern(_ENDS)
        if end is not None:
            scanner.skip_space()
            scanner.take("(")
            return Ends(end=End(end), operand=self._parenthesized(scanner.at - 1))
        if scanner.sees_pattern(_PREDICATE):
            return self._predicate()
        key = None if scanner.sees("-") else scanner.take_pattern(_KEY)
        if key is None:
            self.unfinished(_OPERAND)
        return self._keys(key)

    def _parenthesized(self, opened: int) -> Node:
        self._enter()
        tree = self.either()
        self.scanner.skip_space()
        if not self.scanner.take(")"):
            if self.scanner.at_end():
                self.scanner.fail("the parenthesis is never closed", at=opened, hint="close it with `)`")
            self.unfinished("`and`, `or` or `)`")
        self.depth -= 1
        return tree

    def _keys(self, pattern: str) -> Keys:
        scanner = self.scanner
        if not scanner.take("@"):
            return Keys(pattern=pattern)
        terms = [self._term()]
        while scanner.take(","):
            terms.append(self._term())
        return Keys(pattern=pattern, partitions=tuple(terms))

    def _term(self) -> str:
        """A partition term; what stood in quotes keeps quotes only where it would not stand for itself."""
        scanner = self.scanner
        pieces: list[tuple[str, bool]] = []
        while True:
            quoted = scanner.take_quoted()
            piece = scanner.take_pattern(_PARTITION) if quoted is None else quoted
            if piece is None:
                break
            pieces.append((piece, quoted is not None))
        if not any(piece for piece, _ in pieces):
            hint = "as in `asset@2013-01-01` or `asset@2013-01-01..2013-01-31`"
            scanner.expected("a partition key", hint=hint)
        if not pieces[-1][1] and scanner.sees_pattern(_OFFSET):
            # the second of two ambiguous hours has a key that ends in `+0100`: never take that for 100 levels
            scanner.fail(
                "a `+` with four digits after a partition could be part of its key, or levels downstream",
                hint='quote the partition key: `asset@"2023-10-29-02:00+0100"` or `asset@"2023-10-29"+1000`',
            )
        if len(pieces) == 1 and not _PARTITION_SIGNS.search(pieces[0][0]):
            return pieces[0][0]
        return "".join('"' + piece.replace('"', '""') + '"' if quoted else piece for piece, quoted in pieces)

    def _predicate(self) -> Node:
        scanner = self.scanner
        start = scanner.at
        taken = (scanner.take_pattern(_PREDICATE) or "").removesuffix(":")
        if taken not in tuple(_Name):
            names = ", ".join(f"`{name}:`" for name in _Name)
            hint = did_you_mean(f"{taken}:", [f"{name}:" for name in _Name])
            scanner.fail(f"there is no predicate `{taken}:`", at=start, hint=hint or f"there are {names}")
        match _Name(taken):
            case _Name.KEY:
                return self._keys(self._value(_Name.KEY, _KEY, "an asset key"))
            case _Name.TAG:
                return self._tag()
            case _Name.GROUP:
                return Attribute(field=Field.GROUP, pattern=self._value(_Name.GROUP, _VALUE, "a group"))
            case _Name.KIND:
                return Attribute(field=Field.KIND, pattern=self._value(_Name.KIND, _VALUE, "a kind"))
            case _Name.OWNER:
                # the address of an owner holds an `@`, so an owner takes no partitions
                return Attribute(field=Field.OWNER, pattern=self._value(_Name.OWNER, _VALUE_WITH_AT, "an owner"))
            case _Name.STATUS:
                return Status(name=self._word(StatusName, self._value(_Name.STATUS, _VALUE, "a status")))
            case _Name.CHANGED:
                value = scanner.take_quoted() or scanner.take_pattern(_VALUE)
                return Changed(change=self._word(Change, value) if value else None)
            case unknown:
                assert_never(unknown)

    def _value(self, name: _Name, pattern: re.Pattern[str], what: str) -> str:
        value = self.scanner.take_quoted() or self.scanner.take_pattern(pattern)
        if not value:
            self.scanner.expected(f"{what} right after `{name}:`", hint='quote it if it is unusual: `key:"2nd"`')
        if self.scanner.sees("@") and name is not _Name.KEY:
            self.scanner.fail(
                f"partitions belong to an asset, not to `{name}:`",
                hint="select the assets by key, or quote a value that holds an `@`",
            )
        return value

    def _tag(self) -> Tag:
        scanner = self.scanner
        quoted = scanner.take_quoted()
        key = quoted or scanner.take_pattern(_TAG_KEY)
        if not key:
            scanner.expected("a tag right after `tag:`", hint="as in `tag:daily` or `tag:layer=gold`")
        if scanner.take("="):
            value = scanner.take_quoted()
            return Tag(key=key, value=scanner.take_pattern(_VALUE_WITH_AT) or "" if value is None else value)
        if quoted and "=" in quoted:
            name, _, value = quoted.partition("=")
            return Tag(key=name, value=value)
        return Tag(key=key)

    def _word(self, vocabulary: type[_Word], value: str) -> _Word:
        if value not in tuple(vocabulary):
            words = ", ".join(f"`{word}`" for word in vocabulary)
            start = self.scanner.text.rfind(value, 0, self.scanner.at)
            self.scanner.fail(f"`{value}` is none of {words}", at=start, hint=did_you_mean(value, list(vocabulary)))
        return vocabulary(value)

    def _keyword(self, keyword: re.Pattern[str]) -> bool:
        self.scanner.skip_space()
        return self.scanner.take_pattern(keyword) is not None

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > _NESTING:
            self.scanner.fail(f"the selection is nested more than {_NESTING} deep")

    def unfinished(self, what: str) -> NoReturn:
        """Raise SelectionError for a character that cannot stand here, saying what may have been meant."""
        scanner = self.scanner
        hint = None
        if not scanner.at_end():
            here = scanner.text[scanner.at]
            hint = _FOREIGN.get(here)
            if here == "+":
                hint = "a `+` touches its asset on both sides, as in `2+delays+1`; for both of two write `or`"
            elif hint is None and (here.isalnum() or here in "\"'(*_"):
                hint = "join two selections with `and` or `or`"
        scanner.expected(what, hint=hint)


_Word = TypeVar("_Word", StatusName, Change)
