"""The option that says up to which difference floats of a rebuilt table count as equal: `float_tolerance=`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assetflow.define.declare import Options

Found = tuple[str, str, str]
"""A problem: its slug, what is wrong, and what to do."""

LARGEST = 0.1


def tolerance_from(given: Any) -> float | None:
    """The relative difference; None where none was said, or where it cannot be one."""
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    return float(given) if is_number and 0 < given <= LARGEST else None


def tolerance_problems(options: Options) -> Iterator[Found]:
    """What is wrong with the option."""
    given = options.float_tolerance
    if given is not None and tolerance_from(given) is None:
        hint = "use a small number such as 1e-9: the largest relative difference of two cells that count as equal"
        yield "float_tolerance", f"float_tolerance= is {given!r}", hint
