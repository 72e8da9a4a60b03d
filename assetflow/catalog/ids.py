"""Ids as numbers: SQL that takes the text of an id apart and puts it together again."""

from __future__ import annotations

_WHOLE = (1 << 32) - 1
"""Number of an id that is not `<run>.<number>`: its prefix is then the whole id."""


def id_text(m: str, prefix: str) -> str:
    """SQL for the text of the materialization number `m`, its row of `inside.prefixes` being named `prefix`."""
    number = f"({m} & {_WHOLE})"
    return f"case when {number} = {_WHOLE} then {prefix}.text else {prefix}.text || '.' || {number} end"


def id_number(text: str) -> str:
    """SQL for the number part of an id text; see `id_prefix`."""
    digits = f"regexp_extract({text}, '\\.(0|[1-9][0-9]{{0,8}})$', 1)"
    return f"coalesce(try_cast(nullif({digits}, '') as bigint), {_WHOLE})"


def id_prefix(text: str) -> str:
    """SQL for the part of an id text that `inside.prefixes` holds: the run's id, or all of an id of another form."""
    return f"regexp_replace({text}, '\\.(0|[1-9][0-9]{{0,8}})$', '')"
