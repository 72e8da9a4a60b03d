"""Events: the lines of the log, which is the truth that the catalog indexes.

An event is one JSON object with `kind`, `at` (UTC text) and the fields of its class. Every field is plain JSON, so
that a line can be read without this package. A field is never renamed or reused; new ones get a default.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from assetflow.values import dataclass

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, at an instant."""

    kind: ClassVar[str] = ""
    at: str

    def to_json(self) -> Json:
        """The event as the object its log line holds; fields that are None are left out."""
        record: Json = {"kind": self.kind}
        for name in _names(type(self)):
            value = getattr(self, name)
            if value is not None:
                record[name] = value
        return record


_field_names: dict[str, tuple[str, ...]] = {}


def _names(cls: type[Event]) -> tuple[str, ...]:
    names = _field_names.get(cls.kind)
    if names is None:
        names = _field_names[cls.kind] = tuple(item.name for item in fields(cls))
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began: what was asked, by which process."""

    kind = "run_started"
    run_id: str
    environment: str
    selection: list[str]
    options: Json
    host: str
    pid: int
    process_started: str
    version: str
    steps: int
    parent_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """A run ended; `status` is one of RunStatus, `counts` steps by status."""

    kind = "run_finished"
    run_id: str
    status: str
    counts: dict[str, int]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRecorded(Event):
    """The components of a code version, written once before the first materialization that names it.

    `components` holds [name, hash] pairs, `texts` the normalized source by hash where it is new, `packages` the exact
    versions reached.
    """

    kind = "code_recorded"
    asset: str
    code_version: str
    components: list[list[str]]
    packages: list[list[str]]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Event):
    """A source was looked at and holds this version; `detail` guards the next look (file stats)."""

    kind = "observed"
    id: str
    run_id: str | None
    asset: str
    partition: str | None = None
    data_version: str
    detail: Json
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """An attempt of a step began."""

    kind = "step_started"
    run_id: str
    step: int
    asset: str
    partition: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished(Event):
    """One try ended; written for every try that failed, and for the last one when there were several.

    `error` is `{"type", "message", "traceback"}`.
    """

    kind = "attempt_finished"
    run_id: str
    step: int
    asset: str
    partition: str | None = None
    attempt: int
    status: str
    started_at: str
    seconds: float
    error: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A step ended. With status `materialized` or `reused` this line is also the publication of its value; with
    `unchanged` too, where the function said so: then it is a new record of the old value.

    `materialization` is the whole record of a new materialization (see `assetflow.model.event.MATERIALIZATION`);
    `published` the id that became current, also for `reused`. `order` is the logical time of the publication: larger
    is later, across runs, whatever the clocks say.
    """

    kind = "step_finished"
    run_id: str
    environment: str
    step: int
    asset: str
    partition: str | None = None
    status: str
    attempts: int
    seconds: float
    started_at: str | None = None
    causes: list[Json]
    error: Json | None = None
    caused_by: str | None = None
    published: str | None = None
    order: int = 0
    materialization: Json | None = None


MATERIALIZATION = (
    "id", "data_version", "code_version", "config", "config_version", "input_fingerprint", "dependencies", "inputs",
    "uri", "format", "rows", "bytes", "schema", "column_versions", "payload", "metadata", "packages", "reads",
    "made_at", "undeclared", "column_lineage",
)  # fmt: skip
"""Fields of `StepFinished.materialization`.

`inputs` is a list of [asset, partition, materialization, data_version] (see `model.record.Edge`), `dependencies` the
declared upstreams as `planner.dependencies` writes them, `config` the object of values (secrets masked),
`config_version` their fingerprints by name, `payload` the stored object, `schema` a list of [name, type],
`reads` what was read of an upstream where that was not everything (see `model.reads.Read`),
`made_at` when the value was made, where that was before this record of it, `undeclared` a list of {kind, name} of what
the function read beside its inputs and no version knows of, `column_lineage` where its columns come from, if that was
seen while it was made: `inputs`, the upstreams of which it is known, and `groups` of `columns` with the same `origins`,
each [asset, column, kind].
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerMoved(Event):
    """An asset partition was pointed at another materialization by hand: rollback, promotion."""

    kind = "pointer_moved"
    environment: str
    asset: str
    partition: str | None = None
    materialization: str | None
    order: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionsChanged(Event):
    """Keys were added to or removed from a dynamic partitions definition, in order; `order` as in `StepFinished`."""

    kind = "partitions_changed"
    definition: str
    added: list[str]
    removed: list[str]
    run_id: str | None = None
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted(Event):
    """A domain event that an asset emitted about itself (`context.emit`)."""

    kind = "emitted"
    id: str
    run_id: str
    step: int
    asset: str
    partition: str | None = None
    event_type: str
    key: str | None
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(Event):
    """The result of one check on one materialization."""

    kind = "checked"
    id: str
    run_id: str
    asset: str
    partition: str | None = None
    materialization: str
    check: str
    passed: bool
    severity: str
    message: str | None
    metadata: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled(Event):
    """Something that the scheduler did: a tick, the end of a request, a notice; `what` says which.

    `state` holds what it keeps for later by name, null for what is done with; the latest `number`, which is logical
    time, counts. `detail` is what there is to tell about it.
    """

    kind = "scheduled"
    environment: str
    number: int
    what: str
    state: Json
    detail: Json


EVENTS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted, RunFinished, CodeRecorded, Observed, StepStarted, AttemptFinished, StepFinished, PointerMoved,
        PartitionsChanged, Emitted, Checked, Scheduled,
    )
}  # fmt: skip
