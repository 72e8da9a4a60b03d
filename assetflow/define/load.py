"""Loading a project's definitions: every asset file run once, every problem collected with its place."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from assetflow.define.config_values import resource_instances
from assetflow.define.declare import Declaration, collecting, declaration_of
from assetflow.define.definitions import Definitions
from assetflow.define.modules import ModuleSpace, asset_files
from assetflow.define.resolve import resolve
from assetflow.define.settings import Settings
from assetflow.errors import Problem


def load_definitions(settings: Settings, space: ModuleSpace) -> tuple[Definitions, tuple[Problem, ...]]:
    """Run every asset file below the project's asset folders, in order of path; no asset body runs."""
    declarations: list[Declaration] = []
    problems: list[Problem] = []
    modules: list[ModuleType] = []
    files: list[Path] = []
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
            files.append(path)
            if path.suffix == ".py":
                module = _run(path, space, declarations, problems, settings.root)
                if module is not None:
                    modules.append(module)
    _add_imported(modules, declarations)
    definitions, found = resolve(
        declarations,
        project=settings.root,
        roots=[root.resolve() for root in settings.asset_roots],
        resources=[found for module in modules for found in resource_instances(module)],
        files=files,
    )
    return definitions, (*problems, *found)


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
    except (Exception, SystemExit) as error:
        del declarations[before:]
        problems.append(_load_problem(path, error, project))
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


def _load_problem(path: Path, error: BaseException, project: Path) -> Problem:
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
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = f"install `{error.name}`, or correct the import" if error.name else None
    return Problem(slug="module", message=f"{kind}: {error}".rstrip(": "), file=shown, line=line, hint=hint)
