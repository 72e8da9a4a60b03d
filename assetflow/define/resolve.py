"""From declarations to definitions: keys, inputs and parameters checked together, every problem reported at once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assetflow.define.annotations import (
    FunctionParameter,
    annotations_of,
    innermost,
    is_config,
    is_context,
    is_resource,
    parameters_of,
)
from assetflow.define.declare import NO_OPTIONS, Declaration, Dep, Output, SourceAsset, declaration_of
from assetflow.define.definitions import Computation, Definitions, Parameter, Role
from assetflow.define.limits import compute_of, limit_problems, limits_of
from assetflow.define.partition_options import (
    added_names,
    added_problems,
    batch_size,
    dynamic_names,
    option_problems,
    own_history_problems,
)
from assetflow.define.policy_options import is_retry, policy_fields, policy_problems, retry_option
from assetflow.define.row_key import row_key, row_key_problems
from assetflow.define.sql.assets import SqlAsset, SqlScene, with_partitions
from assetflow.define.sql.reading import read_declaration, runs_in_duckdb
from assetflow.define.tolerance import tolerance_from
from assetflow.errors import AssetflowError, Problem, did_you_mean
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec, Location
from assetflow.model.keys import key_problem
from assetflow.model.mapping import PartitionMapping, as_mapping
from assetflow.model.partitions import PartitionsDefinition


def resolve(
    declarations: Iterable[Declaration],
    *,
    project: Path,
    roots: Sequence[Path] = (),
    resources: Sequence[Any] = (),
    files: Sequence[Path] = (),
    scene: SqlScene | None = None,
) -> tuple[Definitions, tuple[Problem, ...]]:
    """Definitions from declarations, and everything found wrong with single declarations.

    What is wrong between them (cycles, duplicates, mappings) is the graph's to find.
    """
    scene = scene or SqlScene()
    listed, problems = with_partitions(list(declarations), project)
    places = functools.cache(functools.partial(_place, project=project, roots=roots))
    known = {output.key for declaration in listed for output in declaration.outputs if isinstance(output.key, str)}
    dynamic = dynamic_names(listed)
    specs: list[AssetSpec] = []
    computations: dict[str, Computation] = {}
    sources: dict[str, Declaration] = {}
    query_files: list[Path] = []
    for declaration in listed:
        reader = _Reader(declaration, known, project, places, scene)
        made, computation = reader.read()
        for problem in added_problems(declaration.options, dynamic):
            reader.problem(*problem)
        problems.extend(reader.problems)
        query_files += reader.files
        specs.extend(made)
        if computation is not None:
            computations.setdefault(computation.name, computation)
        elif declaration.kind is AssetKind.SOURCE:
            sources.setdefault(declaration.key, declaration)
    definitions = Definitions(
        specs=tuple(specs),
        computations=computations,
        sources=sources,
        resources=tuple(resources),
        files=tuple(dict.fromkeys((*files, *query_files))),
        queries=scene.cache,
    )
    return definitions, tuple(problems)


Places = Callable[[str], tuple[str, str]]
"""A file to how it is shown and the default group of its assets; asked once for each file."""


class _Reader:
    """Reads one declaration; collects its problems instead of stopping at the first."""

    def __init__(
        self, declaration: Declaration, known: set[str], project: Path, places: Places, scene: SqlScene
    ) -> None:
        self.declaration = declaration
        self.options = declaration.options
        self.known = known
        self.project = project
        self.scene = scene
        self.files: tuple[Path, ...] = ()
        shown, self.group = ("", "default") if declaration.file is None else places(declaration.file)
        self.location = None if declaration.file is None else Location(file=shown, line=declaration.line)
        self.problems: list[Problem] = []
        self.asset = declaration.key if isinstance(declaration.key, str) else repr(declaration.key)

    def problem(self, slug: str, message: str, hint: str | None = None) -> None:
        self.problems.append(
            Problem(
                slug=slug, message=f"asset `{self.asset}`: {message}", hint=hint, asset=self.asset,
                file=self.location.file if self.location else None, line=self.location.line if self.location else None,
            )
        )  # fmt: skip

    def read(self) -> tuple[list[AssetSpec], Computation | None]:
        declaration = self.declaration
        for output in declaration.outputs:
            wrong = key_problem(output.key)
            if wrong is not None:
                self.problem("key", f"the key {output.key!r} {wrong}", "give one with key=, for example `marts/delays`")
        if self.problems:
            return [], None
        self._check_options()
        if declaration.kind is AssetKind.SOURCE:
            self._check_source()
            return [self._spec(output, ()) for output in declaration.outputs], None
        if declaration.kind is AssetKind.SQL:
            return self._read_query()
        assert declaration.fn is not None
        name = "+".join(str(output.key) for output in declaration.outputs)
        explicit = self._explicit_inputs()
        parameters, inputs = self._parameters(declaration.fn, explicit)
        inputs += self._deps({edge.upstream for edge in inputs})
        for found in own_history_problems(declaration, {edge.upstream for edge in inputs}):
            self.problem(*found)
        fn = functools.partial(declaration.fn, **declaration.bound) if declaration.bound else declaration.fn
        is_async = inspect.iscoroutinefunction(innermost(declaration.fn))
        for found in limit_problems(self.options, is_async=is_async):
            self.problem(*found)
        computation = Computation(
            name=name,
            assets=tuple(str(output.key) for output in declaration.outputs),
            declaration=declaration,
            fn=fn,
            parameters=parameters,
            is_async=is_async,
            return_annotation=annotations_of(declaration.fn).get("return"),
            compute=compute_of(self.options, is_async=is_async),
            limits=limits_of(self.options),
            retry=retry_option(self.options.retry),
        )
        specs = [self._spec(output, tuple(inputs), computation=computation) for output in declaration.outputs]
        return specs, computation

    def _read_query(self) -> tuple[list[AssetSpec], Computation | None]:
        declaration, (output,) = self.declaration, self.declaration.outputs
        found = read_declaration(declaration, known=self.known, project=self.project, scene=self.scene, edge=self._edge)
        self.problems += found.problems
        self.files = found.files
        if found.query is None:
            return [], None
        inputs = [*found.inputs, *self._deps({edge.upstream for edge in found.inputs})]
        for wrong in own_history_problems(declaration, {edge.upstream for edge in inputs}):
            self.problem(*wrong)
        for wrong in limit_problems(self.options, is_async=False):
            self.problem(*wrong)
        computation = Computation(
            name=str(output.key), assets=(str(output.key),), declaration=declaration, fn=runs_in_duckdb,
            parameters=found.parameters, query=found.query, compute=compute_of(self.options, is_async=False),
            limits=limits_of(self.options), retry=retry_option(self.options.retry),
        )  # fmt: skip
        return [self._spec(output, tuple(inputs), computation=computation)], computation

    # --- inputs ----------------------------------------------------------------------------------------------

    def _explicit_inputs(self) -> dict[str, InputSpec]:
        found: dict[str, InputSpec] = {}
        given = self.options.inputs
        if not isinstance(given, Mapping):
            self.problem("inputs", f"inputs= is a {type(given).__name__}", 'use inputs={"param": Dep("key")}')
            return found
        for param, target in given.items():
            dep = target if isinstance(target, Dep) else Dep(target)
            edge = self._edge(dep, param)
            if edge is not None:
                found[param] = edge
        return found

    def _deps(self, already: set[str]) -> list[InputSpec]:
        edges: list[InputSpec] = []
        given = self.options.deps
        if isinstance(given, str) or not isinstance(given, Iterable):
            self.problem("deps", f"deps= is {given!r}", 'use a list, for example deps=["flights"]')
            return edges
        for target in given:
            dep = target if isinstance(target, Dep) else Dep(target)
            edge = self._edge(dep, None)
            if edge is not None and edge.upstream not in already:
                edges.append(edge)
                already.add(edge.upstream)
        return edges

    def _edge(self, dep: Dep, param: str | None) -> InputSpec | None:
        key = _key_of(dep.asset)
        if key is None:
            self.problem(
                "dependency",
                f"{dep.asset!r} is neither an asset key nor an asset",
                "name it by its key, or declare it",
            )
            return None
        mapping: PartitionMapping | None = None
        if dep.mapping is not None:
            try:
                mapping = as_mapping(dep.mapping)
            except AssetflowError as error:
                self.problem("mapping", f"input `{key}`: {error.message}", error.hint)
        columns = None if dep.columns is None else tuple(dep.columns)
        return InputSpec(
            upstream=key, param=param, mapping=mapping, columns=columns, partition_column=dep.partition_column
        )

    def _parameters(
        self, fn: Callable[..., Any], explicit: dict[str, InputSpec]
    ) -> tuple[tuple[Parameter, ...], list[InputSpec]]:
        parameters: list[Parameter] = []
        inputs: list[InputSpec] = []
        seen: set[str] = set()
        for found in parameters_of(fn):
            seen.add(found.name)
            if found.variadic:
                if found.name in explicit:
                    self.problem("parameter", f"`*{found.name}` cannot be an input", "name the inputs one by one")
                continue
            parameter = self._parameter(found, explicit.get(found.name), inputs)
            if parameter is not None:
                parameters.append(parameter)
        for param in explicit:
            if param not in seen:
                self.problem(
                    "parameter",
                    f"inputs= names `{param}`, but the function has no such parameter",
                    did_you_mean(param, seen) or "use deps=[...] for an input that is not loaded",
                )
        return tuple(parameters), inputs

    def _parameter(self, found: FunctionParameter, edge: InputSpec | None, inputs: list[InputSpec]) -> Parameter | None:
        name, annotation = found.name, found.annotation
        if edge is None and name in self.declaration.bound:
            return Parameter(name=name, role=Role.VALUE, annotation=annotation, default=self.declaration.bound[name])
        if edge is None:
            for test, role in (
                (is_context, Role.CONTEXT),
                (is_config, Role.CONFIG),
                (is_resource, Role.RESOURCE),
            ):
                if test(annotation):
                    default = found.default if found.has_default else None
                    return Parameter(name=name, role=role, annotation=annotation, default=default)
            key = self._key_for(name)
            if key is not None:
                edge = InputSpec(upstream=key, param=name)
        if edge is not None:
            inputs.append(edge)
            return Parameter(name=name, role=Role.INPUT, annotation=annotation, upstream=edge.upstream)
        if found.has_default:
            return Parameter(name=name, role=Role.VALUE, annotation=annotation, default=found.default)
        self.problem(
            "parameter",
            f"parameter `{name}` is neither an asset nor a Context, Config or Resource",
            did_you_mean(name, self.known) or 'name an asset, or map it with inputs={"' + name + '": Dep("key")}',
        )
        return None

    def _key_for(self, name: str) -> str | None:
        """The asset a parameter name stands for: the key itself, or the only key whose last segment it is."""
        if name in self.known:
            return name
        tails = [key for key in self.known if "/" in key and key.rpartition("/")[2] == name]
        return tails[0] if len(tails) == 1 else None

    # --- options ---------------------------------------------------------------------------------------------

    def _check_options(self) -> None:
        options = self.options
        if options is NO_OPTIONS and not any(output.options for output in self.declaration.outputs):
            return
        if options.partitions is not None and not isinstance(options.partitions, PartitionsDefinition):
            self.problem(
                "partitions", f"partitions= is a {type(options.partitions).__name__}",
                'use a partitions definition, for example DailyPartitions("2024-01-01")',
            )  # fmt: skip
        if options.retry is not None and not is_retry(options.retry):
            self.problem("retry", f"retry= is {options.retry!r}", "use a number of retries, or RetryPolicy(...)")
        if options.code_version is not None and not (isinstance(options.code_version, str) and options.code_version):
            self.problem("code_version", f"code_version= is {options.code_version!r}", "use text that is not empty")
        if not isinstance(options.priority, int):
            self.problem("priority", f"priority= is {options.priority!r}", "use a whole number; larger runs earlier")
        if options.pool is not None and not (isinstance(options.pool, str) and options.pool):
            self.problem(
                "pool", f"pool= is {options.pool!r}", 'name a pool of [tool.assetflow.pools], for example pool="db"'
            )
        for found in option_problems(options):
            self.problem(*found)
        for trouble in (*policy_problems(self.declaration), *row_key_problems(self.declaration)):
            self.problem(*trouble)

    def _check_source(self) -> None:
        source = self.declaration.source
        assert source is not None
        if source.path is None and source.observe is None:
            self.problem(
                "source",
                "a source needs path= or observe=",
                'for example source("orders", path="orders.csv")',
            )
        if source.path is not None and source.load is not None:
            self.problem("source", "load= goes with observe=; files are read as the consumer's annotation asks")
        if source.path is not None and "{partition}" in source.path and self.options.partitions is None:
            self.problem("source", f"path {source.path!r} has `{{partition}}`, but partitions= is missing")

    def _spec(
        self, output: Output, inputs: tuple[InputSpec, ...], *, computation: Computation | None = None
    ) -> AssetSpec:
        options, own = self.options, output.options
        partitions = options.partitions if isinstance(options.partitions, PartitionsDefinition) else None
        return AssetSpec(
            key=output.key,
            kind=self.declaration.kind,
            inputs=inputs,
            partitions=partitions,
            computation="" if computation is None else computation.name,
            subsettable=self.declaration.can_subset or len(self.declaration.outputs) == 1,
            group=own.get("group") or options.group or self.group,
            tags=self._tags({**_as_tags(options.tags), **_as_tags(own.get("tags", ()))}),
            owners=tuple(own.get("owners", options.owners)),
            description=self._description(own.get("description")),
            location=self.location,
            **policy_fields(self.declaration, output),
            retry=retry_option(options.retry),
            compute=None if computation is None else computation.compute,
            priority=options.priority,
            pool=options.pool if isinstance(options.pool, str) and options.pool else None,
            pure=options.pure,
            side_effect=options.side_effect,
            unordered=bool(own.get("unordered", options.unordered)),
            float_tolerance=tolerance_from(options.float_tolerance),
            row_key=row_key(self.declaration, output),
            batch=batch_size(options.batch),
            adds_partitions=added_names(options.adds_partitions),
            max_partitions=options.max_partitions,
            metadata=tuple(
                sorted((str(k), str(v)) for k, v in {**options.metadata, **own.get("metadata", {})}.items())
            ),
        )

    def _tags(self, tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((str(name), str(value)) for name, value in tags.items()))

    def _description(self, own: str | None) -> str:
        text = own or self.options.description
        if text is None and self.declaration.fn is not None and len(self.declaration.outputs) == 1:
            text = self.declaration.fn.__doc__
        return inspect.cleandoc(text) if text else ""


def _as_tags(tags: Any) -> Mapping[str, str]:
    return dict(tags) if isinstance(tags, Mapping) else dict.fromkeys(tags, "")


def _key_of(target: Any) -> str | None:
    if isinstance(target, str):
        return target
    if isinstance(target, (SourceAsset, SqlAsset)):
        return target.key
    declaration = declaration_of(target)
    if declaration is not None and len(declaration.outputs) == 1 and isinstance(declaration.key, str):
        return declaration.key
    return None


def _place(file: str, *, project: Path, roots: Sequence[Path]) -> tuple[str, str]:
    """How a file is shown, and the default group of its assets.

    That is the folder below the asset root that the file stands in, or else the file's own name.
    """
    path = Path(file)
    try:
        shown = path.resolve().relative_to(project).as_posix()
    except (ValueError, OSError):
        shown = file
    for root in roots:
        if path.is_relative_to(root):
            relative = path.relative_to(root)
            own = "default" if path.suffix == ".sql" else relative.stem  # the stem of a query is its key
            return shown, relative.parts[0] if len(relative.parts) > 1 else own
    return shown, "default"
