"""What is known of columns: of the inputs of SQL assets, and by that of their own, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.catalog.rows import AssetRow, ColumnEdge, FoldReport
from assetflow.define.config_values import ResolvedConfig
from assetflow.define.definitions import Computation
from assetflow.define.sql.lineage import column_edges
from assetflow.errors import AssetflowError
from assetflow.model.asset import AssetSpec
from assetflow.model.record import Snapshot
from assetflow.store.query import file_columns

if TYPE_CHECKING:
    from assetflow.project.project import Project


def asset_rows(project: Project, configs: Mapping[str, ResolvedConfig]) -> tuple[list[AssetRow], str]:
    """The rows of the catalog's `assets` view with their column lineage, and a digest that changes with them."""
    return project.loaded.asset_rows(configs, column_lineage(project))


def fold_definitions(project: Project) -> FoldReport:
    """Fold what is pending into the catalog, with the definitions as they are now."""
    rows, digest = asset_rows(project, project.loaded.configs({}))
    return project.catalog.fold(rows, digest=digest)


def sql_computations(project: Project) -> dict[str, Computation]:
    """The computations that are queries, by asset."""
    found = project.loaded.definitions.computations.values()
    return {computation.assets[0]: computation for computation in found if computation.query is not None}


def column_lineage(project: Project) -> dict[str, tuple[ColumnEdge, ...]]:
    """Where the columns of every asset come from, as far as it can be seen by now."""
    queries = sql_computations(project)
    cache = project.loaded.definitions.queries
    found = {key: _unseen(spec) for key, spec in project.graph.specs.items() if key not in queries}
    if not queries or cache is None:
        return found
    wanted = {key for computation in queries.values() if computation.query for key in computation.query.upstreams}
    snapshot = project.catalog.snapshot(project.settings.environment, assets=(*sorted(wanted | set(queries)),))
    known = recorded_columns(project, snapshot, wanted | set(queries))
    for asset, computation in queries.items():
        assert computation.query is not None
        inputs = {key: names for key in computation.query.upstreams if (names := _seen(computation, key, known))}
        records = snapshot.current.get(asset, {}).values()
        version = project.loaded.code(asset).version
        is_current = any(record.code_version == version for record in records)
        output = known.get(asset) if is_current else None
        edges = column_edges(computation.query, inputs, output, cache)
        found[asset] = tuple(ColumnEdge(*edge) for edge in edges)
    cache.save()
    return found


def _unseen(spec: AssetSpec) -> tuple[ColumnEdge, ...]:
    """What other assets do with columns cannot be seen: any may come from any."""
    return tuple(ColumnEdge("*", key, "*", "unknown") for key in spec.upstreams if key != spec.key)


def recorded_columns(project: Project, snapshot: Snapshot, assets: Iterable[str]) -> dict[str, Sequence[str]]:
    """The columns of what is published, and of source files, by asset; no entry where nothing is known."""
    found: dict[str, Sequence[str]] = {}
    for asset in assets:
        if asset in project.loaded.definitions.sources:
            columns = _source_columns(project, snapshot, asset)
        else:
            columns = _published_columns(snapshot, asset)
        if columns:
            found[asset] = columns
    return found


def _published_columns(snapshot: Snapshot, asset: str) -> list[str]:
    records = list(snapshot.current.get(asset, {}).values())
    schema = json.loads(records[-1].payload).get("schema") if records else None
    return [name for name, _ in schema or ()]


def _source_columns(project: Project, snapshot: Snapshot, asset: str) -> list[str]:
    """The columns of a source's first file, read once for each version of it."""
    cache = project.loaded.definitions.queries
    seen = [found for found in snapshot.observations.get(asset, {}).values() if found.error is None]
    names = (seen[-1].detail.get("files") or ()) if seen else ()
    if cache is None or not isinstance(names, (list, tuple)) or not names:
        return []
    path = project.settings.root / str(names[0])
    listed: Any = cache.kept("source", json.dumps([str(names[0]), seen[-1].data_version]), lambda: _columns_of(path))
    return list(listed)


def _columns_of(path: Path) -> list[str]:
    try:
        return [name for name, _ in file_columns(path)]
    except (AssetflowError, OSError):
        return []  # no table, or gone: nothing is known of it then


def column_descriptions(project: Project, asset: str) -> dict[str, str]:
    """What the options of a query say of its columns, by name; nothing for any other asset."""
    spec = project.graph.specs[asset]
    computation = project.loaded.definitions.computations.get(spec.computation)
    declared = None if computation is None else computation.declaration.sql
    found = {} if declared is None else declared.columns
    return {
        str(name): str(value["description"])
        for name, value in found.items()
        if isinstance(value, Mapping) and value.get("description")
    }


def _seen(computation: Computation, key: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns of an input as the query sees it: with the partition column that it asked for."""
    if key not in known:
        return []
    given = computation.declaration.options.inputs
    added = getattr(given.get(key) if isinstance(given, Mapping) else None, "partition_column", None)
    return [*known[key], *([added] if added else [])]
