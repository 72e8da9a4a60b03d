"""Loading asset files by path, under private module names, with imports that belong to one project.

Files of a project import each other by plain names (`from names import clean`, `from assets.names import clean`), and
two projects in one process may both have a `names.py`. So project modules never enter `sys.modules` under their plain
names: each gets `_assetflow_<project>.<path>`, and the builtins that its code sees hold an `__import__` that looks in
the project's folders first. That covers imports inside functions too, for as long as the function lives, and a reload
is a fresh `ModuleSpace`: no stale module state survives.
"""

from __future__ import annotations

import builtins
import itertools
import marshal
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, MappingProxyType, ModuleType
from typing import Any

from xxhash import xxh3_128_hexdigest

from assetflow.whole_file import keep

_counter = itertools.count(1)

_OWN = __name__.partition(".")[0]
"""This package: never a project's module, also where a project is its own checkout; a second copy of the decorators
would collect declarations for nobody."""


class ModuleSpace:
    """The modules of one project, loaded once each; a new space loads everything anew.

    `roots` are the import roots in order of precedence; `code_cache` a folder for compiled code by content hash. A
    worker process is given the `prefix` and the `sources` of the space that the plan was made from, so that it runs
    exactly that code, whatever was saved in the meantime, and knows its classes by the same names.
    """

    def __init__(
        self,
        project: Path,
        roots: Sequence[Path],
        *,
        code_cache: Path | None = None,
        prefix: str | None = None,
        sources: Mapping[Path, bytes] = MappingProxyType({}),
    ) -> None:
        self.project = project.resolve()
        self.roots = tuple(root.resolve() for root in roots)
        self.prefix = prefix or f"_assetflow_{next(_counter)}"
        self._given = sources
        self.by_path: dict[Path, ModuleType] = {}
        self.attempted: set[Path] = set()  # also what failed to load
        self._read: dict[Path, tuple[tuple[int, ...], bytes]] = {}
        self._code_cache = code_cache
        self._resolved: dict[str, Path | None] = {}

    def load(self, path: Path) -> ModuleType:
        """The module of a file; runs the file the first time. What it raises while running is passed on."""
        path = path.resolve()
        module = self.by_path.get(path)
        if module is not None:
            return module
        self.attempted.add(path)
        name = self._name(path)
        module = ModuleType(name)
        self._prepare(module, path)
        self.by_path[path] = module
        sys.modules[name] = module
        if self.prefix not in sys.modules:  # so that classes of the project can be named to another process
            sys.modules[self.prefix] = ModuleType(self.prefix)
        try:
            exec(self._code(path), module.__dict__)
        except BaseException:
            del self.by_path[path]
            sys.modules.pop(name, None)
            raise
        return module

    def read(self, path: Path) -> bytes:
        """The content of a file of the project as it was when this space first saw it."""
        path = path.resolve()
        if path not in self._read:
            given = self._given.get(path)
            self._read[path] = (_stat(path), path.read_bytes()) if given is None else ((), given)
        return self._read[path][1]

    @property
    def sources(self) -> dict[Path, bytes]:
        """What was read, by path."""
        return {path: source for path, (_, source) in self._read.items()}

    def close(self) -> None:
        """Forget the modules: their functions stay usable, their names leave `sys.modules`."""
        for name in [name for name in sys.modules if name == self.prefix or name.startswith(self.prefix + ".")]:
            del sys.modules[name]

    def outdated(self) -> list[Path]:
        """Files that hold something else by now than what was run, sorted."""
        return sorted(path for path, (stat, source) in self._read.items() if not _holds(path, stat, source))

    def absent(self) -> list[Path]:
        """Places where a project module was looked for and not found: a file there changes an import."""
        return [
            place
            for name, found in self._resolved.items()
            if found is None
            for root in self.roots
            for place in (root / f"{name}.py", root / name)
        ]

    def _prepare(self, module: ModuleType, path: Path) -> None:
        is_package = path.name == "__init__.py"
        module.__file__ = str(path)
        module.__package__ = module.__name__ if is_package else module.__name__.rpartition(".")[0]
        module.__spec__ = ModuleSpec(module.__name__, SourceFileLoader(module.__name__, str(path)), origin=str(path))
        if is_package:
            module.__path__ = [str(path.parent)]
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._importer(path)}

    def _name(self, path: Path) -> str:
        try:
            relative = path.relative_to(self.project)
        except ValueError:
            relative = Path(f"outside_{xxh3_128_hexdigest(str(path.parent).encode())[:8]}") / path.name
        parts = relative.with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        return ".".join((self.prefix, *parts))

    def _code(self, path: Path) -> CodeType:
        """Compiled code, cached by content: `__pycache__` compares whole seconds, and an edit can be faster."""
        source = self.read(path)
        if self._code_cache is None:
            return compile(source, str(path), "exec", dont_inherit=True)
        tag = f"{sys.implementation.cache_tag}|{path}|".encode()
        cached = self._code_cache / f"{xxh3_128_hexdigest(tag + source)}.code"
        try:
            return marshal.loads(cached.read_bytes())  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError, TypeError):
            pass
        code = compile(source, str(path), "exec", dont_inherit=True)
        keep(cached, marshal.dumps(code))
        return code

    # --- imports ---------------------------------------------------------------------------------------------

    def _importer(self, importing: Path) -> Callable[..., Any]:
        def project_import(
            name: str,
            globals: Mapping[str, Any] | None = None,
            locals: Mapping[str, Any] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if level > 0:
                folder = importing.parent
                for _ in range(level - 1):
                    folder = folder.parent
                return self._import_relative(folder, name, fromlist or (), level)
            if self._find(name.partition(".")[0], not_file=importing) is None:
                return builtins.__import__(name, globals, locals, fromlist or (), 0)
            return self._import_absolute(name, fromlist or ())

        return project_import

    def _import_absolute(self, name: str, fromlist: Sequence[str]) -> Any:
        parts = name.split(".")
        place = self._find(parts[0])
        assert place is not None
        return self._walk(place, parts, name, fromlist)

    def _import_relative(self, folder: Path, name: str, fromlist: Sequence[str], level: int) -> Any:
        if not name:
            package = self._module_at(folder)
            self._bind_submodules(package, folder, fromlist)
            return package
        parts = name.split(".")
        place = _module_place(folder, parts[0])
        if place is None:
            raise ModuleNotFoundError(f"No module named {'.' * level + name!r}", name=name)
        # `from .a.b import c` always names things, so the last module is what is wanted
        return self._walk(place, parts, name, fromlist)

    def _walk(self, place: Path, parts: Sequence[str], name: str, fromlist: Sequence[str]) -> Any:
        """Import `parts` one under the other, starting at `place`; the first module, or the last for a `from`."""
        top = module = self._module_at(place)
        for part in parts[1:]:
            inner = _module_place(place, part) if place.is_dir() else None
            if inner is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            place = inner
            child = self._module_at(place)
            setattr(module, part, child)
            module = child
        if not fromlist:
            return top
        if place.is_dir():
            self._bind_submodules(module, place, fromlist)
        return module

    def _bind_submodules(self, package: ModuleType, folder: Path, fromlist: Sequence[str]) -> None:
        for name in fromlist:
            if name != "*" and not hasattr(package, name):
                inner = _module_place(folder, name)
                if inner is not None:
                    setattr(package, name, self._module_at(inner))

    def _module_at(self, place: Path) -> ModuleType:
        if place.is_file():
            return self.load(place)
        initial = place / "__init__.py"
        if initial.is_file():
            return self.load(initial)
        resolved = place.resolve()
        module = self.by_path.get(resolved)
        if module is None:
            module = ModuleType(self._name(resolved / "__init__.py"))
            module.__path__ = [str(resolved)]
            self.by_path[resolved] = module
            sys.modules[module.__name__] = module
        return module

    def _find(self, top: str, *, not_file: Path | None = None) -> Path | None:
        """The project's file or folder for a top-level name, or None; a file never finds itself.

        Without that exception `assets/polars.py` could not import polars.
        """
        if top == _OWN:
            return None
        if top not in self._resolved:
            self._resolved[top] = next(
                (place for root in self.roots if (place := _module_place(root, top)) is not None), None
            )
        place = self._resolved[top]
        return None if place is not None and place == not_file else place


def _stat(path: Path) -> tuple[int, ...]:
    seen = os.stat(path)
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


def _holds(path: Path, stat: tuple[int, ...], source: bytes) -> bool:
    try:
        return _stat(path) == stat or path.read_bytes() == source
    except OSError:
        return False


def _module_place(folder: Path, name: str) -> Path | None:
    package = folder / name
    if (package / "__init__.py").is_file():
        return package
    file = folder / f"{name}.py"
    if file.is_file():
        return file.resolve()
    if package.is_dir() and any(package.glob("*.py")):
        return package
    return None


def asset_files(root: Path) -> Iterator[Path]:
    """Python and SQL files below an asset folder, sorted; hidden folders, caches and virtual environments left out."""
    stack = [root]
    seen: set[str] = set()
    while stack:
        folder = stack.pop()
        place = os.path.realpath(folder)
        if place in seen:  # a link that leads back
            continue
        seen.add(place)
        inner: list[Path] = []
        files: list[Path] = []
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            path = folder / entry.name
            if _is_folder(entry):
                if not (path / "pyvenv.cfg").exists():
                    inner.append(path)
            elif entry.name.endswith((".py", ".sql")) and (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                files.append(path)  # not a named pipe, which would be waited for
        yield from files
        stack.extend(reversed(inner))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: opening it is reported as the problem it is
        return False
