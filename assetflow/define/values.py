"""What asset functions return, raise and receive besides plain values: results, early ends, and the context."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Generic, TypeVar

from assetflow.errors import UsageError
from assetflow.model.event import Json
from assetflow.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """A value with facts about it: `metadata` is kept and queryable, `data_version` replaces the content hash.

    `asset` names the output it belongs to, where one function makes several.
    """

    value: T
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_version: str | None = None
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Returned to say that what is published still holds: nothing is written and nothing downstream becomes stale."""

    reason: str | None = None


class Skip(Exception):
    """Raised to end a step without a value and without a failure; what depends on it is skipped too."""

    def __init__(self, reason: str = "skipped by the asset") -> None:
        super().__init__(reason)
        self.reason = reason


class Context:
    """What a running step knows about itself; injected into a parameter annotated `Context`.

    `partition` is None for an unpartitioned asset and for a batch, whose keys are in `partitions`; `window` is the
    half-open (start, end) of a time partition, or of a whole batch; `selected` the asset keys this call is asked for;
    `attempt` counts from 1.
    """

    __slots__ = (
        "_changes", "_emitted", "_metadata", "_previous", "adds_partitions", "asset", "attempt", "config",
        "partition", "partitions", "run_id", "selected", "window",
    )  # fmt: skip

    def __init__(
        self,
        *,
        run_id: str,
        asset: str,
        partition: str | None = None,
        window: tuple[datetime, datetime] | None = None,
        attempt: int = 1,
        config: Mapping[str, Any] | None = None,
        selected: tuple[str, ...] = (),
        previous: Callable[[Any], Any] | None = None,
        partitions: tuple[str, ...] = (),
        adds_partitions: tuple[str, ...] = (),
    ) -> None:
        self.run_id = run_id
        self.asset = asset
        self.partition = partition
        self.partitions = partitions or (() if partition is None else (partition,))
        self.adds_partitions = adds_partitions
        self.window = window
        self.attempt = attempt
        self.config: Mapping[str, Any] = dict(config or {})
        self.selected = selected or (asset,)
        self._previous = previous
        self._metadata: dict[str, Any] = {}
        self._emitted: list[tuple[str, str | None, Json]] = []
        self._changes: dict[str, tuple[bool, tuple[str, ...]]] = {}

    @property
    def logger(self) -> logging.Logger:
        """A logger named by the asset; what it takes is kept with the step."""
        # made when it is asked for: `logging` keeps every logger for good, and most steps log nothing
        return logging.getLogger(f"assetflow.asset.{self.asset.replace('/', '.')}")

    def previous(self, as_type: Any = None) -> Any:
        """The value that is published for this asset partition now, loaded as `as_type`; None when there is none.

        For a batch it is a dict by partition key of the values there are.
        """
        return None if self._previous is None else self._previous(as_type)

    def add_metadata(self, metadata: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Keep facts with the materialization; later ones win. Values must be JSON, text for anything else."""
        self._metadata.update({**(metadata or {}), **more})

    def emit(self, event_type: str, key: str | None = None, payload: Mapping[str, Any] | None = None) -> None:
        """Record a domain event (`partial`, `degraded`, …) beside the step, in the order of the calls.

        The payload is JSON as it is at the call, text for anything that is not. Events of an attempt that fails count.
        """
        for name, value in (("type", event_type), ("key", key)):
            if not isinstance(value, str) and not (name == "key" and value is None):
                raise UsageError(f"emit({event_type!r}): the {name} is {value!r}", hint="use text")
        if payload is not None and not isinstance(payload, Mapping):
            raise UsageError(
                f"emit({event_type!r}): the payload is a {type(payload).__name__}",
                hint="pass a mapping, or None",
            )
        try:
            plain = json.loads(json.dumps(dict(payload or {}), default=str))
        except (TypeError, ValueError) as error:
            raise UsageError(f"emit({event_type!r}): the payload is no JSON: {error}", hint="use text keys") from error
        self._emitted.append((event_type, key, plain))

    def add_partitions(self, name: str, keys: Iterable[str]) -> None:
        """Add keys to dynamic partitions when the step succeeds; what is partitioned so runs for them in this run.

        The asset says so in its declaration, `adds_partitions=[name]`, since a plan has to know what waits for it.
        """
        self._change(name, keys, replace=False)

    def set_partitions(self, name: str, keys: Iterable[str]) -> None:
        """Make these, in this order, the keys of dynamic partitions; keys that are not among them are removed.

        Only an asset without partitions may say so: one partition knows nothing of the keys that another one adds.
        """
        if self.partitions:
            raise UsageError(
                f"`{self.asset}` is partitioned, so that setting `{name}` would remove what its other partitions add",
                hint="use context.add_partitions, or set them in an asset without partitions",
            )
        self._change(name, keys, replace=True)

    def _change(self, name: str, keys: Iterable[str], *, replace: bool) -> None:
        if name not in self.adds_partitions:
            raise UsageError(
                f"`{self.asset}` adds to dynamic partitions `{name}`, which it does not declare",
                hint=f'declare it: @asset(adds_partitions=["{name}"])',
            )
        if isinstance(keys, (str, bytes)):
            raise UsageError(f"`{self.asset}`: the keys for `{name}` are the single text {keys!r}", hint="use a list")
        if not isinstance(keys, Iterable):
            raise UsageError(f"`{self.asset}`: the keys for `{name}` are {keys!r}, not a list", hint="use a list")
        before, earlier = self._changes.get(name, (False, ()))
        listed = tuple(keys) if replace else (*earlier, *keys)
        self._changes[name] = (before or replace, tuple(dict.fromkeys(listed)))

    @property
    def partition_changes(self) -> dict[str, tuple[bool, tuple[str, ...]]]:
        """The wanted changes of dynamic partitions: name to (whether the keys replace what is there, the keys)."""
        return dict(self._changes)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata added so far."""
        return dict(self._metadata)

    @property
    def emitted(self) -> tuple[tuple[str, str | None, Json], ...]:
        """The domain events emitted so far, in order."""
        return tuple(self._emitted)
