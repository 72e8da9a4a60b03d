"""Causes: why an asset partition is not fresh, each a typed value that screens, JSON and the catalog share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from assetflow.model.texts import first_of
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason to rebuild. `certain` is False where only a rebuilt upstream will tell."""

    kind: ClassVar[str] = ""
    certain: ClassVar[bool] = True

    def to_json(self) -> dict[str, Any]:
        """`{"kind": …}` with the fields that are set."""
        record: dict[str, Any] = {"kind": self.kind}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                record[item.name] = list(value) if isinstance(value, tuple) else value
        return record

    def describe(self) -> str:
        """The cause as a clause for a person."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing(Cause):
    """It was never materialized."""

    kind = "missing"

    def describe(self) -> str:
        return "never materialized"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChanged(Cause):
    """The code version differs; `components` are the parts that changed, were added (+) or removed (-)."""

    kind = "code_changed"
    components: tuple[str, ...]

    def describe(self) -> str:
        if not self.components:
            return "its code changed"
        return "code changed: " + _listed(self.components)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChanged(Cause):
    """What was read of an upstream differs from what is there now; versions are given where there is one of each.

    `columns` are those that were read and differ, where that is known.
    """

    kind = "input_changed"
    upstream: str
    partitions: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    from_version: str | None = None
    to_version: str | None = None

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"kind": self.kind, "upstream": self.upstream}
        record["partitions"] = None if self.partitions is None else list(self.partitions)
        record["columns"] = None if self.columns is None else list(self.columns)
        record["from"] = self.from_version
        record["to"] = self.to_version
        return record

    def describe(self) -> str:
        of = "" if not self.partitions else f" ({_listed(self.partitions)})"
        where = "" if not self.columns else f" in {_listed(self.columns)}"
        return f"input `{self.upstream}` changed{of}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DependenciesChanged(Cause):
    """Upstream assets were added or removed in the declaration."""

    kind = "dependencies_changed"
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def describe(self) -> str:
        parts = [f"+{key}" for key in self.added] + [f"-{key}" for key in self.removed]
        return "dependencies changed: " + _listed(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged(Cause):
    """Config fields have other values than the recorded ones."""

    kind = "config_changed"
    fields: tuple[str, ...]

    def describe(self) -> str:
        return "config changed: " + _listed(self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionMappingChanged(Cause):
    """The upstream partitions that belong to this one are others than the recorded ones."""

    kind = "partition_mapping_changed"
    upstream: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def describe(self) -> str:
        parts = [f"+{key}" for key in self.added] + [f"-{key}" for key in self.removed]
        return f"other partitions of `{self.upstream}` belong to it: " + _listed(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLost(Cause):
    """The catalog knows a value whose object is gone from the store, or damaged."""

    kind = "output_lost"
    uri: str

    def describe(self) -> str:
        return f"its stored object is gone or damaged: {self.uri}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamStale(Cause):
    """An upstream is rebuilt first; whether this one follows depends on what comes out."""

    kind = "upstream_stale"
    certain = False
    upstream: str

    def describe(self) -> str:
        return f"`{self.upstream}` is rebuilt first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue(Cause):
    """Its freshness policy asks for a newer value, or that of `asset`, which is made from it; due at `since`."""

    kind = "overdue"
    policy: str
    since: str
    asset: str | None = None

    def describe(self) -> str:
        whose = "" if self.asset is None else f"of `{self.asset}`, which needs new data: "
        return f"overdue since {self.since} ({whose}{self.policy})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverifiable(Cause):
    """Something that decides freshness cannot be determined, so it is never taken for fresh."""

    kind = "unverifiable"
    reason: str

    def describe(self) -> str:
        return f"cannot be verified: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced(Cause):
    """It was asked for with `--force`."""

    kind = "forced"

    def describe(self) -> str:
        return "forced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested(Cause):
    """A job or a condition asked for new data, and it reads nothing that could tell whether there is any."""

    kind = "requested"
    by: str

    def describe(self) -> str:
        return f"requested by {self.by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedTogether(Cause):
    """Another output of the same call is rebuilt, and the call makes all of its outputs."""

    kind = "computed_together"
    asset: str

    def describe(self) -> str:
        return f"made by the same call as `{self.asset}`"


def changed_components(before: Mapping[str, str] | None, now: Mapping[str, str] | None) -> tuple[str, ...]:
    """Names of components of code that changed, were added (+) or are gone (-); empty where a side is not known."""
    if before is None or now is None:
        return ()
    changed = [name for name in now if name in before and before[name] != now[name]]
    added = [f"+{name}" for name in now if name not in before]
    gone = [f"-{name}" for name in before if name not in now]
    return (*sorted(changed), *sorted(added), *sorted(gone))


CAUSES: tuple[type[Cause], ...] = (
    Missing, CodeChanged, InputChanged, DependenciesChanged, ConfigChanged, PartitionMappingChanged, OutputLost,
    UpstreamStale, Overdue, Unverifiable, Forced, Requested, ComputedTogether,
)  # fmt: skip

_KINDS = {cause.kind: cause for cause in CAUSES}


def cause_words(record: Mapping[str, Any]) -> str:
    """A recorded cause as a clause for a person; of a kind that is not known here, its name."""
    kind = str(record.get("kind"))
    if kind not in _KINDS:
        return kind.replace("_", " ")
    names = {"from": "from_version", "to": "to_version"}
    given = {names.get(name, name): tuple(each) if isinstance(each, list) else each for name, each in record.items()}
    known = {item.name: given[item.name] for item in fields(_KINDS[kind]) if item.name in given}
    try:
        return _KINDS[kind](**known).describe()
    except TypeError:  # a record of another version of assetflow, without something that it has now
        return kind.replace("_", " ")


_SHOWN = 3


def _listed(items: tuple[str, ...] | list[str]) -> str:
    return first_of([f"`{item}`" for item in items], _SHOWN)
