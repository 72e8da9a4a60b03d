"""What a code version is made of, as values that are recorded and compared."""

from __future__ import annotations

from enum import StrEnum

from assetflow.values import dataclass


class ComponentKind(StrEnum):
    """What sort of thing a component is."""

    FUNCTION = "function"
    CLASS = "class"
    CONSTANT = "constant"
    MODULE = "module"
    GENERATED = "generated"
    PACKAGE = "package"
    ENVIRONMENT = "environment"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a code version: `assets/text.py:clean_name`, `package:polars`, `env:API_URL`, `file:sql/x.sql`.

    `hash` covers the part itself and what its names stand for, not what lies under those; `text` is its normalized
    source, empty where there is none, and never holds the value of an environment variable.
    """

    name: str
    kind: ComponentKind
    hash: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFingerprint:
    """The version of a piece of code, `c1:` and 32 hex digits, with the components it was made of, by name.

    `packages` are the exact versions of the distributions reached, whatever part of them counts; `problems` say what
    could not be seen, each with what to do. With a problem, equal versions do not promise equal code.
    """

    version: str
    components: tuple[Component, ...]
    packages: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
