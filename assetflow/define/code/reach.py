"""What an object reaches: turns functions, classes, modules and constants into nodes, and fills them in one by one.

Nothing here calls itself for what it finds: finding a thing makes an empty node and queues it, `settle` fills queued
nodes until none is left, so a chain of helpers may be as long as it likes.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodDescriptorType, ModuleType
from typing import Any

from assetflow.define.code.components import ComponentKind
from assetflow.define.code.digest import digest
from assetflow.define.code.graph import Node
from assetflow.define.code.leaves import Leaves
from assetflow.define.code.names import NOTHING, Broken, Foreign, Held, Names, Whole
from assetflow.define.code.origin import Origin, Origins, is_own_name
from assetflow.define.code.sources import Globals, Source, Sources, cells_of, matching
from assetflow.define.code.symbols import ImportUse, Part, Symbol, Uses
from assetflow.define.code.values import Encoder

_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, MappingProxyType)
_CODE_TYPES = (FunctionType, type, BuiltinFunctionType, MethodDescriptorType)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a piece of code stands: its namespace and its closure values."""

    names: Globals
    cells: Mapping[str, Any]


class Reach:
    """All that was found of one project so far; nodes are made once per object."""

    def __init__(self, origins: Origins, sources: Sources, leaves: Leaves) -> None:
        self.origins = origins
        self.sources = sources
        self.leaves = leaves
        self.names = Names(origins, sources)
        self._nodes: dict[object, Node] = {}
        self._kept: list[object] = []
        self._links: dict[tuple[int, str], tuple[str, tuple[Node, ...]]] = {}
        self._homes: dict[int, Held] = {}
        self._namespaces: dict[str, Globals] = {}
        self._queue: list[tuple[Callable[..., None], Node, tuple[Any, ...]]] = []

    def settle(self) -> None:
        """Fill every node that was found and not filled yet."""
        while self._queue:
            fill, node, arguments = self._queue.pop()
            fill(node, *arguments)

    def _node(self, key: object, make: Callable[[], Node], fill: Callable[..., None], *arguments: Any) -> Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = make()
            self._kept.append(arguments)  # a key may hold the id of an argument, which must stay taken
            self._queue.append((fill, node, arguments))
        return node

    # --- finding ---------------------------------------------------------------------------------------------

    def function(self, function: FunctionType) -> Node:
        """The node of a function of the project, or of one generated for it."""

        def make() -> Node:
            symbols = self.symbols_of(function)
            source = self.sources.of_code(function.__code__, function.__globals__)
            if symbols and source is not None:
                owner = symbols[0].owner or symbols[0].qualname.partition(".")[0]
                text = source.symbols.texts.get(owner, "")
                return Node(source.name(owner), ComponentKind.FUNCTION, short=_called(function), text=text)
            home = self.sources.of_globals(function.__globals__)
            shown = home.shown if home is not None else str(function.__globals__.get("__name__", "__main__"))
            return Node(f"{shown}:{function.__qualname__}", ComponentKind.GENERATED, short=function.__qualname__)

        return self._node(("function", id(function)), make, self._fill_function, function)

    def class_(self, kind: type) -> Node:
        """The node of a class of the project."""

        def make() -> Node:
            source = self.sources.of_globals(self._namespace_of(kind))
            shown = source.shown if source is not None else kind.__module__
            text = source.symbols.texts.get(kind.__qualname__.partition(".")[0], "") if source is not None else ""
            return Node(f"{shown}:{kind.__qualname__}", ComponentKind.CLASS, short=kind.__qualname__, text=text)

        return self._node(("class", id(kind)), make, self._fill_class, kind)

    def module(self, module: ModuleType) -> Node:
        """The node of a whole module of the project."""

        def make() -> Node:
            file = vars(module).get("__file__")
            name = self.origins.shown(file) if isinstance(file, str) else module.__name__
            return Node(name, ComponentKind.MODULE, short=name.rpartition("/")[2])

        return self._node(("module", id(module)), make, self._fill_module, module)

    def constant(self, held: Held) -> Node:
        """The node of a module-level value that is neither function nor class."""

        def make() -> Node:
            source = self.sources.of_globals(held.names)
            shown = source.shown if source is not None else str(held.names.get("__name__", "__main__"))
            text = source.symbols.texts.get(held.name, "") if source is not None else ""
            return Node(f"{shown}:{held.name}", ComponentKind.CONSTANT, short=held.name, text=text)

        return self._node(("constant", id(held.names), held.name), make, self._fill_constant, held)

    def symbols_of(self, function: FunctionType) -> list[Symbol]:
        """The symbols a function can have come from; empty for generated code and for source that was edited since."""
        code = function.__code__
        source = self.sources.of_code(code, function.__globals__)
        if source is None:
            return []
        return matching(source.symbols.functions(code.co_name, code.co_firstlineno), code)

    def _namespace_of(self, kind: type) -> Globals:
        """The namespace a class was defined in, as far as it is known; empty if not."""
        for member in vars(kind).values():
            function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
            if isinstance(function, FunctionType) and function.__module__ == kind.__module__:
                return function.__globals__
        module = sys.modules.get(kind.__module__)
        if module is not None:
            return vars(module)
        return self._namespaces.get(kind.__module__, {})

    # --- linking ---------------------------------------------------------------------------------------------

    def link(self, node: Node, scene: Scene, uses: Uses) -> list[str]:
        """Link a node with all that a piece of code uses; the texts of what is foreign, to go into its digest."""
        foreign: list[str] = []
        for dotted in uses.names:
            text, targets = self._link_of(node, scene, dotted)
            if text:
                foreign += [dotted, text]
            node.links += [(dotted, target) for target in targets]
        for use in uses.imports:
            label = f"{'.' * use.level}{use.module}:{use.name}:{use.path}"
            text, targets = self._targets(node, self.names.imported(scene.names, use))
            if text:
                foreign += [label, text]
            node.links += [(label, target) for target in targets]
        for literal in uses.literals:
            self._literal(node, scene, literal.target, literal.text, is_name=literal.is_name)
        return foreign

    def _link_of(self, node: Node, scene: Scene, dotted: str) -> tuple[str, tuple[Node, ...]]:
        if dotted.partition(".")[0] in scene.cells:
            return self._targets(node, self.names.find(scene.names, scene.cells, dotted))
        key = (id(scene.names), dotted)
        known = self._links.get(key)
        if known is None:
            known = self._links[key] = self._targets(node, self.names.find(scene.names, {}, dotted))
            self._kept.append(scene.names)
        return known

    def _targets(self, node: Node, place: object) -> tuple[str, tuple[Node, ...]]:
        """A text for what is foreign, and the nodes a place leads to."""
        match place:
            case Held():
                return self._held(node, place)
            case Whole(module=module):
                return "", (self.module(module),)
            case Foreign():
                return place.text, self.leaves.packages_of(place)
            case Broken():
                node.problems.append(
                    f"{node.name}: `import {place.module}` does not work ({place.error}); "
                    "repair the import, or set `code_version=` on the asset"
                )
                return "", ()
            case _:
                return "", ()

    def _held(self, node: Node, held: Held) -> tuple[str, tuple[Node, ...]]:
        value = inner_of(held.value)
        if isinstance(value, (FunctionType, type)) and self.is_followed(value):
            if isinstance(value, type):
                self._homes.setdefault(id(value), held)
                if held.names.get("__name__") == value.__module__:
                    self._namespaces.setdefault(value.__module__, held.names)
                return "", (self.class_(value),)
            return self._attribute_text(value, held.rest), (self.function(value),)
        if not held.names:  # a closure value
            return self.value(node, f"cell {held.name}", value), ()
        home = self.names.definer(Held(held.names, held.name, held.value, held.rest))
        if isinstance(home, Foreign):
            return home.text, self.leaves.packages_of(home)
        return "", (self.constant(Held(home.names, home.name, value, "")),)

    def _attribute_text(self, function: FunctionType, rest: str) -> str:
        """The value of an attribute set on a function, where code reads it and it is plain."""
        value = vars(function).get(rest.partition(".")[0], NOTHING) if rest else NOTHING
        return repr(value) if type(value) in (bool, int, float, str, bytes) else ""

    def _literal(self, node: Node, scene: Scene, target: str, text: str, *, is_name: bool) -> None:
        """An environment variable or module named by a literal, if that is what the call or subscript does."""
        reader = self.names.object_at(scene.names, scene.cells, target)
        if reader is NOTHING and target == "__import__":
            reader = __import__
        if not self.leaves.reads_environment(reader) and not self.leaves.imports_module(reader):
            return
        name = self.names.object_at(scene.names, scene.cells, text) if is_name else text
        if not isinstance(name, str):
            return
        if self.leaves.reads_environment(reader):
            node.links.append((f"env {name}", self.leaves.environment(name)))
        elif name and not name.startswith("."):
            _, targets = self._targets(node, self.names.imported(scene.names, _whole_import(name)))
            node.links += [(f"import {name}", target) for target in targets]

    # --- values ----------------------------------------------------------------------------------------------

    def value(self, node: Node, label: str, value: object, *, defined: bool = False) -> str:
        """A text for any value; code in it is linked to the node."""
        host = _Host(self, node, label, defined=defined)
        return Encoder(host, self.origins.roots).encode(value)

    def is_followed(self, value: FunctionType | type) -> bool:
        """Whether a function or class is the project's, so that its source counts."""
        if isinstance(value, FunctionType):
            return self.sources.origin_of_code(value.__code__, value.__globals__) is Origin.PROJECT
        module = value.__module__
        if not isinstance(module, str) or module == "builtins":
            return False
        names = self._namespace_of(value)
        file = names.get("__file__")
        if isinstance(file, str):
            return self.origins.of_file(file) is Origin.PROJECT
        return module == "__main__" or self.origins.of_name(module) is Origin.PROJECT

    def foreign_text(self, node: Node, value: Any) -> str:
        """A text for a foreign function, class or module, linking its package to the node."""
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        name = "" if isinstance(value, ModuleType) else getattr(value, "__qualname__", type(value).__qualname__)
        top = (module if isinstance(module, str) else "builtins").partition(".")[0]
        place = Foreign(self.origins.of_name(top), top, name)
        node.links += [(place.text, target) for target in self.leaves.packages_of(place)]
        return place.text

    # --- filling ---------------------------------------------------------------------------------------------

    def _fill_function(self, node: Node, function: FunctionType) -> None:
        scene = Scene(function.__globals__, cells_of(function))
        symbols = self.symbols_of(function)
        if not symbols:
            self._fill_generated(node, function, scene)
            return
        parts: list[str] = []
        for symbol in symbols:
            parts += ["symbol", symbol.digest, *self.link(node, scene, symbol.uses)]
            for part in self.counting(symbol, scene):
                parts += ["part", part.digest, *self.link(node, scene, part.uses)]
        parts += self._defaults(node, function)
        wrapped = vars(function).get("__wrapped__")
        if isinstance(wrapped, FunctionType) and self.is_followed(wrapped):
            node.links.append(("__wrapped__", self.function(wrapped)))
        node.own = digest("function", *parts)

    def counting(self, symbol: Symbol, scene: Scene) -> list[Part]:
        """The decorators of a definition but for assetflow's, and the annotations if a decorator may read them."""
        parts = [part for part in symbol.decorators if not self._is_own(part, scene)]
        if symbol.signature is not None and symbol.signature_counts and parts:
            parts.append(symbol.signature)
        return parts

    def _is_own(self, decorator: Part, scene: Scene) -> bool:
        if not decorator.callee:
            return False
        root, *attributes = decorator.callee.split(".")
        value: Any = scene.cells[root] if root in scene.cells else scene.names.get(root)
        for attribute in attributes:
            if isinstance(value, ModuleType) and is_own_name(value.__name__):
                return True  # its names are loaded when first used, so they need not be there
            value = vars(value).get(attribute) if isinstance(value, ModuleType) else None
        while isinstance(value, functools.partial):
            value = value.func
        return is_own_name(getattr(value, "__module__", None)) or is_own_name(type(value).__module__)

    def _defaults(self, node: Node, function: FunctionType) -> list[str]:
        """Defaults as they are now; where nothing is known of one, its expression is in the source and counts."""
        parts: list[str] = []
        for index, value in enumerate(function.__defaults__ or ()):
            parts += [f"default {index}", self.value(node, f"default {index}", value, defined=True)]
        for name, value in sorted((function.__kwdefaults__ or {}).items()):
            parts += [f"default {name}", self.value(node, f"default {name}", value, defined=True)]
        return parts

    def _fill_generated(self, node: Node, function: FunctionType, scene: Scene) -> None:
        """A function without source counts by its bytecode, and so by the version of Python too."""
        code = function.__code__
        source = self.sources.of_code(code, function.__globals__)
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
                    parts.append(self.value(node, "const", value))
        names = tuple(sorted(name for name in used | set(scene.cells)))
        parts += self.link(node, scene, Uses(names=names))
        parts += self._defaults(node, function)
        node.own = digest("generated", *parts)

    def _fill_class(self, node: Node, kind: type) -> None:
        names = self._namespace_of(kind)
        scene = Scene(names, _class_cells(kind))
        source = self.sources.of_globals(names)
        symbols = self._class_symbols(kind, source)
        parts: list[str] = []
        for symbol in symbols:
            parts += ["symbol", symbol.digest, *self.link(node, scene, symbol.uses)]
            for part in self.counting(symbol, scene):
                parts += ["part", part.digest, *self.link(node, scene, part.uses)]
        for index, base in enumerate(kind.__bases__):
            if base is not object:
                parts += [f"base {index}", self.value(node, f"base {index}", base)]
        if symbols:
            parts += self._class_additions(node, kind)
        else:
            parts += self._made_class(node, kind, source)
        node.own = digest("class", *parts)

    def _class_symbols(self, kind: type, source: Source | None) -> list[Symbol]:
        symbols = source.symbols.classes(kind.__qualname__) if source is not None else []
        if len(symbols) < 2:
            return symbols
        lines = [v.__code__.co_firstlineno for v in vars(kind).values() if isinstance(v, FunctionType)]
        later = [symbol for symbol in symbols if lines and symbol.line <= min(lines)]
        return later[-1:] or symbols

    def _class_additions(self, node: Node, kind: type) -> list[str]:
        """Plain attributes by value, and functions that were put into the class from elsewhere."""
        parts: list[str] = []
        plain_class = type(kind).__module__ in ("builtins", "abc")
        for name, value in sorted(vars(kind).items()):
            if (name.startswith("__") and name.endswith("__")) or name.startswith("_abc_"):
                continue
            function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
            if isinstance(function, FunctionType):
                if function.__code__.co_qualname != f"{kind.__qualname__}.{name}":
                    parts += [f"attribute {name}", self.value(node, f"attribute {name}", function)]
            elif plain_class and type(value) in _PLAIN:
                parts += [f"attribute {name}", self.value(node, f"attribute {name}", value, defined=True)]
        return parts

    def _made_class(self, node: Node, kind: type, source: Source | None) -> list[str]:
        """A class without a class statement: by the statement that made it, and by what can be seen of it."""
        parts: list[str] = []
        home = self._homes.get(id(kind))
        statements = source.symbols.statements(home.name) if source is not None and home is not None else []
        for statement in statements:
            parts += ["statement", statement.digest]
            parts += self.link(node, Scene(self._namespace_of(kind), {}), statement.uses)
        for name, value in sorted(vars(kind).items()):
            if isinstance(value, FunctionType) and not statements:
                parts += [f"attribute {name}", self.value(node, f"attribute {name}", value)]
            elif type(value) in _PLAIN and name not in ("__module__", "__doc__", "__firstlineno__"):
                parts += [f"attribute {name}", self.value(node, f"attribute {name}", value, defined=True)]
        return parts

    def _fill_module(self, node: Node, module: ModuleType) -> None:
        names = vars(module)
        source = self.sources.of_globals(names)
        scene = Scene(names, {})
        public = sorted(name for name in names if not (name.startswith("__") and name.endswith("__")))
        parts = self.link(node, scene, Uses(names=tuple(public)))
        for symbol in source.symbols.loose_statements() if source is not None else ():
            parts += ["statement", symbol.digest, *self.link(node, scene, symbol.uses)]
        file = names.get("__file__")
        if source is None and isinstance(file, str):
            node.links.append(("file", self.leaves.file(file)))
        node.own = digest("module", *public, *parts)

    def _fill_constant(self, node: Node, held: Held) -> None:
        """A constant counts by its value; what has no value of its own, by the statements that made it."""
        source = self.sources.of_globals(held.names)
        statements: Sequence[Symbol] = source.symbols.statements(held.name) if source is not None else ()
        rebound = source is not None and held.name in source.symbols.rebound
        imported = source is not None and held.name in source.symbols.imports
        defined = bool(statements) and not rebound and not imported
        if isinstance(held.value, (list, dict, set)):
            defined = defined and len(statements) == 1 and statements[0].size == len(held.value)
        host = _Host(self, node, "value", defined=defined)
        host.prefers_definition = defined and not self.is_followed(type(held.value))
        parts = [Encoder(host, self.origins.roots).encode(held.value)]
        if host.used_definition or (defined and isinstance(held.value, _CODE_TYPES)):
            scene = Scene(held.names, {})
            for statement in statements:
                uses = statement.uses
                others = tuple(name for name in uses.names if name.partition(".")[0] != held.name)
                parts += ["statement", statement.digest]
                parts += self.link(node, scene, Uses(others, uses.imports, uses.literals))
        node.own = digest("value", *parts)


class _Host:
    """Follows what values hold on behalf of one node."""

    def __init__(self, reach: Reach, node: Node, label: str, *, defined: bool) -> None:
        self.reach = reach
        self.node = node
        self.label = label
        self.defined = defined
        self.prefers_definition = defined
        self.used_definition = False
        self._counts: dict[str, int] = {}
        self._known: dict[int, str] = {}

    def reference(self, value: object) -> str | None:
        """A text for code, by what it is called here; nodes are linked under that text."""
        known = self._known.get(id(value))
        if known is not None:
            return known
        value = inner_of(value)
        if isinstance(value, ModuleType):
            if self.reach.origins.of_module(value) is not Origin.PROJECT:
                return self.reach.foreign_text(self.node, value)
            return self._linked(value, self.reach.module(value))
        if isinstance(value, (FunctionType, type)) and self.reach.is_followed(value):
            target = self.reach.class_(value) if isinstance(value, type) else self.reach.function(value)
            return self._linked(value, target)
        if isinstance(value, FunctionType) and (value.__closure__ or "__wrapped__" in vars(value)):
            self.reach.foreign_text(self.node, value)
            return None
        if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, (ModuleType, type, type(None))):
            return None
        return self.reach.foreign_text(self.node, value) if isinstance(value, _CODE_TYPES) else None

    def _linked(self, value: object, target: Node) -> str:
        number = self._counts[target.short] = self._counts.get(target.short, 0) + 1
        text = f"code {target.short}#{number}"
        self.node.links.append((f"{self.label} {text}", target))
        self._known[id(value)] = text
        return text

    def is_followed(self, kind: type) -> bool:
        """Whether a class is the project's."""
        return self.reach.is_followed(kind)

    def external(self, value: object) -> str | None:
        """Where the definition is known it stands for the value: what foreign objects hold changes by release."""
        if not self.prefers_definition:
            return None
        self.used_definition = True
        return f"defined {self.reach.foreign_text(self.node, type(value))}"

    def opaque(self, value: object, reason: str) -> str:
        """Note that a value cannot be seen."""
        if self.defined:
            self.used_definition = True
            return f"defined {type(value).__qualname__}"
        self.node.problems.append(
            f"{self.node.name}: {self.label} holds a `{type(value).__qualname__}` "
            f"that cannot be fingerprinted ({reason}); "
            "make it inside the function, give its class a `__getstate__`, or set `code_version=` on the asset"
        )
        return "unknown"


def inner_of(value: Any) -> Any:
    """The function inside what assetflow's decorators return; any other value as it is."""
    while is_own_name(getattr(type(value), "__module__", None)) and hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return value


def _called(function: FunctionType) -> str:
    """What a function is called by those who use it: the qualified name of the innermost one it wraps."""
    seen: set[int] = set()
    wrapped: object = function
    while isinstance(wrapped, FunctionType) and id(wrapped) not in seen:
        seen.add(id(wrapped))
        function, wrapped = wrapped, vars(wrapped).get("__wrapped__")
    return function.__qualname__


def _class_cells(kind: type) -> Globals:
    cells: Globals = {}
    for member in vars(kind).values():
        function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        if isinstance(function, FunctionType):
            cells.update(cells_of(function))
    return cells


def _whole_import(name: str) -> ImportUse:
    parent, _, last = name.rpartition(".")
    return ImportUse(0, parent, last, "") if parent else ImportUse(0, name, "", "")
