"""Column lineage of an asset, followed up and down through all assets whose queries can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from assetflow.errors import UsageError, did_you_mean
from assetflow.project.loaded import check_assets
from assetflow.project.sql_columns import column_descriptions, recorded_columns
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

EVERY = "*"
"""A column that stands for all: single ones cannot be told, or none counts but the rows do."""


class ColumnHop(NamedTuple):
    """One column edge and its distance from where the question started (1: direct)."""

    asset: str
    column: str
    input_asset: str
    input_column: str
    kind: str
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage:
    """The column lineage of an asset, or of one column of it, both ways, nearest first."""

    asset: str
    column: str | None
    upstream: tuple[ColumnHop, ...]
    downstream: tuple[ColumnHop, ...]
    descriptions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document that `lineage --columns --json` prints."""
        return {
            "asset": self.asset,
            "column": self.column,
            "descriptions": dict(self.descriptions),
            "upstream": [hop._asdict() for hop in self.upstream],
            "downstream": [hop._asdict() for hop in self.downstream],
        }


Edge = tuple[str, str, str, str, str]


def column_closure(project: Project, asset: str, column: str | None, *, depth: int | None) -> ColumnLineage:
    """Follow `column_lineage` from the columns of an asset; UsageError for a column that it does not have."""
    check_assets(project.graph, [asset])
    edges: list[Edge] = [
        (row["asset"], row["column"], row["input_asset"], row["input_column"], row["kind"])
        for row in project.query("select * from column_lineage order by all")
    ]
    up: dict[str, list[Edge]] = {}
    down: dict[str, list[Edge]] = {}
    for edge in edges:
        up.setdefault(edge[0], []).append(edge)
        down.setdefault(edge[2], []).append(edge)
    known = (
        {edge[1] for edge in up.get(asset, ())} | {edge[3] for edge in down.get(asset, ())} | _columns(project, asset)
    )
    known.discard(EVERY)
    described = column_descriptions(project, asset)
    if column is not None and column not in known:
        named = [each for each in known if each.lower() == column.lower()]
        if len(named) != 1:
            hint = did_you_mean(column, known) or f"known are {', '.join(sorted(known)) or 'none of its columns'}"
            raise UsageError(f"no lineage is known of a column `{column}` of `{asset}`", hint=hint)
        column = named[0]
    start = {(asset, EVERY if column is None else column)}
    above = _closure(start, up, at=(0, 1), to=(2, 3), depth=depth)
    below = _closure(start, down, at=(2, 3), to=(0, 1), depth=depth)
    return ColumnLineage(
        asset=asset, column=column, upstream=tuple(above), downstream=tuple(below),
        descriptions={name: text for name, text in described.items() if column in (None, name)},
    )  # fmt: skip


def _columns(project: Project, asset: str) -> set[str]:
    """The columns that an asset is known to have, whatever its lineage says of them."""
    snapshot = project.catalog.snapshot(project.settings.environment, assets=(asset,))
    return set(recorded_columns(project, snapshot, [asset]).get(asset, ()))


def _closure(
    start: Iterable[tuple[str, str]],
    edges: Mapping[str, list[Edge]],
    *,
    at: tuple[int, int],
    to: tuple[int, int],
    depth: int | None,
) -> list[ColumnHop]:
    """Every edge that leads on from these columns, each at its least distance, breadth first."""
    found: dict[Edge, int] = {}
    reached = set(start)
    front = sorted(reached)
    level = 0
    while front and (depth is None or level < depth):
        level += 1
        following: set[tuple[str, str]] = set()
        for asset, column in front:
            for edge in edges.get(asset, ()):
                if (edge not in found and EVERY in (column, edge[at[1]])) or edge[at[1]] == column:
                    if edge in found:
                        continue
                    found[edge] = level
                    following.add((edge[to[0]], edge[to[1]]))
        front = sorted(following - reached)
        reached |= following
    return [ColumnHop(*edge, depth=level) for edge, level in sorted(found.items(), key=lambda item: (item[1], item[0]))]
