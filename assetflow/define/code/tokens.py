"""Small rules of the canonical form: constants, dotted names, blocks without idle statements, annotations."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from typing import Any

BLOCKS = frozenset({"body", "orelse", "finalbody"})
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_TRANSPARENT = frozenset(
    {
        "abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "asynccontextmanager", "deleter",
        "final", "getter", "lru_cache", "overload", "override", "property", "setter", "staticmethod", "wraps",
    }
)  # fmt: skip
_LITERAL_SUBSCRIPTS = frozenset({"Literal", "Annotated"})


@cache
def fields_of(kind: str) -> tuple[str, ...]:
    """The fields of a node type that count, by the name of the type."""
    return tuple(field for field in getattr(ast, kind)._fields if field not in _IGNORED_FIELDS)


def constant(value: object) -> str:
    """The token of a literal, by type and value: `1`, `True` and `1.0` differ, `"a"` and `'a'` do not."""
    if isinstance(value, str):
        return f"s{len(value)}:{value} "
    if value is None or value is ... or isinstance(value, bool):
        return f"{value} "
    if isinstance(value, int):
        return f"i{value:x} "
    if isinstance(value, bytes):
        return f"y{value.hex()} "
    return f"{type(value).__name__}{value!r} "


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` for a name with attributes, empty for anything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(attributes)]) if attributes else node.id


def effective(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements of a block but for docstrings, other bare literals, and `pass`."""
    return [
        statement
        for statement in statements
        if not (
            isinstance(statement, ast.Pass)
            or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        )
    ]


def merged_parts(node: ast.JoinedStr) -> list[Any]:
    """The parts of an f-string as tokens and nodes, with neighboring texts joined: parsers split them differently."""
    parts: list[Any] = []
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            parts.append(constant(text))
            text = ""
        parts.append(value)
    if text:
        parts.append(constant(text))
    return parts


def is_transparent(decorator: ast.expr) -> bool:
    """Whether a decorator is known not to look at annotations, going by its last name."""
    callee = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted_name(callee).rpartition(".")[2] in _TRANSPARENT


def parsed_annotation(node: ast.expr) -> ast.expr:
    """An annotation with the quotes taken off: `"Frame"` reads as `Frame`, also inside `list["Frame"]`.

    The arguments of `Literal` and `Annotated` stay as they are, since there a text is a value.
    """
    holder = ast.Expr(value=node)
    pending: list[tuple[Any, str | int]] = [(holder, "value")]
    while pending:
        owner, place = pending.pop()
        part = owner[place] if isinstance(place, int) else getattr(owner, place)
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                part = ast.parse(part.value.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                continue
            if isinstance(place, int):
                owner[place] = part
            else:
                setattr(owner, place, part)
        if isinstance(part, ast.Subscript):
            if dotted_name(part.value).rpartition(".")[2] not in _LITERAL_SUBSCRIPTS:
                pending.append((part, "slice"))
        elif isinstance(part, ast.BinOp):
            pending += [(part, "left"), (part, "right")]
        elif isinstance(part, (ast.Tuple, ast.List)):
            pending += [(part.elts, index) for index in range(len(part.elts))]
    return holder.value
