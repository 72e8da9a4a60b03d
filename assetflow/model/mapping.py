"""Which upstream partitions a downstream partition reads: mappings, both ways, without listing keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.subset import PartitionSubset


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamResult:
    """What a set of downstream partitions reads.

    `subset`: the upstream partitions, None for an unpartitioned upstream. `missing`: names of upstream partitions that
    are required and not there, as keys and `first..last` ranges, never cut short. `blocked`: the downstream
    partitions that need one of those (None for an unpartitioned downstream, which `missing` then blocks).
    """

    subset: PartitionSubset | None
    missing: tuple[str, ...] = ()
    blocked: PartitionSubset | None = None


class PartitionMapping(ABC):
    """A relation between downstream and upstream partitions, usable both ways.

    A definition or subset of None stands for an unpartitioned asset.
    """

    __slots__ = ()

    kind: ClassVar[str]

    @abstractmethod
    def upstream_subset(
        self,
        subset: PartitionSubset | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> UpstreamResult:
        """What these downstream partitions read."""

    @abstractmethod
    def downstream_subset(
        self,
        subset: PartitionSubset | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> PartitionSubset | None:
        """The downstream partitions that read any of these upstream partitions."""

    @abstractmethod
    def check(self, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> str | None:
        """Why the mapping cannot join these definitions, or None when it can; for when definitions are loaded."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The mapping as JSON; a Python function is named, with the fingerprint of its code."""

    def fingerprint(self) -> str:
        """Canonical text that is equal for equal mappings, in any process."""
        raise NotImplementedError

    def upstream_keys(
        self,
        keys: Iterable[str] | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> tuple[str, ...]:
        """The keys that these downstream keys read, in upstream order; empty for an unpartitioned upstream."""
        raise NotImplementedError

    def downstream_keys(
        self,
        keys: Iterable[str] | None,
        *,
        downstream: PartitionsDefinition | None,
        upstream: PartitionsDefinition | None,
        as_of: datetime | None = None,
    ) -> tuple[str, ...]:
        """The keys that read any of these upstream keys, in downstream order; empty for an unpartitioned one."""
        raise NotImplementedError


def default_mapping(downstream: PartitionsDefinition | None, upstream: PartitionsDefinition | None) -> PartitionMapping:
    """The mapping of an edge that declares none; use `check` on it, it never raises here."""
    raise NotImplementedError
