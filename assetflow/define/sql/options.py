"""Options of a `.sql` file, from TOML values to what `@asset` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assetflow.define.declare import Dep
from assetflow.errors import AssetflowError, UsageError, did_you_mean
from assetflow.model.freshness import FreshnessPolicy
from assetflow.model.length import read_length
from assetflow.model.mapping import (
    AllPartitions,
    DimensionMapping,
    IdentityMapping,
    LastPartition,
    PartitionMapping,
    SpecificPartitions,
    StaticMapping,
    TimeWindowMapping,
)
from assetflow.model.partitions import (
    CronPartitions,
    DailyPartitions,
    DynamicPartitions,
    HourlyPartitions,
    MonthlyPartitions,
    MultiPartitions,
    PartitionsDefinition,
    StaticPartitions,
    WeeklyPartitions,
)
from assetflow.model.policy import RetryPolicy
from assetflow.values import dataclass

PARTITIONS: Mapping[str, Callable[..., PartitionsDefinition]] = {
    "hourly": HourlyPartitions,
    "daily": DailyPartitions,
    "weekly": WeeklyPartitions,
    "monthly": MonthlyPartitions,
    "cron": CronPartitions,
    "static": StaticPartitions,
    "dynamic": DynamicPartitions,
}

_MAPPINGS: Mapping[str, Callable[[], PartitionMapping]] = {
    "all": AllPartitions,
    "last": LastPartition,
    "same": IdentityMapping,
}


@dataclass(frozen=True, slots=True)
class Like:
    """Partitions as another asset has them, to be looked up when all assets are known."""

    key: str


def partitions_from(value: Any) -> PartitionsDefinition | Like:
    """From `{daily = "2013-01-01", tz = "…"}`, `{static = […]}`, `{like = "flights"}`, `{multi = {day = {…}, …}}`."""
    table = _table("partitions", value, 'for example {daily = "2013-01-01"}')
    if "like" in table:
        return Like(str(table["like"]))
    if "multi" in table:
        inner = _table("partitions.multi", table["multi"], "name each dimension")
        axes = {name: partitions_from(each) for name, each in inner.items()}
        return MultiPartitions(**axes)  # type: ignore[arg-type]
    known = (*PARTITIONS, "multi", "like")
    kind = next((name for name in table if name in PARTITIONS), None)
    if kind is None:
        found = next(iter(table), "")
        hint = did_you_mean(found, known) or f"use one of {', '.join(known)}"
        raise UsageError(f"partitions: {found!r} is no kind of partitions", hint=hint)
    rest = {name: each for name, each in table.items() if name != kind}
    try:
        return PARTITIONS[kind](table[kind], **rest)
    except TypeError as error:
        raise UsageError(f"partitions: {error}", hint=f"{kind} takes what its Python class takes") from None


def mapping_from(value: Any) -> PartitionMapping:
    """`"all"`, `"last"`, `"same"`, `{window = [-1, -1]}`, `{keys = […]}`, `{table = {…}}`, `{dimension = "day"}`."""
    if isinstance(value, str):
        if value not in _MAPPINGS:
            hint = did_you_mean(value, _MAPPINGS) or f"use one of {', '.join(_MAPPINGS)}, or a table"
            raise UsageError(f"mapping: {value!r} is no mapping", hint=hint)
        return _MAPPINGS[value]()
    match value:
        case {"window": [int(first), int(last)]}:
            return TimeWindowMapping(first, last, bool(value.get("allow_nonexistent_upstream", False)))
        case {"keys": list(keys)}:
            return SpecificPartitions(keys)
        case {"table": dict(table)}:
            return StaticMapping.by_downstream(table)
        case {"dimension": name}:
            return DimensionMapping(name, mapping_from(value["mapping"]) if "mapping" in value else None)
    raise UsageError(
        f"mapping: {value!r} is no mapping",
        hint='use "all", "last", "same", {window = [-1, -1]}, {keys = […]}, {table = {…}} or {dimension = "day"}',
    )


def inputs_from(value: Any) -> dict[str, Dep]:
    """`[inputs.flights]` with mapping, partition_column and as."""
    found: dict[str, Dep] = {}
    known = ("mapping", "partition_column")
    for key, each in _table("inputs", value, 'for example inputs."flights" = {mapping = "all"}').items():
        table = _table(f"inputs.{key}", each, 'for example {mapping = "all"}')
        for name in table:
            if name not in known:
                raise UsageError(
                    f"inputs.{key}: unknown option {name!r}",
                    hint=did_you_mean(name, known) or f"known are {', '.join(known)}",
                )
        mapping = mapping_from(table["mapping"]) if "mapping" in table else None
        found[key] = Dep(key, mapping=mapping, partition_column=table.get("partition_column"))
    return found


def freshness_from(value: Any) -> FreshnessPolicy | bool:
    """`"6h"`, `{max_age = "1d", warn_age = "12h"}`, `{max_age = "1d", cron = "0 9 * * *"}`, or `false` for none."""
    return False if value is False else FreshnessPolicy.from_json(value, "freshness")


def retry_from(value: Any) -> int | RetryPolicy:
    """A number of retries, or `{max_retries = 3, delay = 1.0, backoff = "exponential"}`."""
    if isinstance(value, int):
        return value
    policy: RetryPolicy = _made(
        "retry", RetryPolicy, _table("retry", value, "use a number, or {max_retries = 3, delay = 1.0}")
    )
    return policy


def timeout_from(value: Any) -> Any:
    """Seconds as they are, or text such as `"90s"` or `"5m"`."""
    return read_length(value, "timeout") if isinstance(value, str) else value


def _made(name: str, maker: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    fields = getattr(maker, "__dataclass_fields__", {})
    for field in values:
        if field not in fields:
            hint = did_you_mean(field, fields) or f"known are {', '.join(fields)}"
            raise UsageError(f"{name}: unknown field {field!r}", hint=hint)
    try:
        return maker(**values)
    except AssetflowError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: {error}", hint="see the options of @asset") from None


def _table(name: str, value: Any, hint: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{name}: {value!r} is no table", hint=hint)
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name}: {value!r} is no text", hint="write it in quotes")
    return value


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{name}: {value!r} is no list of texts", hint=f'for example {name} = ["a", "b"]')
    return value


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name}: {value!r} is neither true nor false")
    return value


def _names(name: str, value: Any) -> Mapping[str, str] | Sequence[str]:
    if isinstance(value, dict):
        return {str(key): str(each) for key, each in value.items()}
    return _texts(name, value)


def _same(_name: str, value: Any) -> Any:
    return value


READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "key": _text,
    "group": _text,
    "description": _text,
    "tags": _names,
    "owners": _texts,
    "metadata": lambda name, value: _table(name, value, 'for example {unit = "minutes"}'),
    "partitions": lambda _name, value: partitions_from(value),
    "deps": _texts,
    "inputs": lambda _name, value: inputs_from(value),
    "retry": lambda _name, value: retry_from(value),
    "freshness": lambda _name, value: freshness_from(value),
    "config": lambda name, value: _table(name, value, "for example {least = 100}"),
    "columns": lambda name, value: _table(name, value, 'for example {carrier = "VARCHAR"}'),
    "compute": _text,
    "timeout": lambda _name, value: timeout_from(value),
    "memory": _same,
    "pool": _text,
    "priority": _same,
    "pure": _switch,
    "side_effect": _switch,
    "unordered": _switch,
    "float_tolerance": _same,
    "row_key": _same,
    "batch": _same,
    "code_version": _text,
}
"""What a header may say, and how each value is read."""
