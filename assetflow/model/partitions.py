"""Partitions definitions: every kind, and reading them back from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assetflow.errors import PartitionError, did_you_mean
from assetflow.model.cadenced_partitions import (
    CronPartitions,
    DailyPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    WeeklyPartitions,
)
from assetflow.model.listed_partitions import DynamicPartitions, StaticPartitions
from assetflow.model.multi_partitions import MultiPartitions
from assetflow.model.partition_definition import KeyAxis, PartitionsDefinition
from assetflow.model.subset import PartitionSubset
from assetflow.model.time_partitions import TimePartitions

__all__ = [
    "CronPartitions",
    "DailyPartitions",
    "DynamicPartitions",
    "HourlyPartitions",
    "KeyAxis",
    "MonthlyPartitions",
    "MultiPartitions",
    "PartitionSubset",
    "PartitionsDefinition",
    "StaticPartitions",
    "TimePartitions",
    "WeeklyPartitions",
    "partitions_from_json",
]

_TIME_KINDS: dict[str, type[TimePartitions]] = {
    each.kind: each for each in (HourlyPartitions, DailyPartitions, WeeklyPartitions, MonthlyPartitions, CronPartitions)
}
_KINDS = (*_TIME_KINDS, StaticPartitions.kind, DynamicPartitions.kind, MultiPartitions.kind)


def partitions_from_json(data: Mapping[str, Any]) -> PartitionsDefinition:
    """The definition that `to_json` wrote, dynamic ones without their keys; a PartitionError when it is not one."""
    try:
        kind = data["kind"]
        rest = {name: value for name, value in data.items() if name != "kind"}
        if kind in _TIME_KINDS:
            return _TIME_KINDS[kind](**rest)
        if kind == StaticPartitions.kind:
            return StaticPartitions(rest["keys"])
        if kind == DynamicPartitions.kind:
            return DynamicPartitions(rest["name"])
        if kind == MultiPartitions.kind:
            dimensions = {name: partitions_from_json(each) for name, each in rest["dimensions"].items()}
            return MultiPartitions(dimensions, sparse=rest.get("sparse"))
    except (KeyError, TypeError, AttributeError) as error:
        raise PartitionError(f"{data!r} does not describe partitions: {error}") from error
    raise PartitionError(f"partitions kind {kind!r} does not exist", hint=did_you_mean(str(kind), _KINDS))
