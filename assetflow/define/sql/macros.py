"""Macros: DuckDB's own, from `create macro` statements, and functions in Python that write SQL."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, TypeVar

from xxhash import xxh3_128_hexdigest

from assetflow.define.annotations import annotations_of
from assetflow.define.sql.parse import Parsed, QueryCache
from assetflow.define.sql.text import Rewritten, Token, arguments, tokens
from assetflow.values import dataclass

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__assetflow_macro__"
_DEPTH = 50


def sql_macro(fn: F) -> F:
    """Make a function callable in SQL assets by its name: it gets its arguments as SQL text, and returns SQL.

    `cents(amount)` in a query is replaced by what `cents("amount")` returns, in parentheses; a list of texts stands as
    it is, for a select list. A parameter annotated `int`, `float` or `bool` gets the value of a literal.
    """
    setattr(fn, MARK, True)
    return fn


def is_macro(value: object) -> bool:
    """Whether a function was marked with `sql_macro`."""
    return getattr(value, MARK, False) is True and callable(value)


class MacroError(Exception):
    """A macro in Python could not be expanded; `at` is the offset of its call in the original text."""

    def __init__(self, message: str, at: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlMacro:
    """A `create macro` statement: its name, its text, what its bodies name, and where it stands."""

    name: str
    statement: str
    bodies: tuple[str, ...]
    parameters: frozenset[str]
    file: str | None = None
    line: int = 1

    def parsed(self, cache: QueryCache) -> Iterator[Parsed]:
        """What each body says of itself."""
        return (cache.parsed(body) for body in self.bodies)


@dataclass(slots=True)
class Macros:
    """The macros of a project: functions in Python and statements of SQL, by name in lower case."""

    python: dict[str, Callable[..., Any]] = field(default_factory=dict)
    sql: dict[str, SqlMacro] = field(default_factory=dict)

    def with_own(self, python: Iterable[Callable[..., Any]] = (), sql: Iterable[SqlMacro] = ()) -> Macros:
        """These macros with an asset's own in front of them."""
        return Macros(
            {**self.python, **{fn.__name__.lower(): fn for fn in python}},
            {**self.sql, **{macro.name.lower(): macro for macro in sql}},
        )

    def names(self) -> list[str]:
        """All names, for a near match."""
        return sorted({*self.python, *self.sql})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file: where it begins and ends (its semicolon left out), and its tokens without comments."""

    start: int
    end: int
    tokens: tuple[Token, ...]

    @property
    def is_macro(self) -> bool:
        """Whether it creates a macro."""
        words = [token.text.lower() for token in self.tokens[:5]]
        return bool(words) and words[0] == "create" and bool({"macro", "function"} & set(words))


def statements(text: str) -> list[Statement]:
    """The statements of a text, split at semicolons."""
    found: list[Statement] = []
    own: list[Token] = []
    for token in tokens(text):
        if token.kind == "comment":
            continue
        if token.text == ";" and token.kind == "sign":
            if own:
                found.append(Statement(own[0].start, own[-1].end, tuple(own)))
            own = []
        else:
            own.append(token)
    if own:
        found.append(Statement(own[0].start, own[-1].end, tuple(own)))
    return found


def macro_of(statement: Statement, text: str, *, file: str | None = None) -> SqlMacro | None:
    """The macro that a statement creates, or None when it does not read like one."""
    listed = statement.tokens
    at = next(n for n, token in enumerate(listed) if token.text.lower() in ("macro", "function")) + 1
    while at < len(listed) and listed[at].text.lower() in ("if", "not", "exists"):
        at += 1
    while at + 1 < len(listed) and listed[at + 1].text == ".":
        at += 2
    if at >= len(listed):
        return None
    name = listed[at].text.strip('"')
    bodies: list[str] = []
    parameters: set[str] = set()
    rest = at + 1
    while rest < len(listed):
        close = _closing(listed, rest)
        if close is None or close + 1 >= len(listed) or listed[close + 1].text.lower() != "as":
            return None
        parameters |= {token.text.lower() for token in listed[rest:close] if token.kind == "word"}
        begin = close + 2
        is_table = begin < len(listed) and listed[begin].text.lower() == "table"
        begin += is_table
        end = _body_end(listed, begin)
        if begin >= end:
            return None
        body = text[listed[begin].start : listed[end - 1].end]
        bodies.append(body if is_table else f"select ({body})")
        rest = end + 1
    line = text.count("\n", 0, statement.start) + 1
    return SqlMacro(
        name=name, statement=_temporary(text[statement.start : statement.end]), bodies=tuple(bodies),
        parameters=frozenset(parameters), file=file, line=line,
    )  # fmt: skip


def _temporary(statement: str) -> str:
    """A macro file may be read more than once, so that what exists is replaced."""
    first, _, rest = statement.partition(" ")
    return statement if "replace" in rest.lower().split()[:2] else f"{first} or replace {rest.lstrip()}"


def _closing(listed: tuple[Token, ...], at: int) -> int | None:
    """The place of the bracket that closes the one at `at`."""
    if at >= len(listed) or listed[at].text != "(":
        return None
    depth = 0
    for number in range(at, len(listed)):
        depth += {"(": 1, ")": -1}.get(listed[number].text, 0)
        if depth == 0:
            return number
    return None


def _body_end(listed: tuple[Token, ...], at: int) -> int:
    """Where a body ends: at a comma that begins the next overload, or with the statement."""
    depth = 0
    for number in range(at, len(listed)):
        text = listed[number].text
        depth += {"(": 1, ")": -1, "[": 1, "]": -1, "{": 1, "}": -1}.get(text, 0)
        if text == "," and depth == 0:
            close = _closing(listed, number + 1)
            if close is not None and close + 1 < len(listed) and listed[close + 1].text.lower() == "as":
                return number
    return len(listed)


def reached(parsed: Parsed, macros: Mapping[str, SqlMacro], cache: QueryCache) -> list[SqlMacro]:
    """The macros that a query calls, and those they call, each after what it calls itself."""
    order: list[SqlMacro] = []
    done: set[str] = set()
    stack: list[tuple[str, bool]] = [(call.name.lower(), False) for call in reversed(parsed.calls)]
    while stack:
        name, finished = stack.pop()
        macro = macros.get(name)
        if macro is None or (name in done and not finished):
            continue
        if finished:
            order.append(macro)
            continue
        done.add(name)
        stack.append((name, True))
        for body in macro.parsed(cache):
            stack.extend((call.name.lower(), False) for call in body.calls)
    return order


@dataclass(frozen=True, slots=True)
class Expansion:
    """A query with its macros in Python written out, and for each macro what it wrote, for its code version."""

    text: Rewritten
    written: tuple[tuple[str, str], ...]


def expand(text: Rewritten, macros: Mapping[str, Callable[..., Any]]) -> Expansion:
    """Write out every call of a macro in Python, outermost first, until none is left."""
    written: dict[str, list[str]] = {}
    for _ in range(_DEPTH):
        changes: list[tuple[int, int, str]] = []
        for name, start, end in _python_calls(text.text, macros):
            new = _call(name, macros[name], text.text[start:end], text.origin(start))
            written.setdefault(name, []).append(new)
            changes.append((start, end, new))
        if not changes:
            found = [(name, xxh3_128_hexdigest("\0".join(parts).encode())) for name, parts in sorted(written.items())]
            return Expansion(text, tuple(found))
        text = text.replaced(changes)
    name, start, _ = next(_python_calls(text.text, macros))
    raise MacroError(f"the macro `{name}` writes a call of itself, again and again", text.origin(start))


def _python_calls(text: str, macros: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """The outermost calls of macros: name, begin and end."""
    listed = tuple(token for token in tokens(text) if token.kind != "comment")
    until = -1
    for number, token in enumerate(listed[:-1]):
        name = token.text.lower()
        if token.start < until or token.kind != "word" or name not in macros or listed[number + 1].text != "(":
            continue
        if number and listed[number - 1].text == ".":
            continue
        close = _closing(listed, number + 1)
        if close is not None:
            until = listed[close].end
            yield name, token.start, until


def _call(name: str, fn: Callable[..., Any], call: str, at: int) -> str:
    given = [_enclosed(text) for text in arguments(call)]
    try:
        bound = inspect.signature(fn).bind(*given)
    except TypeError as error:
        raise MacroError(f"the macro `{name}` is called with {len(given)} arguments: {error}", at) from None
    hints = annotations_of(fn)
    values = {key: _value(name, key, value, hints.get(key), at) for key, value in bound.arguments.items()}
    bound.arguments.update(values)
    try:
        made = fn(*bound.args, **bound.kwargs)
    except Exception as error:  # the macro is the user's code: whatever it raises is told at the place of its call
        raise MacroError(f"the macro `{name}` failed: {type(error).__name__}: {error}", at) from error
    if isinstance(made, str) and made.strip():
        return f"({made})"
    if isinstance(made, (list, tuple)) and made and all(isinstance(part, str) and part.strip() for part in made):
        return ", ".join(made)
    raise MacroError(
        f"the macro `{name}` returned {made!r}", at, "return SQL as text, or a list of texts for a select list"
    )


def _enclosed(text: str) -> str:
    """An argument that stays one whatever the macro writes around it: a name, a literal, a call, or in parentheses."""
    listed = tuple(token for token in tokens(text) if token.kind != "comment")
    names = listed[0:1] if listed and listed[0].kind in ("word", "quoted") else ()
    while names and len(listed) >= len(names) + 2 and listed[len(names)].text == ".":
        names = listed[: len(names) + 2]
    rest = len(names) or 1
    is_negative = len(listed) == 2 and listed[0].text == "-" and listed[1].kind == "number"
    is_call = bool(names) and _closing(listed, rest) == len(listed) - 1
    is_group = bool(listed) and listed[0].text == "(" and _closing(listed, 0) == len(listed) - 1
    return text if len(listed) == rest or is_call or is_group or is_negative else f"({text})"


def _value(name: str, parameter: str, text: Any, annotation: Any, at: int) -> Any:
    if annotation not in (int, float, bool) or not isinstance(text, str):
        return text
    try:
        if annotation is bool:
            return {"true": True, "false": False}[text.lower()]
        return annotation(text.replace("_", ""))
    except (KeyError, ValueError):
        raise MacroError(
            f"the macro `{name}` takes a literal {annotation.__name__} as `{parameter}`, not `{text}`", at
        ) from None
