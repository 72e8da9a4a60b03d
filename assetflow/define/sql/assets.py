"""SQL assets as declarations: `.sql` files, `sql_asset(...)`, and files of macros."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from assetflow.define.declare import (
    OPTION_NAMES,
    Declaration,
    Options,
    Output,
    SqlText,
    register,
)
from assetflow.define.sql.header import read_header
from assetflow.define.sql.macros import Macros, SqlMacro, is_macro, macro_of, statements
from assetflow.define.sql.options import READERS, Like
from assetflow.define.sql.parse import QueryCache
from assetflow.errors import AssetflowError, Problem, UsageError, did_you_mean
from assetflow.model.asset import AssetKind
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.values import dataclass

_SHARED = tuple(name for name in READERS if name in OPTION_NAMES)
_PYTHON_ONLY = ("adds_partitions", "max_partitions", "version_of")


@dataclass(frozen=True, slots=True, eq=False)
class SqlAsset:
    """A declared SQL asset, to be named in `deps=`, `Dep(...)`, `Project(assets=[...])` and `materialize([...])`."""

    key: str
    __assetflow__: Declaration


def sql_asset(
    key: str,
    query: str | None = None,
    *,
    path: str | None = None,
    config: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
    macros: Sequence[Callable[..., Any]] = (),
    **options: Any,
) -> SqlAsset:
    """Declare an asset made by a query, given as text or as the `path` of a file relative to the project.

    `config` names parameters of the query with their defaults (`$least`), `columns` types and descriptions of its
    columns, `macros` functions in Python that the query may call. Other options are those of `@asset`.
    """
    if (query is None) == (path is None):
        raise TypeError(f"sql_asset({key!r}): give the query as text, or its file as path=")
    for name in options:
        if name not in OPTION_NAMES or name in _PYTHON_ONLY:
            known = [*(n for n in OPTION_NAMES if n not in _PYTHON_ONLY), "config", "columns", "macros", "path"]
            raise TypeError(
                f"sql_asset: unknown option {name!r}; {did_you_mean(name, known) or 'known are ' + ', '.join(known)}"
            )
    frame = sys._getframe(1)
    declaration = Declaration(
        kind=AssetKind.SQL,
        outputs=(Output(key=key),),
        options=Options(**options),
        bound=dict(config or {}),
        sql=SqlText(text=query, path=path, columns=dict(columns or {}), macros=tuple(macros)),
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        module=frame.f_globals.get("__name__"),
    )
    register(declaration)
    return SqlAsset(key, declaration)


def declaration_of_file(path: Path, *, project: Path) -> tuple[Declaration | None, Macros, list[Problem]]:
    """What a `.sql` file declares: an asset, or macros for all queries when it holds nothing but `create macro`."""
    shown = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, Macros(), [_problem(f"cannot be read: {error}", shown, None, "save it as UTF-8 text")]
    found = statements(text)
    if found and all(statement.is_macro for statement in found):
        return None, *_macro_file(text, shown)
    header = read_header(text)
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    if header.problem is not None:
        message, bad = header.problem
        hint = "write NAME = VALUE, text in quotes"
        problems.append(_problem(f"the options are no TOML: {message}", shown, bad, hint))
    for name, value in header.values.items():
        line = header.lines.get(name, 1)
        if name not in READERS:
            hint = did_you_mean(name, READERS) or f"known are {', '.join(READERS)}"
            problems.append(_problem(f"unknown option {name!r}", shown, line, hint))
            continue
        try:
            values[name] = READERS[name](name, value)
        except AssetflowError as error:
            problems.append(_problem(error.message, shown, line, error.hint))
        except (TypeError, ValueError) as error:
            problems.append(_problem(f"{name}: {error}", shown, line, None))
    options = {name: values[name] for name in _SHARED if name in values}
    options.setdefault("description", header.description or None)
    declaration = Declaration(
        kind=AssetKind.SQL,
        outputs=(Output(key=values.get("key", path.stem)),),
        options=Options(**options),
        bound=dict(values.get("config", {})),
        sql=SqlText(text=text, own_file=True, columns=values.get("columns", {})),
        file=str(path),
        line=1,
    )
    return declaration, Macros(), problems


def _macro_file(text: str, shown: str) -> tuple[Macros, list[Problem]]:
    macros, problems = Macros(), []
    for statement in statements(text):
        macro = macro_of(statement, text, file=shown)
        line = text.count("\n", 0, statement.start) + 1
        if macro is None:
            problems.append(_problem("the macro cannot be read", shown, line, "create macro NAME(a, b) as …"))
        elif macro.name.lower() in macros.sql:
            problems.append(_problem(f"the macro `{macro.name}` is created twice", shown, line, "give it another name"))
        else:
            macros.sql[macro.name.lower()] = macro
    return macros, problems


def project_macros(
    written: Iterable[SqlMacro], modules: Iterable[Any], *, project: Path
) -> tuple[Macros, list[Problem]]:
    """The macros that all queries share, from macro files and marked functions, and a problem for each name used twice.

    A function that several modules import is one.
    """
    macros, problems = Macros(), []
    places: dict[str, tuple[str, int | None]] = {}
    marked = ((name, value) for module in modules for name, value in vars(module).items() if is_macro(value))
    for name, macro in (*((macro.name, macro) for macro in written), *marked):
        word = name.lower()
        if macros.python.get(word) is macro:
            continue
        place = _place(macro, project)
        if word in places:
            other = ":".join(str(part) for part in places[word] if part is not None)
            problems.append(_problem(f"the macro `{name}` is there already, in {other}", *place, "rename one of them"))
            continue
        places[word] = place
        if isinstance(macro, SqlMacro):
            macros.sql[word] = macro
        else:
            macros.python[word] = macro
    return macros, problems


def _place(macro: SqlMacro | Callable[..., Any], project: Path) -> tuple[str, int | None]:
    """The file and line of a macro."""
    if isinstance(macro, SqlMacro):
        return macro.file or "", macro.line
    code = getattr(inspect.unwrap(macro), "__code__", None)
    return ("", None) if code is None else (_shown(code.co_filename, project), code.co_firstlineno)


@dataclass(slots=True)
class SqlScene:
    """What all SQL assets of a project share: parsed queries, macros, and the text of files named by `path=`."""

    cache: QueryCache = field(default_factory=QueryCache)
    macros: Macros = field(default_factory=Macros)


def with_partitions(declarations: Sequence[Declaration], project: Path) -> tuple[list[Declaration], list[Problem]]:
    """The declarations, `partitions = {like = "flights"}` replaced by what that asset has."""
    by_key = {output.key: declaration for declaration in declarations for output in declaration.outputs}
    found: list[Declaration] = []
    problems: list[Problem] = []
    for declaration in declarations:
        wanted = declaration.options.partitions
        seen: set[str] = set()
        while isinstance(wanted, Like) and wanted.key in by_key and wanted.key not in seen:
            seen.add(wanted.key)
            wanted = by_key[wanted.key].options.partitions
        if not isinstance(declaration.options.partitions, Like):
            found.append(declaration)
            continue
        if not isinstance(wanted, PartitionsDefinition):
            like = declaration.options.partitions.key
            hint = "name an asset with partitions" if like in by_key else did_you_mean(like, by_key)
            what = f"`{like}` has no partitions" if like in by_key else f"no asset is called `{like}`"
            file = _shown(declaration.file, project)
            message = f"asset `{declaration.outputs[0].key}`: partitions: {what}"
            problems.append(replace(_problem(message, file, declaration.line, hint), slug="partitions_like"))
            wanted = None
        found.append(replace(declaration, options=replace(declaration.options, partitions=wanted)))
    return found, problems


def text_of(declaration: Declaration, project: Path) -> tuple[str, Path | None]:
    """The text of a declaration's query, and the file it stands in alone; UsageError when that cannot be read."""
    sql = declaration.sql
    assert sql is not None
    if sql.path is None:
        return sql.text or "", Path(declaration.file) if sql.own_file and declaration.file else None
    place = project / sql.path
    try:
        return place.read_text(encoding="utf-8"), place
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"path= {sql.path!r} cannot be read: {error}", hint="it is relative to the project") from None


def _shown(file: str | None, project: Path) -> str:
    path = Path(file or "")
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)


def _problem(message: str, file: str, line: int | None, hint: str | None) -> Problem:
    return Problem(slug="sql", message=message, file=file, line=line, hint=hint)
