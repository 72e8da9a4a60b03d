"""Checking queries before anything runs: columns and types against those of what they read, as far as they are known.

Known are the columns of source files, of published values that are fresh, and of queries over these. A value that is
stale or missing may get other columns when it is made, so nothing is said of a query that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assetflow.define.definitions import Computation
from assetflow.define.sql.query import Query
from assetflow.errors import AssetflowError, DefinitionError, Problem, QueryFailedError
from assetflow.model.plan import Verdict
from assetflow.project.planning import Planned, plan_request
from assetflow.project.request import Ask
from assetflow.project.sql_columns import sql_computations
from assetflow.store import StoredObject
from assetflow.store.binding import Binding
from assetflow.store.query import EngineError
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

_LARGEST = 32 << 20
"""Bytes of a text file that is worth reading only to know its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Problems that were found, and the queries that could not be checked: asset, the input not known, and why."""

    problems: tuple[Problem, ...]
    unchecked: tuple[tuple[str, str, str], ...]


def checked_request(project: Project, ask: Ask, environment: str | None) -> Planned:
    """The plan of a request; DefinitionError when a query in it cannot run."""
    planned = plan_request(project, ask, environment)
    found = check_queries(project, planned, {step.asset for step in planned.plan.steps})
    if found.problems:
        raise DefinitionError(found.problems)
    return planned


def check_queries(project: Project, planned: Planned, wanted: Collection[str]) -> Checked:
    """Bind every query of the wanted assets, and those that they read."""
    queries = sql_computations(project)
    if not queries.keys() & set(wanted):
        return Checked(problems=(), unchecked=())
    needed = queries.keys() & (set(wanted) | project.graph.ancestors(set(wanted) & set(project.graph.keys)))
    check = _Check(project, planned, Binding())
    try:
        for asset in project.graph.sorted(needed):
            check.query(asset, queries[asset], told=asset in wanted)
    finally:
        check.binding.close()
    return Checked(problems=tuple(check.problems), unchecked=tuple(check.unchecked))


class _Check:
    """One pass over the queries in the order of the graph."""

    def __init__(self, project: Project, planned: Planned, binding: Binding) -> None:
        self.project = project
        self.planned = planned
        self.binding = binding
        self.problems: list[Problem] = []
        self.unchecked: list[tuple[str, str, str]] = []
        self._large: dict[str, int] = {}
        self._asked: set[str] = set()

    def query(self, asset: str, computation: Computation, *, told: bool) -> None:
        # here: whoever has no queries loads nothing of what runs them
        from assetflow.executor.query import check_columns, query_failed

        query = computation.query
        assert query is not None
        if asset in query.upstreams:
            self.binding.add_declared(asset, query.columns)
        for key in query.upstreams:
            self._look(key)
        unknown = [key for key in query.upstreams if not self.binding.knows(key)]
        if unknown:
            if told:
                self.unchecked.append((asset, unknown[0], self._why(unknown[0])))
            return
        for table in query.tables:
            given = computation.declaration.options.inputs
            added = getattr(given.get(table.asset) if isinstance(given, Mapping) else None, "partition_column", None)
            self.binding.name_table(table.parts, table.asset, added=added)
        try:
            columns = self.binding.describe(
                query.text.text, _samples(query, computation), create=query.create, zone=query.zone
            )
            check_columns(query, columns, asset)
            self.binding.add_result(asset, columns)
        except EngineError as error:
            known = {key: self.binding.columns(key) for key in query.upstreams}
            self._tell(asset, computation, query_failed(query, error, known), told)
        except AssetflowError as error:
            self._tell(asset, computation, error, told)

    def _tell(self, asset: str, computation: Computation, error: AssetflowError, told: bool) -> None:
        if not told:
            return
        query, declaration = computation.query, computation.declaration
        place = error.payload.get("place") if isinstance(error, QueryFailedError) else None
        problem = Problem(slug="sql", message=f"asset `{asset}`: {error.message}", hint=error.hint, asset=asset)
        if query is not None and query.file is not None and isinstance(place, str) and place.startswith(query.file):
            line, _, column = place[len(query.file) + 1 :].partition(":")
            message = error.message.removeprefix(f"{place}: ")
            problem = replace(
                problem, message=f"asset `{asset}`: {message}", file=query.file, line=int(line), column=int(column)
            )
        else:
            spec = self.project.graph.specs[asset]
            at = spec.location
            problem = replace(problem, file=at.file if at else declaration.file, line=at.line if at else None)
        self.problems.append(problem)

    def _why(self, key: str) -> str:
        if key in self._large:
            return (
                f"`{key}` is a text file of {self._large[key] / 1e6:,.0f} MB, of which the columns are known only when "
                "all of it was read"
            )
        if key in self.project.loaded.definitions.sources:
            return f"the columns of `{key}` are not known"
        return f"`{key}` is made first, and its columns are not known yet"

    def _look(self, key: str) -> None:
        """Take the columns of an input from its file, once."""
        if key in self._asked or self.binding.knows(key):
            return
        self._asked.add(key)
        try:
            self._take(key)
        except Exception:  # whatever a reader says of a file: its columns are not known, and the run will tell
            return

    def _take(self, key: str) -> None:
        snapshot = self.planned.basis.snapshot
        root = self.project.settings.root
        if key in self.project.loaded.definitions.sources:
            seen = [found for found in snapshot.observations.get(key, {}).values() if found.error is None]
            names: Any = (seen[-1].detail.get("files") or ()) if seen else ()
            path = root / str(names[0]) if names else None
            if path is None:
                return
            if path.suffix != ".parquet" and (length := path.stat().st_size) > _LARGEST:
                self._large[key] = length
                return
            self.binding.add_file(key, path)
            return
        verdict = self.planned.plan.verdicts.get(key)
        records = list(snapshot.current.get(key, {}).values())
        if verdict is None or verdict.verdict is not Verdict.FRESH or not records:
            return
        stored = StoredObject.from_json(_json(records[-1].payload))
        if stored.format == "parquet":
            self.binding.add_file(key, self.project.store.path(stored.uri))


def _json(text: str) -> Any:
    return json.loads(text)


def _samples(query: Query, computation: Computation) -> dict[str, Any]:
    """A value of the right type for each parameter."""
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {
        "partition": "", "partitions": [""], "window_start": moment, "window_end": moment,
        **computation.declaration.bound,
    }  # fmt: skip
    return {name: values.get(name, "") for name in query.parameters}
