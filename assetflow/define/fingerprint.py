"""The code version of a function: computed from what it is made of, never typed in by hand.

`Fingerprinter` takes one look at a loaded project; `docs/code-versions.md` says what counts and what cannot be seen.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType

from assetflow.define.code.components import CodeFingerprint, Component, ComponentKind
from assetflow.define.code.digest import ALGORITHM, digest
from assetflow.define.code.fill import settle
from assetflow.define.code.graph import Node, reachable, seal
from assetflow.define.code.leaves import Leaves
from assetflow.define.code.origin import Origins
from assetflow.define.code.packages import PackagePolicy
from assetflow.define.code.parse_cache import ParseCache
from assetflow.define.code.plain import PlainFunctions
from assetflow.define.code.reach import Reach, Scene, inner_of
from assetflow.define.code.sources import Sources, cells_of
from assetflow.define.code.version_memo import VersionMemo

__all__ = ["CodeFingerprint", "Component", "ComponentKind", "Fingerprinter", "ParseCache", "VersionMemo", "joined"]


class Fingerprinter:
    """Computes code versions for one loaded project; make a new one after a reload or after changing objects.

    `root` is the project folder, `import_roots` further folders that its modules are imported from, `packages` how
    much of a distribution's version counts, `environ` the environment that reads by name are looked up in.
    """

    def __init__(
        self,
        *,
        root: Path,
        import_roots: Sequence[Path] = (),
        packages: PackagePolicy = "major",
        environ: Mapping[str, str],
        cache: ParseCache | None = None,
    ) -> None:
        self._cache = cache = cache if cache is not None else ParseCache()
        self.root = root
        origins = Origins(root, import_roots)
        self._sources = Sources(origins, cache)
        self._leaves = Leaves(origins, cache, environ=environ, policy=packages)
        self._reach = Reach(origins, self._sources, self._leaves)

    def fingerprint(self, fn: Callable[..., object], *, version_of: Sequence[object] = ()) -> CodeFingerprint:
        """The version of a function and everything of the project it reaches.

        `version_of` adds what cannot be seen in the code: objects, modules, and files or folders as text or path,
        relative to the project folder, with `*` and `**` as in a shell. Problems are reported, never raised.
        """
        roots = [self._asset_node(fn)]
        roots += [self._declared_node(item) for item in version_of]
        settle(self._reach)
        version = digest("version", seal(roots[0]), *sorted(seal(node) for node in roots[1:]))
        nodes = reachable(roots)
        return CodeFingerprint(
            version=f"{ALGORITHM}:{version}",
            components=_components(nodes),
            packages=tuple(sorted({package for node in nodes for package in node.packages})),
            problems=tuple(sorted({problem for node in nodes for problem in node.problems})),
        )

    def plain(
        self, memo: VersionMemo, modules: Mapping[Path, ModuleType], sources: Mapping[Path, bytes]
    ) -> PlainFunctions:
        """Those functions of loaded modules whose versions can be believed as the memo has them."""
        return PlainFunctions(self._reach, self._cache, memo, modules=modules, sources=sources)

    def _asset_node(self, fn: Callable[..., object]) -> Node:
        """What ties an asset's function to the annotations of its signature, which decide what it is given."""
        function = inner_of(fn)
        node = Node("", None, short="asset")
        parts: list[str] = []
        if isinstance(function, FunctionType):
            for innermost in _unwrapped(function):
                parts += self._signature(node, innermost)
        parts.append(self._reach.value(node, "asset", function))
        node.own = digest("asset", *parts)
        return node

    def _signature(self, node: Node, function: FunctionType) -> list[str]:
        source = self._sources.of_code(function.__code__, function.__globals__)
        parts: list[str] = []
        for symbol in self._reach.symbols_of(function) if source is not None else ():
            if symbol.signature is not None and source is not None:
                owner = symbol.owner or symbol.qualname.partition(".")[0]
                node.name, node.kind, node.short = source.name(owner), ComponentKind.FUNCTION, symbol.qualname
                scene = Scene(function.__globals__, cells_of(function))
                parts += [symbol.signature.digest, *self._reach.link(node, scene, symbol.signature.uses)]
        return parts

    def _declared_node(self, item: object) -> Node:
        node = Node("version_of", None, short="version_of")
        if isinstance(item, (str, os.PathLike)):
            node.own = digest("declared files")
            self._add_files(node, os.fspath(item))
        else:
            node.own = digest("declared", self._reach.value(node, "version_of", inner_of(item)))
        return node

    def _add_files(self, node: Node, pattern: str) -> None:
        place = os.path.join(self.root, pattern)
        found = [place] if os.path.exists(place) else sorted(glob.glob(place, recursive=True))
        files = [file for entry in found for file in _files_under(entry)]
        if not files:
            node.problems.append(
                f"version_of: there is no file `{pattern}` in {self.root.name}; "
                "paths are relative to the project folder"
            )
        for file in files:
            try:
                target = self._leaves.file(file)
            except OSError as error:
                node.problems.append(f"version_of: `{pattern}` cannot be read ({error.strerror}); make it readable")
            else:
                node.links.append((target.name, target))


def joined(found: CodeFingerprint, others: Sequence[CodeFingerprint]) -> CodeFingerprint:
    """The version of a piece of code together with others that its result comes from."""
    if not others:
        return found
    by_name: dict[str, list[Component]] = {}
    for each in (found, *others):
        for component in each.components:
            by_name.setdefault(component.name, []).append(component)
    version = digest("joined", found.version, *(other.version for other in others))
    return CodeFingerprint(
        version=f"{ALGORITHM}:{version}",
        components=tuple(_merged(by_name[name]) for name in sorted(by_name)),
        packages=tuple(sorted({package for each in (found, *others) for package in each.packages})),
        problems=tuple(sorted({problem for each in (found, *others) for problem in each.problems})),
    )


def _unwrapped(function: FunctionType) -> Iterable[FunctionType]:
    """A function and what it says it wraps, outermost first."""
    seen: set[int] = set()
    current: object = function
    while isinstance(current, FunctionType) and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = vars(current).get("__wrapped__")


def _files_under(place: str) -> list[str]:
    if not os.path.isdir(place):
        return [place]
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names)


def _components(nodes: Iterable[Node]) -> tuple[Component, ...]:
    """One component per name, by name: what belongs to one definition is told as one."""
    by_name: dict[str, list[Component]] = {}
    for node in nodes:
        component = node.component
        if component is not None:
            by_name.setdefault(component.name, []).append(component)
    return tuple(_merged(by_name[name]) for name in sorted(by_name))


def _merged(parts: Sequence[Component]) -> Component:
    if len(parts) == 1:
        return parts[0]
    first = max(parts, key=lambda part: (len(part.text), part.kind))
    joined = digest("components", *sorted({part.hash for part in parts}))
    return Component(name=first.name, kind=first.kind, hash=joined, text=first.text)
