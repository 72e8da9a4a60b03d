"""From running code back to its source: the file of a function or namespace, and the symbol a code object came from."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from assetflow.define.code.analysis import read_symbols
from assetflow.define.code.origin import Origin, Origins
from assetflow.define.code.parse_cache import ParseCache
from assetflow.define.code.symbols import FileSymbols, Symbol
from assetflow.values import dataclass

Globals = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One source with what it holds; `shown` is the name that components of it begin with."""

    shown: str
    symbols: FileSymbols

    def name(self, owner: str) -> str:
        """`assets/text.py:clean_name`."""
        return f"{self.shown}:{owner}"


class Sources:
    """Finds and keeps sources; one look at the files, so each is examined once."""

    def __init__(self, origins: Origins, cache: ParseCache) -> None:
        self.origins = origins
        self._cache = cache
        self._by_file: dict[str, Source | None] = {}

    def of_file(self, file: str, *, module: str = "__main__") -> Source | None:
        """The source of a file name as code objects hold it, also of a notebook cell; None when there is none."""
        if file in self._by_file:
            return self._by_file[file]
        source: Source | None = None
        symbols = self._cache.symbols(os.path.abspath(file)) if file.endswith((".py", ".pyw")) else None
        if symbols is not None:
            source = Source(self.origins.shown(file), symbols)
        elif file != "<string>":  # the name of everything compiled from text, so it stands for no text in particular
            lines = linecache.getlines(file)
            if lines:
                source = Source(module, read_symbols("".join(lines)))
        self._by_file[file] = source
        return source

    def of_globals(self, names: Globals) -> Source | None:
        """The source of a module's namespace; None for modules without one and for interactive sessions."""
        file = names.get("__file__")
        return self.of_file(file) if isinstance(file, str) else None

    def of_code(self, code: CodeType, names: Globals) -> Source | None:
        """The source that a code object names, or None."""
        return self.of_file(code_file(code, names), module=str(names.get("__name__", "__main__")))

    def origin_of_code(self, code: CodeType, names: Globals) -> Origin:
        """The origin of a code object; generated code belongs to the namespace it runs in."""
        file = code_file(code, names)
        if not (file.startswith("<") or (file not in self._by_file and not os.path.exists(file))):
            return self.origins.of_file(file)
        held = names.get("__file__")
        if isinstance(held, str):
            return self.origins.of_file(held)
        name = str(names.get("__name__", ""))
        return Origin.PROJECT if name in ("", "__main__") else self.origins.of_name(name)


def code_file(code: CodeType, names: Globals) -> str:
    """The file of a code object; a relative name is completed by the namespace's own."""
    file = code.co_filename
    held = names.get("__file__")
    if file == held:
        return file
    if not os.path.isabs(file) and not file.startswith("<") and isinstance(held, str) and held.endswith(file):
        return held
    return file


def parameters_of(code: CodeType) -> tuple[str, ...]:
    """The names of the parameters of a code object, `*args` and `**kwargs` last."""
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_varnames[:count]


def matching(candidates: Sequence[Symbol], code: CodeType) -> list[Symbol]:
    """The symbols that a code object can have come from, by parameters and, for lambdas, by position.

    More than one is left only when nothing tells them apart; all of them count then.
    """
    params = parameters_of(code)
    fitting = [symbol for symbol in candidates if symbol.params == params]
    if len(fitting) < 2:
        return fitting
    positions = [
        (line, column, end_line, end_column)
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and end_line is not None and column is not None and end_column is not None
        if (line, column) != (end_line, end_column)
    ]
    placed = [symbol for symbol in fitting if symbol.span is not None and positions and _covers(symbol.span, positions)]
    return placed if len(placed) == 1 else fitting


def _covers(span: tuple[int, int, int, int], positions: Sequence[tuple[int, int, int, int]]) -> bool:
    start, end = span[:2], span[2:]
    return all(start <= position[:2] and position[2:] <= end for position in positions)


def cells_of(function: FunctionType) -> Globals:
    """The closure values of a function by name; empty cells and the class cell of methods are left out."""
    cells: Globals = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__":
            try:
                cells[name] = cell.cell_contents
            except ValueError:
                continue
    return cells


def run_import(names: Globals, module: str, *, name: str, level: int, roots: Sequence[str]) -> Any:
    """What an import in a namespace gives: the namespace's own `__import__` decides, as when the code runs.

    A module of the project that nobody imported yet is run by this, as the import statement would. What it raises is
    passed on.
    """
    held = names.get("__builtins__")
    importer: Callable[..., Any] = __import__
    if held is not None:
        importer = held["__import__"] if isinstance(held, dict) else vars(held)["__import__"]
    before = list(sys.path)
    sys.path[:0] = [root for root in roots if root not in before]
    try:
        return importer(module, names, None, (name,) if name else (), level)
    finally:
        sys.path[:] = before
