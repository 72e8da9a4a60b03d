"""From the tree of a selection back to text, with no more parentheses and quotes than it needs."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import assert_never

from assetflow.graph.selection.tree import (
    And,
    Attribute,
    Changed,
    Ends,
    Keys,
    Node,
    Not,
    Or,
    Reach,
    Status,
    Tag,
)

_BARE_KEY = re.compile(r"(?!-)(?!(?:and|or|not)\Z)(?!\d+\Z)[\w.\-/*?]+", re.IGNORECASE)
_BARE_VALUE = re.compile(r"[^\s()\"',+@=\\]+")
_BARE_PARTITION = re.compile(r"[^\s()\"',+]+")
_PARTITION_PIECE = re.compile(r'"((?:[^"]|"")*)"|[^"]+')


class _Binding(IntEnum):
    """How tightly a form holds its parts together; a looser one inside a tighter one needs parentheses."""

    OR = 1
    AND = 2
    NOT = 3
    REACH = 4
    ATOM = 5


def to_text(node: Node) -> str:
    """The selection as text that parses to the same tree."""
    match node:
        case Keys():
            text = _quoted_unless(_BARE_KEY, node.pattern)
            return f"{text}@{','.join(_term(term) for term in node.partitions)}" if node.partitions else text
        case Attribute():
            return f"{node.field}:{_quoted_unless(_BARE_VALUE, node.pattern)}"
        case Tag():
            key = _quoted_unless(_BARE_VALUE, node.key)
            if node.value is None:
                return f"tag:{key}"
            return f"tag:{key}={_quoted_unless(_BARE_VALUE, node.value)}"
        case Status():
            return f"status:{node.name}"
        case Changed():
            return f"changed:{node.change or ''}"
        case Ends():
            return f"{node.end}({to_text(node.operand)})"
        case Reach():
            operand = _within(node.operand, _Binding.ATOM)
            if isinstance(node.operand, Keys) and node.operand.partitions and (node.down or 0) > 999:
                operand = f"({operand})"  # `x@hour+1000` could be read as the offset of an hour
            return f"{_levels(node.up)}{operand}{_levels(node.down, after=True)}"
        case Not():
            return f"not {_within(node.operand, _Binding.NOT)}"
        case And():
            return " and ".join(_within(operand, _Binding.NOT) for operand in node.operands)
        case Or():
            return " or ".join(_within(operand, _Binding.AND) for operand in node.operands)
        case _:
            assert_never(node)


def _within(node: Node, floor: _Binding) -> str:
    text = to_text(node)
    return text if _binding(node) >= floor else f"({text})"


def _binding(node: Node) -> _Binding:
    match node:
        case Or():
            return _Binding.OR
        case And():
            return _Binding.AND
        case Not():
            return _Binding.NOT
        case Reach():
            return _Binding.REACH
        case _:
            return _Binding.ATOM


def _levels(levels: int | None, *, after: bool = False) -> str:
    if levels == 0:
        return ""
    number = "" if levels is None else str(levels)
    return f"+{number}" if after else f"{number}+"


def _term(term: str) -> str:
    """A partition term with the quotes of a selection in place of those that partitions definitions read."""
    return "".join(
        _quoted(piece[1].replace('""', '"')) if piece[1] is not None else _quoted_unless(_BARE_PARTITION, piece[0])
        for piece in _PARTITION_PIECE.finditer(term)
    )


def _quoted_unless(bare: re.Pattern[str], text: str) -> str:
    return text if bare.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
