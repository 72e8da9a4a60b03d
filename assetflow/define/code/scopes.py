"""Which names a piece of code takes from outside itself: Python's scoping rules over loads and bindings.

Scopes are made in source order, so a child always comes after its parent, and one backward pass settles them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from assetflow.define.code.symbols import ImportUse, LiteralUse, Uses


class ScopeKind(Enum):
    """How a scope treats names: functions (and comprehensions) bind for what is inside, classes only for themselves.

    An open scope binds nothing: a decorator, a default, a statement.
    """

    FUNCTION = auto()
    CLASS = auto()
    OPEN = auto()


class Scope:
    """The loads and bindings of one function, class, comprehension or open piece of code."""

    __slots__ = (
        "bound", "escaped", "free_imports", "free_literals", "imports", "is_comprehension", "kind", "literals",
        "loads", "outer", "parent", "passes_on", "sealed",
    )  # fmt: skip

    def __init__(self, kind: ScopeKind, parent: Scope | None, *, passes_on: bool = True) -> None:
        self.kind = kind
        self.parent = parent
        self.passes_on = passes_on
        self.is_comprehension = False
        self.bound: set[str] = set()
        self.outer: set[str] = set()
        self.sealed: set[str] = set()
        self.loads: set[str] = set()
        self.escaped: set[str] = set()
        self.imports: dict[str, list[tuple[int, str, str]]] = {}
        self.literals: set[tuple[str, str, bool]] = set()
        self.free_imports: set[tuple[int, str, str, str]] = set()
        self.free_literals: set[tuple[str, str, bool]] = set()

    def load(self, dotted: str) -> None:
        """Note that a name, with the attributes read from it, is used here."""
        root = dotted.partition(".")[0]
        if root in self.outer:
            self.escaped.add(dotted)
            return
        scope: Scope | None = self
        while scope is not None and scope.kind is ScopeKind.OPEN:
            scope = scope.parent
        if scope is not None and scope.kind is ScopeKind.CLASS and root in scope.bound:
            # a class body runs from top to bottom: what is bound by now is the class's own
            self._note_import(scope, dotted)
            return
        self.loads.add(dotted)

    def bind(self, name: str) -> None:
        """Note that a name gets a value here; a comprehension passes a walrus on to the scope around it."""
        scope = self
        while scope.kind is ScopeKind.OPEN and scope.parent is not None and scope.parent.kind is not ScopeKind.OPEN:
            scope = scope.parent
        scope.bound.add(name)

    def bind_outside_comprehension(self, name: str) -> None:
        """Bind as the walrus does: in the nearest scope that is no comprehension."""
        scope = self
        while scope.is_comprehension and scope.parent is not None:
            scope = scope.parent
        scope.bind(name)

    def _note_import(self, scope: Scope, dotted: str) -> None:
        root, _, path = dotted.partition(".")
        for level, module, name in scope.imports.get(root, ()):
            self.free_imports.add((level, module, name, path))

    def uses(self) -> Uses:
        """What is free here, sorted; call after `settle`."""
        return union((self,))


def union(scopes: Sequence[Scope]) -> Uses:
    """What several settled scopes use together, sorted."""
    names: set[str] = set()
    imports: set[tuple[int, str, str, str]] = set()
    literals: set[tuple[str, str, bool]] = set()
    for scope in scopes:
        names |= scope.loads
        names |= scope.escaped
        imports |= scope.free_imports
        literals |= scope.free_literals
    return Uses(
        tuple(sorted(names)),
        tuple([ImportUse(*item) for item in sorted(imports)]),
        tuple([LiteralUse(*item) for item in sorted(literals)]),
    )


def settle(scopes: Sequence[Scope]) -> None:
    """Take out of every scope's loads what it binds itself, and hand the rest to the scope around it.

    Afterwards `loads`, `escaped`, `free_imports` and `free_literals` hold what is free in each scope.
    """
    for scope in reversed(scopes):
        own = scope.bound - scope.outer - scope.sealed if scope.kind is ScopeKind.FUNCTION else set()
        if own:
            _take_own(scope, own)
        scope.free_literals |= _free_literals(scope, own)
        parent = scope.parent
        if parent is not None and scope.passes_on:
            parent.loads |= scope.loads
            parent.escaped |= scope.escaped
            parent.free_imports |= scope.free_imports
            parent.literals |= {item for item in scope.free_literals if not item[0].startswith("@")}
            parent.free_literals |= {item for item in scope.free_literals if item[0].startswith("@")}


def _take_own(scope: Scope, own: set[str]) -> None:
    free: set[str] = set()
    for dotted in scope.loads:
        root, _, path = dotted.partition(".")
        if root not in own:
            free.add(dotted)
        else:
            for level, module, name in scope.imports.get(root, ()):
                scope.free_imports.add((level, module, name, path))
    scope.loads = free


def _free_literals(scope: Scope, own: set[str]) -> set[tuple[str, str, bool]]:
    """Literal uses whose names are not local; a target imported here is rewritten as `@level:module:name:path`."""
    free: set[tuple[str, str, bool]] = set()
    for target, text, is_name in scope.literals:
        if is_name and text.partition(".")[0] in own:
            continue  # the text is computed: there is no literal to follow
        root, _, path = target.partition(".")
        if root not in own:
            free.add((target, text, is_name))
        else:
            for level, module, name in scope.imports.get(root, ()):
                free.add((f"@{level}:{module}:{name}:{path}", text, is_name))
    return free
