"""What every partition mapping can do, and the mappings that look at keys or at whole sets."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model import regions
from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.partition_text import check_keys
from assetflow.model.subset import PartitionSubset
from assetflow.model.time_partitions import TimePartitions
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamResult:
    """What a set of downstream partitions reads.

    `subset`: the upstream partitions, None for an unpartitioned upstream. `missing`: names of upstream partitions that
    are required and not there, as keys and `first..last` ranges, never cut short. `blocked`: the downstream
    partitions that need one of those; None when nothing is missing, or when the downstream is not partitioned.
    """

    subset: PartitionSubset | None
    missing: tuple[str, ...] = ()
    blocked: PartitionSubset | None = None


class PartitionMapping(ABC):
    """A relation between downstream and upstream partitions, usable both ways and in agreement with itself.

    A definition or subset of None stands for an unpartitioned asset. Without `as_of`, every partition of the
    definitions counts as there, whenever its time comes.
    """

    __slots__ = ()

    kind: ClassVar[str]

    def upstream_subset(
        self,
        subset: PartitionSubset | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> UpstreamResult:
        """What these downstream partitions read."""
        if upstream is None:
            return UpstreamResult(subset=None)
        if downstream is None or subset is None:
            return self._independent(upstream, as_of)
        if not subset:
            return UpstreamResult(subset=upstream.empty())
        return self._upstream(subset.rebind(downstream), upstream, as_of)

    def downstream_subset(
        self,
        subset: PartitionSubset | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> PartitionSubset | None:
        """The downstream partitions that read any of these upstream partitions; None for an unpartitioned one."""
        if downstream is None:
            return None
        if upstream is None or subset is None:
            return downstream.all(as_of)
        if not subset:
            return downstream.empty()
        return self._downstream(subset.rebind(upstream), downstream, as_of)

    def upstream_keys(
        self,
        keys: Iterable[str] | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> tuple[str, ...]:
        """The keys that these downstream keys read, in upstream order; empty for an unpartitioned upstream."""
        subset = None if downstream is None else downstream.subset(keys or ())
        found = self.upstream_subset(subset, downstream=downstream, upstream=upstream, as_of=as_of).subset
        return () if found is None else tuple(found)

    def downstream_keys(
        self,
        keys: Iterable[str] | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> tuple[str, ...]:
        """The keys that read any of these upstream keys, in downstream order; empty for an unpartitioned one."""
        subset = None if upstream is None else upstream.subset(keys or ())
        found = self.downstream_subset(subset, downstream=downstream, upstream=upstream, as_of=as_of)
        return () if found is None else tuple(found)

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        """Whether by its nature every downstream partition reads one upstream partition, or none before the first."""
        return False

    @abstractmethod
    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        """Why the mapping cannot join these definitions, or None when it can; for when definitions are loaded."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The mapping as JSON; a Python function is named, with the fingerprint of its code."""

    def fingerprint(self) -> str:
        """Canonical text that is equal for equal mappings, in any process."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @abstractmethod
    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult: ...

    @abstractmethod
    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset: ...

    def _independent(self, upstream: PartitionsDefinition, as_of: datetime | None) -> UpstreamResult:
        """What an unpartitioned downstream reads."""
        raise PartitionError(str(self.check(None, upstream)), hint="use `AllPartitions()` or `LastPartition()`")


def there(definition: PartitionsDefinition, as_of: datetime | None) -> PartitionSubset | None:
    """The partitions that are there; None where `as_of` is not given and the definition sets no end itself."""
    return None if as_of is None and not definition.is_bounded else definition.all(as_of)


def existing(subset: PartitionSubset, as_of: datetime | None) -> PartitionSubset:
    """The part of the subset that is there."""
    held = there(subset.definition, as_of)
    return subset if held is None else subset & held


def names_of(subset: PartitionSubset) -> tuple[str, ...]:
    """Keys, and `first..last` where several follow each other."""
    return tuple(first if first == last else f"{first}..{last}" for first, last in subset.ranges())


def only_with_partitions(
    what: str, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None
) -> str | None:
    """The problem of a mapping that needs partitions on both sides."""
    if upstream is None:
        return f"{what} maps partitions, and the upstream is not partitioned"
    if downstream is None:
        return f"{what} maps partitions, and the downstream is not partitioned"
    return None


@dataclass(frozen=True, slots=True)
class IdentityMapping(PartitionMapping):
    """Each downstream partition reads the upstream partition of the same key."""

    kind: ClassVar[str] = "identity"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        if downstream is None and upstream is None:
            return None
        problem = only_with_partitions("IdentityMapping", downstream, upstream)
        if problem is not None or downstream is None or upstream is None:
            return problem
        if _may_share_keys(downstream, upstream):
            return None
        problem = f"the partitions of both sides share no key: {downstream.describe()} and {upstream.describe()}"
        if len(downstream.axes) == len(upstream.axes):
            return problem
        names = [name for name in (*downstream.axis_names, *upstream.axis_names) if name]
        return problem + f"; name the dimension that corresponds, like DimensionMapping({names[0]!r})"

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        return True

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        found, missing, blocked = _same_keys(subset, upstream)
        present = existing(found, as_of)
        late = found - present
        if late:
            missing += names_of(late)
            blocked = blocked | _same_keys(late, subset.definition)[0]
        return UpstreamResult(subset=present, missing=missing, blocked=blocked if missing else None)

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        return existing(_same_keys(subset, downstream)[0], as_of)


def _same_keys(
    subset: PartitionSubset, target: PartitionsDefinition
) -> tuple[PartitionSubset, tuple[str, ...], PartitionSubset]:
    """The partitions of the same key; the names of those that the target lacks, and these as a subset."""
    source = subset.definition
    if source == target:
        return subset, (), source.empty()
    if isinstance(source, TimePartitions) and isinstance(target, TimePartitions) and source.same_rhythm(target):
        # the same windows from another start: ordinals differ by a constant
        drift = target.at_or_after(source.instants(0)[0])
        shifted = [(low + drift, high + drift) for low, high in subset.intervals()]
        kept = target.within(shifted)
        found = PartitionSubset(target, regions.of_intervals(kept))
        lost = subset - PartitionSubset(source, regions.of_intervals((a - drift, b - drift) for a, b in kept))
        return found, names_of(lost), lost
    found, unknown = target.known(subset)
    return found, unknown, source.subset(unknown)


def _may_share_keys(left: PartitionsDefinition, right: PartitionsDefinition) -> bool:
    if left.axis_names != right.axis_names:
        return False
    return all(_axes_may_share(a, b) for a, b in zip(left.axes, right.axes, strict=True))


def _axes_may_share(left: PartitionsDefinition, right: PartitionsDefinition) -> bool:
    if left == right or left.dynamic_names or right.dynamic_names:
        return True
    if isinstance(left, TimePartitions) and isinstance(right, TimePartitions):
        return left.may_share_keys(right)
    # at least one is static: its keys can be tried
    listed, other = (right, left) if isinstance(left, TimePartitions) else (left, right)
    return any(key in other for key in listed.all())


@dataclass(frozen=True, slots=True)
class AllPartitions(PartitionMapping):
    """Each downstream partition reads all upstream partitions that are there."""

    kind: ClassVar[str] = "all"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        return None

    def _independent(self, upstream: PartitionsDefinition, as_of: datetime | None) -> UpstreamResult:
        return UpstreamResult(subset=upstream.all(as_of))

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        return self._independent(upstream, as_of)

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        return downstream.all(as_of) if existing(subset, as_of) else downstream.empty()


class _Chosen(PartitionMapping):
    """A mapping under which every downstream partition reads the same few upstream partitions."""

    __slots__ = ()

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        return f"{type(self).__name__} needs a partitioned upstream" if upstream is None else None

    def _upstream(
        self, subset: PartitionSubset, upstream: PartitionsDefinition, as_of: datetime | None
    ) -> UpstreamResult:
        found = self._independent(upstream, as_of)
        if not found.missing:
            return found
        return UpstreamResult(subset=found.subset, missing=found.missing, blocked=subset)

    def _downstream(
        self, subset: PartitionSubset, downstream: PartitionsDefinition, as_of: datetime | None
    ) -> PartitionSubset:
        chosen = self._independent(subset.definition, as_of).subset
        return downstream.all(as_of) if chosen is not None and chosen & subset else downstream.empty()


@dataclass(frozen=True, slots=True)
class LastPartition(_Chosen):
    """Each downstream partition reads the last upstream partition that is there."""

    kind: ClassVar[str] = "last"

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        return True

    def _independent(self, upstream: PartitionsDefinition, as_of: datetime | None) -> UpstreamResult:
        held = upstream.all(as_of)
        if not held:
            return UpstreamResult(subset=held, missing=("the last partition (there is none yet)",))
        depth = len(upstream.axes)
        last = regions.point_at(held.region, len(held) - 1, depth=depth)
        return UpstreamResult(subset=PartitionSubset(upstream, regions.of_points([last], depth=depth)))


@dataclass(frozen=True, slots=True, init=False)
class SpecificPartitions(_Chosen):
    """Each downstream partition reads the same upstream partitions, named here."""

    kind: ClassVar[str] = "specific"

    keys: tuple[str, ...]

    def __init__(self, keys: Iterable[str]) -> None:
        listed = tuple(keys) if not isinstance(keys, str) else (keys,)
        # keys of several dimensions hold `|`, so only their parts can be checked here
        check_keys(dict.fromkeys(part for key in listed for part in str(key).split("|")), what="SpecificPartitions")
        object.__setattr__(self, "keys", tuple(dict.fromkeys(listed)))
        if not self.keys:
            raise PartitionError("SpecificPartitions names no partition", hint="give one key at least")

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "keys": list(self.keys)}

    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        if upstream is None:
            return "SpecificPartitions needs a partitioned upstream"
        if upstream.dynamic_names:
            return None
        for key in self.keys:
            if key not in upstream:
                error = upstream.unknown(key)
                return f"SpecificPartitions: {error.message}" + (f"; {error.hint}" if error.hint else "")
        return None

    def reads_one(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition) -> bool:
        return len(self.keys) == 1

    def _independent(self, upstream: PartitionsDefinition, as_of: datetime | None) -> UpstreamResult:
        # dynamic keys come and go, so that one which is gone is missing; elsewhere it is a mistake
        if upstream.dynamic_names:
            found, unknown = upstream.known(self.keys)
        else:
            found, unknown = upstream.subset(self.keys), ()
        present = existing(found, as_of)
        return UpstreamResult(subset=present, missing=(*unknown, *names_of(found - present)))


def looked_up(
    definition: PartitionsDefinition, keys: Iterable[str], said_by: str
) -> tuple[PartitionSubset, tuple[str, ...]]:
    """The keys as a subset, and those that are of the definition's making but outside what it holds.

    Text that could never be a key is an UnknownPartitionError that names who said it.
    """
    found, unknown = definition.known(keys)
    for key in unknown:
        if not definition.dynamic_names and not definition.is_nominal(key):
            error = definition.unknown(key)
            raise UnknownPartitionError(f"{said_by}: {error.message}", hint=error.hint, partition=key)
    return found, unknown
