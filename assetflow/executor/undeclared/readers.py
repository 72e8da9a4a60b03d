"""Hearing which files libraries read that open them by themselves, from the functions that are given their names.

While a run lasts the functions stand wrapped in their modules, and in modules of the project that imported them by
name; a library that is imported meanwhile gets the same. They do what they always do.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetflow.executor.undeclared.seen import Seen

_READERS = {
    "polars": re.compile("read_|scan_"),
    "pandas": re.compile("read_"),
    "pyarrow.parquet": re.compile("read_"),
    "pyarrow.dataset": re.compile("dataset$|parquet_dataset$"),
    "pyarrow.csv": re.compile("read_csv$|open_csv$"),
    "pyarrow.json": re.compile("read_json$|open_json$"),
    "pyarrow.feather": re.compile("read_"),
    "pyarrow.orc": re.compile("read_table$"),
    "duckdb": re.compile("read_|from_csv|from_parquet|from_query$|query$|query_df$|sql$|execute"),
}
"""Modules and the names of their functions that take the name of a file, or SQL that does."""

_CLASSES = {"duckdb": "DuckDBPyConnection"}

_ARGUMENTS = (
    "source", "path", "filepath_or_buffer", "path_or_buf", "io", "where", "input_file", "file_glob", "path_or_buffer",
    "query", "sql",
)  # fmt: skip

_QUOTED = r"'((?:[^']|'')*)'"
_FROM = re.compile(rf"\b(?:from|join|attach(?:\s+database)?(?:\s+if\s+not\s+exists)?)\s+{_QUOTED}", re.IGNORECASE)
_CALL = re.compile(r"\b(?:read_\w+|parquet_\w+|\w+_scan|sniff_csv|glob)\s*\(", re.IGNORECASE)
_TEXT = re.compile(_QUOTED)


class _Reader:
    """A function that reads what its first argument names; for code that is fingerprinted it is the function."""

    def __init__(self, function: Callable[..., Any], look: Callable[[], Seen | None], at: int = 0) -> None:
        functools.update_wrapper(self, function)
        self._look = look
        self._at = at

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        seen = self._look()
        if seen is not None:
            with contextlib.suppress(Exception):  # whatever is odd about the arguments is the function's to say
                for name in names_in(args[self._at :], kwargs):
                    seen.named(name)
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return _itself, (self.__wrapped__,)

    __wrapped__: Callable[..., Any]


def _itself(value: Any) -> Any:
    return value


def names_in(args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Any]:
    """What the arguments of a reading function name: paths, or those in SQL with its parameters."""
    first = args[0] if args else next((kwargs[name] for name in _ARGUMENTS if name in kwargs), None)
    if isinstance(first, str) and ("'" in first or _CALL.search(first)):
        yield from _names_in_sql(first)
        if _CALL.search(first):
            yield from _paths([*args[1:], *kwargs.values()])
        return
    yield from _paths(first)


def _names_in_sql(sql: str) -> Iterator[str]:
    for found in _FROM.finditer(sql):
        yield found[1].replace("''", "'")
    for call in _CALL.finditer(sql):
        end = sql.find(")", call.end())
        for text in _TEXT.finditer(sql, call.end(), len(sql) if end < 0 else end):
            yield text[1].replace("''", "'")


def _paths(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        match stack.pop():
            case str() | os.PathLike() as path:
                yield path
            case list() | tuple() as several:
                stack += several
            case dict() as by_name:
                stack += by_name.values()
            case _:
                pass


@contextlib.contextmanager
def reading_functions(look: Callable[[], Seen | None]) -> Iterator[None]:
    """Hear of what reading functions are given, for the call that `look` gives."""
    wrapping = _Wrapping(look)
    for name in _READERS:
        if name in sys.modules:
            wrapping.wrap(sys.modules[name])
    finder = _Finder(wrapping)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(finder)
        wrapping.undo()


class _Wrapping:
    """The functions that are wrapped, and where they stood."""

    def __init__(self, look: Callable[[], Seen | None]) -> None:
        self._look = look
        self._places: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, module: ModuleType) -> None:
        """Wrap the reading functions of a module, and of its class of connections."""
        names = _READERS[module.__name__]
        found: dict[int, _Reader] = {}
        for name, value in list(vars(module).items()):
            if names.match(name) and callable(value) and not isinstance(value, (type, _Reader)):
                found[id(value)] = reader = _Reader(value, self._look)
                self._put(module, name, value, reader)
        for other in list(sys.modules):
            if other == "__main__" or other.startswith("_assetflow_"):
                space = sys.modules[other]
                for name, value in list(vars(space).items()):
                    if (known := found.get(id(value))) is not None:
                        self._put(space, name, value, known)
        kind = getattr(module, _CLASSES.get(module.__name__, ""), None)
        for name, value in list(vars(kind).items()) if isinstance(kind, type) else ():
            if names.match(name) and callable(value):
                self._put(kind, name, value, _Reader(value, self._look, 1))

    def undo(self) -> None:
        """Put everything back that nobody has replaced since."""
        for owner, name, before, reader in reversed(self._places):
            if vars(owner).get(name) is reader:
                setattr(owner, name, before)

    def _put(self, owner: Any, name: str, before: Any, reader: _Reader) -> None:
        with contextlib.suppress(TypeError, AttributeError):  # a library whose class cannot be touched goes unheard
            setattr(owner, name, reader)
            self._places.append((owner, name, before, reader))


class _Finder:
    """Wraps the functions of a library that is imported while a run lasts."""

    def __init__(self, wrapping: _Wrapping) -> None:
        self._wrapping = wrapping
        self._inside: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The library's own way to be loaded, and then wrapped; None for every other module."""
        if name not in _READERS or name in self._inside:
            return None
        self._inside.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._inside.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._wrapping)  # type: ignore[assignment]
        return spec


class _Loader:
    """The loader of a library, for as long as it loads."""

    def __init__(self, loader: Any, wrapping: _Wrapping) -> None:
        self._loader = loader
        self._wrapping = wrapping

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._wrapping.wrap(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
