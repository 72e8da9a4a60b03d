"""The frozen syntax tree of a selection."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from assetflow.errors import SelectionError
from assetflow.values import dataclass


class Field(StrEnum):
    """What a predicate with a free value looks at."""

    GROUP = "group"
    KIND = "kind"
    OWNER = "owner"


class StatusName(StrEnum):
    """The states that `status:` asks for."""

    STALE = "stale"
    MISSING = "missing"
    OVERDUE = "overdue"
    FRESH = "fresh"
    FAILED = "failed"


class Change(StrEnum):
    """What `changed:` can ask for; without one of them it asks for any."""

    CODE = "code"
    DATA = "data"
    CONFIG = "config"


class End(StrEnum):
    """Which end of a selection: what nothing else of it leads to, or what leads to nothing else of it."""

    ROOTS = "roots"
    SINKS = "sinks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The assets whose keys match a key or a glob, with all their partitions or those of `partitions`.

    Partitions are terms as partitions definitions read them: a key, a glob, `first..last`, with `"` around what
    would not stand for itself.
    """

    pattern: str
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """The assets of which a field matches a pattern."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """The assets with a tag; `value` None asks for the tag with any value."""

    key: str
    value: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and "=" in self.key:
            raise SelectionError(f"the tag key {self.key!r} holds a `=`", hint="give the value apart from the key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The assets in a state."""

    name: StatusName


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The assets whose code, data or config changed since they were materialized; None: any of these."""

    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The roots or the sinks of a selection."""

    end: End
    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A selection with what is upstream and downstream of it, in levels; 0 is none and None is all."""

    operand: Node
    up: int | None = 0
    down: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """All assets but those of a selection."""

    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """The assets in all of two or more selections; nested ones are flattened."""

    operands: tuple[Node, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", tuple(_flat(self.operands, And)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """The assets in any of two or more selections; nested ones are flattened."""

    operands: tuple[Node, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", tuple(_flat(self.operands, Or)))


Node = Keys | Attribute | Tag | Status | Changed | Ends | Reach | Not | And | Or


def _flat(operands: tuple[Node, ...], kind: type[And] | type[Or]) -> Iterator[Node]:
    # one level is enough: operands were flattened when they were made
    for operand in operands:
        if isinstance(operand, (And, Or)) and isinstance(operand, kind):
            yield from operand.operands
        else:
            yield operand


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, (And, Or)):
            stack.extend(reversed(current.operands))
        elif isinstance(current, (Ends, Reach, Not)):
            stack.append(current.operand)
