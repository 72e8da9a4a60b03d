"""The description of one call: small, plain and serializable, so that any worker anywhere can carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from assetflow.define.values import Unchanged
from assetflow.executor.tasks import Place
from assetflow.model.event import Json
from assetflow.model.record import Partition, StepStatus
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InputItem:
    """One upstream asset partition to load: a stored object (`payload`), or the files or loader of a source.

    `files` are paths relative to the project.
    """

    partition: Partition
    payload: Json | None = None
    files: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCall:
    """What one parameter is loaded from; `several` says that the upstream partitions are many by declaration.

    Where there are many and at the moment none, `example` is a stored object of another time, for its columns.
    """

    param: str
    upstream: str
    items: tuple[InputItem, ...]
    several: bool = False
    columns: tuple[str, ...] | None = None
    partition_column: str | None = None
    example: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt of one computation for the asset partitions `places`; a `batch` takes several partitions at once.

    With `verify` the function is called twice and its values are compared; `close_to` are published values that stay
    where what is made equals them but for rounding, with the tolerance.
    `previous` are the stored objects that are published now, by partition; empty where nobody can ask for them;
    `timeout` (seconds) and `memory` (bytes) what the attempt may take.
    """

    run_id: str
    task: int
    computation: str
    places: tuple[Place, ...]
    attempt: int
    inputs: tuple[InputCall, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    config_shown: Mapping[str, Any] = field(default_factory=dict)
    unordered: frozenset[str] = frozenset()
    verify: bool = False
    close_to: Mapping[Place, tuple[Json, float]] = field(default_factory=dict)
    batch: bool = False
    adds_partitions: tuple[str, ...] = ()
    previous: Mapping[Partition, Json] = field(default_factory=dict)
    window: tuple[Any, Any] | None = None
    timeout: float | None = None
    memory: int | None = None

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets that are asked for."""
        if len(self.places) == 1:
            return (self.places[0][0],)
        return tuple(dict.fromkeys(asset for asset, _ in self.places))

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions that are asked for, in order."""
        if len(self.places) == 1:
            return (self.places[0][1],)
        return tuple(dict.fromkeys(partition for _, partition in self.places))

    @property
    def label(self) -> Partition:
        """The partition, or the first and last of a batch."""
        first, last = self.places[0][1], self.places[-1][1]
        return first if first == last else f"{first}..{last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error of a step, as text: its type, its message and the traceback from the user's frame on."""

    type: str
    message: str
    traceback: str

    @property
    def text(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type

    def to_json(self) -> Json:
        return {"type": self.type, "message": self.message, "traceback": self.traceback}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One output of a call: the stored object as JSON and the metadata the user gave it."""

    payload: Json
    metadata: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    `made` holds an entry per place, or `Unchanged` where the function said so; `partitions` the dynamic keys that the
    step wants: the definition's name to (whether they replace what is there, the keys); `again` says that the retry
    policy wants another attempt after this failure, if any is left; `reads` what was read of each upstream
    (`model.reads.Read` as JSON), all of it where there is no entry; `undeclared` are (kind, name) of files and
    variables that the function read beside its inputs; `columns` where the columns of each asset come from
    (`executor.column_notes`), as far as it was seen.
    """

    call: Call
    status: StepStatus
    seconds: float
    started_at: str
    made: Mapping[Place, Made | Unchanged] = field(default_factory=dict)
    partitions: Mapping[str, tuple[bool, tuple[str, ...]]] = field(default_factory=dict)
    emitted: tuple[tuple[str, str | None, Json], ...] = ()
    failure: Failure | None = None
    again: bool = False
    skipped: str | None = None
    reads: Mapping[str, Json] = field(default_factory=dict)
    undeclared: tuple[tuple[str, str], ...] = ()
    columns: Mapping[str, Json] = field(default_factory=dict)

    def shared_out(self) -> Outcome:
        """The outcome with the time that each partition of a batch took of it, so that sums come out right."""
        count = len(self.call.partitions)
        return self if count == 1 else replace(self, seconds=self.seconds / count)

    def failed_with(self, failure: Failure) -> Outcome:
        """The outcome as a failure, where what came back cannot be accepted."""
        return replace(self, status=StepStatus.FAILED, failure=failure)
