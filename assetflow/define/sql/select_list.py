"""The select list: its columns, with stars written out and aliases that later items may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from assetflow.define.sql.columns import NOTHING, Column, Origins, Result, Scope, Table
from assetflow.define.sql.expressions import Expressions
from assetflow.define.sql.tree import Node, constant, nodes
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a select list gives: its columns; `rest` and `asset` as in `Result`, for stars over unknown columns.

    `aliases` are what later parts of the query may call by name, `plain` what items without an aggregate are made of.
    """

    columns: tuple[Column, ...]
    rest: Origins | None = None
    asset: str | None = None
    aliases: Mapping[str, Origins] = field(default_factory=dict)
    plain: Origins = NOTHING


@dataclass(frozen=True, slots=True)
class SelectList:
    """Follows select lists."""

    expressions: Expressions
    aggregates: frozenset[str]
    text: Callable[[Node], str]
    """An expression as DuckDB writes it, which is the name of a column without one."""

    def columns(self, items: Sequence[Node], scope: Scope) -> Chosen:
        """The columns of a list, in order."""
        made: list[Column] = []
        aliases: dict[str, Origins] = {}
        plain: set[object] = set()
        rest: Origins | None = None
        assets: list[str] = []
        for item in items:
            here = replace(scope, aliases=aliases)
            stars = [node for node in nodes(item) if node.get("class") == "STAR"]
            if item.get("class") == "STAR" and not item.get("expr"):
                found = self._star(item, here)
            elif stars:
                found = self._columns(item, stars, here)
            elif _is_unnest(item):
                found = Result((), rest=self.expressions.origins(item, here))
            else:
                origins = self.expressions.origins(item, here)
                found = Result((Column(self._name(item), origins),))
                if item.get("alias"):
                    aliases[str(item["alias"]).lower()] = origins
            made += found.columns
            if found.rest is not None:
                rest = (rest or NOTHING) | found.rest
            if found.asset is not None:
                assets.append(found.asset)
            if not self._aggregates(item):
                plain |= found.all_origins()
        result = Result(tuple(made), rest=rest, asset=assets[0] if len(assets) == 1 else None)
        if len(assets) > 1:
            unsure = [Result((), asset=asset).all_origins() for asset in assets]
            result = replace(result, rest=(rest or NOTHING).union(*unsure))
        return Chosen(result.columns, result.rest, result.asset, aliases, frozenset(plain))  # type: ignore[arg-type]

    def _aggregates(self, item: Node) -> bool:
        return any(
            node.get("class") == "FUNCTION" and str(node.get("function_name", "")).lower() in self.aggregates
            for node in nodes(item)
        )

    # --- stars -----------------------------------------------------------------------------------------------

    def _star(self, item: Node, scope: Scope) -> Result:
        """`*`, `t.*`, with EXCLUDE, REPLACE and RENAME."""
        left_out = {str(_last(each)).lower() for each in item.get("exclude_list") or ()}
        left_out |= {str(_last(each)).lower() for each in item.get("qualified_exclude_list") or ()}
        replaced = {
            str(_last(each["key"])).lower(): self.expressions.origins(each["value"], scope)
            for each in item.get("replace_list") or ()
        }
        renamed = {str(_last(each["key"])).lower(): str(each["value"]) for each in item.get("rename_list") or ()}
        columns = []
        for column in _visible(item.get("relation_name"), scope):
            name = column.name.lower()
            if name not in left_out:
                columns.append(Column(renamed.get(name, column.name), replaced.get(name, column.origins)))
        unsure = [table.result for table in _meant(item.get("relation_name"), scope) if not table.result.is_closed]
        if not unsure:
            return Result(tuple(columns))
        columns += [Column(name, origins) for name, origins in replaced.items()]
        only = unsure[0] if len(unsure) == 1 and not renamed else None
        if only is not None and only.asset is not None:
            return Result(tuple(columns), rest=only.rest, asset=only.asset)
        return Result(tuple(columns), rest=frozenset().union(*(result.all_origins() for result in unsure)))

    def _columns(self, item: Node, stars: Sequence[Node], scope: Scope) -> Result:
        """`columns(…)` in an expression gives one output for each column it matches."""
        star = stars[0]
        pattern = constant(star["expr"]) if isinstance(star.get("expr"), dict) else None
        unsure = any(not table.result.is_closed for table in _meant(star.get("relation_name"), scope))
        if len(stars) > 1 or unsure or not star.get("columns") or (star.get("expr") and pattern is None):
            every = self.expressions.origins(item, scope)
            if not star.get("columns") and item.get("class") == "FUNCTION" and not _is_pattern(item):
                return Result((Column(self._name(item), every),))  # count(*) and its like
            return Result((), rest=every)
        made = []
        for column in self._star({**star, "expr": None}, scope).columns:
            if pattern is None or re.search(str(pattern), column.name):
                origins = self.expressions.origins(item, scope, star=column.origins)
                made.append(Column(str(item.get("alias") or column.name), origins))
        return Result(tuple(made))

    def _name(self, item: Node) -> str:
        if item.get("alias"):
            return str(item["alias"])
        names = item.get("column_names")
        return str(names[-1]) if names else self.text(item)


def _is_pattern(item: Node) -> bool:
    """`* like 'a%'` is a list of columns, `count(*)` is one."""
    return bool(item.get("is_operator")) or str(item.get("function_name", "")).startswith(("~~", "!~~", "regexp"))


def _meant(relation: object, scope: Scope) -> Iterator[Table]:
    for table in scope.tables:
        if not relation or table.is_called((str(relation),)):
            yield table


def _visible(relation: object, scope: Scope) -> Iterator[Column]:
    for table in _meant(relation, scope):
        for column in table.result.columns:
            name = column.name.lower()
            if relation:
                yield column
            elif name not in table.hidden:
                yield Column(column.name, scope.merged.get(name, column.origins))


def _last(key: object) -> object:
    if isinstance(key, dict):
        return key.get("column", next(iter(key.values()), ""))
    return key


def _is_unnest(item: Node) -> bool:
    """`unnest(…)` without a name: of a struct it is a column for each field."""
    return not item.get("alias") and str(item.get("function_name", "")).lower() in ("unnest", "unlist")
