"""Reading published values back, now or as they were."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assetflow.errors import PartitionError, ValueNotFoundError
from assetflow.model.clock import from_text
from assetflow.model.keys import show
from assetflow.project.observe import source_files
from assetflow.store import StoredObject, read_file

if TYPE_CHECKING:
    from assetflow.project.project import Project


def load_published(
    project: Project,
    asset: str,
    partition: str | None,
    as_type: Any,
    at: str | datetime | None,
    environment: str | None,
) -> Any:
    """The value of an asset partition, or of all partitions of a partitioned asset together."""
    spec = project.graph.specs[asset]
    if spec.is_source:
        return _load_source(project, asset, partition, as_type)
    if at is not None:
        return project.store.load(_stored_at(project, asset, partition, at), as_type)
    records = project.snapshot(environment).current.get(asset, {})
    if partition is None and spec.partitions is not None:
        universe = project.universe(environment)
        definition, there = universe.definition(asset), universe.all(asset)
        assert definition is not None
        assert there is not None
        # as downstream reads it: what is kept of partitions that are gone is read one by one, by key
        ordered = definition.known(key for key in records if key is not None)[0] & there
        if not ordered:
            raise _never(asset, None)
        objects = [(key, _stored(records[key].payload)) for key in ordered]
        return project.store.load_many(objects, as_type)
    record = records.get(partition)
    if record is None:
        raise _never(asset, partition)
    return project.store.load(_stored(record.payload), as_type)


def _stored(payload: str) -> StoredObject:
    return StoredObject.from_json(json.loads(payload))


def _never(asset: str, partition: str | None) -> ValueNotFoundError:
    return ValueNotFoundError(
        f"`{show(asset, partition)}` was never materialized", hint=f"run `assetflow materialize {asset}`"
    )


def _load_source(project: Project, asset: str, partition: str | None, as_type: Any) -> Any:
    source = project.loaded.definitions.sources[asset].source
    assert source is not None
    if source.path is None:
        if source.load is None:
            raise ValueNotFoundError(f"source `{asset}` has no load= function", hint="it is only observed")
        return source.load()
    files = source_files(source.path, partition, project.settings.root)
    if not files:
        raise ValueNotFoundError(f"source `{asset}`: there is no file `{source.path}`")
    return read_file(files[0] if len(files) == 1 else files, as_type, who=f"source `{asset}`")


def _stored_at(project: Project, asset: str, partition: str | None, at: str | datetime) -> StoredObject:
    """The object that was published by a run, is a materialization, or was current at an instant."""
    rows = project.history(asset, partition)
    if partition is None and project.graph.specs[asset].partitions is not None:
        raise PartitionError(f"`{asset}` is partitioned; name a partition to load it as it was")
    if isinstance(at, str):
        named = [row for row in rows if at in (row.run_id, row.materialization)]
        if named:
            return StoredObject.from_json(named[0].payload)
        try:
            at = from_text(at)
        except ValueError:
            raise ValueNotFoundError(
                f"{at!r} is no run or materialization of `{show(asset, partition)}`, and no instant",
                hint=f"`assetflow history {asset}` lists them",
            ) from None
    for row in rows:
        if from_text(row.materialized_at) <= at:
            return StoredObject.from_json(row.payload)
    raise ValueNotFoundError(f"`{show(asset, partition)}` was not materialized before {at.isoformat()}")
