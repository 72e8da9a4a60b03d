"""Everything a plan is computed from, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from assetflow.graph.graph import AssetGraph
from assetflow.model.record import Partition, Snapshot
from assetflow.model.version import AssetVersions
from assetflow.planner.scope import Scope
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for: `targets` (None: the whole asset) and how to treat them.

    `in_time` acts on warnings as on overdue assets. `by` and `at` name who asked for new data and when: targets that
    read no other asset, or have side effects, run when their value is older than `at`.
    `only` leaves upstreams alone; with `ready`, too, targets that lack an upstream are left out instead of being an
    error. `force` rebuilds the targets whatever their state; `freshness` False leaves policies out.
    """

    targets: Scope
    only: bool = False
    ready: bool = False
    force: bool = False
    freshness: bool = True
    in_time: bool = False
    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The definitions, the catalog at one moment, and the instant: a plan is a pure function of these and a request.

    `versions` covers every asset that is no source; `lost` are published asset partitions whose object is gone;
    `blocked` assets whose inputs cannot be told, and why: only a look at the whole project goes on without them.
    """

    graph: AssetGraph
    versions: Mapping[str, AssetVersions]
    snapshot: Snapshot
    as_of: datetime
    lost: frozenset[tuple[str, Partition]] = field(default_factory=frozenset)
    blocked: Mapping[str, str] = field(default_factory=dict)
