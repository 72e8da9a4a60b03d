"""What an asset is: its key, kind, inputs, partitions and policies, as pure data."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.model.condition import AutomationCondition
    from assetflow.model.mapping import PartitionMapping
    from assetflow.model.partitions import PartitionsDefinition
    from assetflow.model.policy import FreshnessPolicy, RetryPolicy


class AssetKind(StrEnum):
    """How an asset's value comes to be."""

    PYTHON = "python"
    SQL = "sql"
    SHELL = "shell"
    SOURCE = "source"


class Compute(StrEnum):
    """Where an asset's function runs."""

    THREAD = "thread"
    ASYNC = "async"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where something is declared: a file (relative to the project where it can be) and a line from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One upstream edge: who is read, into which parameter (None: order and staleness only), how partitions map.

    `mapping` None means the default for the two partitions definitions; `columns` the only columns that are read.
    """

    upstream: str
    param: str | None = None
    mapping: PartitionMapping | None = None
    columns: tuple[str, ...] | None = None
    partition_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSpec:
    """Everything declared about one asset, without its function.

    `computation` names the call that makes it: assets of one `multi_asset` share it. `subsettable` says whether that
    call may be asked for some of its assets only, `batch` how many partitions one call takes (0: all there are).
    `float_tolerance` is the relative difference of floats up to which a new table counts as the published one,
    `row_key` the columns that tell the rows of a table apart (empty: not said).
    `adds_partitions` names the dynamic partitions that a step may change, by `max_partitions` keys at most. With
    `compute` None the run decides where the function runs; `pool` is the pool of slots that steps share with others.
    """

    key: str
    kind: AssetKind = AssetKind.PYTHON
    inputs: tuple[InputSpec, ...] = ()
    partitions: PartitionsDefinition | None = None
    computation: str = ""
    subsettable: bool = True
    group: str = "default"
    tags: tuple[tuple[str, str], ...] = ()
    owners: tuple[str, ...] = ()
    description: str = ""
    location: Location | None = None
    freshness: FreshnessPolicy | None = None
    inherits_freshness: bool = True
    automation: AutomationCondition | None = None
    retry: RetryPolicy | None = None
    compute: Compute | None = None
    priority: int = 0
    pool: str | None = None
    pure: bool = False
    side_effect: bool = False
    unordered: bool = False
    float_tolerance: float | None = None
    row_key: tuple[str, ...] = ()
    batch: int = 1
    adds_partitions: tuple[str, ...] = ()
    max_partitions: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def is_source(self) -> bool:
        """Whether the asset is observed instead of materialized."""
        return self.kind is AssetKind.SOURCE

    @property
    def upstreams(self) -> tuple[str, ...]:
        """Keys of the distinct upstream assets, sorted; a self-dependency included."""
        return tuple(sorted({edge.upstream for edge in self.inputs}))
