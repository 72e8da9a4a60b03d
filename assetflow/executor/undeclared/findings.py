"""Which of the reads of a call count as undeclared: what is no part of the system, the store or a version."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from assetflow.define.code.origin import Origin, Origins
from assetflow.executor.undeclared.seen import Seen
from assetflow.model.texts import in_words

Finding = tuple[str, str]
"""A kind (`file` or `variable`) and a name: of a file relative to the project where it lies inside."""

_SYSTEM = (
    "/proc", "/dev", "/sys", "/run", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/System", "/Library",
    "/private/etc", "/private/var/db",
)  # fmt: skip
_NO_DATA = (".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib")
_SHOWN = 5


class ReadKind(StrEnum):
    """What was read."""

    FILE = "file"
    VARIABLE = "variable"


# --- what a call read, where it ran -------------------------------------------------------------------------------


def findings(seen: Seen, project: Path, store: Path) -> tuple[Finding, ...]:
    """What a call read that is the project's to declare, by kind and name.

    Left out are the store and what stands beside it, installed packages, the system's files, hidden folders of the
    user, modules that were imported, and variables that libraries look up for themselves.
    """
    if not seen.files and not seen.variables:
        return ()
    origins = _origins(project)
    found: set[Finding] = set()
    files = [name for name, counts in seen.files.items() if counts]
    modules = _module_files() if any(name.endswith(".py") for name in files) else frozenset[str]()
    catalog = os.path.realpath(store.parent if store.name == "store" else store)
    for name in files:
        real = os.path.realpath(name)
        if real in modules or real.endswith(_NO_DATA) or _is_under(real, catalog):
            continue
        inside = _inside(name, origins.roots)
        if origins.of_file(name) is Origin.PROJECT and (inside is not None or not _is_systems(real)):
            found.add((ReadKind.FILE, name if inside is None else inside))
    for variable, file in seen.variables.items():
        if file and origins.of_file(file) is Origin.PROJECT:
            found.add((ReadKind.VARIABLE, variable))
    return tuple(sorted((str(kind), name) for kind, name in found))


@lru_cache(maxsize=8)
def _origins(project: Path) -> Origins:
    return Origins(project, ())


def _module_files() -> frozenset[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return frozenset(os.path.realpath(file) for file in files if isinstance(file, str))


def _inside(name: str, roots: Sequence[str]) -> str | None:
    for root in roots:
        if _is_under(name, root):
            return os.path.relpath(name, root).replace(os.sep, "/")
    return None


def _is_systems(path: str) -> bool:
    """Whether a path outside the project belongs to the system, to Python, or to hidden folders of the user."""
    home = os.path.expanduser("~")
    if _is_under(path, home) and os.path.relpath(path, home).startswith("."):
        return True
    windows = os.environ.get("SYSTEMROOT", "") if sys.platform == "win32" else ""
    places = (*_SYSTEM, sys.prefix, sys.base_prefix, *((windows,) if windows else ()))
    return any(_is_under(path, place) for place in places)


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


# --- what of it nothing declares ----------------------------------------------------------------------------------


def undeclared(
    found: Iterable[Finding], project: Path, *, components: Collection[str], sources: Collection[str]
) -> tuple[Finding, ...]:
    """What of these findings neither the components of the code version nor the paths of sources cover."""
    return tuple(
        (kind, name)
        for kind, name in found
        if not (
            f"env:{name}" in components
            if kind == ReadKind.VARIABLE
            else all(_is_declared(file, project, components, sources) for file in _files(project / name))
        )
    )


def _is_declared(file: str, project: Path, components: Collection[str], sources: Collection[str]) -> bool:
    if f"file:{_origins(project).shown(file)}" in components:
        return True
    for path in sources:
        pattern = os.path.join(project, path.replace("{partition}", "*"))
        if fnmatchcase(file, pattern) or _is_under(file, pattern):
            return True
    return False


def _files(place: Path) -> Iterator[str]:
    """The files that a name stands for: itself, those in a folder, or those that match a pattern."""
    name = str(place)
    if place.is_dir():
        yield from (os.path.join(folder, file) for folder, _, files in os.walk(name) for file in files)
    elif glob.has_magic(name) and not place.exists():
        yield from glob.iglob(name, recursive=True)
    else:
        yield name


# --- words --------------------------------------------------------------------------------------------------------


def undeclared_words(asset: str, found: Sequence[Finding]) -> str:
    """One sentence about what an asset reads undeclared, with the way to declare it."""
    kinds = {kind for kind, _ in found}
    ways = []
    if ReadKind.FILE in kinds:
        ways.append("list files in version_of=[...] or make them a source")
    if ReadKind.VARIABLE in kinds:
        ways.append("read variables by a literal name or take them as fields of Config")
    return (
        f"`{asset}` reads {found_words(found)}, which no version covers: a change there makes nothing stale; "
        + ", and ".join(ways)
    )


def found_words(found: Sequence[Finding], *, most: int | None = _SHOWN) -> str:
    """Names with their kind: "`a.csv` and the variable `X`"; of many the first `most`, and how many more."""
    names = [f"the variable `{name}`" if kind == ReadKind.VARIABLE else f"`{name}`" for kind, name in found]
    return in_words(names, most)
