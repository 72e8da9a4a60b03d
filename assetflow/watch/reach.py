"""From a project, loaded or not, to what of it is watched."""

from __future__ import annotations

import glob
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from assetflow.define.settings import Settings
from assetflow.project.loaded import LoadedProject
from assetflow.project.project import Project
from assetflow.watch.scope import Scope

INSTALLED = "*.dist-info"
"""What comes and goes in the folder of installed packages when one is installed, upgraded or removed."""


def scope_of_settings(settings: Settings) -> Scope:
    """What is watched whatever is loaded: settings, asset folders and the folder of installed packages."""
    return Scope(
        root=str(settings.root),
        files=frozenset({str(settings.root / "pyproject.toml")}),
        trees=frozenset(str(root) for root in settings.asset_roots),
        patterns=frozenset((folder, INSTALLED, False) for folder in installed_folders()),
        excluded=frozenset({str(settings.catalog_root)}),
    )


def scope_of_project(project: Project) -> Scope:
    """What loading looked at, also where it failed; and of a project that is loaded its sources and declared files."""
    scope = scope_of_settings(project.settings)
    space = project.space
    if space is not None:
        modules = {str(path) for path in (*space.by_path, *space.attempted)}
        patterns = {(os.path.dirname(module), "[!.]*.py", False) for module in modules}
        scope |= Scope(
            root=scope.root,
            files=frozenset({*modules, *map(str, space.absent())}),
            patterns=frozenset(patterns),
        )
    return scope


def scope_of_loaded(loaded: LoadedProject) -> Scope:
    """The files that declarations name: sources, `version_of`, and asset files that are no Python."""
    root = loaded.settings.root
    scope = Scope(root=str(root), files=frozenset(str(path) for path in loaded.definitions.files))
    for place in (*_source_paths(loaded), *_declared_files(loaded)):
        scope |= _scope_of_path(root, place)
    return scope


def installed_folders() -> list[str]:
    """The folders of installed packages of this interpreter."""
    named = {folder for folder in sys.path if os.path.basename(folder) in ("site-packages", "dist-packages")}
    return sorted(named | {sysconfig.get_paths()[name] for name in ("purelib", "platlib")})


def _source_paths(loaded: LoadedProject) -> Iterator[str]:
    for declaration in loaded.definitions.sources.values():
        if declaration.source is not None and declaration.source.path is not None:
            yield declaration.source.path.replace("{partition}", "*")


def _declared_files(loaded: LoadedProject) -> Iterator[str]:
    for computation in loaded.definitions.computations.values():
        yield from _paths(computation.declaration.options.version_of)


def _paths(items: Iterable[object]) -> Iterator[str]:
    for item in items:
        if isinstance(item, (str, os.PathLike)):
            yield os.fspath(item)


def _scope_of_path(root: Path, path: str) -> Scope:
    """The scope of a file, a folder or a glob, relative to the project."""
    place = os.path.normpath(os.path.join(root, path))
    if os.path.isdir(place):
        return Scope(root=str(root), folders=frozenset({place}))
    if not glob.has_magic(place) or os.path.exists(place):
        return Scope(root=str(root), files=frozenset({place, os.path.realpath(place)}))
    folder, name = os.path.split(place)
    deep = False
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
        deep = True
    return Scope(root=str(root), patterns=frozenset({(folder, "*" if name == "**" else name, deep or name == "**")}))
