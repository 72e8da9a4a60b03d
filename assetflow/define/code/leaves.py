"""What code reaches without holding code: packages, environment variables, files."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

from assetflow.define.code.components import ComponentKind
from assetflow.define.code.digest import digest
from assetflow.define.code.graph import Node
from assetflow.define.code.names import Foreign
from assetflow.define.code.origin import Origin, Origins
from assetflow.define.code.packages import Distributions, PackagePolicy, counted_version
from assetflow.define.code.parse_cache import ParseCache

_ENVIRONMENT_METHODS = frozenset({"get", "pop", "setdefault", "__getitem__", "__contains__"})


class Leaves:
    """Makes the nodes at the ends of the graph, each once."""

    def __init__(
        self, origins: Origins, cache: ParseCache, *, environ: Mapping[str, str], policy: PackagePolicy
    ) -> None:
        self.origins = origins
        self._cache = cache
        self._environ = environ
        self._policy = policy
        self._distributions = Distributions()
        self._packages: dict[str, tuple[Node, ...]] = {}
        self._variables: dict[str, Node] = {}
        self._files: dict[str, Node] = {}

    def packages_of(self, place: Foreign) -> tuple[Node, ...]:
        """The packages behind something foreign; none for the standard library and for assetflow."""
        if place.origin is not Origin.INSTALLED:
            return ()
        top = place.module.partition(".")[0]
        nodes = self._packages.get(top)
        if nodes is None:
            nodes = self._packages[top] = self._package_nodes(top)
        return nodes

    def _package_nodes(self, top: str) -> tuple[Node, ...]:
        found = self._distributions.providing(top)
        if not found:
            version = getattr(sys.modules.get(top), "__version__", None)
            if isinstance(version, str):
                found = ((top, version),)
        if not found:
            node = Node(f"package:{top}", None, short=top, own=digest("package", top))
            if top in sys.modules:
                node.problems.append(
                    f"package:{top}: no version of `{top}` is recorded; install it as a distribution, "
                    "or set `code_version=` on the assets that use it"
                )
            return (node,)
        return tuple(self._package(name, version) for name, version in found)

    def _package(self, name: str, version: str) -> Node:
        if self._policy == "ignore":
            node = Node(f"package:{name}", None, short=name, own=digest("package", name))
        else:
            counted = counted_version(version, self._policy)
            own = digest("package", name, counted)
            node = Node(f"package:{name}", ComponentKind.PACKAGE, short=name, own=own, text=counted)
        node.packages = ((name, version),)
        return node

    def reads_environment(self, reader: object) -> bool:
        """Whether a call or subscript target is the environment or one of its readers."""
        if reader is os.environ or reader is os.getenv:
            return True
        owner = getattr(reader, "__self__", None)
        return owner is os.environ and getattr(reader, "__name__", "") in _ENVIRONMENT_METHODS

    def imports_module(self, reader: object) -> bool:
        """Whether a call target imports the module that its first argument names."""
        return reader is importlib.import_module or reader is __import__

    def environment(self, name: str) -> Node:
        """The node of an environment variable: a hash of its value, and a value of its own for its absence."""
        node = self._variables.get(name)
        if node is None:
            value = self._environ.get(name)
            own = digest("environment", name) if value is None else digest("environment", name, value)
            node = self._variables[name] = Node(f"env:{name}", ComponentKind.ENVIRONMENT, short=f"env:{name}", own=own)
        return node

    def file(self, path: str) -> Node:
        """The node of a file by its bytes; OSError if it cannot be read."""
        node = self._files.get(path)
        if node is None:
            name = f"file:{self.origins.shown(path)}"
            own = digest("file", self._cache.digest(path))
            node = self._files[path] = Node(name, ComponentKind.FILE, short=name, own=own)
        return node
