"""At a step's turn: does it have to run at all, and with which inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from assetflow.define.definitions import Definitions, Parameter, Role
from assetflow.errors import StepFailedError
from assetflow.executor.call import Call, InputCall, InputItem
from assetflow.executor.tasks import Task
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.cause import Forced, OutputLost, Overdue, Requested, Unverifiable
from assetflow.model.clock import from_text
from assetflow.model.event import Json
from assetflow.model.freshness import AgeOf, FreshnessState
from assetflow.model.keys import show
from assetflow.model.mapping import LastPartition, SpecificPartitions
from assetflow.model.reads import TableFacts
from assetflow.model.record import Current, Edge, Partition, Snapshot
from assetflow.model.time_partitions import TimePartitions
from assetflow.planner.as_read import AsRead
from assetflow.planner.basis import Basis
from assetflow.planner.current import current_fingerprint, inputs_unchanged, snapshot_lookup
from assetflow.planner.newest import newest_window
from assetflow.planner.universe import Input, Universe
from assetflow.values import dataclass

ALWAYS_RUN = (Forced, OutputLost, Overdue, Requested, Unverifiable)
"""Causes that no equality of versions answers."""

ASKED = (Forced, Unverifiable)
"""Those of them that what another run makes meanwhile does not answer either."""


@dataclass(frozen=True, slots=True)
class Produced:
    """What a step of this run published: the id, the version and the stored object of the value."""

    materialization: str
    data_version: str
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do for one output at its turn.

    `fingerprint` is the input fingerprint as of now; `edges` what it stands for. With `current` the published value
    still holds; with `reuse` an earlier one is published again; with neither the function runs.
    """

    asset: str
    partition: Partition
    fingerprint: str
    edges: tuple[Edge, ...]
    current: Current | None = None
    reuse: Current | None = None

    @property
    def place(self) -> Input:
        """The asset partition that is decided about."""
        return (self.asset, self.partition)

    @property
    def runs(self) -> bool:
        """Whether the function has to make this output."""
        return self.current is None and self.reuse is None


@dataclass(slots=True)
class State:
    """The versions of the plan's snapshot, overlaid with what this run has published so far."""

    basis: Basis
    universe: Universe
    definitions: Definitions
    holds: Callable[[Current], bool]
    config: Mapping[str, Any]
    produced: dict[Input, Produced] = field(default_factory=dict)
    verify: bool = False

    def __post_init__(self) -> None:
        self._look = snapshot_lookup(self.basis)
        self._planned = self.basis.snapshot.current
        self._as_read = AsRead(self.basis.snapshot, self.version, self._present)

    _look: Any = field(init=False, repr=False)
    _planned: Mapping[str, Mapping[Partition, Current]] = field(init=False, repr=False)
    _as_read: AsRead = field(init=False, repr=False)

    def version(self, asset: str, partition: Partition) -> str:
        """The current data version of an asset partition, or ABSENT."""
        made = self.produced.get((asset, partition))
        return made.data_version if made is not None else self._look(asset, partition)

    def published(self, asset: str, partition: Partition) -> Json | None:
        """The stored object that was published when the run began; None when there is none, or it is lost."""
        record = self._record(asset, partition)
        if record is None or not self.holds(record):
            return None
        payload: Json = json.loads(record.payload)
        return payload

    # --- decide ----------------------------------------------------------------------------------------------

    def decide(self, task: Task, places: Sequence[Input] | None = None) -> tuple[Decision, ...]:
        """What to do for each place of the task, or for some of them; StepFailedError when an input has no value.

        A call that can make some of its outputs is asked for those that need it, any other makes all or none.
        """
        wanted = places or task.places
        if len(wanted) > 1:  # one question for all of them
            records = (self._record(*place) for place in wanted)
            self._as_read.prepare([record.materialization for record in records if record is not None])
        found = tuple(self._decide(task, *place) for place in wanted)
        specs = self.universe.graph.specs
        if all(specs[decision.asset].subsettable for decision in found):
            return found
        partitions = {decision.partition for decision in found if decision.runs}
        return tuple(_running(decision) if decision.partition in partitions else decision for decision in found)

    def _decide(self, task: Task, asset: str, partition: Partition) -> Decision:
        inputs = self.universe.inputs(asset, partition)
        versions = self.basis.versions[asset]
        fingerprint = current_fingerprint(inputs, self.version, versions.config_version)
        edges = tuple(self._edge(asset, partition, place) for place in inputs)
        decision = Decision(asset=asset, partition=partition, fingerprint=fingerprint, edges=edges)
        if self._has_to_run(task, asset, partition) or versions.code.version is None:
            return decision
        record = self._record(asset, partition)
        made_by = (versions.code.version, versions.config_version)
        if (
            record is not None
            and (record.code_version, record.config) == made_by
            and self._same_inputs(record, inputs, fingerprint)
            and self.holds(record)
        ):
            return replace(decision, current=record)
        spec = self.universe.graph.specs[asset]
        if not self.may_reuse(spec):
            return decision
        for earlier in self._results(asset, partition, made_by, inputs, fingerprint):
            if self.holds(earlier) and not self._is_too_old(spec, partition, earlier):
                return replace(decision, reuse=earlier)
        return decision

    def may_reuse(self, spec: AssetSpec) -> bool:
        """Whether an earlier result of an asset may stand for a new one."""
        return not spec.side_effect and not spec.adds_partitions and bool(spec.inputs or spec.pure)

    def _has_to_run(self, task: Task, asset: str, partition: Partition) -> bool:
        """Whether a cause asks for a run that nothing equal answers, and no other run has since."""
        causes = [cause for cause in task.causes[(asset, partition)] if isinstance(cause, ALWAYS_RUN)]
        if not causes or any(isinstance(cause, ASKED) for cause in causes):
            return bool(causes)
        now, then = (current.get(asset, {}).get(partition) for current in (self.basis.snapshot.current, self._planned))
        return now is None or (then is not None and now.materialization == then.materialization)

    def take_in(self, found: Snapshot) -> None:
        """Go on from what is published by now; sources and dynamic partitions stay as they were when the run began."""
        snapshot = replace(
            self.basis.snapshot, current=found.current, order=found.order, edges=found.edges,
            components=found.components, reusable=found.reusable, reads=found.reads, tables=found.tables,
            earlier=found.earlier,
        )  # fmt: skip
        self.basis = replace(self.basis, snapshot=snapshot)
        self._look = snapshot_lookup(self.basis)
        self._as_read = AsRead(snapshot, self.version, self._present)

    def _same_inputs(self, record: Current, inputs: tuple[Input, ...], fingerprint: str) -> bool:
        """Whether a materialization was made from the inputs as they are now, as far as it read them."""
        if record.input_fingerprint == fingerprint:
            return True
        self._as_read.prepare([record.materialization])
        if not self._as_read.reads_partly(record.materialization):
            return False
        return inputs_unchanged(record, inputs, self._as_read.lookup(record.materialization), record.config)

    def _results(
        self, asset: str, partition: Partition, made_by: tuple[str, str], inputs: tuple[Input, ...], fingerprint: str
    ) -> Iterator[Current]:
        """Earlier results that hold: of these very inputs first, then of inputs that are the same in what was read."""
        snapshot = self.basis.snapshot
        exact = snapshot.reusable(asset, partition, *made_by, fingerprint)
        if exact is not None:
            yield exact
        earlier = snapshot.earlier(asset, partition, *made_by) if inputs else ()
        self._as_read.prepare([record.materialization for record in earlier])
        for record in earlier:
            if self._as_read.reads_partly(record.materialization) and self._same_inputs(record, inputs, fingerprint):
                yield record

    def _present(self, asset: str, partition: Partition) -> TableFacts | str | None:
        made = self.produced.get((asset, partition))
        if made is not None:
            return TableFacts.of(made.payload)
        record = self._record(asset, partition)
        return None if record is None else record.materialization

    def _is_too_old(self, spec: AssetSpec, partition: Partition, earlier: Current) -> bool:
        """Whether an earlier result would be overdue as soon as it is published again."""
        if spec.freshness is None or spec.freshness.of is not AgeOf.VALUE:
            return False
        everything = self.universe.all(spec.key)
        if everything is not None and partition not in newest_window(everything):
            return False
        state = spec.freshness.state(from_text(earlier.materialized_at), self.basis.as_of)
        return state is FreshnessState.OVERDUE

    def _edge(self, asset: str, partition: Partition, place: Input) -> Edge:
        upstream, upstream_partition = place
        made = self.produced.get(place)
        if made is not None:
            return Edge(upstream, upstream_partition, made.materialization, made.data_version)
        record = self._record(upstream, upstream_partition)
        if record is not None:
            return Edge(upstream, upstream_partition, record.materialization, record.data_version)
        is_source = self.universe.graph.specs[upstream].is_source
        seen = self.basis.snapshot.observations.get(upstream, {}) if is_source else {}
        observation = seen.get(upstream_partition)
        if observation is not None and observation.error is None:
            return Edge(upstream, upstream_partition, observation.id, observation.data_version)
        reason = "was never materialized" if observation is None else observation.error
        raise StepFailedError(f"`{show(asset, partition)}` needs `{show(upstream, upstream_partition)}`: {reason}")

    def _record(self, asset: str, partition: Partition) -> Current | None:
        """What was published of an asset when the run began; a source has nothing published, whatever it once was."""
        if self.universe.graph.specs[asset].is_source:
            return None
        return self.basis.snapshot.current.get(asset, {}).get(partition)

    # --- call ------------------------------------------------------------------------------------------------

    def call(self, task: Task, places: tuple[Input, ...], *, run_id: str, attempt: int) -> Call:
        """The description of one attempt at some places, with everything a worker needs to find its inputs."""
        computation = self.definitions.computations[task.computation]
        specs = self.universe.graph.specs
        asset = places[0][0]
        spec = specs[asset]
        is_batch = spec.batch != 1
        partitions = tuple(dict.fromkeys(key for _, key in places))
        edges = {edge.param: edge for edge in spec.inputs if edge.param is not None}
        inputs = tuple(
            self._input(asset, partitions, edges[parameter.name], parameter, is_batch=is_batch)
            for parameter in computation.parameters
            if parameter.role is Role.INPUT
        )
        config = self.config[task.computation]
        has_context = any(parameter.role is Role.CONTEXT for parameter in computation.parameters)
        return Call(
            run_id=run_id,
            task=task.number,
            computation=task.computation,
            places=places,
            attempt=attempt,
            inputs=inputs,
            config=config.arguments,
            config_shown=config.shown,
            verify=self.verify and not any(specs[key].side_effect for key, _ in places),
            close_to=self._close_to(places),
            unordered=frozenset(key for key, _ in places if specs[key].unordered),
            batch=is_batch,
            adds_partitions=spec.adds_partitions,
            previous=self._previous(asset, partitions) if has_context else {},
            window=self._window(asset, partitions),
            timeout=computation.limits.timeout,
            memory=computation.limits.memory,
        )

    def _close_to(self, places: tuple[Input, ...]) -> dict[Input, tuple[Json, float]]:
        found: dict[Input, tuple[Json, float]] = {}
        for place in places:
            tolerance = self.universe.graph.specs[place[0]].float_tolerance
            payload = None if tolerance is None else self.published(*place)
            if tolerance is not None and payload is not None:
                found[place] = (payload, tolerance)
        return found

    def _previous(self, asset: str, partitions: tuple[Partition, ...]) -> dict[Partition, Json]:
        found = ((partition, self.published(asset, partition)) for partition in partitions)
        return {partition: payload for partition, payload in found if payload is not None}

    def _window(self, asset: str, partitions: tuple[Partition, ...]) -> tuple[datetime, datetime] | None:
        """From the start of the first to the end of the last partition, for time partitions."""
        definition = self.universe.definition(asset)
        first, last = partitions[0], partitions[-1]
        if not isinstance(definition, TimePartitions) or first is None or last is None:
            return None
        return definition.window(first)[0], definition.window(last)[1]

    def _input(
        self, asset: str, partitions: tuple[Partition, ...], edge: InputSpec, parameter: Parameter, *, is_batch: bool
    ) -> InputCall:
        keys = self.universe.upstream_of_all(asset, edge, partitions)
        is_partitioned = self.universe.definition(edge.upstream) is not None
        one = self._is_single(asset, edge, is_batch=is_batch) and edge.partition_column is None
        several = is_partitioned and not one  # however many there are today: an input keeps its shape
        return InputCall(
            param=parameter.name,
            upstream=edge.upstream,
            items=tuple(self._item(edge.upstream, key) for key in keys),
            several=several,
            columns=edge.columns,
            partition_column=edge.partition_column,
            example=self._example(edge.upstream) if several and not keys else None,
        )

    def _example(self, upstream: str) -> Json | None:
        """What was made last of an upstream that has no partitions at the moment."""
        if self.universe.graph.specs[upstream].is_source:
            return None
        records = self.basis.snapshot.current.get(upstream, {}).values()
        newest = max(records, key=lambda record: record.order, default=None)
        found: Json | None = None if newest is None or not self.holds(newest) else json.loads(newest.payload)
        return found

    def _item(self, upstream: str, partition: Partition) -> InputItem:
        made = self.produced.get((upstream, partition))
        if made is not None:
            return InputItem(partition=partition, payload=made.payload)
        record = self._record(upstream, partition)
        if record is not None:
            return InputItem(partition=partition, payload=json.loads(record.payload))
        observation = self.basis.snapshot.observations[upstream][partition]
        files = observation.detail.get("files") or ()
        assert isinstance(files, (list, tuple))
        return InputItem(partition=partition, files=tuple(str(file) for file in files))

    def _is_single(self, asset: str, edge: InputSpec, *, is_batch: bool) -> bool:
        """Whether one value comes through the edge by its nature, so that the value itself is passed on.

        The partitions of a batch read one each, and those may be many; what all of them read stays one.
        """
        upstream = self.universe.definition(edge.upstream)
        if upstream is None:
            return True
        mapping = self.universe.graph.mapping(asset, edge)
        if is_batch and not isinstance(mapping, (LastPartition, SpecificPartitions)):
            return False
        return mapping.reads_one(self.universe.definition(asset), upstream)


def _running(decision: Decision) -> Decision:
    return replace(decision, current=None, reuse=None)
