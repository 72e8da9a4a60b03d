"""What an expression is made of: every column it mentions, and in which role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assetflow.define.sql.columns import EVERY, NOTHING, Origin, Origins, Result, Scope, Use, used_as
from assetflow.define.sql.tree import Node
from assetflow.values import dataclass

_ROLES = {"partitions": Use.GROUP, "orders": Use.ORDER, "arg_orders": Use.ORDER, "order_bys": Use.ORDER}
_FILTERS = frozenset({"filter", "filter_expr"})

Subquery = Callable[[Node, Scope], Result]


@dataclass(frozen=True, slots=True)
class Expressions:
    """Follows expressions; `subquery` follows a query within one, `star` is what `*` stands for in an expression.

    `macros` are what calls of macros read beside their arguments, by name.
    """

    subquery: Subquery
    macros: Mapping[str, Origins | None]

    def origins(self, expression: Any, scope: Scope, *, star: Origins | None = None) -> Origins:
        """Everything that an expression is made of."""
        found: set[Origin] = set()
        # a stack, since a sum of a thousand terms is a tree of a thousand levels
        stack: list[tuple[Any, Use, frozenset[str]]] = [(expression, Use.VALUE, frozenset())]
        while stack:
            node, use, bound = stack.pop()
            if isinstance(node, list):
                stack.extend((part, use, bound) for part in node)
                continue
            if not isinstance(node, dict):
                continue
            match node.get("class"):
                case "COLUMN_REF":
                    found |= used_as(self._column(node, scope, bound), use)
                case "STAR":
                    every = star if star is not None else _every(scope)
                    found |= used_as(every, use)
                    stack.append((node.get("expr"), use, bound))
                case "SUBQUERY":
                    inner = self.subquery(node["subquery"]["node"], Scope(outer=scope))
                    made = inner.all_origins() | used_as(inner.rows, Use.FILTER)
                    found |= used_as(made, use)
                    stack.append((node.get("child"), use, bound))
                case "LAMBDA":
                    names = frozenset(str(each).lower() for each in _lambda_names(node.get("lhs")))
                    stack.append((node.get("expr"), use, bound | names))
                case _:
                    if node.get("class") == "FUNCTION":
                        read = self.macros.get(str(node.get("function_name", "")).lower(), NOTHING)
                        found |= _every(scope, Use.UNKNOWN) if read is None else used_as(read, use)
                    stack.extend((part, role, bound) for part, role in _parts(node, use))
        return frozenset(found)

    def _column(self, node: Node, scope: Scope, bound: frozenset[str]) -> Origins:
        parts = tuple(str(part) for part in node["column_names"])
        if parts[0].lower() in bound:
            return NOTHING
        found = scope.column(parts)
        return _every(scope, Use.UNKNOWN) if found is None else found


def _parts(node: Node, use: Use) -> Iterator[tuple[Any, Use]]:
    for name, part in node.items():
        if isinstance(part, (dict, list)):
            role = Use.FILTER if name in _FILTERS else _ROLES.get(name, Use.VALUE)
            yield part, (role if use is Use.VALUE else use)


def _lambda_names(lhs: Any) -> Iterator[str]:
    stack = [lhs]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if node.get("class") == "COLUMN_REF":
                yield str(node["column_names"][-1])
            stack.extend(value for name, value in node.items() if name != "column_names")
        elif isinstance(node, str):
            yield node


def _every(scope: Scope, use: Use = Use.VALUE) -> Origins:
    """All columns in scope, also those of the queries around: what a name that nothing explains may mean."""
    found: set[Origin] = set()
    around: Scope | None = scope
    while around is not None:
        for table in around.tables:
            found |= table.result.all_origins()
        around = around.outer if use is Use.UNKNOWN else None
    if use is Use.UNKNOWN:
        return frozenset(Origin(origin.asset, EVERY, use) for origin in found)
    return frozenset(found)
