"""What a dotted name in a piece of code stands for, followed through modules, re-exports and imports.

Modules of the project are followed attribute by attribute; the first thing that is no project module ends the way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from assetflow.define.code.origin import Origin, Origins
from assetflow.define.code.sources import Globals, Sources, run_import
from assetflow.define.code.symbols import ImportUse
from assetflow.values import dataclass

_PATH_MODULES = {"posixpath": "os.path", "ntpath": "os.path"}
NOTHING = object()


@dataclass(frozen=True, slots=True)
class Held:
    """A value that a namespace holds under a name; `rest` are the attributes read from it."""

    names: Globals
    name: str
    value: Any
    rest: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A project module that is used as a value."""

    module: ModuleType


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something of a module that is not the project's, named as the import names it."""

    origin: Origin
    module: str
    name: str

    @property
    def text(self) -> str:
        """A text that names it: `std:math.floor`."""
        return f"{self.origin.value}:{_PATH_MODULES.get(self.module, self.module)}.{self.name}"


@dataclass(frozen=True, slots=True)
class Broken:
    """An import that does not work, with what it raised."""

    module: str
    error: str


Place = Held | Whole | Foreign | Broken | None
"""None is a name that stands for nothing known: a builtin, or a name that is missing."""


class Names:
    """Follows names for one project."""

    def __init__(self, origins: Origins, sources: Sources) -> None:
        self.origins = origins
        self.sources = sources

    def find(self, names: Globals, cells: Mapping[str, Any], dotted: str) -> Place:
        """What a dotted name stands for in code with this namespace and these closure values."""
        root, _, rest = dotted.partition(".")
        if root in cells:
            value = cells[root]
            if isinstance(value, ModuleType):
                return self.through(value, rest)
            return Held({}, root, value, rest)
        if root not in names or (root.startswith("__") and root.endswith("__")):
            return None
        return self._from(names, root, rest)

    def through(self, module: ModuleType, path: str) -> Place:
        """What an attribute path on a module stands for; the module itself where the path is empty."""
        origin = self.origins.of_module(module)
        if origin is not Origin.PROJECT:
            return self._patched(module, path) or Foreign(origin, module.__name__, "")
        if not path:
            return Whole(module)
        name, _, rest = path.partition(".")
        names = vars(module)
        if name not in names and "__getattr__" in names:
            try:
                made = getattr(module, name)
            except Exception:  # the user's own `__getattr__` may raise anything; then the name is missing
                return None
            return Held(names, name, made, rest)
        return self._from(names, name, rest)

    def _patched(self, module: ModuleType, path: str) -> Held | None:
        """A function or class of the project that was put into a module of somebody else; None is nothing like that."""
        while path:
            name, _, path = path.partition(".")
            names = vars(module)
            value = names.get(name, NOTHING)
            if not isinstance(value, ModuleType):
                return Held(names, name, value, path) if self._is_of_project(value, module) else None
            module = value
        return None

    def _is_of_project(self, value: object, module: ModuleType) -> bool:
        if isinstance(value, FunctionType):
            names = value.__globals__
            home = names.get("__name__")
        elif isinstance(value, type):
            home = value.__module__
            names = vars(sys.modules.get(home, module)) if isinstance(home, str) else {}
        else:
            return False
        if names is vars(module) or not isinstance(home, str) or _top(home) == _top(module.__name__):
            return False  # the rule, and quick
        if isinstance(value, FunctionType):
            return self.sources.origin_of_code(value.__code__, names) is Origin.PROJECT
        file = names.get("__file__")
        return isinstance(file, str) and self.origins.of_file(file) is Origin.PROJECT

    def _from(self, names: Globals, name: str, rest: str) -> Place:
        value = names.get(name, NOTHING)
        if value is NOTHING:
            return None
        if isinstance(value, ModuleType):
            # attribute paths are as deep as packages are nested, so this never goes deep
            return self.through(value, rest)
        return Held(names, name, value, rest)

    def imported(self, names: Globals, use: ImportUse) -> Place:
        """What a name bound by an import inside a function stands for; foreign modules are not imported for it."""
        if use.level == 0:
            origin = self.origins.of_name(use.module)
            if origin is not Origin.PROJECT:
                module = sys.modules.get(use.module)
                patched = self._patched(module, f"{use.name}.{use.path}".strip(".")) if module is not None else None
                return patched or Foreign(origin, use.module, use.name)
        try:
            module = run_import(
                names,
                use.module,
                name=use.name,
                level=use.level,
                roots=(*self.origins.import_roots, *self.origins.roots),
            )
        except Exception as error:  # whatever the module raises while it runs
            return Broken("." * use.level + use.module, f"{type(error).__name__}: {error}")
        if not isinstance(module, ModuleType):
            return None
        path = f"{use.name}.{use.path}".strip(".") if use.name else use.path
        return self.through(module, path)

    def definer(self, held: Held) -> Held | Foreign:
        """Where a value that was imported is defined: follows `from m import name` and `from m import *` back."""
        seen: set[tuple[int, str]] = set()
        while (id(held.names), held.name) not in seen:
            seen.add((id(held.names), held.name))
            source = self.sources.of_globals(held.names)
            if source is None:
                return held
            place = source.symbols.imports.get(held.name)
            places = [(*place[:2], place[2])] if place is not None else []
            places += [(level, module, held.name) for level, module in source.symbols.stars if place is None]
            following = next((p for p in (self._earlier(held, *place) for place in places) if p is not None), None)
            if following is None:
                return held
            if isinstance(following, Foreign):
                return following
            held = following
        return held

    def _earlier(self, held: Held, level: int, module: str, name: str) -> Held | Foreign | None:
        if not name:
            return None
        origin = self.origins.of_name(module) if level == 0 else Origin.PROJECT
        try:
            found = run_import(held.names, module, name=name, level=level, roots=())
        except Exception:  # the value is there, so the import worked once; a module that is gone is no definer
            return None
        if not isinstance(found, ModuleType) or vars(found).get(name, NOTHING) is not held.value:
            return None
        if origin is Origin.PROJECT:
            origin = self.origins.of_module(found)
        if origin is not Origin.PROJECT:
            return Foreign(origin, module, name)
        return Held(vars(found), name, held.value, held.rest)

    def object_at(self, names: Globals, cells: Mapping[str, Any], dotted: str) -> Any:
        """The object a dotted name stands for, through modules and `os.environ` only; `NOTHING` if there is none.

        A target written `@level:module:name:path` is an import inside a function; only the standard library is read.
        """
        if dotted.startswith("@"):
            _, module, name, path = dotted.split(":")
            bound = module if name else module.partition(".")[0]
            value: Any = _standard(self.origins, bound) if dotted.startswith("@0:") else NOTHING
            path = ".".join(part for part in (name, path) if part)
        else:
            root, _, path = dotted.partition(".")
            value = cells[root] if root in cells else names.get(root, NOTHING)
        for attribute in path.split(".") if path else ():
            if isinstance(value, ModuleType):
                value = vars(value).get(attribute, NOTHING)
            elif value is os.environ:
                value = getattr(value, attribute, NOTHING)
            else:
                return NOTHING
        return value


def _top(module: str) -> str:
    return module.partition(".")[0]


def _standard(origins: Origins, module: str) -> Any:
    if origins.of_name(module) is not Origin.STANDARD:
        return NOTHING
    return __import__(module, fromlist=("*",)) if "." in module else __import__(module)
