"""The option that says which columns tell the rows of a table apart: `row_key=`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assetflow.define.declare import Declaration, Output

Found = tuple[str, str, str]
"""A problem: its slug, what is wrong, and what to do."""


def row_key(declaration: Declaration, output: Output) -> tuple[str, ...]:
    """The columns; empty where none were said, or where they cannot be a key, which `row_key_problems` tells."""
    return _read(_given(declaration, output)) or ()


def row_key_problems(declaration: Declaration) -> Iterator[Found]:
    """What is wrong with the option, for any of the outputs."""
    for output in declaration.outputs:
        given = _given(declaration, output)
        if given is not None and _read(given) is None:
            hint = 'name the columns that no two rows share, each once: row_key="id", or row_key=["day", "id"]'
            yield "row_key", f"row_key= is {given!r}", hint


def _given(declaration: Declaration, output: Output) -> Any:
    return output.options.get("row_key", declaration.options.row_key)


def _read(given: Any) -> tuple[str, ...] | None:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not names:
        return None
    is_key = all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names)
    return tuple(names) if is_key else None
