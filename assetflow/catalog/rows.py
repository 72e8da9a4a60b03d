"""What goes into the catalog from its caller and what comes out of it, as small typed rows."""

from __future__ import annotations

from dataclasses import field
from typing import Any, NamedTuple

from assetflow.values import dataclass


class ColumnEdge(NamedTuple):
    """One column of an asset and a column it was made from; `kind` is value, filter, join key, group key…"""

    column: str
    input_asset: str
    input_column: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow:
    """One declared asset, as the `assets` view shows it; only the project knows the definitions.

    `policies` and `tags` are plain JSON values, `partitions` describes the partitions definition in a few words (None:
    unpartitioned) and `definition` as JSON, `location` is `file:line`.
    """

    asset: str
    group: str = "default"
    kind: str = "python"
    code_version: str | None = None
    config_version: str | None = None
    partitions: str | None = None
    policies: dict[str, Any] = field(default_factory=dict)
    upstreams: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    description: str = ""
    location: str | None = None
    columns: tuple[ColumnEdge, ...] = ()
    definition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should be told that is no error: a rebuild, a cut line, a log set aside.

    `slug` is the stable machine name, `path` the file it is about.
    """

    slug: str
    message: str
    path: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldReport:
    """What a fold or a rebuild did.

    `events` counts the log lines that went in, `logs` and `segments` the files they came from, `seconds` is the cost
    on the monotonic clock; `changed` is False when there was nothing to do.
    """

    changed: bool = False
    rebuilt: bool = False
    events: int = 0
    logs: int = 0
    segments: int = 0
    seconds: float = 0.0
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """The rows of a query with their column names and DuckDB type names; times are naive and in UTC."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    notices: tuple[Notice, ...] = ()


class RunRow(NamedTuple):
    """One run; `counts` are its steps by status, times UTC text, `steps` how many it planned."""

    run_id: str
    environment: str
    status: str
    selection: list[str]
    options: dict[str, Any]
    started_at: str
    finished_at: str | None
    host: str
    pid: int
    process_started: str
    version: str
    steps: int
    parent_run: str | None
    counts: dict[str, int]
    error: str | None


class StepRow(NamedTuple):
    """One step of a run, ended or running; `error` is `{"type", "message", "traceback"}`."""

    run_id: str
    step: int
    asset: str
    partition: str | None
    status: str
    attempts: int
    seconds: float | None
    started_at: str | None
    finished_at: str | None
    causes: list[dict[str, Any]]
    error: dict[str, Any] | None
    caused_by: str | None
    materialization: str | None
    data_version: str | None


class HistoryRow(NamedTuple):
    """One materialization of an asset partition, newest first; `current_in` names the environments that publish it.

    `causes` are those of the step that made it. `code_changed` names the components that differ from the code of the
    materialization before of the same asset partition, new ones with `+`, gone ones with `-` (empty: not known which);
    None where the code is the same, or there is none before. `undeclared` are the files and variables (`kind`, `name`)
    that its function read and no version knows of.
    """

    materialization: str
    asset: str
    partition: str | None
    run_id: str
    data_version: str
    code_version: str
    config_version: str
    input_fingerprint: str
    uri: str
    format: str
    rows: int | None
    bytes: int | None
    schema: list[list[str]] | None
    column_versions: list[list[str]] | None
    payload: dict[str, Any]
    metadata: dict[str, Any]
    seconds: float
    materialized_at: str
    current_in: tuple[str, ...]
    causes: list[dict[str, Any]]
    code_changed: tuple[str, ...] | None
    undeclared: tuple[dict[str, str], ...] = ()


class LineageEdge(NamedTuple):
    """One recorded edge and its distance from where the question started (1: direct)."""

    asset: str
    partition: str | None
    materialization: str
    data_version: str
    input_asset: str
    input_partition: str | None
    input_materialization: str | None
    input_data_version: str
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The recorded lineage of an asset partition, both ways, nearest first, ties by key."""

    asset: str
    partition: str | None
    materialization: str | None
    upstream: tuple[LineageEdge, ...]
    downstream: tuple[LineageEdge, ...]
