"""Code versions without a walk: assets whose functions, and all that these use, are what they were when last looked at.

A function is *plain* when its version takes from the running program only what the names in it stand for: a `def` in a
file of the project, found there by name and line, without closure, defaults, attributes, or decorators but assetflow's.
Then its source and its names say everything. Of each name is known which plain function it stood for, or else a digest
of all that is reached through it (a constant, a class, a package), which is computed again each time. The version of an
asset is believed when its function is told by the same source as then, every name in it stands for the same, and so on
for every plain function under it. Content that was edited is compared function by function, so an edit costs what it
touches. Whatever is not plain, or not the same, is walked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from xxhash import xxh3_128_hexdigest

from assetflow.define.code.components import CodeFingerprint
from assetflow.define.code.digest import digest
from assetflow.define.code.fill import is_own_decorator, settle
from assetflow.define.code.graph import Node, reachable, seal
from assetflow.define.code.origin import Origin
from assetflow.define.code.parse_cache import ParseCache
from assetflow.define.code.reach import Reach, Scene
from assetflow.define.code.sources import Globals, parameters_of
from assetflow.define.code.symbols import Symbol, SymbolKind
from assetflow.define.code.version_memo import Key, KnownModule, PlainFunction, Target, VersionMemo
from assetflow.values import dataclass

_DECLARED = "__assetflow__"
_EMPTY = KnownModule("")


@dataclass(slots=True)
class _Live:
    """A loaded module: what was known of its file, whether that holds the same, and what was found out by now."""

    file: str
    content: str
    names: Globals
    known: KnownModule
    is_same: bool
    targets: dict[str, Target | FunctionType] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    owned: dict[str, bool] = field(default_factory=dict)


class PlainFunctions:
    """One look at the plain functions of loaded modules, beside what the memo of an earlier look says.

    `modules` are the loaded files of the project by path, `sources` their contents as they were run.
    """

    def __init__(
        self,
        reach: Reach,
        cache: ParseCache,
        memo: VersionMemo,
        *,
        modules: Mapping[Path, ModuleType],
        sources: Mapping[Path, bytes],
    ) -> None:
        self._reach = reach
        self._cache = cache
        self._memo = memo
        self._files = {
            id(vars(module)): (path, vars(module), sources[path]) for path, module in modules.items() if path in sources
        }
        self._live: dict[int, _Live | None] = {}
        self._told: dict[int, tuple[Key, PlainFunction] | None] = {}
        self._claims: dict[Key, FunctionType] = {}
        self._facts: dict[int, str] = {}

    # --- what is still so ------------------------------------------------------------------------------------

    def known(self, functions: Mapping[str, Callable[..., object]]) -> dict[str, CodeFingerprint]:
        """The versions of those functions for which everything is as the memo has it, by name."""
        roots: dict[str, Key] = {}
        pending: list[Key] = []
        for name, function in functions.items():
            before = self._memo.versions.get(name)
            if before is not None and type(function) is FunctionType and self._is(function, before[0]):
                roots[name] = before[0]
                pending.append(before[0])
        users: dict[Key, list[Key]] = {}
        different: list[Key] = []
        seen = set(pending)
        while pending:
            key = pending.pop()
            live, function = self._place(key)
            for dotted in live.known.functions[key[1]].names:
                target = self._same_target(live, dotted)
                if target is None:
                    different.append(key)
                elif target.__class__ is tuple:
                    users.setdefault(target, []).append(key)
                    if target not in seen:
                        seen.add(target)
                        pending.append(target)
        gone = set(different)
        while different:
            for user in users.get(different.pop(), ()):
                if user not in gone:
                    gone.add(user)
                    different.append(user)
        return {name: self._memo.versions[name][1] for name, key in roots.items() if key not in gone}

    def _place(self, key: Key) -> tuple[_Live, FunctionType]:
        function = self._claims[key]
        live = self._live[id(function.__globals__)]
        assert live is not None
        return live, function

    def _is(self, function: FunctionType, key: Key) -> bool:
        """Whether a function is the one that the memo knows by this key."""
        told = self.tell(function)
        if told is None or told[0] != key:
            return False
        live, _ = self._place(key)
        known = live.known.functions.get(key[1])
        return known is not None and (known is told[1] or known._replace(line=told[1].line) == told[1])

    def _same_target(self, live: _Live, dotted: str) -> Target | None:
        """What a name stands for if that is what it stood for, else None."""
        known = live.known.names.get(dotted)
        if known is None:
            return None
        found = self._target(live, dotted)
        if isinstance(found, FunctionType):
            if isinstance(known, str):
                return None if self.tell(found) is not None or self._facts_at(live, dotted) != known else known
            return known if self._is(found, known) else None
        return known if found == known else None

    # --- what is there ---------------------------------------------------------------------------------------

    def tell(self, function: FunctionType) -> tuple[Key, PlainFunction] | None:
        """The key of a plain function with what tells it; None for any other function."""
        if id(function) not in self._told:
            told = self._tell(function)
            if told is not None and self._claims.setdefault(told[0], function) is not function:
                told = None  # two functions of one definition, which nothing here tells apart
            self._told[id(function)] = told
        return self._told[id(function)]

    def _tell(self, function: FunctionType) -> tuple[Key, PlainFunction] | None:
        code = function.__code__
        live = self._module(function.__globals__)
        if live is None or code.co_filename != live.file:
            return None
        if function.__closure__ is not None or function.__defaults__ is not None or function.__kwdefaults__ is not None:
            return None
        if function.__dict__ and (len(function.__dict__) > 1 or _DECLARED not in function.__dict__):
            return None
        qualname = function.__qualname__
        if type(qualname) is not str:
            return None
        if live.is_same and (known := live.known.functions.get(qualname)) is not None:
            params = ",".join(parameters_of(code))
            if known.name != code.co_name or known.line != code.co_firstlineno or known.params != params:
                return None
        else:
            found = self._described(live, function)
            if found is None:
                return None
            known = found
        if not all(self._is_own(live, callee) for callee in known.decorators):
            return None
        return (live.file, qualname), known

    def _described(self, live: _Live, function: FunctionType) -> PlainFunction | None:
        """What the source says of a function, if there is nothing more to say."""
        symbols = self._reach.symbols_of(function)
        source = self._reach.sources.of_globals(live.names)
        if len(symbols) != 1 or source is None:
            return None
        symbol, signature = symbols[0], symbols[0].signature
        if symbol.kind is not SymbolKind.FUNCTION or symbol.qualname != function.__qualname__:
            return None
        if symbol.uses.imports or symbol.uses.literals or not all(part.callee for part in symbol.decorators):
            return None
        if signature is not None and (signature.uses.imports or signature.uses.literals):
            return None
        code, owner = function.__code__, symbol.owner or symbol.qualname.partition(".")[0]
        annotations = () if signature is None else signature.uses.names
        return PlainFunction(
            name=code.co_name,
            line=code.co_firstlineno,
            params=",".join(parameters_of(code)),
            record=_record(symbol, source.symbols.texts.get(owner, "")),
            names=tuple(dict.fromkeys((*symbol.uses.names, *annotations))),
            decorators=tuple(part.callee for part in symbol.decorators),
        )

    def _is_own(self, live: _Live, callee: str) -> bool:
        found = live.owned.get(callee)
        if found is None:
            found = live.owned[callee] = is_own_decorator(callee, Scene(live.names, {}))
        return found

    def _module(self, names: Globals) -> _Live | None:
        if id(names) not in self._live:
            self._live[id(names)] = self._look_at(names)
        return self._live[id(names)]

    def _look_at(self, names: Globals) -> _Live | None:
        """A module whose functions can be plain: its file says now what was run, and it is the project's."""
        path, held, source = self._files.get(id(names), (None, None, b""))
        if path is None or held is not names or names.get("__file__") != str(path):
            return None
        file, content = str(path), xxh3_128_hexdigest(source)
        try:
            if self._cache.digest(file) != content or self._reach.origins.of_file(file) is not Origin.PROJECT:
                return None
        except OSError:
            return None
        known = self._memo.modules.get(file, _EMPTY)
        return _Live(file, content, names, known, known.content == content)

    def _target(self, live: _Live, dotted: str) -> Target | FunctionType:
        """The function that a dotted name stands for, through modules of the project, or else facts."""
        found = live.targets.get(dotted)
        if found is None:
            found = live.targets[dotted] = self._function_at(live, dotted) or self._facts_at(live, dotted)
        return found

    def _function_at(self, live: _Live, dotted: str) -> FunctionType | None:
        root, *attributes = dotted.split(".")
        if root.startswith("__"):
            return None
        value: Any = live.names.get(root)
        for attribute in attributes:
            if type(value) is not ModuleType or self._module(vars(value)) is None:
                return None
            value = vars(value).get(attribute)
        return value if type(value) is FunctionType else None

    def _facts_at(self, live: _Live, dotted: str) -> str:
        """A digest of everything that is reached through a name, empty for nothing."""
        found = live.facts.get(dotted)
        if found is None:
            text, targets = self._reach.link_of(Scene(live.names, {}), dotted)
            if targets:
                settle(self._reach)
                found = digest("facts", text, *[self._facts_of(target) for target in targets])
            else:
                found = f"text {text}" if text else ""
            live.facts[dotted] = found
        return found

    def _facts_of(self, node: Node) -> str:
        found = self._facts.get(id(node))
        if found is None:
            listed = sorted(_facts(each) for each in reachable([node]))
            found = self._facts[id(node)] = digest("facts", seal(node), *listed)
        return found

    # --- for the next look -----------------------------------------------------------------------------------

    def remember(
        self, functions: Mapping[str, Callable[..., object]], versions: Mapping[str, CodeFingerprint]
    ) -> VersionMemo:
        """What the next look may rely on: the versions of plain functions, and all plain functions under them."""
        memo = VersionMemo()
        pending: list[Key] = []
        for name, function in functions.items():
            told = self.tell(function) if isinstance(function, FunctionType) else None
            if told is not None and not versions[name].problems:
                memo.versions[name] = (told[0], versions[name])
                pending.append(told[0])
        while pending:
            key = pending.pop()
            live, function = self._place(key)
            module = memo.modules.setdefault(live.file, KnownModule(live.content))
            told = self.tell(function)
            if told is None or key[1] in module.functions:
                continue
            module.functions[key[1]] = told[1]
            for dotted in told[1].names:
                if dotted not in module.names:
                    module.names[dotted] = self._remembered(live, dotted)
                    if isinstance(target := module.names[dotted], tuple):
                        pending.append(target)
        return memo

    def _remembered(self, live: _Live, dotted: str) -> Target:
        found = self._target(live, dotted)
        if isinstance(found, FunctionType):
            told = self.tell(found)
            return self._facts_at(live, dotted) if told is None else told[0]
        return found

    def is_settled(
        self, functions: Mapping[str, Callable[..., object]], versions: Mapping[str, CodeFingerprint], known: int
    ) -> bool:
        """Whether the memo says all of this already, `known` of the versions having come from it."""
        if known != len(self._memo.versions) or not all(live is None or live.is_same for live in self._live.values()):
            return False
        plain = (
            function
            for name, function in functions.items()
            if isinstance(function, FunctionType) and not versions[name].problems
        )
        return sum(self.tell(function) is not None for function in plain) == known


def _record(symbol: Symbol, text: str) -> str:
    """A digest of everything that a symbol says, but for its line."""
    listed = symbol.to_json()
    listed[_LINE] = 0
    return digest("record", json.dumps(listed), text)


_LINE = 3
"""The position of the line in a symbol's list."""


def _facts(node: Node) -> str:
    """A digest of what people are told of a node."""
    component = node.component
    said = () if component is None else (component.name, component.kind.value, component.hash, component.text)
    packages = [text for package in node.packages for text in package]
    return digest("node", *said, "packages", *packages, "problems", *node.problems)
