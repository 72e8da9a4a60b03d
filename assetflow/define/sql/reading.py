"""From the declaration of a SQL asset to its inputs, its parameters and its query; every problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assetflow.define.declare import Declaration, Dep
from assetflow.define.definitions import Parameter, Role
from assetflow.define.sql.assets import SqlScene, text_of
from assetflow.define.sql.query import BUILT_IN, Finding, Query, Reading, Setting
from assetflow.define.sql.text import spot
from assetflow.errors import InternalError, Problem, UsageError, did_you_mean
from assetflow.model.asset import InputSpec
from assetflow.model.mapping import TimeWindowMapping
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.time_partitions import TimePartitions
from assetflow.values import dataclass

CONTEXT = "context"
"""The parameter through which the partition, its window and the previous value reach a query."""

Edge = Callable[[Dep, str | None], InputSpec | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlReading:
    """What a SQL declaration means: the query (None when problems say why not), its parameters and its inputs."""

    query: Query | None
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()


def runs_in_duckdb(**_arguments: Any) -> None:
    """Stands where other assets have their function; a worker runs the query instead."""
    raise InternalError("a SQL asset has no function to call")


def read_declaration(
    declaration: Declaration, *, known: set[str], project: Path, scene: SqlScene, edge: Edge
) -> SqlReading:
    """Read the query of a declaration; `edge` makes an input of a `Dep`."""
    asset = str(declaration.key)
    place = _Place(declaration, project, asset)
    try:
        text, file = text_of(declaration, project)
    except UsageError as error:
        return SqlReading(query=None, problems=(place.problem(error.message, error.hint),))
    shown = place.shown(file) if file is not None else None
    assert declaration.sql is not None
    partitions = declaration.options.partitions
    names = _partition_parameters(partitions)
    setting = Setting(
        known=frozenset(known),
        parameters=frozenset((*names, *declaration.bound)),
        macros=scene.macros.with_own(declaration.sql.macros),
        cache=scene.cache,
    )
    reading = Reading(text, setting)
    query = reading.read(asset, shown)
    problems = [place.finding(found, text, shown) for found in reading.findings]
    columns, wrong = _columns(declaration)
    wrong += [] if query is None else _config_problems(declaration, query, names)
    if query is not None and asset in query.upstreams and not columns:
        hint = 'say which columns an empty one has: columns = {day = "DATE", total = "BIGINT"}'
        wrong.append(("the query reads its own earlier value, and the first time there is none", hint))
    problems += [place.problem(*each) for each in wrong]
    files = () if file is None else (file,)
    if query is None:
        return SqlReading(query=None, problems=tuple(problems), files=files)
    query = replace(query, columns=columns, zone=_zone(partitions))
    inputs = tuple(_inputs(declaration, query, edge, place, problems))
    return SqlReading(
        query=query, parameters=tuple(_parameters(declaration, query, inputs, names)), inputs=inputs,
        problems=tuple(problems), files=files,
    )  # fmt: skip


def _config_problems(declaration: Declaration, query: Query, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Config that is a partition's parameter, or that the query does not use."""
    found: list[tuple[str, str]] = []
    for name in declaration.bound:
        if name in names:
            text = f"config names `{name}`, which every partitioned query has as a parameter"
            found.append((text, "give it another name"))
        elif name not in query.parameters:
            hint = did_you_mean(name, query.parameters) or f"write `${name}` where its value belongs, or leave it out"
            found.append((f"config names `{name}`, and the query has no parameter `${name}`", hint))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Words problems of one declaration."""

    declaration: Declaration
    project: Path
    asset: str

    def shown(self, file: Path) -> str:
        resolved = file.resolve()
        return resolved.relative_to(self.project).as_posix() if resolved.is_relative_to(self.project) else str(file)

    def problem(self, message: str, hint: str | None = None) -> Problem:
        file = None if self.declaration.file is None else self.shown(Path(self.declaration.file))
        return Problem(
            slug="sql", message=f"asset `{self.asset}`: {message}", hint=hint, asset=self.asset, file=file,
            line=self.declaration.line,
        )  # fmt: skip

    def finding(self, found: Finding, text: str, file: str | None) -> Problem:
        if found.at is None:
            return self.problem(found.message, found.hint)
        where = spot(text, found.at)
        message = f"asset `{self.asset}`: {found.message}\n{where.shown(found.length)}"
        if file is None:
            plain = self.problem(f"{found.message} (line {where.line}, column {where.column} of the query)")
            return replace(plain, message=f"{plain.message}\n{where.shown(found.length)}", hint=found.hint)
        return Problem(
            slug="sql", message=message, hint=found.hint, asset=self.asset, file=file, line=where.line,
            column=where.column,
        )  # fmt: skip


def _partition_parameters(partitions: Any) -> tuple[str, ...]:
    if not isinstance(partitions, PartitionsDefinition):
        return ()
    dimensions = tuple(f"partition_{name}" for name in partitions.axis_names if name)
    return (*BUILT_IN, *dimensions)


def _zone(partitions: Any) -> str:
    """The zone in which a query sees times: that of its partitions, or UTC; never that of the machine."""
    if not isinstance(partitions, PartitionsDefinition):
        return "UTC"
    return next((axis.tz for axis in partitions.axes if isinstance(axis, TimePartitions)), "UTC")


def _columns(declaration: Declaration) -> tuple[tuple[tuple[str, str], ...], list[tuple[str, str]]]:
    """The declared types by column; a plain text is a type, a table may hold a description too."""
    assert declaration.sql is not None
    found: list[tuple[str, str]] = []
    wrong: list[tuple[str, str]] = []
    for name, value in declaration.sql.columns.items():
        kind = value.get("type") if isinstance(value, Mapping) else value
        extra = set(value) - {"type", "description"} if isinstance(value, Mapping) else set()
        if extra or (kind is not None and not isinstance(kind, str)):
            wrong.append((f"columns: `{name}` is {value!r}", 'write a type, or {type = "…", description = "…"}'))
        elif kind is not None:
            found.append((str(name), kind))
    return tuple(found), wrong


def _inputs(
    declaration: Declaration, query: Query, edge: Edge, place: _Place, problems: list[Problem]
) -> Iterator[InputSpec]:
    """An input for each asset the query names; what `inputs` says beside it decides its mapping."""
    own = str(declaration.key)
    given: dict[str, Any] = dict(declaration.options.inputs)
    partitions = declaration.options.partitions
    for key in query.upstreams:
        wanted = given.pop(key, None)
        if key == own and not isinstance(partitions, PartitionsDefinition):
            continue  # its own previous value: no input, since it would never be fresh
        dep = wanted if isinstance(wanted, Dep) else Dep(key, mapping=wanted)
        if dep.asset != key and str(getattr(dep.asset, "key", dep.asset)) != key:
            problems.append(place.problem(f"inputs: `{key}` stands for another asset", f'write Dep("{key}", …)'))
        if key == own and dep.mapping is None and isinstance(partitions, TimePartitions):
            dep = replace(dep, mapping=TimeWindowMapping(-1, -1))
        made = edge(replace(dep, asset=key), key)
        if made is not None:
            yield made
    for key in given:
        problems.append(
            place.problem(
                f"inputs: the query does not read `{key}`",
                did_you_mean(key, query.upstreams) or "an asset to wait for belongs into deps",
            )
        )


def _parameters(
    declaration: Declaration, query: Query, inputs: tuple[InputSpec, ...], names: tuple[str, ...]
) -> Iterator[Parameter]:
    for edge in inputs:
        yield Parameter(name=edge.param or edge.upstream, role=Role.INPUT, upstream=edge.upstream)
    for name, value in declaration.bound.items():
        annotation = type(value) if isinstance(value, (bool, int, float, str)) else None
        yield Parameter(name=name, role=Role.VALUE, annotation=annotation, default=value)
    own = str(declaration.key)
    reads_itself = own in query.upstreams and all(edge.upstream != own for edge in inputs)
    if reads_itself or set(names) & set(query.parameters):
        yield Parameter(name=CONTEXT, role=Role.CONTEXT)
