"""Mappings that users write down themselves: a static table, or any Python function from key to keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

from assetflow.errors import PartitionError
from assetflow.model import regions
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.partition_mapping import (
    PartitionMapping,
    UpstreamResult,
    existing,
    looked_up,
    names_of,
    only_with_partitions,
)
from assetflow.model.subset import PartitionSubset
from assetflow.values import dataclass

KeyFunction: TypeAlias = Callable[[str], str | Iterable[str]]

_PRIVATE_TOP = re.compile(r"^_assetflow_[^.]*\.")
"""What the loader puts before the modules of a project; it tells one loading from another, so it names nothing."""


class _ByKey(PartitionMapping):
    """A mapping that is known key by key, from downstream to upstream."""

    __slots__ = ()

    def _reads(self, key: str) -> tuple[str, ...]:
        """The upstream keys of a downstream key."""
        raise NotImplementedError

    def _name(self) -> str:
        raise NotImplementedError

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        readers: dict[str, list[str]] = {}
        for key in subset:
            for read in self._reads(key):
                readers.setdefault(read, []).append(key)
        found, unknown = looked_up(upstream, readers, self._name())
        present = existing(found, as_of)
        late = found - present
        missing = (*unknown, *names_of(late))
        if not missing:
            return UpstreamResult(subset=present)
        blocked = {reader for key in (*unknown, *late) for reader in readers[key]}
        return UpstreamResult(subset=present, missing=missing, blocked=subset.definition.subset(blocked))

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        wanted = set(subset)
        points = [
            downstream.coordinates(key)
            for key in self._candidates(wanted, downstream, as_of)
            if not wanted.isdisjoint(self._reads(key))
        ]
        found = PartitionSubset(downstream, regions.of_points(points, depth=len(downstream.axes)))
        return existing(found, as_of)

    def _candidates(self, wanted: set[str], downstream: PartitionsDefinition, as_of: datetime | None) -> Iterable[str]:
        """The downstream keys that could read any of the wanted keys."""
        return downstream.all(as_of)


@dataclass(frozen=True, slots=True, init=False)
class StaticMapping(_ByKey):
    """A table of upstream key to the downstream key, or keys, that read it; many to many.

    `StaticMapping.by_downstream` takes the table the other way round. A downstream key that the table leaves out
    reads nothing.
    """

    kind: ClassVar[str] = "static"

    table: tuple[tuple[str, tuple[str, ...]], ...]
    _upstreams: Mapping[str, tuple[str, ...]] = field(compare=False, repr=False)

    def __init__(self, table: Mapping[str, str | Iterable[str]]) -> None:
        _check_table(table)
        upward: dict[str, set[str]] = {}
        rows = [(up, down) for up, downs in table.items() for down in _texts(downs, f"StaticMapping, {up!r}")]
        for up, down in rows:
            upward.setdefault(down, set()).update(_texts(up, "StaticMapping"))
        if not upward:
            raise PartitionError("StaticMapping has an empty table", hint="map one upstream key at least")
        upstreams = {down: tuple(sorted(ups)) for down, ups in sorted(upward.items())}
        object.__setattr__(self, "table", tuple(upstreams.items()))
        object.__setattr__(self, "_upstreams", upstreams)

    @classmethod
    def by_downstream(cls, table: Mapping[str, str | Iterable[str]]) -> StaticMapping:
        """The mapping from a table of downstream key to the upstream key, or keys, that it reads."""
        _check_table(table)
        turned: dict[str, list[str]] = {}
        for down, ups in table.items():
            for up in _texts(ups, f"StaticMapping, {down!r}"):
                turned.setdefault(up, []).append(down)
        return cls(turned)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "by_downstream": {down: list(ups) for down, ups in self.table}}

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        problem = only_with_partitions("StaticMapping", downstream, upstream)
        if problem is not None or downstream is None or upstream is None:
            return problem
        downs, ups = set(self._upstreams), {up for each in self._upstreams.values() for up in each}
        for side, definition, keys in (("downstream", downstream, downs), ("upstream", upstream, ups)):
            unknown = () if definition.dynamic_names else sorted(key for key in keys if key not in definition)
            if not unknown:
                continue
            if all(key in upstream for key in downs) and all(key in downstream for key in ups):
                return (
                    "StaticMapping maps upstream keys to downstream keys, and this table looks turned round; "
                    "use StaticMapping.by_downstream"
                )
            error = definition.unknown(unknown[0])
            return f"StaticMapping, {side} key: {error.message}" + (f"; {error.hint}" if error.hint else "")
        return None

    def _reads(self, key: str) -> tuple[str, ...]:
        return self._upstreams.get(key, ())

    def _name(self) -> str:
        return "StaticMapping"

    def _candidates(self, wanted: set[str], downstream: PartitionsDefinition, as_of: datetime | None) -> Iterable[str]:
        return [key for key in self._upstreams if key in downstream]


@dataclass(frozen=True, slots=True)
class FunctionMapping(_ByKey):
    """A Python function from one downstream key to the upstream key, or keys, that it reads.

    The function has to be pure. `code` is the fingerprint of its code, which the loader fills in. The way down is
    found by asking the function about every downstream key that is there.
    """

    function: KeyFunction
    code: str = ""

    kind: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise PartitionError(
                f"{self.function!r} is not a partition mapping",
                hint="give a mapping like `AllPartitions()`, or a function from a key to keys",
            )

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self._name(), "code": self.code}

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        return only_with_partitions(self._name(), downstream, upstream)

    def _name(self) -> str:
        function = self.function
        name = getattr(function, "__qualname__", type(function).__qualname__)
        module = _PRIVATE_TOP.sub("", str(getattr(function, "__module__", "")))
        return f"{module}.{name}".lstrip(".")

    def _reads(self, key: str) -> tuple[str, ...]:
        return _called(self, key)


@lru_cache(maxsize=1 << 18)
def _called(mapping: FunctionMapping, key: str) -> tuple[str, ...]:
    """What the function says about a key; a PartitionError when it raises or says nonsense."""
    name = mapping._name()
    try:
        said = mapping.function(key)
        return _texts(said, f"mapping function `{name}` for partition {key!r}")
    except PartitionError:
        raise
    except Exception as error:
        # whatever a user's function raises belongs in the plan, with its name
        raise PartitionError(
            f"mapping function `{name}` failed for partition {key!r}: {type(error).__name__}: {error}",
            hint="it gets one downstream key and returns upstream keys",
        ) from error


def _check_table(table: object) -> None:
    if not isinstance(table, Mapping):
        raise PartitionError(
            f"StaticMapping got {table!r}, not a table", hint='like StaticMapping({"eu": ["de", "fr"]})'
        )


def _texts(said: object, who: str) -> tuple[str, ...]:
    keys = (said,) if isinstance(said, str) else said
    if isinstance(keys, (bytes, Mapping)) or not isinstance(keys, Iterable):
        raise PartitionError(f"{who} gives {said!r}, not a key or keys", hint="give a string or a list of strings")
    found = tuple(keys)
    for key in found:
        if not isinstance(key, str):
            raise PartitionError(f"{who} gives {key!r}, which is not text", hint="partition keys are strings")
    return tuple(dict.fromkeys(found))
