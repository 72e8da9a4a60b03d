"""New projects: files of an example, written where nothing of theirs is yet."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from assetflow.errors import UsageError
from assetflow.values import dataclass

_GITIGNORE = ".gitignore"
_PYPROJECT = "pyproject.toml"


class Change(StrEnum):
    """What was done for one file of a scaffold."""

    CREATED = "created"
    EXTENDED = "extended"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffolded:
    """A project that was made: its folder, and each file with what was done."""

    root: Path
    files: tuple[tuple[str, Change], ...]


def scaffold(root: Path, files: Mapping[str, str]) -> Scaffolded:
    """Write the files of an example, by relative path, into a folder that may exist.

    An existing `pyproject.toml` gets `[tool.assetflow]` added, `.gitignore` its missing lines, a `README.md` stays as
    it is. UsageError, before anything is written, when any other file is there or the folder is a project already.
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"`{root}` is a file", hint="name a folder: `assetflow init DIR`")
    _refuse_project(root)
    there = [name for name in sorted(files) if name not in _SHARED and (root / name).exists()]
    if there:
        raise UsageError(
            f"`{root}` already has {', '.join(f'`{name}`' for name in there)}, and nothing is overwritten",
            hint="name another folder: `assetflow init DIR`",
            files=there,
        )
    done = []
    try:
        for name in sorted(files):
            done.append((name, _write(root / name, files[name])))
    except OSError as error:
        place = error.filename or root
        raise UsageError(
            f"cannot write `{place}`: {error.strerror}", hint="name a folder that can be written"
        ) from error
    return Scaffolded(root=root, files=tuple(done))


_SHARED = frozenset({_GITIGNORE, _PYPROJECT, "README.md"})


def _refuse_project(root: Path) -> None:
    path = root / _PYPROJECT
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}", hint="correct it, or name another folder") from error
    if "assetflow" in found.get("tool", {}):
        raise UsageError(
            f"`{root}` is an assetflow project already: its {_PYPROJECT} has [tool.assetflow]",
            hint="name another folder: `assetflow init DIR`",
        )


def _write(path: Path, text: str) -> Change:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return Change.CREATED
    before = path.read_text("utf-8")
    if path.name == _PYPROJECT:
        path.write_text(f"{before.rstrip()}\n\n{text}", "utf-8")
        return Change.EXTENDED
    if path.name == _GITIGNORE:
        known = {line.strip() for line in before.splitlines()}
        missing = [line for line in text.splitlines() if line not in known]
        if missing:
            path.write_text("\n".join([before.rstrip(), *missing, ""]).lstrip(), "utf-8")
            return Change.EXTENDED
    return Change.KEPT
