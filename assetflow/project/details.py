"""Everything about one asset that a person looks for first: declaration, verdict, value, history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from assetflow.catalog.rows import HistoryRow, QueryResult
from assetflow.errors import PartitionError, QueryError
from assetflow.model.asset import AssetSpec
from assetflow.model.plan import AssetVerdict
from assetflow.model.record import Observation, Partition
from assetflow.project.listing import AssetListing, list_assets
from assetflow.project.loaded import check_assets
from assetflow.project.planning import look_over
from assetflow.project.request import Ask
from assetflow.project.sql_columns import column_descriptions
from assetflow.project.statistics import Statistics, statistics_of
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.planning import Planned
    from assetflow.project.project import Project

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 2_000
_HISTORY = 5


class Size(NamedTuple):
    """How large one materialization is."""

    materialized_at: str
    partition: Partition
    rows: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetDetails:
    """One asset, or one of its partitions.

    `verdict` is None for a source, which has `observations` instead; `current` is the latest publication; of its
    value `rows` hold the first few where it is a table, `text` the beginning where it reads as text, `path` the place.
    `is_outside` marks a partition that is kept, though the definition does not have it. `growth` holds the sizes of all
    versions, oldest first (`growth_of_versions`), or of the published partitions of an asset asked for whole, by key.
    `descriptions` are what a query's options say of its columns;
    `statistics` is None where there is no table; `unreadable` says why the stored value cannot be read.
    """

    spec: AssetSpec
    partition: Partition
    listing: AssetListing
    downstream: tuple[str, ...]
    verdict: AssetVerdict | None
    observations: tuple[Observation, ...]
    current: HistoryRow | None
    history: tuple[HistoryRow, ...]
    made: int
    rows: QueryResult | None
    text: str | None
    path: str | None
    growth: tuple[Size, ...]
    growth_of_versions: bool
    statistics: Statistics | None
    descriptions: Mapping[str, str] = field(default_factory=dict)
    unreadable: str | None = None
    is_outside: bool = False

    def to_json(self) -> dict[str, Any]:
        current = None
        if self.current is not None:
            current = self.current._asdict()
            del current["payload"], current["column_versions"], current["schema"]
            current["path"] = self.path
        schema = None
        if self.current is not None and self.current.schema is not None:
            said = self.descriptions
            schema = [{"column": n, "type": kind, "description": said.get(n)} for n, kind in self.current.schema]
        rows = None if self.rows is None else [dict(zip(self.rows.columns, r, strict=True)) for r in self.rows.rows]
        return {
            **self.listing.to_json(),
            "partition": self.partition,
            "outside_definition": self.is_outside,
            "downstreams": list(self.downstream),
            "definition": None if self.spec.partitions is None else self.spec.partitions.describe(),
            "causes": [] if self.verdict is None else [c.to_json() for g in self.verdict.groups for c in g.causes],
            "observations": [
                {"partition": o.partition, "data_version": o.data_version, "observed_at": o.observed_at,
                 "error": o.error, "detail": dict(o.detail)}
                for o in self.observations
            ],
            "current": current,
            "schema": schema,
            "unreadable": self.unreadable,
            "statistics": None if self.statistics is None else self.statistics.to_json(),
            "growth": [size._asdict() for size in self.growth],
            "preview": rows if rows is not None else self.text,
            "materializations": self.made,
            "history": [
                {"materialization": h.materialization, "partition": h.partition, "run_id": h.run_id,
                 "materialized_at": h.materialized_at, "data_version": h.data_version, "rows": h.rows,
                 "seconds": h.seconds, "current_in": list(h.current_in), "causes": h.causes,
                 "code_changed": h.code_changed}
                for h in self.history
            ],
        }  # fmt: skip


def asset_details(
    project: Project, asset: str, partition: Partition = None, *, large_statistics: bool = False
) -> AssetDetails:
    """The details of an asset, or of one partition; errors with the nearest name for what does not exist.

    With `large_statistics` the statistics of a large table are computed too, which reads all of it.
    """
    graph = project.graph
    check_assets(graph, [asset])
    is_outside = partition is not None and _is_outside(project, asset, partition)
    narrowed = () if partition is None or is_outside else (partition,)
    planned = look_over(project, Ask(selection=(f'"{asset}"',), partitions=narrowed), None)
    spec = graph.specs[asset]
    history = project.catalog.history(asset, partition)
    current = next((row for row in history if planned.plan.environment in row.current_in), None)
    current = current or next((row for row in history if row.current_in), None)
    rows, text, path = None, None, None
    statistics, unreadable = None, None
    try:
        rows, text, path = _preview(project, current)
        statistics = None if current is None else statistics_of(project, current, large=large_statistics)
    except QueryError as error:  # everything else can be told all the same
        unreadable = error.message
    of_versions = partition is not None or spec.partitions is None
    return AssetDetails(
        spec=spec,
        partition=partition,
        listing=list_assets(graph, planned, [asset])[0],
        downstream=graph.downstream(asset),
        verdict=None if is_outside else planned.plan.verdicts.get(asset),
        observations=_observations(planned, asset, partition),
        current=current,
        history=tuple(history[:_HISTORY]),
        made=len(history),
        rows=rows,
        text=text,
        path=path,
        growth=_growth(history, planned.plan.environment, of_versions=of_versions),
        growth_of_versions=of_versions,
        statistics=statistics,
        descriptions=column_descriptions(project, asset),
        unreadable=unreadable,
        is_outside=is_outside,
    )


def _growth(history: Sequence[HistoryRow], environment: str, *, of_versions: bool) -> tuple[Size, ...]:
    rows = list(reversed(history))
    if not of_versions:
        shown = {row.partition: row for row in rows if "prod" in row.current_in}
        shown |= {row.partition: row for row in rows if environment in row.current_in}
        rows = [shown[key] for key in sorted(shown, key=lambda key: key or "")]
    return tuple(Size(row.materialized_at, row.partition, row.rows, row.bytes) for row in rows)


def _is_outside(project: Project, asset: str, partition: str) -> bool:
    """Whether the definition lacks a partition of which something is kept; its error when nothing is."""
    try:
        project.universe().check_partition(asset, partition)
    except PartitionError:
        if partition not in project.snapshot().current.get(asset, {}):
            raise
        return True
    return False


def _observations(planned: Planned, asset: str, partition: Partition) -> tuple[Observation, ...]:
    seen = planned.basis.snapshot.observations.get(asset, {})
    return tuple(found for key, found in seen.items() if partition in (None, key))


def _preview(project: Project, current: HistoryRow | None) -> tuple[QueryResult | None, str | None, str | None]:
    """The first rows, or the beginning of the text, and the path of a stored value."""
    if current is None:
        return None, None, None
    path = project.store.path(current.uri)
    if not path.is_file():
        return None, None, str(path) if path.exists() else None
    if current.format == "parquet" and not current.schema:
        return None, None, str(path)  # a table without columns, which DuckDB refuses
    if current.format == "parquet":
        literal = str(path).replace("'", "''")
        return project.catalog.query(f"from read_parquet('{literal}') limit {PREVIEW_ROWS}"), None, str(path)
    try:
        with path.open("rb") as file:
            beginning = file.read(PREVIEW_CHARACTERS * 4).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None, None, str(path)
    return None, _laid_out(beginning)[:PREVIEW_CHARACTERS], str(path)


def _laid_out(text: str) -> str:
    """JSON with a line per field, when it is short enough to be whole; other text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text
