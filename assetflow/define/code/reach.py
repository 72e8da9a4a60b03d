"""What an object reaches: finds nodes for functions, classes, modules and constants, and links them.

Nothing here calls itself for what it finds: finding a thing makes an empty node and queues it, and `fill` fills queued
nodes until none is left, so a chain of helpers may be as long as it likes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from inspect import cleandoc
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

from assetflow.define.code.components import ComponentKind
from assetflow.define.code.graph import Node
from assetflow.define.code.leaves import Leaves
from assetflow.define.code.names import NOTHING, Broken, Foreign, Held, Names, Whole
from assetflow.define.code.origin import Origin, Origins, is_own_name
from assetflow.define.code.sources import Globals, Sources, matching
from assetflow.define.code.symbols import ImportUse, Symbol, Uses
from assetflow.define.code.values import Encoder
from assetflow.values import dataclass

CODE_TYPES = (FunctionType, type, BuiltinFunctionType, MethodDescriptorType)


Subject = FunctionType | type | ModuleType | Held


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
        self._symbols: dict[int, list[Symbol]] = {}
        self._homes: dict[int, Held] = {}
        self._namespaces: dict[str, Globals] = {}
        self.queue: list[tuple[Node, Subject]] = []

    def _node(self, key: object, make: Callable[[], Node], subject: Subject) -> Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = make()
            self._kept.append(subject)  # the key may hold its id, which must stay taken
            self.queue.append((node, subject))
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

        return self._node(("function", id(function)), make, function)

    def class_(self, kind: type) -> Node:
        """The node of a class of the project."""

        def make() -> Node:
            source = self.sources.of_globals(self.namespace_of(kind))
            shown = source.shown if source is not None else kind.__module__
            text = source.symbols.texts.get(kind.__qualname__.partition(".")[0], "") if source is not None else ""
            return Node(f"{shown}:{kind.__qualname__}", ComponentKind.CLASS, short=kind.__qualname__, text=text)

        return self._node(("class", id(kind)), make, kind)

    def module(self, module: ModuleType) -> Node:
        """The node of a whole module of the project."""

        def make() -> Node:
            file = vars(module).get("__file__")
            name = self.origins.shown(file) if isinstance(file, str) else module.__name__
            return Node(name, ComponentKind.MODULE, short=name.rpartition("/")[2])

        return self._node(("module", id(module)), make, module)

    def constant(self, held: Held) -> Node:
        """The node of a module-level value that is neither function nor class."""

        def make() -> Node:
            source = self.sources.of_globals(held.names)
            shown = source.shown if source is not None else str(held.names.get("__name__", "__main__"))
            text = source.symbols.texts.get(held.name, "") if source is not None else ""
            return Node(f"{shown}:{held.name}", ComponentKind.CONSTANT, short=held.name, text=text)

        return self._node(("constant", id(held.names), held.name), make, held)

    def symbols_of(self, function: FunctionType) -> list[Symbol]:
        """The symbols a function can have come from; empty for generated code and for source that was edited since."""
        code = function.__code__
        known = self._symbols.get(id(code))
        if known is None:
            source = self.sources.of_code(code, function.__globals__)
            candidates = source.symbols.functions(code.co_name, code.co_firstlineno) if source is not None else []
            known = self._symbols[id(code)] = matching(candidates, code)
            self._kept.append(code)
        return known

    def namespace_of(self, kind: type) -> Globals:
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

    def link_of(self, scene: Scene, dotted: str) -> tuple[str, tuple[Node, ...]]:
        """A text for what a name stands for where it is foreign, and the nodes it leads to; for no closure value."""
        return self._link_of(Node("", None, short=""), scene, dotted)

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
                return self._written_text(value, held.rest), (self.class_(value),)
            return self._attribute_text(value, held.rest), (self.function(value),)
        if not held.names:  # a closure value
            return self.value(node, f"cell {held.name}", value), ()
        home = self.names.definer(Held(held.names, held.name, held.value, held.rest))
        if isinstance(home, Foreign):
            return home.text, self.leaves.packages_of(home)
        return "", (self.constant(Held(home.names, home.name, value, "")),)

    def _attribute_text(self, function: FunctionType, rest: str) -> str:
        """The value of an attribute set on a function, where code reads it and it is plain."""
        if written := self._written_text(function, rest):
            return written
        value = vars(function).get(rest.partition(".")[0], NOTHING) if rest else NOTHING
        return repr(value) if type(value) in (bool, int, float, str, bytes) else ""

    def _written_text(self, value: FunctionType | type, rest: str) -> str:
        """What counts nowhere else and does where code reads it: a docstring, the annotations of a function."""
        name = rest.partition(".")[0]
        if name == "__doc__" and isinstance(value.__doc__, str):
            return f"doc {cleandoc(value.__doc__)!r}"  # newer Pythons take the indentation away when they compile
        if name == "__annotations__" and isinstance(value, FunctionType):
            digests = [symbol.signature.digest for symbol in self.symbols_of(value) if symbol.signature is not None]
            return f"annotations {digests}"
        return ""

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
        host = Host(self, node, label, defined=defined)
        return Encoder(host, self.origins.roots).encode(value)

    def is_followed(self, value: FunctionType | type) -> bool:
        """Whether a function or class is the project's, so that its source counts."""
        if isinstance(value, FunctionType):
            return self.sources.origin_of_code(value.__code__, value.__globals__) is Origin.PROJECT
        module = value.__module__
        if not isinstance(module, str) or module == "builtins":
            return False
        names = self.namespace_of(value)
        file = names.get("__file__")
        if isinstance(file, str):
            return self.origins.of_file(file) is Origin.PROJECT
        return module == "__main__" or self.origins.of_name(module) is Origin.PROJECT

    def foreign_text(self, node: Node, value: Any) -> str:
        """A text for a foreign function, class or module, linking its package to the node."""
        module: object
        if isinstance(value, ModuleType):
            module = value.__name__
        elif isinstance(value, FunctionType):  # `functools.wraps` lends a foreign wrapper the module of what it wraps
            module = value.__globals__.get("__name__")
        else:
            module = getattr(value, "__module__", None)
        name = "" if isinstance(value, ModuleType) else getattr(value, "__qualname__", type(value).__qualname__)
        top = (module if isinstance(module, str) else "builtins").partition(".")[0]
        place = Foreign(self.origins.of_name(top), top, name)
        node.links += [(place.text, target) for target in self.leaves.packages_of(place)]
        return place.text


class Host:
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
        return self.reach.foreign_text(self.node, value) if isinstance(value, CODE_TYPES) else None

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


def _whole_import(name: str) -> ImportUse:
    parent, _, last = name.rpartition(".")
    return ImportUse(0, parent, last, "") if parent else ImportUse(0, name, "", "")
