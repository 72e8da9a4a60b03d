"""What differs between the version that was published and the new one: rows, and columns by their recorded hashes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from assetflow.model.event import StepFinished
from assetflow.model.record import Current, StepStatus
from assetflow.project.tick import Difference

_NEW = (StepStatus.MATERIALIZED, StepStatus.REUSED)


def difference(event: StepFinished, before: Current | None) -> Difference | None:
    """The difference that a finished step made; None for a step that published nothing new.

    An output that is published again (`reused`) is told by its rows alone.
    """
    if event.status not in _NEW:
        return None
    if before is None:
        return Difference(asset=event.asset, partition=event.partition, first=True, rows=_rows(event))
    old = json.loads(before.payload)
    record = event.materialization
    if record is None:
        return Difference(asset=event.asset, partition=event.partition, rows_before=old["rows"])
    equal = record["data_version"] == before.data_version
    types_before, types = _pairs(old["schema"]), _pairs(record["schema"])
    content_before, content = _pairs(old["column_versions"]), _pairs(record["column_versions"])
    both = [name for name in types if name in types_before]
    retyped = tuple((name, types_before[name], types[name]) for name in both if types[name] != types_before[name])
    other = {name for name, _, _ in retyped}
    return Difference(
        asset=event.asset,
        partition=event.partition,
        rows=record["rows"],
        rows_before=old["rows"],
        added=tuple(name for name in types if name not in types_before),
        removed=tuple(name for name in types_before if name not in types),
        changed=tuple(
            name for name in both if name not in other and not equal and content.get(name) != content_before.get(name)
        ),
        retyped=retyped,
        equal=equal,
    )


def _rows(event: StepFinished) -> int | None:
    return None if event.materialization is None else event.materialization["rows"]


def _pairs(recorded: object) -> Mapping[str, str]:
    return dict(recorded) if isinstance(recorded, list) else {}
