"""Loading a project's definitions: every asset file run once, every problem collected with its place."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Container, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from assetflow.define.config_values import resource_instances
from assetflow.define.declare import Declaration, collecting, declaration_of
from assetflow.define.definitions import Definitions
from assetflow.define.modules import ModuleSpace, asset_files
from assetflow.define.resolve import resolve
from assetflow.define.schedule import Scheduling, scheduling
from assetflow.define.schedule_checks import with_schedules
from assetflow.define.settings import Settings
from assetflow.define.sql.assets import SqlScene, declaration_of_file, project_macros
from assetflow.define.sql.macros import SqlMacro
from assetflow.define.sql.parse import QueryCache
from assetflow.errors import AssetflowError, Problem, did_you_mean

_CIRCLE = "its own imports lead back here before it has that name: move what both files need into a third one"
"""The hint where a module of the project is not there any more: it was not loaded to its end."""


def load_definitions(
    settings: Settings, space: ModuleSpace, *, only: Container[Path] | None = None
) -> tuple[Definitions, tuple[Problem, ...]]:
    """Run every asset file below the project's asset folders, in order of path; no asset body runs.

    With `only` files that are not among these are left out: they came after the plan was made.
    """
    declarations: list[Declaration] = []
    problems: list[Problem] = []
    modules: list[ModuleType] = []
    files: list[Path] = []
    schedules: list[Scheduling] = []
    sql_macros: list[SqlMacro] = []
    token = scheduling.set(schedules)
    scene = SqlScene(QueryCache(settings.cache_root / "queries.json"))
    for root in settings.asset_roots:
        if not root.is_dir():
            problems.append(
                Problem(
                    slug="asset_folder",
                    message=f"the asset folder `{root.name}` does not exist in `{settings.root}`",
                    hint="create it, or set `assets` under [tool.assetflow]",
                )
            )
            continue
        for path in asset_files(root):
            if only is not None and path not in only:
                continue
            files.append(path)
            if path.suffix == ".py":
                module = _run(path, space, declarations, problems, settings.root)
                if module is not None:
                    modules.append(module)
            else:
                declaration, macros, found_wrong = declaration_of_file(path, project=settings.root)
                problems += found_wrong
                sql_macros += macros.sql.values()
                if declaration is not None:
                    declarations.append(declaration)
    scheduling.reset(token)
    scene.macros, found_wrong = project_macros(sql_macros, modules, project=settings.root)
    problems += found_wrong
    _add_imported(modules, declarations)
    definitions, found = resolve(
        declarations,
        project=settings.root,
        roots=[root.resolve() for root in settings.asset_roots],
        resources=[found for module in modules for found in resource_instances(module)],
        files=files,
        scene=scene,
    )
    scene.cache.save()
    definitions, twice = with_schedules(definitions, schedules, settings.root)
    return definitions, (*problems, *found, *twice)


def declarations_in(objects: Iterable[Any]) -> list[Declaration]:
    """The declarations of decorated functions, sources and modules given by hand, without repetition."""
    found: dict[int, Declaration] = {}
    for value in objects:
        if isinstance(value, Declaration):
            found[id(value)] = value
            continue
        members = vars(value).values() if isinstance(value, ModuleType) else (value,)
        for member in members:
            declaration = declaration_of(member)
            if declaration is not None:
                found[id(declaration)] = declaration
            elif not isinstance(value, ModuleType):
                raise TypeError(f"{value!r} is no asset: decorate it with @asset, or declare it with source(...)")
    return list(found.values())


def _run(
    path: Path, space: ModuleSpace, declarations: list[Declaration], problems: list[Problem], project: Path
) -> ModuleType | None:
    token = collecting.set(declarations)
    before = len(declarations)
    try:
        return space.load(path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and whatever else a file raises: it is a problem of that file
        del declarations[before:]
        problems.append(_load_problem(path, error, project, space))
        return None
    finally:
        collecting.reset(token)


def _add_imported(modules: Iterable[ModuleType], declarations: list[Declaration]) -> None:
    """Add assets that a file imported from an installed package: they were declared before this load began."""
    known = {id(declaration) for declaration in declarations}
    for module in modules:
        for value in vars(module).values():
            declaration = declaration_of(value)
            if declaration is not None and id(declaration) not in known:
                known.add(id(declaration))
                declarations.append(declaration)


def _load_problem(path: Path, error: BaseException, project: Path, space: ModuleSpace) -> Problem:
    shown = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        file = Path(error.filename) if error.filename else path
        place = file.relative_to(project).as_posix() if file.is_relative_to(project) else shown
        text = (error.text or "").strip()
        message = f"{kind}: {error.msg}" + (f": `{text}`" if text else "")
        return Problem(slug="module", message=message, file=place, line=error.lineno, hint="correct the syntax")
    line = None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename) == path:
            line = frame.lineno
    message, hint = _in_words(error, space)
    return Problem(slug="module", message=f"{kind}: {message}".rstrip(": "), file=shown, line=line, hint=hint)


def _in_words(error: BaseException, space: ModuleSpace) -> tuple[str, str | None]:
    """What the error says, without our own names for the project's modules, and the name that was meant."""
    text = str(error)
    match error:
        case AssetflowError():
            return error.message, error.hint
        case ModuleNotFoundError(name=str(name)):
            own = [entry.stem for root in space.roots for entry in root.glob("*") if entry.suffix in ("", ".py")]
            meant = did_you_mean(name, own)
            return text, f"{meant} Otherwise install `{name}`" if meant else f"install `{name}`, or correct the import"
        case ImportError(name=str(name), path=str(path)):
            wanted = re.match(r"cannot import name '(\w+)'", text)
            module = sys.modules.get(name)
            file = Path(path)
            if wanted is None or (module is None and not file.is_relative_to(space.project)):
                return text, None
            place = file.relative_to(space.project).as_posix() if file.is_relative_to(space.project) else path
            hint = _CIRCLE if module is None else did_you_mean(wanted[1], vars(module))
            return f"cannot import `{wanted[1]}` from `{place}`", hint
        case AttributeError(name=str(name), obj=ModuleType() as module):
            return text, did_you_mean(name, dir(module))
        case _:
            return text, None
