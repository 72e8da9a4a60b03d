"""A loaded project: definitions, graph and versions as they were at one moment."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assetflow.catalog.rows import AssetRow, ColumnEdge
from assetflow.define.config_values import ResolvedConfig, resolve_config
from assetflow.define.consequences import without_consequences
from assetflow.define.declare import Declaration
from assetflow.define.definitions import Computation, Definitions, Role
from assetflow.define.fingerprint import CodeFingerprint
from assetflow.define.load import load_definitions
from assetflow.define.modules import ModuleSpace
from assetflow.define.resolve import resolve
from assetflow.define.settings import Settings
from assetflow.errors import DefinitionError, Problem, UnknownAssetError, UsageError, did_you_mean
from assetflow.graph.graph import AssetGraph
from assetflow.graph.validate import validate
from assetflow.model.asset import AssetSpec
from assetflow.model.time_partitions import TimePartitions
from assetflow.model.version import AssetVersions, CodeVersion, fingerprint
from assetflow.project.code_versions import code_fingerprints
from assetflow.project.policies import job_problems, with_inherited
from assetflow.values import dataclass

_BARE = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that TOML takes without quotes."""

if TYPE_CHECKING:
    from assetflow.executor.backends.blueprint import Blueprint


@dataclass(frozen=True)
class LoadedProject:
    """What a project declares, with the graph built and every definition problem raised."""

    settings: Settings
    definitions: Definitions
    graph: AssetGraph
    environ: Mapping[str, str]
    space: ModuleSpace | None = None

    def blueprint(self, everywhere: bool) -> Blueprint:
        """What worker processes make the same definitions from; raises where objects cannot be sent to them.

        Of objects only those are sent that run in processes: with `everywhere` all that may.
        """
        everywhere = everywhere and self.space is None
        if everywhere not in self._blueprints:
            self._blueprints[everywhere] = self._blueprint(everywhere)
        return self._blueprints[everywhere]

    @cached_property
    def _blueprints(self) -> dict[bool, Blueprint]:
        return {}

    def _blueprint(self, everywhere: bool) -> Blueprint:
        # not at the top: whoever only looks loads nothing of what runs
        from assetflow.executor.backends.blueprint import Blueprint, pickled_objects

        settings = self.settings
        parts: dict[str, Any] = {
            "settings": settings,
            "store": settings.catalog_root / "store",
            "path": tuple(sys.path),
        }
        if self.space is None:
            return Blueprint(**parts, objects=pickled_objects(self.definitions, everywhere=everywhere))
        return Blueprint(
            **parts, prefix=self.space.prefix, sources=dict(self.space.sources), files=frozenset(self.definitions.files)
        )

    @cached_property
    def fingerprints(self) -> dict[str, CodeFingerprint]:
        """The code fingerprint of every computation."""
        return code_fingerprints(self.settings, self.definitions, self.graph, self.environ, space=self.space)

    def code(self, asset: str) -> CodeVersion:
        """The code version of an asset: computed, or the one it was declared with."""
        found = self._codes.get(asset)
        if found is None:
            found = self._codes[asset] = self._code(asset)
        return found

    @cached_property
    def _codes(self) -> dict[str, CodeVersion]:
        return {}

    def _code(self, asset: str) -> CodeVersion:
        computation = self.definitions.computations[self.graph.specs[asset].computation]
        explicit = computation.declaration.options.code_version
        wiring = _wiring(computation, self.graph.specs[asset])
        if explicit is not None:
            version = fingerprint("v1", explicit)
            return CodeVersion(version=_with_wiring(version, wiring), components=(("code_version", version), *wiring))
        found = self.fingerprints[computation.name]
        components = tuple((component.name, component.hash) for component in found.components)
        return CodeVersion(
            version=None if found.problems else _with_wiring(found.version, wiring),
            components=(*components, *wiring),
            packages=found.packages,
            problems=found.problems,
        )

    def code_texts(self, asset: str) -> dict[str, str]:
        """The normalized source of the components of an asset's code, by hash."""
        found = self.fingerprints[self.graph.specs[asset].computation]
        return {component.hash: component.text for component in found.components if component.text}

    def configs(self, given: Mapping[str, Mapping[str, Any]]) -> dict[str, ResolvedConfig]:
        """The config of every computation: defaults, then settings, then `given` values by asset and field."""
        by_computation: dict[str, dict[str, Any]] = {}
        for values in (self.settings.config, given):
            check_config(values)
            for asset, fields in values.items():
                if asset not in self.graph or self.graph.specs[asset].is_source:
                    raise UnknownAssetError(
                        f"config names the asset `{asset}`, which is not declared",
                        hint=did_you_mean(asset, self.graph.keys),
                    )
                by_computation.setdefault(self.graph.specs[asset].computation, {}).update(fields)
        return {
            name: resolve_config(computation, by_computation.get(name, {}))
            for name, computation in self.definitions.computations.items()
        }

    def versions(self, configs: Mapping[str, ResolvedConfig]) -> dict[str, AssetVersions]:
        """Code and config version of every asset that is no source."""
        return {
            key: AssetVersions(code=self.code(key), config=configs[spec.computation].fields)
            for key, spec in self.graph.specs.items()
            if not spec.is_source
        }

    def asset_rows(
        self, configs: Mapping[str, ResolvedConfig], columns: Mapping[str, tuple[ColumnEdge, ...]]
    ) -> tuple[list[AssetRow], str]:
        """The rows of the catalog's `assets` view, with `columns` by asset, and a digest that changes with them."""
        rows = [self._row(key, configs, columns.get(key, ())) for key in self.graph.keys]
        return rows, fingerprint("a1", *(repr(row) for row in rows))

    def _row(self, key: str, configs: Mapping[str, ResolvedConfig], columns: tuple[ColumnEdge, ...]) -> AssetRow:
        spec = self.graph.specs[key]
        policies: dict[str, Any] = {}
        if spec.freshness is not None:
            policies["freshness"] = spec.freshness.describe()
        if spec.automation is not None:
            policies["automation"] = spec.automation.describe()
        if spec.retry is not None:
            policies["retries"] = spec.retry.max_retries
        if spec.pool is not None:
            policies["pool"] = spec.pool
        if spec.row_key:
            policies["row_key"] = list(spec.row_key)
        versions = (
            None if spec.is_source else AssetVersions(code=self.code(key), config=configs[spec.computation].fields)
        )
        return AssetRow(
            asset=key,
            group=spec.group,
            kind=str(spec.kind),
            code_version=None if versions is None else versions.code.version,
            config_version=None if versions is None else versions.config_version,
            partitions=None if spec.partitions is None else spec.partitions.describe(),
            policies=policies,
            upstreams=spec.upstreams,
            tags=dict(spec.tags),
            owners=spec.owners,
            description=spec.description,
            location=None if spec.location is None else str(spec.location),
            columns=columns,
            definition=None if spec.partitions is None else spec.partitions.fingerprint(),
        )


def _wiring(computation: Computation, spec: AssetSpec) -> tuple[tuple[str, str], ...]:
    """What a declaration says beside the function and decides the value: which upstream feeds which parameter, how much
    of it, the order of outputs, and the windows that a context shows. Components only where it says more than the
    parameters' names do.
    """
    found: list[tuple[str, str]] = []
    fed = [
        (edge.param, edge.upstream, edge.columns, edge.partition_column)
        for edge in sorted(spec.inputs, key=lambda edge: edge.param or "")
        if edge.param is not None
        and (edge.param != edge.upstream.rpartition("/")[2] or edge.columns is not None or edge.partition_column)
    ]
    if fed:
        found.append(("inputs=", fingerprint("w1", fed)))
    if len(computation.assets) > 1:
        found.append(("outs=", fingerprint("w1", computation.assets)))
    windows = _windows(spec)
    if windows and any(parameter.role is Role.CONTEXT for parameter in computation.parameters):
        found.append(("partitions=", fingerprint("w1", windows)))
    return tuple(found)


def _windows(spec: AssetSpec) -> list[tuple[str, str]]:
    """How time is cut into windows, by dimension: the zone, cadence and offsets, not which windows there are."""
    definition = spec.partitions
    if definition is None:
        return []
    return [
        (name, json.dumps({field: value for field, value in axis.to_json().items() if field not in _WHICH}))
        for name, axis in zip(definition.axis_names, definition.axes, strict=True)
        if isinstance(axis, TimePartitions)
    ]


_WHICH = ("start", "end", "end_offset", "exclude", "fmt")


def _with_wiring(version: str, wiring: tuple[tuple[str, str], ...]) -> str:
    return fingerprint("w1", version, wiring) if wiring else version


def module_space(settings: Settings) -> ModuleSpace:
    """Where the modules of a project are loaded, with nothing loaded yet."""
    return ModuleSpace(
        settings.root, (*settings.asset_roots, settings.root), code_cache=settings.cache_root / "code"
        if settings.catalog_root.is_dir() else None,
    )  # fmt: skip


def load_project(settings: Settings, environ: Mapping[str, str], space: ModuleSpace | None = None) -> LoadedProject:
    """Load a project from its asset files; DefinitionError with every problem when there are any.

    A `space` that is given tells afterwards what was looked at, also when loading failed.
    """
    space = module_space(settings) if space is None else space
    definitions, problems = load_definitions(settings, space)
    found = (*problems, *validate(definitions.specs), *_without_pool(settings, definitions))
    if found:
        raise DefinitionError(without_consequences(found, settings.root))
    graph = with_inherited(AssetGraph(definitions.specs), settings.freshness)
    if wrong := tuple(job_problems(definitions.jobs, graph, settings.root)):
        raise DefinitionError(wrong)
    return LoadedProject(settings=settings, definitions=definitions, graph=graph, environ=environ, space=space)


def declared_project(
    settings: Settings, declarations: Sequence[Declaration], resources: Sequence[Any], environ: Mapping[str, str]
) -> LoadedProject:
    """A project of declarations given by hand instead of files."""
    definitions, problems = resolve(declarations, project=settings.root, resources=resources)
    found = (*problems, *validate(definitions.specs), *_without_pool(settings, definitions))
    if found:
        raise DefinitionError(found)
    graph = with_inherited(AssetGraph(definitions.specs), settings.freshness)
    return LoadedProject(settings=settings, definitions=definitions, graph=graph, environ=environ)


def _without_pool(settings: Settings, definitions: Definitions) -> Iterator[Problem]:
    """A problem for each asset whose pool no setting gives a size."""
    for spec in definitions.specs:
        if spec.pool is not None and spec.pool not in settings.pools:
            known = did_you_mean(spec.pool, settings.pools)
            name = spec.pool if _BARE.fullmatch(spec.pool) else json.dumps(spec.pool, ensure_ascii=False)
            yield Problem(
                slug="pool",
                message=f"`{spec.key}` is in the pool `{spec.pool}`, which has no size",
                file=spec.location.file if spec.location else None,
                line=spec.location.line if spec.location else None,
                asset=spec.key,
                hint=known or f"write `{name} = 2` under [tool.assetflow.pools] in pyproject.toml",
            )


def check_config(values: Any) -> None:
    """Raise UsageError for config that is not given by asset and field."""
    if not isinstance(values, Mapping):
        raise UsageError(f"config is {values!r}", hint='use a dict, for example config={"asset": {"field": 1}}')
    for asset, fields in values.items():
        if not isinstance(fields, Mapping):
            raise UsageError(
                f"config of `{asset}` is {fields!r}", hint=f'name its fields: config={{"{asset}": {{"field": …}}}}'
            )


def check_assets(graph: AssetGraph, keys: Sequence[str]) -> None:
    """Raise the error of an unknown asset for the first key the graph does not hold."""
    for key in keys:
        if key not in graph:
            raise UnknownAssetError(f"no asset has the key `{key}`", hint=did_you_mean(key, graph.keys), asset=key)
