"""Plans carried out over plain values, and what must be true of every one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from assetflow.define.definitions import Definitions
from assetflow.errors import StepFailedError, UsageError
from assetflow.executor.calls import Decision, Produced, State
from assetflow.executor.queue import Queue
from assetflow.executor.tasks import Task, build_tasks
from assetflow.graph.graph import AssetGraph
from assetflow.model.clock import from_text, to_text
from assetflow.model.plan import Plan
from assetflow.model.reads import Read, TableFacts
from assetflow.model.record import Current, Edge, Observation, Snapshot, StepStatus
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan, plan_from_memo
from assetflow.planner.dependencies import dependencies_text
from assetflow.planner.memo import Memo
from assetflow.planner.universe import Universe
from tests.planner.world import MAX_AGE, Cut, Place, World

Planner = Callable[[Basis, Request], Plan]
Key = tuple[int, int, tuple[tuple[Place, str], ...]]
"""What a value was made of: code, config, inputs with their values."""

K = TypeVar("K")
V = TypeVar("V")

GOOD = (StepStatus.MATERIALIZED, StepStatus.REUSED, StepStatus.UNCHANGED)


class Violation(AssertionError):
    """A planner broke a promise."""


def table_of(value: str) -> TableFacts:
    """A value of the world as the store would describe it."""
    first, _, v = value.partition(".")
    k, rows, kind = first.split("/")
    return TableFacts(value, int(rows), (("k", kind), ("v", "s")), (("k", k), ("v", v)))


def payload_of(value: str) -> dict[str, object]:
    """The same as the JSON of a stored object."""
    table = table_of(value)
    return {"data_version": value, "rows": table.rows, "schema": table.schema, "column_versions": table.columns}


@dataclass(slots=True, kw_only=True)
class Shelf:
    """What was ever made: the catalog and the store of the world."""

    current: dict[str, dict[str | None, Current]] = field(default_factory=dict)
    edges: dict[str, tuple[Edge, ...]] = field(default_factory=dict)
    made: dict[Place, list[tuple[Key, Current]]] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    reads: dict[str, dict[str, Read]] = field(default_factory=dict)
    tables: dict[str, TableFacts] = field(default_factory=dict)
    moves: list[Place] = field(default_factory=list)
    order: int = 0

    def record(self, place: Place) -> Current | None:
        return self.current.get(place[0], {}).get(place[1])

    def key(self, place: Place) -> Key | None:
        """What the published value was made of."""
        record = self.record(place)
        return next((k for k, r in self.made.get(place, ()) if record and r.materialization == record.materialization))

    def moved(self, position: str) -> dict[str, set[str | None]]:
        """What was published since a position, which is a number of publications."""
        found: dict[str, set[str | None]] = {}
        for asset, partition in self.moves[int(position) :]:
            found.setdefault(asset, set()).add(partition)
        return found

    def publish(self, place: Place, record: Current) -> None:
        self.moves.append(place)
        self.current.setdefault(place[0], {})[place[1]] = record

    def reusable(self, asset: str, partition: str | None, *key: str) -> Current | None:
        for _, record in reversed(self.made.get((asset, partition), [])):
            if (record.code_version, record.config, record.input_fingerprint) == key:
                return record
        return None

    def earlier(self, asset: str, partition: str | None, code: str, config: str) -> tuple[Current, ...]:
        made = [record for _, record in reversed(self.made.get((asset, partition), []))]
        return tuple(record for record in made if (record.code_version, record.config) == (code, config))

    def lost(self) -> frozenset[Place]:
        return frozenset(
            (asset, partition)
            for asset, records in self.current.items()
            for partition, record in records.items()
            if record.uri not in self.objects
        )


class Remembering:
    """The planner with its memo, which goes through its text between one plan and the next.

    A plan from the memo has to be the plan without one. `spoil` makes the memo a wrong one before it is used.
    """

    def __init__(self, spoil: Callable[[Memo, Basis], Memo] = lambda memo, _basis: memo) -> None:
        self.spoil = spoil
        self.text = ""

    def __call__(self, basis: Basis, request: Request) -> Plan:
        plan, memo = plan_from_memo(basis, request, self.spoil(Memo.from_text(self.text, tag="t"), basis))
        self.text = memo.to_text(tag="t")
        if plan != build_plan(basis, request):
            raise Violation("the memo changes the plan")
        return plan


@dataclass(slots=True, kw_only=True)
class Session:
    """A world with its shelf, and the planner and the decider under test."""

    world: World = field(default_factory=World)
    shelf: Shelf = field(default_factory=Shelf)
    planner: Planner = build_plan
    state: Callable[..., State] = State

    # --- planning ---

    def basis(self) -> Basis:
        shelf, at = self.shelf, to_text(self.world.now)
        observations: dict[str, dict[str | None, Observation]] = {}
        for (key, partition), value in self.world.source_values().items():
            observations.setdefault(key, {})[partition] = Observation(
                asset=key, partition=partition, data_version=value, observed_at=at
            )
        return Basis(
            graph=self.world.graph(),
            versions=self.world.versions(),
            snapshot=Snapshot(
                environment="prod",
                current={asset: dict(records) for asset, records in shelf.current.items()},
                observations=observations,
                order=shelf.order,
                edges=lambda ids: {id: shelf.edges[id] for id in ids},
                reusable=shelf.reusable,
                reads=lambda ids: {id: shelf.reads[id] for id in ids if id in shelf.reads},
                tables=lambda ids: {id: shelf.tables[id] for id in ids if id in shelf.tables},
                earlier=shelf.earlier,
                position=str(len(shelf.moves)),
                moved=shelf.moved,
            ),
            as_of=self.world.now,
            lost=shelf.lost(),
        )

    def request(self, targets: Mapping[str, list[str | None]], **options: bool) -> Request:
        """A request for some partitions of some assets; an empty list is the whole asset."""
        scope = {}
        for asset, keys in targets.items():
            definition = self.world.definition(self.world.cut(asset))
            scope[asset] = definition.subset(str(key) for key in keys) if definition and keys else None
        return Request(targets=scope, **options)

    # --- running ---

    def run(self, targets: Mapping[str, list[str | None]] | None = None, **options: bool) -> dict[Place, StepStatus]:
        """Plan and run; a Violation names the promise that was broken."""
        if targets is None:
            targets = {asset: [] for asset in self.world.assets}
        asked = [(asset, key) for asset, keys in targets.items() for key in keys or self.world.keys(asset)]
        basis, request = self.basis(), self.request(targets, **options)
        try:
            plan = self.planner(basis, request)
        except UsageError as error:
            if not options.get("only") or not self._lacks_input(asked):
                raise Violation(f"refused without a reason: {error}") from error
            return {}
        check_pure(self.planner, plan, basis, request)
        self._check_conditional(plan)
        ends = self._carry_out(plan, basis, only=options.get("only", False))
        self._check(asked, ends, plan, request)
        return ends

    def _carry_out(self, plan: Plan, basis: Basis, *, only: bool) -> dict[Place, StepStatus]:
        universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
        state = self.state(
            basis=basis,
            universe=universe,
            definitions=Definitions(),
            holds=lambda record: record.uri in self.shelf.objects,
            config={},
        )
        certain = {(step.asset, key) for step in plan.steps if not step.conditional for key in step.partition_keys()}
        tasks = build_tasks(plan, universe)
        queue = Queue(tasks)
        ends: dict[Place, StepStatus] = {}
        while (task := queue.next()) is not None:
            ended = self._step(task, state, universe, only=only)
            for asset, status in ended.items():
                place = (asset, task.partition)
                ends[place] = status
                if status is StepStatus.UNCHANGED and place in certain:
                    raise Violation(f"{place} was certain and needed nothing: {task.causes[place]}")
            bad = StepStatus.FAILED in ended.values()
            for number in queue.finish(task.number, StepStatus.FAILED if bad else StepStatus.MATERIALIZED):
                ends.update({(asset, tasks[number].partition): StepStatus.SKIPPED for asset in tasks[number].assets})
        if queue.open:
            raise Violation(f"{queue.open} steps never became ready")
        return ends

    def _step(self, task: Task, state: State, universe: Universe, *, only: bool) -> dict[str, StepStatus]:
        call = self.world.call_of(task.assets[0])
        if not call.subsettable and set(task.assets) != set(call.outputs):
            raise Violation(f"`{call.name}` makes all or none, and was asked for {task.assets}")
        if self.world.broken & set(task.assets):
            return self._failing(task, state)
        try:
            decisions = state.decide(task)
        except StepFailedError as error:
            raise Violation(f"a step came before its input: {error}") from error
        for decision in decisions:
            if decision.runs:
                self._check_needed(task, (decision.asset, task.partition), decisions)
        ended: dict[str, StepStatus] = {}
        for decision in decisions:
            place = (decision.asset, task.partition)
            if decision.current is not None:
                ended[decision.asset] = StepStatus.UNCHANGED
            elif decision.reuse is not None:
                self._publish_again(place, decision.reuse, state)
                ended[decision.asset] = StepStatus.REUSED
            elif any(self._is_gone(edge) for edge in decision.edges):
                if not only:
                    raise Violation(f"{place} reads a value that is lost")
                ended[decision.asset] = StepStatus.FAILED
            else:
                self._make(place, decision, state, universe)
                ended[decision.asset] = StepStatus.MATERIALIZED
        return ended

    def _failing(self, task: Task, state: State) -> dict[str, StepStatus]:
        """A broken step fails where it would have run."""
        decisions = state.decide(task)
        if any(decision.runs for decision in decisions):
            return dict.fromkeys(task.assets, StepStatus.FAILED)
        ended = {}
        for decision in decisions:
            if decision.reuse is not None:
                self._publish_again((decision.asset, task.partition), decision.reuse, state)
            ended[decision.asset] = StepStatus.UNCHANGED if decision.current is not None else StepStatus.REUSED
        return ended

    def _is_gone(self, edge: Edge) -> bool:
        if edge.input_asset in self.world.sources:
            return False
        record = self.shelf.record((edge.input_asset, edge.input_partition))
        return record is None or record.uri not in self.shelf.objects

    def key_now(self, place: Place) -> Key:
        """What a value of this place would be made of now."""
        call, sources = self.world.call_of(place[0]), self.world.source_values()
        values = []
        for upstream in self.world.inputs(*place):
            record = self.shelf.record(upstream)
            value = sources[upstream] if record is None else record.data_version
            values.append((upstream, call.as_read(upstream[0], value)))
        return (call.code, call.config, tuple(values))

    def _make(self, place: Place, decision: Decision, state: State, universe: Universe) -> None:
        asset, partition = place
        key = self.key_now(place)
        value = self.world.call_of(asset).value(asset, partition, list(key[2]))
        self.shelf.order += 1
        ident, uri = f"r.{self.shelf.order}", f"{asset}/{partition}/{value}"
        versions = self.world.versions()[asset]
        record = Current(
            materialization=ident,
            data_version=value,
            code_version=str(versions.code.version),
            config=versions.config_version,
            input_fingerprint=decision.fingerprint,
            dependencies=dependencies_text(universe, asset),
            uri=uri,
            payload="{}",
            run_id="r",
            order=self.shelf.order,
            materialized_at=to_text(self.world.now),
        )
        self.shelf.edges[ident] = decision.edges
        narrow = self.world.call_of(asset).narrow - self.world.sources.keys()
        self.shelf.reads[ident] = {upstream: Read(columns=("k",), names=("k",)) for upstream in narrow}
        self.shelf.tables[ident] = table_of(value)
        self.shelf.objects[uri] = value
        self.shelf.made.setdefault(place, []).append((key, record))
        self.shelf.publish(place, record)
        state.produced[place] = Produced(ident, value, payload_of(value))

    def _publish_again(self, place: Place, record: Current, state: State) -> None:
        self.shelf.order += 1
        self.shelf.publish(place, record._replace(order=self.shelf.order))
        value = record.data_version
        state.produced[place] = Produced(record.materialization, value, payload_of(value))

    # --- promises ---

    def _check_conditional(self, plan: Plan) -> None:
        """What is conditional reads something, or is made with something, that is planned."""
        planned = {(step.asset, key) for step in plan.steps for key in step.partition_keys()}
        for step in plan.steps:
            for key in step.partition_keys() if step.conditional else ():
                call = self.world.call_of(step.asset)
                inputs = [place for output in call.outputs for place in self.world.inputs(output, key)]
                if planned.isdisjoint(inputs):
                    raise Violation(f"{step.asset}@{key} depends on nothing that is planned")

    def _lacks_input(self, asked: list[Place]) -> bool:
        return any(
            self.shelf.record(upstream) is None and upstream[0] not in self.world.sources and upstream not in asked
            for place in asked
            for upstream in self.world.inputs(*place)
        )

    def is_overdue(self, place: Place) -> bool:
        record = self.shelf.record(place)
        if record is None or not self.world.call_of(place[0]).policy:
            return False
        if self.world.call_of(place[0]).cut is not Cut.STATIC and place[1] != self.world.keys(place[0])[-1]:
            return False  # of windows in time only the newest counts
        return self.world.now - from_text(record.materialized_at) >= MAX_AGE

    def may_be_refreshed(self, place: Place) -> bool:
        """Whether an overdue asset may ask this root for new data; which ones do has an oracle of its own."""
        call, record = self.world.call_of(place[0]), self.shelf.record(place)
        if record is None or call.pure or set(call.reads) - set(call.outputs):
            return False
        return self.world.now - from_text(record.materialized_at) >= MAX_AGE

    def _check_needed(self, task: Task, place: Place, decisions: tuple[Decision, ...]) -> None:
        """Nothing runs whose result is known already."""
        call = self.world.call_of(place[0])
        together = [place] if call.subsettable else [(decision.asset, place[1]) for decision in decisions]
        if any(cause.kind == "forced" for place in task.places for cause in task.causes[place]):
            return
        if any(other in self.shelf.lost() or self.is_overdue(other) for other in together):
            return
        if any(self.may_be_refreshed(other) for other in together):
            return
        if all(self.shelf.record(other) and self.shelf.key(other) == self.key_now(other) for other in together):
            raise Violation(f"{place} ran, and nothing it is made of had changed: {task.causes}")
        if (call.reads or call.pure) and not call.side_effect and not call.policy:
            known = [
                any(key == self.key_now(other) and r.uri in self.shelf.objects for key, r in self.shelf.made[other])
                for other in together
                if other in self.shelf.made
            ]
            if len(known) == len(together) and all(known):
                raise Violation(f"{place} ran, and its result was there from earlier")

    def _check(self, asked: list[Place], ends: Mapping[Place, StepStatus], plan: Plan, request: Request) -> None:
        failed = {place for place, status in ends.items() if status not in GOOD}
        tainted = self.world.tainted(failed)
        wanted = set(asked) if request.only else self.world.needed_for(asked)
        beyond = ends.keys() - self.world.siblings(wanted)
        if beyond:
            raise Violation(f"touched what nobody asked for: {sorted(map(str, beyond))}")
        if request.force:
            kept = [place for place in asked if ends.get(place) in (None, StepStatus.REUSED, StepStatus.UNCHANGED)]
            if [place for place in kept if place not in tainted]:
                raise Violation(f"forced, and not run: {kept}")
        truth = self.world.clean_rebuild()
        for place in sorted(wanted - tainted, key=str):
            record = self.shelf.record(place)
            if record is None or record.uri not in self.shelf.objects:
                raise Violation(f"{place} has no value")
            if request.only:
                expected = self.world.call_of(place[0]).value(*place, list(self.key_now(place)[2]))
            else:
                expected = truth[place]
            if record.data_version != expected:
                raise Violation(f"{place} is not what a clean rebuild makes of it")
            if request.freshness and self.is_overdue(place):
                raise Violation(f"{place} is still overdue")
        if not request.only and not failed:
            again = self.planner(self.basis(), replace(request, force=False))
            if again.steps:
                raise Violation(f"the second plan is not empty: {again.to_json()['steps']}")


def check_pure(planner: Planner, plan: Plan, basis: Basis, request: Request) -> None:
    """The same plan again, also when every mapping and list of declarations comes in another order."""
    snapshot = basis.snapshot
    turned = replace(
        basis,
        graph=AssetGraph(reversed(list(basis.graph.specs.values()))),
        versions=_turned(basis.versions),
        snapshot=replace(
            snapshot,
            current=_turned({asset: _turned(records) for asset, records in snapshot.current.items()}),
            observations=_turned(snapshot.observations),
        ),
    )
    turned_request = replace(request, targets=_turned(request.targets))
    for again in (planner(basis, request), planner(turned, turned_request)):
        if again.to_json() != plan.to_json():
            raise Violation("the same question got another plan")


def _turned(mapping: Mapping[K, V]) -> dict[K, V]:
    return dict(reversed(list(mapping.items())))


def back_and_forth(session: Session) -> None:
    """Every code is edited and the edit is taken back, after the earlier values were lost."""
    session.run()
    for code in (2, 0):
        published = {record.uri for records in session.shelf.current.values() for record in records.values()}
        for call in session.world.calls.values():
            call.code = code
        if code == 0:
            for uri in session.shelf.objects.keys() - published:
                del session.shelf.objects[uri]
        session.run()


def history(session: Session, rng: random.Random, *, length: int) -> list[str]:
    """A random history of edits, losses and runs; what happened, for the message of a failure."""
    told: list[str] = []
    for _ in range(length):
        for _ in range(rng.randrange(1, 3)):
            told.append(session.world.edit(rng))
        if rng.random() < 0.3 and session.shelf.objects:
            gone = rng.choice(sorted(session.shelf.objects))
            del session.shelf.objects[gone]
            told.append(f"lost {gone}")
        told.append(_random_run(session, rng))
    return told


def _random_run(session: Session, rng: random.Random) -> str:
    if rng.random() < 0.6:
        session.run()
        return "run all"
    asset = rng.choice(session.world.assets)
    keys = rng.choice(([], [rng.choice(session.world.keys(asset))]))
    options = {name: rng.random() < 0.3 for name in ("only", "force")}
    options["freshness"] = rng.random() < 0.8
    session.run({asset: keys}, **options)
    return f"run {asset} {keys} {options}"
