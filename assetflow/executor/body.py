"""The body of a step, as a worker runs it: load the inputs, call the function, write the outputs."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from assetflow.define.annotations import accepts_none, strip_optional
from assetflow.define.definitions import Computation, Definitions, Role
from assetflow.define.values import Context, Result, Skip, Unchanged
from assetflow.errors import AssetflowError, FormatError, did_you_mean
from assetflow.executor.call import Call, Failure, InputCall, Made, Outcome
from assetflow.executor.cancel import Dropped
from assetflow.executor.capture import Capture
from assetflow.executor.column_notes import ColumnNotes
from assetflow.executor.failure import describe_failure, with_limit
from assetflow.executor.forks import ending_forks
from assetflow.executor.metadata import recorded
from assetflow.executor.query import query_value
from assetflow.executor.reading import Reading
from assetflow.executor.resources import ResourcePool
from assetflow.executor.tasks import Place
from assetflow.executor.twice import kept_within, verified, verified_async, wants_verifying
from assetflow.executor.undeclared.findings import Finding, findings
from assetflow.executor.undeclared.seen import watching
from assetflow.model.clock import Clock, to_text
from assetflow.model.keys import show
from assetflow.model.record import Partition, StepStatus
from assetflow.store import LocalStore, StoredObject, read_file, read_partitions, split_partitions
from assetflow.store.query import RunningQueries
from assetflow.store.read_log import ReadLog
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a worker needs to carry out calls: the definitions, the store, and where relative paths start."""

    definitions: Definitions
    store: LocalStore
    project: Path
    clock: Clock
    resources: ResourcePool
    capture: Capture
    began: Callable[[Call], None] = lambda _call: None
    """Told when the inputs of a call are loaded and its function begins."""
    queries: RunningQueries = field(default_factory=RunningQueries)
    outputs: LocalStore | None = None
    """Where values are written, if not to the store that inputs are read from."""

    def run(self, call: Call) -> Outcome:
        """Carry out one call of a plain function; whatever goes wrong is the outcome's failure."""
        with self._attempt(call) as attempt:
            computation = self.definitions.computations[call.computation]
            context = attempt.context
            if computation.query is not None:
                self.began(call)
                with query_value(self, call, computation, context, attempt.reading) as frame:
                    attempt.made = self._write(call, computation, context, frame)
            else:
                arguments = self._arguments(call, computation, attempt)
                self.began(call)
                with attempt.watched(self):
                    value = computation.fn(**arguments)
                    if inspect.isawaitable(value):
                        from assetflow.executor.awaited import run_awaited  # imports asyncio, which few need

                        value = run_awaited(value)
                attempt.reading.returned(value)
                attempt.columns.returned(value, lambda: _by_asset(call, computation, value))
                attempt.made = self._write(call, computation, context, value)
        outcome = attempt.outcome()
        return verified(self, outcome) if wants_verifying(outcome) else outcome

    async def run_async(self, call: Call) -> Outcome:
        """Carry out one call of a coroutine function; loading and writing happen beside the event loop."""
        from assetflow.executor.awaited import beside, time_limit  # imports asyncio, which few need

        with self._attempt(call) as attempt:
            computation = self.definitions.computations[call.computation]
            context = attempt.context
            arguments = await beside(self._arguments, call, computation, attempt)
            self.began(call)
            async with time_limit(call):
                with attempt.watched(self):
                    value = await computation.fn(**arguments)
                attempt.reading.returned(value)
                attempt.columns.returned(value, lambda: _by_asset(call, computation, value))
                attempt.made = await beside(self._write, call, computation, context, value)
        outcome = attempt.outcome()
        return await verified_async(self, outcome) if wants_verifying(outcome) else outcome

    @contextlib.contextmanager
    def _attempt(self, call: Call) -> Iterator[_Attempt]:
        attempt = _Attempt(call, self._context(call), to_text(self.clock.now()))
        started = perf_counter()
        try:
            with self.capture.step(call.task, call.assets[0], call.label, attempt=call.attempt):
                yield attempt
        except Skip as skip:
            attempt.status, attempt.skipped = StepStatus.SKIPPED, skip.reason
        except BaseException as error:  # a worker outlives whatever an asset raises, SystemExit too
            if _is_cancel(error) or self._is_interrupted(call):
                attempt.status = StepStatus.CANCELED
                attempt.failure = Failure(type="CancelledError", message="the step was canceled", traceback="")
            else:
                attempt.status = StepStatus.FAILED
                attempt.failure, attempt.again = self.judged(call, error)
        attempt.seconds = perf_counter() - started

    def _is_interrupted(self, call: Call) -> bool:
        """Whether it is a query that was stopped from outside; whatever error that came to is not its own."""
        return self.queries.interrupted and self.definitions.computations[call.computation].query is not None

    def judged(self, call: Call, error: BaseException) -> tuple[Failure, bool]:
        """A failure in words, and whether the retry policy wants another attempt.

        Where the policy itself fails there is none, and the failure says so beside what had failed before.
        """
        error = with_limit(call, error)
        policy = self.definitions.computations[call.computation].retry
        if policy is None or call.attempt > policy.max_retries:
            return describe_failure(error), False
        try:
            again = policy.retries(error)
        except Exception as second:  # the user's own predicate
            about = describe_failure(second)
            found = describe_failure(error)
            text = f"{found.message}\n(no other attempt: retry_on= failed with {about.type}: {about.message})"
            trace = f"{found.traceback}\nretry_on= failed in turn:\n\n{about.traceback}"
            return replace(found, message=text, traceback=trace), False
        return describe_failure(error), again

    # --- in --------------------------------------------------------------------------------------------------

    def _context(self, call: Call) -> Context:
        return Context(
            run_id=call.run_id,
            asset=call.assets[0],
            partition=None if call.batch else call.places[0][1],
            partitions=tuple(key for key in call.partitions if key is not None),
            adds_partitions=call.adds_partitions,
            window=call.window,
            attempt=call.attempt,
            config=call.config_shown,
            selected=call.assets,
            previous=self._previous(call),
        )

    def _arguments(self, call: Call, computation: Computation, attempt: _Attempt) -> dict[str, Any]:
        inputs = {item.param: item for item in call.inputs}
        arguments: dict[str, Any] = {}
        for parameter in computation.parameters:
            match parameter.role:
                case Role.CONTEXT:
                    arguments[parameter.name] = attempt.context
                case Role.RESOURCE:
                    arguments[parameter.name] = self.resources.get(strip_optional(parameter.annotation))
                case Role.INPUT:
                    item = inputs[parameter.name]
                    arguments[parameter.name] = self._load(call, item, parameter.annotation, attempt.reading)
                case Role.CONFIG | Role.VALUE:
                    if parameter.name in call.config:
                        arguments[parameter.name] = call.config[parameter.name]
        return arguments

    def _load(self, call: Call, item: InputCall, annotation: Any, reading: Reading) -> Any:
        try:
            return reading.load(
                item, strip_optional(annotation), lambda kind, log: self.load_input(item, kind, log=log)
            )
        except AssetflowError as error:
            where = f"input `{item.param}` of `{show(call.assets[0], call.label)}` from `{item.upstream}`"
            raise FormatError(f"{where}: {error.message}", hint=error.hint) from error

    def load_input(self, item: InputCall, wanted: Any, *, connection: Any = None, log: ReadLog | None = None) -> Any:
        """What an input is as the type asked for; `connection` is the DuckDB connection of a relation.

        What is read of a lazy frame is noted in `log`.
        """
        source = self.definitions.sources.get(item.upstream)
        if source is not None and source.source is not None and source.source.path is None:
            if source.source.load is None:
                raise FormatError("the source has no load= function", hint="give it one, or list it in deps=[...]")
            return source.source.load()
        if not item.items and not item.several:
            return None  # the first partition of a self-dependency: there is none before it
        if source is not None and item.several:
            parts = [(part.partition or "", [self.project / file for file in part.files or ()]) for part in item.items]
            return read_partitions(parts, wanted, partition_column=item.partition_column, connection=connection)
        if source is not None:
            files = [self.project / file for part in item.items for file in part.files or ()]
            return read_file(files[0] if len(files) == 1 else files, wanted, connection=connection, reads=log)
        if item.several:
            objects = [(part.partition or "", StoredObject.from_json(part.payload or {})) for part in item.items]
            return self.store.load_many(
                objects, wanted, partition_column=item.partition_column, connection=connection, reads=log,
                example=None if item.example is None else StoredObject.from_json(item.example),
            )  # fmt: skip
        (part,) = item.items
        return self.store.load(StoredObject.from_json(part.payload or {}), wanted, connection=connection, reads=log)

    def _previous(self, call: Call) -> Callable[[Any], Any] | None:
        stored = {partition: StoredObject.from_json(payload) for partition, payload in call.previous.items()}
        if call.batch:
            return lambda as_type: {partition: self.store.load(obj, as_type) for partition, obj in stored.items()}
        if not stored:
            return None
        (obj,) = stored.values()
        return lambda as_type: self.store.load(obj, as_type)

    # --- out -------------------------------------------------------------------------------------------------

    def _write(
        self, call: Call, computation: Computation, context: Context, value: Any
    ) -> dict[Place, Made | Unchanged]:
        made: dict[Place, Made | Unchanged] = {}
        if value is None and not accepts_none(computation.return_annotation):
            raise FormatError(
                f"`{computation.name}` returned None, and is annotated to return something else",
                hint="is a `return` missing? Annotate it `-> None` if there is nothing to return",
            )
        for asset, output in _by_asset(call, computation, value).items():
            metadata = dict(context.metadata) if asset == call.assets[0] else {}
            data_version = None
            if isinstance(output, Result):
                metadata.update(output.metadata)
                output, data_version = output.value, output.data_version
            partitions = [partition for key, partition in call.places if key == asset]
            if isinstance(output, Unchanged):
                made.update(((asset, partition), output) for partition in partitions)
                continue
            whole = Result(output, metadata, data_version)
            for partition, part in _by_partition(call, asset, partitions, whole):
                place = (asset, partition)
                made[place] = part if isinstance(part, Unchanged) else self._write_one(call, place, part)
        return made

    def _write_one(self, call: Call, place: Place, result: Result[Any]) -> Made:
        asset, partition = place
        _refuse_signs(show(asset, partition), result.value)
        stored = (self.outputs or self.store).write(
            result.value, asset=asset, partition=partition, unordered=asset in call.unordered, durable=False
        )
        payload = stored.to_json()
        if result.data_version is not None:
            payload["data_version"] = f"u1:{result.data_version}"
        elif place in call.close_to:
            payload = kept_within(self.store, call.close_to, place, stored) or payload
        return Made(payload=payload, metadata=recorded(result.metadata, store=self.store, place=place))


def _refuse_signs(who: str, value: Any) -> None:
    """Raise FormatError for a value that was meant to say something to the run, and does not in this way."""
    if value is Skip or isinstance(value, Skip):
        raise FormatError(f"`{who}` returned Skip, which ends a step where it is raised", hint='raise Skip("why")')
    if value is Unchanged:
        raise FormatError(f"`{who}` returned the class Unchanged", hint="return Unchanged()")
    if value is Result or isinstance(value, Result):
        raise FormatError(f"`{who}` returned a Result that holds no value", hint="return Result(value)")


def _by_partition(
    call: Call, asset: str, partitions: Sequence[Partition], whole: Result[Any]
) -> Iterator[tuple[Partition, Result[Any] | Unchanged]]:
    """What each partition gets; a value of a batch may be a Result or Unchanged of its own, with the batch's facts."""
    if not call.batch:
        yield partitions[0], whole
        return
    keys = [key for key in partitions if key is not None]
    for key, part in split_partitions(whole.value, keys, who=f"`{asset}`"):
        match part:
            case Unchanged():
                yield key, part
            case Result():
                facts = {**whole.metadata, **part.metadata}
                yield key, Result(part.value, facts, part.data_version or whole.data_version)
            case _:
                yield key, Result(part, whole.metadata, whole.data_version)


class _Attempt:
    """The outcome of an attempt while it is being made."""

    def __init__(self, call: Call, context: Context, started_at: str) -> None:
        self.call = call
        self.context = context
        self.started_at = started_at
        self.reading = Reading(call)
        self.columns = ColumnNotes(call, self.reading)
        self.status = StepStatus.MATERIALIZED
        self.seconds = 0.0
        self.made: Mapping[Place, Made | Unchanged] = {}
        self.failure: Failure | None = None
        self.again = False
        self.skipped: str | None = None
        self.undeclared: tuple[Finding, ...] = ()

    @contextlib.contextmanager
    def watched(self, worker: Worker) -> Iterator[None]:
        """Note what the function reads beside its inputs."""
        with watching() as seen, ending_forks():
            yield
        self.undeclared = findings(seen, worker.project, worker.store.root)

    def outcome(self) -> Outcome:
        return Outcome(
            call=self.call,
            status=self.status,
            seconds=self.seconds,
            started_at=self.started_at,
            made=self.made,
            emitted=self.context.emitted,
            partitions=self.context.partition_changes,
            failure=self.failure,
            again=self.again,
            skipped=self.skipped,
            reads=self.reading.result(),
            undeclared=self.undeclared,
            columns=self.columns.result(),
        )


def _by_asset(call: Call, computation: Computation, value: Any) -> dict[str, Any]:
    """The returned value split by asset: a dict by key or a tuple in order where the call makes several."""
    if not computation.declaration.is_multi:
        return {computation.assets[0]: value}
    if isinstance(value, Unchanged):
        return dict.fromkeys(call.assets, value)
    if isinstance(value, tuple) and len(value) == len(call.assets) and not hasattr(value, "_fields"):
        order = [asset for asset in computation.assets if asset in call.assets]
        return dict(zip(order, value, strict=True))
    expected = ", ".join(f"`{asset}`" for asset in call.assets)
    if not isinstance(value, Mapping):
        raise FormatError(
            f"`{computation.name}` returned a {type(value).__name__}",
            hint=f"return a dict with the keys {expected}, or a tuple in that order",
        )
    for key in value:
        if key not in computation.assets:
            hint = did_you_mean(str(key), computation.assets) or f"its outputs are {expected}"
            raise FormatError(
                f"`{computation.name}` returned a value for {key!r}, which it does not declare", hint=hint
            )
    absent = [asset for asset in call.assets if asset not in value]
    if absent:
        raise FormatError(
            f"`{computation.name}` returned no value for {', '.join(f'`{asset}`' for asset in absent)}",
            hint=f"return a dict with the keys {expected}",
        )
    return {asset: value[asset] for asset in call.assets}


def _is_cancel(error: BaseException) -> bool:
    """Whether the run is being canceled, by Ctrl-C where the body runs on the main thread, or as a coroutine.

    A step may raise CancelledError of its own, and fails by that.
    """
    asyncio = sys.modules.get("asyncio")  # where it is not imported, nobody can have been canceled by it
    if asyncio is None or not isinstance(error, asyncio.CancelledError):
        return isinstance(error, Dropped)
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False  # no event loop in this thread: nobody can have asked
    return task is not None and task.cancelling() > 0
