"""Where code comes from: the project, the standard library, an installed distribution, or assetflow itself."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import ModuleType

_INSTALLED_FOLDERS = frozenset({"site-packages", "dist-packages"})
_OWN_FOLDER = str(Path(__file__).resolve().parents[2])
_PRIVATE_TOP = re.compile(r"_assetflow_\d+")
_OWN_NAME = __name__.partition(".")[0]
_STANDARD_FOLDERS = tuple(
    dict.fromkeys(os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
)


class Origin(StrEnum):
    """Whose code it is; only project code is followed, installed code counts by its version."""

    PROJECT = "project"
    STANDARD = "std"
    INSTALLED = "ext"
    OWN = "own"


class Origins:
    """Tells origins of files and modules for one project folder, and names files the way people know them.

    Source that lies outside the folder and outside every installation (a sibling folder on the path, an editable
    install) is followed like the project's own, because no version would tell of an edit.
    """

    def __init__(self, root: Path, import_roots: Sequence[Path]) -> None:
        self.roots = tuple(dict.fromkeys((os.path.abspath(root), os.path.realpath(root))))
        self.import_roots = tuple(os.path.abspath(place) for place in import_roots)
        self._files: dict[str, Origin] = {}
        self._tops: dict[str, Origin] = {}

    def of_file(self, file: str) -> Origin:
        """The origin of a source or extension file."""
        known = self._files.get(file)
        if known is None:
            known = self._files[file] = self._of_file(os.path.abspath(file))
        return known

    def _of_file(self, path: str) -> Origin:
        if _is_under(path, _OWN_FOLDER):
            return Origin.OWN
        inside = self._inside(path)
        parts = (inside if inside is not None else path).replace("\\", "/").split("/")
        if not _INSTALLED_FOLDERS.isdisjoint(parts):
            return Origin.INSTALLED
        if inside is not None and self._in_virtual_environment(path):
            return Origin.INSTALLED
        real = os.path.realpath(path)
        for folder in _STANDARD_FOLDERS:
            if _is_under(real, folder) and not any(_is_under(root, folder) for root in self.roots):
                return Origin.STANDARD
        return Origin.PROJECT

    def _inside(self, path: str) -> str | None:
        for root in self.roots:
            if _is_under(path, root):
                return path[len(root) :].lstrip(os.sep)
        return None

    def _in_virtual_environment(self, path: str) -> bool:
        folder = os.path.dirname(path)
        while folder not in self.roots and folder != os.path.dirname(folder):
            if os.path.exists(os.path.join(folder, "pyvenv.cfg")):
                return True
            folder = os.path.dirname(folder)
        return False

    def of_module(self, module: ModuleType) -> Origin:
        """The origin of a module by its file or folder, else by its name."""
        names = vars(module)
        file = names.get("__file__")
        if file is None:
            folders = list(names.get("__path__") or ())
            file = folders[0] if folders else None
        if file is not None:
            return self.of_file(file)
        return self.of_name(module.__name__)

    def of_name(self, module: str) -> Origin:
        """The origin of a module that may not be loaded, by its top-level name; nothing is imported."""
        top = module.partition(".")[0]
        known = self._tops.get(top)
        if known is None:
            known = self._tops[top] = self._of_top(top)
        return known

    def _of_top(self, top: str) -> Origin:
        if top == _OWN_NAME:
            return Origin.OWN
        if _PRIVATE_TOP.fullmatch(top):
            return Origin.PROJECT  # the files of a loaded project
        places = [os.path.join(folder, top) for folder in (*self.import_roots, *self.roots)]
        if any(os.path.isfile(f"{place}.py") or os.path.isfile(f"{place}/__init__.py") for place in places):
            return Origin.PROJECT
        if top in sys.stdlib_module_names:
            return Origin.STANDARD
        loaded = sys.modules.get(top)
        if loaded is not None and (vars(loaded).get("__file__") or vars(loaded).get("__path__")):
            return self.of_module(loaded)
        return Origin.PROJECT if any(os.path.isdir(place) for place in places) else Origin.INSTALLED

    def shown(self, file: str) -> str:
        """`assets/text.py`: relative to the project, else to the folder on the path it was found in."""
        path = os.path.abspath(file)
        inside = self._inside(path)
        if inside is None:
            folders = [os.path.abspath(folder) for folder in (*self.import_roots, *sys.path) if folder]
            found = [folder for folder in folders if _is_under(path, folder)]
            inside = path[len(max(found, key=len)) :].lstrip(os.sep) if found else os.path.basename(path)
        return inside.replace(os.sep, "/")


def is_own_name(module: str | None) -> bool:
    """Whether a module name is assetflow's."""
    return module is not None and module.partition(".")[0] == _OWN_NAME


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)
