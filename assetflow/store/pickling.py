"""Pickles that name the classes and functions of a project as its files do.

The loader gives the modules of each project that a process loads a name of their own, `_assetflow_3.shapes` for
`shapes.py`. In a pickle that would be the name in the process that wrote it: no other could read it for sure, and equal
values would be different bytes.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from contextvars import ContextVar
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from assetflow.model.keys import without_private

_near: ContextVar[Path | None] = ContextVar("assetflow_unpickled", default=None)


def dumps(value: object, *, protocol: int) -> bytes:
    """The pickle of a value; raises whatever its classes raise."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def loads(data: bytes, *, near: Path) -> Any:
    """The value of a pickle that lies at `near`: of several projects loaded here, that one's classes are meant."""
    token = _near.set(near)
    try:
        return _Unpickler(io.BytesIO(data)).load()
    finally:
        _near.reset(token)


class _Pickler(pickle.Pickler):
    def reducer_override(self, found: Any) -> Any:
        if isinstance(found, (type, FunctionType)):
            module = str(found.__module__)
            own = without_private(module)
            if own != module and _attribute(sys.modules.get(module), found.__qualname__) is found:
                return located, (own, found.__qualname__)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        own = without_private(module)
        return super().find_class(module, name) if own == module else located(own, name)


def located(module: str, name: str) -> Any:
    """A class or function of the project by its module's own name; ImportError when the project is not loaded here."""
    near = _near.get()
    best: tuple[int, int] | None = None
    found: ModuleType | None = None
    for place, (key, each) in enumerate(tuple(sys.modules.items())):
        if each is not None and key != module and without_private(key) == module:
            rank = (_shared(getattr(each, "__file__", None), near), place)  # of one project the newest
            if best is None or rank > best:
                best, found = rank, each
    if found is None:
        raise ImportError(f"the project's module `{module}` is not loaded here")
    return _attribute(found, name, missing=True)


def _attribute(found: Any, name: str, *, missing: bool = False) -> Any:
    for part in name.split("."):
        if not missing and not hasattr(found, part):
            return None
        found = getattr(found, part)
    return found


def _shared(file: str | None, near: Path | None) -> int:
    """How far two places go the same way from the root."""
    if file is None or near is None:
        return 0
    try:
        return len(os.path.commonpath([os.path.abspath(file), os.path.abspath(near)]))
    except ValueError:  # on different drives
        return 0
