"""`assetflow.materialize([...])`: run a few assets and get their values, as a unit test wants it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from assetflow.define.declare import Declaration, Options, Output, declaration_of
from assetflow.define.load import declarations_in
from assetflow.errors import StepFailedError, UsageError
from assetflow.model.asset import AssetKind
from assetflow.model.keys import show
from assetflow.model.record import StepStatus
from assetflow.project.project import Project


def materialize(
    assets: Sequence[Any],
    *,
    values: Mapping[str, Any] | None = None,
    partition: str | None = None,
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Run these assets in a throw-away project and return their values by key.

    `values` stand in for upstream assets that are not in the list. The run is a real one, with inputs written, loaded
    and converted as in a project. A lazy frame comes back as a DataFrame; a partitioned asset as a dict by key, unless
    `partition` names the one to run. StepFailedError, with the user's error as its cause, when a step fails.
    """
    declared = declarations_in(assets)
    keys = [str(output.key) for declaration in declared for output in declaration.outputs]
    stand_ins = [_stand_in(key, value) for key, value in (values or {}).items()]
    clash = sorted(set(keys) & set(values or {}))
    if clash:
        raise UsageError(f"`{clash[0]}` is both an asset to run and a given value", hint="leave one of them out")
    with tempfile.TemporaryDirectory(prefix="assetflow-") as folder, _project(declared + stand_ins, folder) as project:
        wanted = [key for key in keys if not project.graph.specs[key].is_source]
        result = project.materialize(
            [f'"{key}"' for key in wanted], partitions=partition, config=config, freshness=False
        )
        for step in result.steps:
            if step.status is StepStatus.FAILED:
                raise StepFailedError(
                    f"`{show(step.asset, step.partition)}` failed: {step.error}",
                    hint=step.traceback,
                    asset=step.asset,
                    partition=step.partition,
                )
        made = {(step.asset, step.partition) for step in result.steps if step.status is StepStatus.MATERIALIZED}
        return {key: _value(project, key, made) for key in wanted if any(asset == key for asset, _ in made)}


def _project(declarations: Sequence[Declaration], folder: str) -> Project:
    return Project(assets=declarations, root=folder, environ={})


def _stand_in(key: str, value: Any) -> Declaration:
    if declaration_of(value) is not None:
        raise UsageError(f"values[{key!r}] is an asset", hint="list it among the assets to run")
    return Declaration(
        kind=AssetKind.PYTHON,
        outputs=(Output(key=key),),
        options=Options(code_version="given"),
        fn=lambda: value,
    )


def _value(project: Project, key: str, made: set[tuple[str, str | None]]) -> Any:
    if project.graph.specs[key].partitions is None:
        return _detached(project.value(key))
    definition = project.universe().definition(key)
    assert definition is not None
    keys = definition.subset(partition for asset, partition in made if asset == key and partition is not None)
    return {partition: _detached(project.value(key, partition=partition)) for partition in keys}


def _detached(value: Any) -> Any:
    """A value that outlives the folder: a lazy frame would scan files that are about to go."""
    return value.collect() if type(value).__name__ == "LazyFrame" else value
