"""Saved queries: `.sql` files whose leading comment says what they answer and which values they take.

    -- What did this report read, exactly, at that moment?
    -- $asset (text): the report
    -- $moment (timestamp, null): in UTC; now when left out
    select …

A parameter is `$name (type)`, or `$name (type, default)`. A `$name` of the query that no line declares is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assetflow.errors import QueryError, did_you_mean
from assetflow.values import dataclass

_DECLARED = re.compile(r"--\s*\$(\w+)\s*\(\s*(\w+)\s*(?:,\s*(.*?)\s*)?\)\s*:?\s*(.*)")
_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_USED = re.compile(r"\$([A-Za-z_]\w*)")


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


TYPES: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
"""How a value is written, by the name of its type; an instant without a zone is in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value that a saved query takes; `default` is its text, and None means that it must be given."""

    name: str
    type: str = "text"
    default: str | None = None
    words: str = ""

    def value(self, text: str, *, query: str) -> Any:
        """The value that a text means; an empty one, and `null`, mean null. QueryError when it does not fit."""
        if text in ("", "null"):
            return None
        try:
            return TYPES[self.type](text)
        except ValueError:
            raise QueryError(
                f"saved query `{query}`: `{self.name}` is {text!r}, which is no {self.type}",
                hint=f"`{self.name}`: {self.words}" if self.words else None,
                name=query,
                parameter=self.name,
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedQuery:
    """A saved query: its name, what it answers, the values it takes, its SQL."""

    name: str
    asks: str
    parameters: tuple[Parameter, ...]
    sql: str

    def bind(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The values of all parameters; QueryError that names what is missing, unknown or does not fit."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                takes = ", ".join(f"`{each}`" for each in known)
                hint = did_you_mean(name, known) or (f"it takes {takes}" if known else "it takes none")
                raise QueryError(f"saved query `{self.name}` has no parameter `{name}`", hint=hint, name=self.name)
        missing = [each for each in self.parameters if each.default is None and each.name not in given]
        if missing:
            words = ", ".join(f"`{each.name}`" for each in missing)
            raise QueryError(
                f"saved query `{self.name}` needs a value for {words}",
                hint="give each one: " + " ".join(f"-p {each.name}=…" for each in missing),
                name=self.name,
                missing=[each.name for each in missing],
            )
        return {
            each.name: each.value(given.get(each.name, each.default or ""), query=self.name) for each in self.parameters
        }

    def to_json(self) -> dict[str, Any]:
        """The query as `query --list --json` prints it."""
        parameters = [
            {"name": each.name, "type": each.type, "default": each.default, "description": each.words}
            for each in self.parameters
        ]
        return {"name": self.name, "asks": self.asks, "parameters": parameters, "sql": self.sql}


def names(folder: Path) -> tuple[str, ...]:
    """The names of the queries in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.sql")))


def read(folder: Path, name: str) -> SavedQuery:
    """The query of that name; QueryError with the nearest one when there is none."""
    known = names(folder)
    if name not in known:
        hint = did_you_mean(name, known) or f"saved queries are the `.sql` files in `{folder}`"
        raise QueryError(f"there is no saved query `{name}`", hint=hint, name=name)
    return parse(name, (folder / f"{name}.sql").read_text(encoding="utf-8"))


def parse(name: str, sql: str) -> SavedQuery:
    """The query that a text holds; QueryError for a parameter of an unknown type."""
    comment = []
    for line in sql.strip().splitlines():
        if not line.startswith("--"):
            break
        comment.append(line)
    declared = {}
    for line in comment:
        if found := _DECLARED.fullmatch(line.strip()):
            parameter, kind, default, words = found.groups()
            if kind not in TYPES:
                raise QueryError(
                    f"saved query `{name}`: `${parameter}` is of the unknown type `{kind}`",
                    hint=did_you_mean(kind, TYPES) or f"types are {json.dumps(list(TYPES))[1:-1]}",
                    name=name,
                )
            declared[parameter] = Parameter(name=parameter, type=kind, default=default, words=words)
    used = dict.fromkeys(_USED.findall(_NOT_CODE.sub(" ", sql)))
    parameters = [declared[each] for each in declared if each in used]
    parameters += [Parameter(name=each) for each in used if each not in declared]
    asks = comment[0].removeprefix("--").strip() if comment and not _DECLARED.fullmatch(comment[0]) else ""
    return SavedQuery(name=name, asks=asks, parameters=tuple(parameters), sql=sql)
