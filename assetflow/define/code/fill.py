"""What a node holds itself, and its links: for functions, classes, modules and constants, by source and by value."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, assert_never

from assetflow.define.code.digest import digest
from assetflow.define.code.graph import Node
from assetflow.define.code.names import Held
from assetflow.define.code.origin import is_own_name
from assetflow.define.code.reach import CODE_TYPES, Host, Reach, Scene
from assetflow.define.code.sources import Globals, Source, cells_of
from assetflow.define.code.symbols import Part, Symbol, Uses
from assetflow.define.code.values import Encoder

_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, MappingProxyType)


def settle(reach: Reach) -> None:
    """Fill every node that was found and not filled yet."""
    while reach.queue:
        node, subject = reach.queue.pop()
        match subject:
            case FunctionType():
                _fill_function(reach, node, subject)
            case type():
                _fill_class(reach, node, subject)
            case ModuleType():
                _fill_module(reach, node, subject)
            case Held():
                _fill_constant(reach, node, subject)
            case _:
                assert_never(subject)


def _fill_function(reach: Reach, node: Node, function: FunctionType) -> None:
    scene = Scene(function.__globals__, cells_of(function))
    symbols = reach.symbols_of(function)
    if not symbols:
        _fill_generated(reach, node, function, scene)
        return
    parts: list[str] = []
    for symbol in symbols:
        parts += ["symbol", symbol.digest, *reach.link(node, scene, symbol.uses)]
        for part in counting(symbol, scene):
            parts += ["part", part.digest, *reach.link(node, scene, part.uses)]
    parts += _defaults(reach, node, function)
    wrapped = vars(function).get("__wrapped__")
    if isinstance(wrapped, FunctionType) and reach.is_followed(wrapped):
        node.links.append(("__wrapped__", reach.function(wrapped)))
    node.own = digest("function", *parts)


def counting(symbol: Symbol, scene: Scene) -> list[Part]:
    """The decorators of a definition but for assetflow's, and the annotations if a decorator may read them."""
    parts = [part for part in symbol.decorators if not is_own_decorator(part.callee, scene)]
    if symbol.signature is not None and symbol.signature_counts and parts:
        parts.append(symbol.signature)
    return parts


def is_own_decorator(callee: str, scene: Scene) -> bool:
    """Whether the dotted name of a decorator, empty for one that has none, stands for assetflow's."""
    if not callee:
        return False
    root, *attributes = callee.split(".")
    value: Any = scene.cells[root] if root in scene.cells else scene.names.get(root)
    for attribute in attributes:
        if isinstance(value, ModuleType) and is_own_name(value.__name__):
            return True  # its names are loaded when first used, so they need not be there
        value = vars(value).get(attribute) if isinstance(value, ModuleType) else None
    while isinstance(value, functools.partial):
        value = value.func
    return is_own_name(getattr(value, "__module__", None)) or is_own_name(type(value).__module__)


def _defaults(reach: Reach, node: Node, function: FunctionType) -> list[str]:
    """Defaults as they are now; where nothing is known of one, its expression is in the source and counts."""
    parts: list[str] = []
    for index, value in enumerate(function.__defaults__ or ()):
        parts += [f"default {index}", reach.value(node, f"default {index}", value, defined=True)]
    for name, value in sorted((function.__kwdefaults__ or {}).items()):
        parts += [f"default {name}", reach.value(node, f"default {name}", value, defined=True)]
    return parts


def _fill_generated(reach: Reach, node: Node, function: FunctionType, scene: Scene) -> None:
    """A function without source counts by its bytecode, and so by the version of Python too."""
    code = function.__code__
    source = reach.sources.of_code(code, function.__globals__)
    if source is not None:
        reason = source.symbols.error or f"line {code.co_firstlineno} of {source.shown} no longer holds it"
        node.problems.append(
            f"{node.name}: its source cannot be read ({reason}); load the project again after an edit, "
            "or set `code_version=` on the asset"
        )
    parts = [f"cpython {sys.version_info.major}.{sys.version_info.minor}"]
    pending, used = [code], set[str]()
    while pending:
        current = pending.pop()
        used.update(current.co_names)
        parts += [current.co_code.hex(), repr(current.co_varnames), repr(current.co_names), str(current.co_flags)]
        for value in current.co_consts:
            if isinstance(value, type(code)):
                pending.append(value)
            else:
                parts.append(reach.value(node, "const", value))
    names = tuple(sorted(name for name in used | set(scene.cells)))
    parts += reach.link(node, scene, Uses(names=names))
    parts += _defaults(reach, node, function)
    node.own = digest("generated", *parts)


def _fill_class(reach: Reach, node: Node, kind: type) -> None:
    names = reach.namespace_of(kind)
    scene = Scene(names, _class_cells(kind))
    source = reach.sources.of_globals(names)
    symbols = _class_symbols(kind, source)
    parts: list[str] = []
    for symbol in symbols:
        parts += ["symbol", symbol.digest, *reach.link(node, scene, symbol.uses)]
        for part in counting(symbol, scene):
            parts += ["part", part.digest, *reach.link(node, scene, part.uses)]
    for index, base in enumerate(kind.__bases__):
        if base is not object:
            parts += [f"base {index}", reach.value(node, f"base {index}", base)]
    if symbols:
        parts += _class_additions(reach, node, kind)
    else:
        parts += _made_class(reach, node, kind, source)
    node.own = digest("class", *parts)


def _class_symbols(kind: type, source: Source | None) -> list[Symbol]:
    symbols = source.symbols.classes(kind.__qualname__) if source is not None else []
    if len(symbols) < 2:
        return symbols
    lines = [v.__code__.co_firstlineno for v in vars(kind).values() if isinstance(v, FunctionType)]
    later = [symbol for symbol in symbols if lines and symbol.line <= min(lines)]
    return later[-1:] or symbols


def _class_additions(reach: Reach, node: Node, kind: type) -> list[str]:
    """Plain attributes by value, and functions that were put into the class from elsewhere."""
    parts: list[str] = []
    plain_class = type(kind).__module__ in ("builtins", "abc")
    for name, value in sorted(vars(kind).items()):
        if (name.startswith("__") and name.endswith("__")) or name.startswith("_abc_"):
            continue
        function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if isinstance(function, FunctionType):
            if function.__code__.co_qualname != f"{kind.__qualname__}.{name}":
                parts += [f"attribute {name}", reach.value(node, f"attribute {name}", function)]
        elif plain_class and type(value) in _PLAIN:
            parts += [f"attribute {name}", reach.value(node, f"attribute {name}", value, defined=True)]
    return parts


def _made_class(reach: Reach, node: Node, kind: type, source: Source | None) -> list[str]:
    """A class without a class statement: by the statement that made it, and by what can be seen of it."""
    parts: list[str] = []
    home = reach._homes.get(id(kind))
    statements = source.symbols.statements(home.name) if source is not None and home is not None else []
    for statement in statements:
        parts += ["statement", statement.digest]
        parts += reach.link(node, Scene(reach.namespace_of(kind), {}), statement.uses)
    for name, value in sorted(vars(kind).items()):
        if isinstance(value, FunctionType) and not statements:
            parts += [f"attribute {name}", reach.value(node, f"attribute {name}", value)]
        elif type(value) in _PLAIN and name not in ("__module__", "__doc__", "__firstlineno__"):
            parts += [f"attribute {name}", reach.value(node, f"attribute {name}", value, defined=True)]
    return parts


def _fill_module(reach: Reach, node: Node, module: ModuleType) -> None:
    names = vars(module)
    source = reach.sources.of_globals(names)
    scene = Scene(names, {})
    public = sorted(name for name in names if not (name.startswith("__") and name.endswith("__")))
    parts = reach.link(node, scene, Uses(names=tuple(public)))
    for symbol in source.symbols.loose_statements() if source is not None else ():
        parts += ["statement", symbol.digest, *reach.link(node, scene, symbol.uses)]
    file = names.get("__file__")
    if source is None and isinstance(file, str):
        node.links.append(("file", reach.leaves.file(file)))
    node.own = digest("module", *public, *parts)


def _fill_constant(reach: Reach, node: Node, held: Held) -> None:
    """A constant counts by its value; what has no value of its own, by the statements that made it."""
    source = reach.sources.of_globals(held.names)
    statements: Sequence[Symbol] = source.symbols.statements(held.name) if source is not None else ()
    rebound = source is not None and held.name in source.symbols.rebound
    imported = source is not None and held.name in source.symbols.imports
    defined = bool(statements) and not rebound and not imported
    if isinstance(held.value, (list, dict, set)):
        defined = defined and len(statements) == 1 and statements[0].size == len(held.value)
    host = Host(reach, node, "value", defined=defined)
    host.prefers_definition = defined and not reach.is_followed(type(held.value))
    parts = [Encoder(host, reach.origins.roots).encode(held.value)]
    if host.used_definition or (defined and isinstance(held.value, CODE_TYPES)):
        scene = Scene(held.names, {})
        for statement in statements:
            uses = statement.uses
            others = tuple(name for name in uses.names if name.partition(".")[0] != held.name)
            parts += ["statement", statement.digest]
            parts += reach.link(node, scene, Uses(others, uses.imports, uses.literals))
    node.own = digest("value", *parts)


def _class_cells(kind: type) -> Globals:
    cells: Globals = {}
    for member in vars(kind).values():
        function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        if isinstance(function, FunctionType):
            cells.update(cells_of(function))
    return cells
