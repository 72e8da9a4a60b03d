"""What one source file holds, as far as code versions care: its functions, classes and statements, and what each uses.

These values say nothing about the running program: `reach` brings them together with the objects names stand for. They
turn into JSON and back for the parse cache, as short lists instead of objects, because thousands of them are read at
every start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any

from assetflow.values import dataclass

Json = Any


class SymbolKind(StrEnum):
    """What a symbol is in the source."""

    FUNCTION = "function"
    LAMBDA = "lambda"
    CLASS = "class"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class ImportUse:
    """A name that an import inside a function binds, with the attributes read from it: `import a.b as x; x.f`.

    `name` is what `from … import name` names, or empty for a plain import, `path` the dotted attributes after it.
    """

    level: int
    module: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class LiteralUse:
    """A call or subscript with text as its first argument, which may read the environment or import a module.

    `target` is the dotted name called or subscripted, `text` the literal, or with `is_name` the dotted name of a
    constant that holds it.
    """

    target: str
    text: str
    is_name: bool


@dataclass(frozen=True, slots=True)
class Uses:
    """What a piece of code uses from outside itself: dotted names, local imports, and calls with a literal name."""

    names: tuple[str, ...] = ()
    imports: tuple[ImportUse, ...] = ()
    literals: tuple[LiteralUse, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.imports or self.literals)

    def to_json(self) -> Json:
        """A short list: empty when nothing is used."""
        if not self:
            return []
        return [
            list(self.names),
            [[i.level, i.module, i.name, i.path] for i in self.imports],
            [[i.target, i.text, i.is_name] for i in self.literals],
        ]

    @staticmethod
    def from_json(data: Json) -> Uses:
        """The value that `to_json` came from."""
        if not data:
            return NOTHING
        names, imports, literals = data
        return Uses(
            tuple(names),
            tuple([ImportUse(*item) for item in imports]),
            tuple([LiteralUse(*item) for item in literals]),
        )


NOTHING = Uses()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a definition that may or may not count: one decorator, or the annotations of a signature.

    `callee` is the dotted name that a decorator applies, empty when it is not a plain name.
    """

    callee: str
    digest: str
    uses: Uses

    def to_json(self) -> Json:
        """A short list."""
        return [self.callee, self.digest, self.uses.to_json()]

    @staticmethod
    def from_json(data: Json) -> Part:
        """The value that `to_json` came from."""
        callee, hexdigest, uses = data
        return Part(callee, hexdigest, Uses.from_json(uses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A function, lambda, class or module-level statement with the digest of its normalized tree.

    `line` is the first line, decorators included, as in `co_firstlineno`; `owner` the module-level name it belongs to,
    by which people are told about it; `params` the parameter names; `binds` the names a statement binds or changes;
    `span` the body of a lambda as (line, column, end line, end column), columns in UTF-8 bytes; `size` the number of
    elements when a statement assigns a display such as `[a, b]`, else -1.
    """

    kind: SymbolKind
    qualname: str
    owner: str
    line: int
    digest: str
    uses: Uses = NOTHING
    params: tuple[str, ...] = ()
    decorators: tuple[Part, ...] = ()
    signature: Part | None = None
    signature_counts: bool = False
    binds: tuple[str, ...] = ()
    span: tuple[int, int, int, int] | None = None
    size: int = -1

    def to_json(self) -> Json:
        """A list of the fields in order."""
        return [
            self.kind.value, self.qualname, self.owner, self.line, self.digest, self.uses.to_json(),
            self.params, [part.to_json() for part in self.decorators],
            self.signature and self.signature.to_json(), self.signature_counts, self.binds, self.span, self.size,
        ]  # fmt: skip

    @staticmethod
    def from_json(data: Json) -> Symbol:
        """The value that `to_json` came from."""
        kind, qualname, owner, line, hexdigest, uses, params, decorators, signature, counts, binds, span, size = data
        return Symbol(
            kind=SymbolKind(kind),
            qualname=qualname,
            owner=owner,
            line=line,
            digest=hexdigest,
            uses=Uses.from_json(uses),
            params=tuple(params),
            decorators=tuple([Part.from_json(part) for part in decorators]),
            signature=None if signature is None else Part.from_json(signature),
            signature_counts=counts,
            binds=tuple(binds),
            span=None if span is None else (span[0], span[1], span[2], span[3]),
            size=size,
        )


@dataclass(frozen=True, kw_only=True)
class FileSymbols:
    """Everything the parse of one file gave.

    `raw` are the symbols as JSON lists, decoded when asked for; `texts` the normalized source by owner; `imports` the
    module-level imported names as (level, module, name), `name` empty for a plain import; `stars` the modules of
    `from m import *`; `rebound` names that a function rebinds by `global`. `error` says why a file does not parse.
    """

    raw: Sequence[Json] = ()
    texts: Mapping[str, str]
    imports: Mapping[str, tuple[int, str, str]]
    stars: tuple[tuple[int, str], ...] = ()
    rebound: frozenset[str] = frozenset()
    error: str | None = None

    def to_json(self) -> Json:
        """An object that `from_json` reads."""
        return {
            "symbols": list(self.raw),
            "texts": dict(self.texts),
            "imports": {name: list(place) for name, place in self.imports.items()},
            "stars": [list(star) for star in self.stars],
            "rebound": sorted(self.rebound),
            "error": self.error,
        }

    @staticmethod
    def from_json(data: Json) -> FileSymbols:
        """The value that `to_json` came from; KeyError, TypeError or ValueError for anything else."""
        return FileSymbols(
            raw=data["symbols"],
            texts=data["texts"],
            imports={name: (level, module, inner) for name, (level, module, inner) in data["imports"].items()},
            stars=tuple((level, module) for level, module in data["stars"]),
            rebound=frozenset(data["rebound"]),
            error=data["error"],
        )

    @cached_property
    def _places(self) -> dict[tuple[str, int], list[int]]:
        """(last part of the qualified name, first line) to positions in `raw`, functions and lambdas only."""
        places: dict[tuple[str, int], list[int]] = {}
        for index, item in enumerate(self.raw):
            if item[0] in (SymbolKind.FUNCTION, SymbolKind.LAMBDA):
                places.setdefault((item[1].rpartition(".")[2], item[3]), []).append(index)
        return places

    @cached_property
    def _classes(self) -> dict[str, list[int]]:
        classes: dict[str, list[int]] = {}
        for index, item in enumerate(self.raw):
            if item[0] == SymbolKind.CLASS:
                classes.setdefault(item[1], []).append(index)
        return classes

    @cached_property
    def _binders(self) -> dict[str, list[int]]:
        binders: dict[str, list[int]] = {}
        for index, item in enumerate(self.raw):
            if item[0] == SymbolKind.STATEMENT:
                for name in item[10]:
                    binders.setdefault(name, []).append(index)
        return binders

    def functions(self, name: str, line: int) -> list[Symbol]:
        """The functions or lambdas of that name that begin on a line."""
        return [Symbol.from_json(self.raw[index]) for index in self._places.get((name, line), ())]

    def classes(self, qualname: str) -> list[Symbol]:
        """The class statements of a qualified name, in source order."""
        return [Symbol.from_json(self.raw[index]) for index in self._classes.get(qualname, ())]

    def statements(self, name: str) -> list[Symbol]:
        """The module-level statements that bind or change a name, in source order."""
        return [Symbol.from_json(self.raw[index]) for index in self._binders.get(name, ())]

    def loose_statements(self) -> list[Symbol]:
        """The module-level statements that bind no name: calls and the like, run for their effect."""
        return [Symbol.from_json(item) for item in self.raw if item[0] == SymbolKind.STATEMENT and not item[10]]
