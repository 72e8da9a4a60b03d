"""The example projects of `init`: a folder each, every file with `.tmpl` behind its name."""

from __future__ import annotations

from pathlib import Path

from assetflow.errors import UsageError, did_you_mean

_HERE = Path(__file__).parent
_SUFFIX = ".tmpl"


def example_names() -> tuple[str, ...]:
    """The names of the examples, sorted."""
    return tuple(sorted(path.name for path in _HERE.iterdir() if (path / f"pyproject.toml{_SUFFIX}").is_file()))


def example_files(name: str) -> dict[str, str]:
    """The files of an example by the relative path they get; UsageError with the nearest name for an unknown one."""
    known = example_names()
    if name not in known:
        hint = did_you_mean(name, known) or f"examples are {', '.join(f'`{each}`' for each in known)}"
        raise UsageError(f"there is no example `{name}`", hint=hint)
    folder = _HERE / name
    found = {}
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        target = path.relative_to(folder).as_posix().removesuffix(_SUFFIX)
        # a file called .gitignore would be obeyed in this repository, and left out of some archives
        found[".gitignore" if target == "gitignore" else target] = path.read_text("utf-8")
    return found
