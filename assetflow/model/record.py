"""What the catalog knows, as values: current materializations, their inputs, observations, run records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from assetflow.model.reads import Read, TableFacts
from assetflow.values import dataclass


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    INTERRUPTED = "interrupted"


class StepStatus(StrEnum):
    """Where a step stands, or how it ended."""

    PENDING = "pending"
    RUNNING = "running"
    MATERIALIZED = "materialized"
    REUSED = "reused"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELED = "canceled"


class Current(NamedTuple):
    """The published materialization of one asset partition, as far as planning and loading need it.

    `config` is the recorded config version (`model.version.config_version`), `dependencies` the declared upstreams it
    was made with (`planner.dependencies`), `payload` the stored object as the store wrote it (JSON text). A named
    tuple, because plans hold hundreds of thousands.
    """

    materialization: str
    data_version: str
    code_version: str
    config: str
    input_fingerprint: str
    dependencies: str
    uri: str
    payload: str
    run_id: str
    order: int
    materialized_at: str


class Edge(NamedTuple):
    """One input that a materialization read."""

    input_asset: str
    input_partition: str | None
    input_materialization: str | None
    input_data_version: str


Partition = str | None


StoredAs = tuple[str, Partition, str, int | None]
"""An asset, its partition, and the place and size in bytes of what is published of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a source was seen to hold: its data version and, for the next look, the stat guard of its files."""

    asset: str
    partition: Partition
    data_version: str
    observed_at: str
    detail: Mapping[str, object] = field(default_factory=dict)
    id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalog at one moment, for one environment: everything a plan is computed from besides the definitions.

    `current` maps asset to partition to its published materialization. What only explanations and reuse need is
    read on demand through the functions, which answer from the same moment: `edges`, `reads` and `tables` of
    materializations, by id, `components` of a code version, `reusable` the newest result of a key (asset, partition,
    code, config, input fingerprint), `earlier` all results of an asset partition, code and config, newest first,
    `made_with` (asset, package, version) of packages that published values were made with in another version than the
    given one, sorted.

    `position` names the moment among those of one catalog, empty where it has no name; `moved` gives the asset
    partitions whose published materialization may be another than at an earlier position, None where that cannot be
    told. `need` announces what of `current` will be looked at (None: all of an asset), so that it is read together,
    and `objects` gives the stored objects of whole assets, without their records. `has_code` tells whether a code
    version was ever recorded; `need_code` announces (asset, code version) whose components will be looked at.
    """

    environment: str
    current: Mapping[str, Mapping[Partition, Current]]
    observations: Mapping[str, Mapping[Partition, Observation]] = field(default_factory=dict)
    dynamic: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    order: int = 0
    edges: Callable[[Iterable[str]], Mapping[str, tuple[Edge, ...]]] = lambda _ids: {}
    components: Callable[[str, str], Mapping[str, str] | None] = lambda _asset, _version: None
    reusable: Callable[[str, Partition, str, str, str], Current | None] = lambda *_key: None
    reads: Callable[[Iterable[str]], Mapping[str, Mapping[str, Read]]] = lambda _ids: {}
    tables: Callable[[Iterable[str]], Mapping[str, TableFacts]] = lambda _ids: {}
    earlier: Callable[[str, Partition, str, str], tuple[Current, ...]] = lambda *_key: ()
    position: str = ""
    moved: Callable[[str], Mapping[str, Iterable[Partition]] | None] = lambda _position: None
    objects: Callable[[Iterable[str]], Iterable[StoredAs]] = lambda _assets: ()
    has_code: Callable[[str, str], bool] = lambda _asset, _version: False
    made_with: Callable[[Mapping[str, str]], Iterable[tuple[str, str, str]]] = lambda _present: ()
    need: Callable[[Mapping[str, Iterable[str] | None]], None] = lambda _places: None
    need_code: Callable[[Iterable[tuple[str, str]]], None] = lambda _versions: None

    @staticmethod
    def empty(environment: str = "prod") -> Snapshot:
        """The snapshot of a catalog in which nothing was ever made."""
        return Snapshot(environment, {})
