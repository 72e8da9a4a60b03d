"""Planners and deciders that are wrong in one way each; the checks of `play` must catch every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from assetflow.executor.calls import Decision, State
from assetflow.executor.tasks import Task
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec
from assetflow.model.cause import UpstreamStale
from assetflow.model.mapping import LastPartition, SpecificPartitions
from assetflow.model.plan import Plan, PlanStep
from assetflow.model.reads import Read, TableFacts
from assetflow.model.record import Current, Edge, Partition, Snapshot
from assetflow.model.version import input_fingerprint
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan
from assetflow.planner.memo import Memo
from assetflow.planner.recall import Recall
from assetflow.planner.universe import Universe
from tests.planner.play import Planner, Remembering, Session, Violation
from tests.planner.world import START

# --- planners that leave something out


def without(kind: str) -> Planner:
    """A planner that does not know one kind of cause."""

    def plan(basis: Basis, request: Request) -> Plan:
        found = build_plan(basis, request)
        steps = [
            replace(step, causes=causes)
            for step in found.steps
            if (causes := tuple(cause for cause in step.causes if cause.kind != kind))
        ]
        return replace(found, steps=tuple(steps))

    return plan


def keep_steps(keep: Callable[[PlanStep, Plan, Request], bool]) -> Planner:
    def plan(basis: Basis, request: Request) -> Plan:
        found = build_plan(basis, request)
        return replace(found, steps=tuple(step for step in found.steps if keep(step, found, request)))

    return plan


def one_level(step: PlanStep, plan: Plan, request: Request) -> bool:
    """Staleness reaches the next asset and no further."""
    firm = {other.asset for other in plan.steps if not other.conditional}
    named = [cause.upstream for cause in step.causes if isinstance(cause, UpstreamStale)]
    return not step.conditional or any(upstream in firm for upstream in named)


def capped(basis: Basis, request: Request) -> Plan:
    """More partitions than two are cut off in silence."""
    plan = build_plan(basis, request)
    steps = [
        step
        if step.partitions is None
        else replace(step, partitions=step.partitions.definition.subset(list(step.partitions)[:2]))
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


# --- planners that do too much


def whole_assets(basis: Basis, request: Request) -> Plan:
    """One stale partition makes all partitions stale."""
    plan = build_plan(basis, request)
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
    steps = {step.asset: replace(step, partitions=universe.all(step.asset)) for step in plan.steps}
    return replace(plan, steps=tuple(steps.values()))


def all_certain(basis: Basis, request: Request) -> Plan:
    plan = build_plan(basis, request)
    return replace(plan, steps=tuple(replace(step, conditional=False) for step in plan.steps))


def always_forced(basis: Basis, request: Request) -> Plan:
    return build_plan(basis, replace(request, force=True))


def upstream_too(basis: Basis, request: Request) -> Plan:
    return build_plan(basis, replace(request, only=False))


# --- planners that look at the wrong thing


def with_specs(change: Callable[[AssetSpec], AssetSpec]) -> Planner:
    """A planner that sees other definitions."""

    def plan(basis: Basis, request: Request) -> Plan:
        return build_plan(replace(basis, graph=AssetGraph(map(change, basis.graph.specs.values()))), request)

    return plan


def no_self_dependency(spec: AssetSpec) -> AssetSpec:
    return replace(spec, inputs=tuple(edge for edge in spec.inputs if edge.upstream != spec.key))


def last_is_first(spec: AssetSpec) -> AssetSpec:
    first = SpecificPartitions([f"{START:%Y-%m-%d}"])
    inputs = [
        replace(edge, mapping=first) if isinstance(edge.mapping, LastPartition) and edge.upstream in "adq" else edge
        for edge in spec.inputs
    ]
    return replace(spec, inputs=tuple(inputs))


def with_records(change: Callable[[Basis, str, Partition, Current, tuple[Edge, ...]], Current]) -> Planner:
    """A planner that reads other records than there are."""

    def plan(basis: Basis, request: Request) -> Plan:
        snapshot = basis.snapshot
        ids = [record.materialization for records in snapshot.current.values() for record in records.values()]
        edges = snapshot.edges(ids)
        current = {
            asset: {
                key: change(basis, asset, key, record, edges[record.materialization]) for key, record in records.items()
            }
            for asset, records in snapshot.current.items()
        }
        return build_plan(replace(basis, snapshot=replace(snapshot, current=current)), request)

    return plan


def forgets_removed(
    basis: Basis, asset: str, partition: Partition, record: Current, edges: tuple[Edge, ...]
) -> Current:
    """Inputs that are gone are taken for never read."""
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
    read = {(edge.input_asset, edge.input_partition): edge.input_data_version for edge in edges}
    try:
        kept = [(*place, read[place]) for place in universe.inputs(asset, partition) if place in read]
    except Exception:
        return record  # a partition that is gone itself
    if len(kept) == len(edges) or len(kept) < len(universe.inputs(asset, partition)):
        return record
    return record._replace(input_fingerprint=input_fingerprint(kept, record.config))


def by_time(basis: Basis, asset: str, partition: Partition, record: Current, edges: tuple[Edge, ...]) -> Current:
    """When an input was made decides, not what it holds."""
    current = basis.snapshot.current
    newer = any(
        current[edge.input_asset][edge.input_partition].order > record.order
        for edge in edges
        if edge.input_partition in current.get(edge.input_asset, {})
    )
    return record._replace(code_version="older than its inputs") if newer else record


def sources_seen_once() -> Planner:
    """What a source held at first is what it holds."""
    seen: dict[tuple[str, Partition], object] = {}

    def plan(basis: Basis, request: Request) -> Plan:
        observations = {
            key: {part: seen.setdefault((key, part), observation) for part, observation in found.items()}
            for key, found in basis.snapshot.observations.items()
        }
        return build_plan(replace(basis, snapshot=replace(basis.snapshot, observations=observations)), request)  # type: ignore[arg-type]

    return plan


def clock_stands(basis: Basis, request: Request) -> Plan:
    noon = START.replace(day=3)
    graph = Universe(basis.graph, as_of=noon, dynamic={})
    targets = {
        asset: None if subset is None else subset & (graph.all(asset) or subset)
        for asset, subset in request.targets.items()
    }
    return build_plan(replace(basis, as_of=noon), replace(request, targets=targets))


def with_tables(change: Callable[[TableFacts], TableFacts]) -> Callable[[], Session]:
    """A planner and a decider to whom tables look alike that are not."""

    def blurred(snapshot: Snapshot) -> Snapshot:
        there = snapshot.tables
        return replace(snapshot, tables=lambda ids: {id: change(table) for id, table in there(ids).items()})

    class Blurred(State):
        def __post_init__(self) -> None:
            self.basis = replace(self.basis, snapshot=blurred(self.basis.snapshot))
            super().__post_init__()

        def _present(self, asset: str, partition: Partition) -> TableFacts | str | None:
            found = super()._present(asset, partition)
            return change(found) if isinstance(found, TableFacts) else found

    def plan(basis: Basis, request: Request) -> Plan:
        return build_plan(replace(basis, snapshot=blurred(basis.snapshot)), request)

    return lambda: Session(planner=plan, state=Blurred)


def reads_all(basis: Basis, request: Request) -> Plan:
    """Whatever changed in an input matters."""
    return build_plan(replace(basis, snapshot=replace(basis.snapshot, reads=lambda _ids: {})), request)


class ReadsAll(State):
    def __post_init__(self) -> None:
        self.basis = replace(self.basis, snapshot=replace(self.basis.snapshot, reads=lambda _ids: {}))
        super().__post_init__()


def with_reads(change: Callable[[Read], Read], *, everything: bool = False) -> Callable[[], Session]:
    """A planner and a decider who take other columns for read; with `everything` also where all of an input was."""

    def spoiled(snapshot: Snapshot) -> Snapshot:
        def reads(ids: Iterable[str]) -> dict[str, dict[str, Read]]:
            asked = list(ids)
            there, edges = snapshot.reads(asked), snapshot.edges(asked) if everything else {}
            return {
                id: {
                    **{edge.input_asset: Read(columns=("k",), names=("k",)) for edge in edges.get(id, ())},
                    **{upstream: change(read) for upstream, read in there.get(id, {}).items()},
                }
                for id in asked
            }

        return replace(snapshot, reads=reads)

    class Spoiled(State):
        def __post_init__(self) -> None:
            self.basis = replace(self.basis, snapshot=spoiled(self.basis.snapshot))
            super().__post_init__()

    def plan(basis: Basis, request: Request) -> Plan:
        return build_plan(replace(basis, snapshot=spoiled(basis.snapshot)), request)

    return lambda: Session(planner=plan, state=Spoiled)


# --- planners that are no functions


def in_dict_order(basis: Basis, request: Request) -> Plan:
    plan = build_plan(basis, request)
    place = {asset: at for at, asset in enumerate(request.targets)}
    return replace(plan, steps=tuple(sorted(plan.steps, key=lambda step: place.get(step.asset, 0))))


def moody() -> Planner:
    asked: list[Request] = []

    def plan(basis: Basis, request: Request) -> Plan:
        asked.append(request)
        found = build_plan(basis, request)
        return replace(found, steps=found.steps[: -1 if len(asked) % 2 else None])

    return plan


# --- deciders ---


class NoCutoff(State):
    """Whatever is planned runs."""

    def decide(self, task: Task) -> tuple[Decision, ...]:
        return tuple(replace(decision, current=None) for decision in super().decide(task))


class NoReuse(State):
    def decide(self, task: Task) -> tuple[Decision, ...]:
        return tuple(replace(decision, reuse=None) for decision in super().decide(task))


class AllOrNone(State):
    """One output that runs takes all outputs of the call along."""

    def decide(self, task: Task) -> tuple[Decision, ...]:
        found = super().decide(task)
        if not any(decision.runs for decision in found):
            return found
        return tuple(replace(decision, current=None, reuse=None) for decision in found)


class BlindToTheRun(State):
    """Fingerprints are taken of what there was when the plan was made."""

    def version(self, asset: str, partition: Partition) -> str:
        kept, self.produced = self.produced, {}
        try:
            return super().version(asset, partition)
        finally:
            self.produced = kept


class Credulous(State):
    """Nothing is ever missing from the store."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.holds = lambda _record: True


class ReusesAnyInput(State):
    """An earlier result of the same code is good enough."""

    def decide(self, task: Task) -> tuple[Decision, ...]:
        return tuple(self._with_any(decision, task.partition) for decision in super().decide(task))

    def _with_any(self, decision: Decision, partition: Partition) -> Decision:
        record = self.basis.snapshot.current.get(decision.asset, {}).get(partition)
        same_code = record is not None and record.code_version == self.basis.versions[decision.asset].code.version
        return replace(decision, reuse=record) if decision.runs and same_code else decision


# --- memos that say what does not hold ---


Moves = Mapping[str, Iterable[Partition]]


def with_moves(change: Callable[[Basis, Moves], Moves]) -> Planner:
    """A planner with a memo that is told other things than what moved."""
    remembering = Remembering()

    def plan(basis: Basis, request: Request) -> Plan:
        honest = build_plan(basis, request)
        moved = lambda position: change(basis, basis.snapshot.moved(position) or {})  # noqa: E731
        told = replace(basis, snapshot=replace(basis.snapshot, moved=moved))
        if remembering(told, request) != honest:
            raise Violation("the memo changes the plan")
        return honest

    return plan


def readers_forgotten(basis: Basis, moved: Moves) -> Moves:
    """What nothing else reads is all that is seen to move."""
    return {asset: partitions for asset, partitions in moved.items() if not basis.graph.downstream(asset)}


def any_base(memo: Memo, basis: Basis) -> Memo:
    """Whatever the definitions were when something held, it holds."""
    recall = Recall(Universe(basis.graph, as_of=basis.as_of, dynamic={}), basis, Memo())
    known = {asset: replace(known, base=recall.of(asset).base) for asset, known in memo.known.items()}
    return replace(memo, known=known)


def sources_as_now(memo: Memo, basis: Basis) -> Memo:
    """What the sources hold now is taken for what they held."""
    now = {
        key: {part: f"v{seen.data_version}" for part, seen in found.items()}
        for key, found in basis.snapshot.observations.items()
    }
    return replace(memo, sources=now)


def seen_as_now(memo: Memo, basis: Basis) -> Memo:
    """Partitions that came to be there upstream were always there."""
    universe = Universe(basis.graph, as_of=basis.as_of, dynamic={})
    now = {key: {up: u.region for up in known.seen if up in basis.graph and (u := universe.all(up))}
           for key, known in memo.known.items()}  # fmt: skip
    return replace(memo, known={key: replace(known, seen=now[key]) for key, known in memo.known.items()})


def recorded_holds(memo: Memo, _basis: Basis) -> Memo:
    """What has a record holds."""
    return replace(memo, known={key: replace(known, held=known.recorded) for key, known in memo.known.items()})


def looked_holds(memo: Memo, _basis: Basis) -> Memo:
    """What was looked at has a record."""
    known = {key: replace(known, held=known.looked, recorded=known.looked) for key, known in memo.known.items()}
    return replace(memo, known=known)


MEMOS: dict[str, Callable[[Memo, Basis], Memo]] = {
    "holds under any definitions": any_base,
    "takes sources for what they are now": sources_as_now,
    "takes what came for what was there": seen_as_now,
    "takes a record for one that holds": recorded_holds,
    "takes a look for a record": looked_holds,
}

CAUSES: Iterable[str] = (
    "missing", "code_changed", "config_changed", "input_changed", "dependencies_changed", "partition_mapping_changed",
    "output_lost", "upstream_stale", "overdue", "forced", "computed_together",
)  # fmt: skip

WRONG: dict[str, Callable[[], Session]] = {
    **{f"knows no {kind}": lambda kind=kind: Session(planner=without(kind)) for kind in CAUSES},  # type: ignore[misc]
    "staleness goes one level": lambda: Session(planner=keep_steps(one_level)),
    "plans targets alone": lambda: Session(planner=keep_steps(lambda step, _plan, ask: step.asset in ask.targets)),
    "plans nothing conditional": lambda: Session(planner=keep_steps(lambda step, _plan, _ask: not step.conditional)),
    "caps partitions": lambda: Session(planner=capped),
    "rebuilds whole assets": lambda: Session(planner=whole_assets),
    "calls everything certain": lambda: Session(planner=all_certain),
    "forces everything": lambda: Session(planner=always_forced),
    "takes upstreams along with only": lambda: Session(planner=upstream_too),
    "drops self-dependencies": lambda: Session(planner=with_specs(no_self_dependency)),
    "takes the last for the first": lambda: Session(planner=with_specs(last_is_first)),
    "forgets removed partitions": lambda: Session(planner=with_records(forgets_removed)),
    "goes by time": lambda: Session(planner=with_records(by_time)),
    "looks at sources once": lambda: Session(planner=sources_seen_once()),
    "sees no number of rows": with_tables(lambda table: table._replace(rows=1)),
    "sees no types": with_tables(lambda table: table._replace(schema=tuple((name, "s") for name, _ in table.schema))),
    "sees no values": with_tables(lambda table: TableFacts("d", 1, (), ())),
    "takes nothing for read": with_reads(lambda _read: Read(columns=(), names=())),
    "takes names for all that was read": with_reads(lambda read: replace(read, columns=())),
    "takes all that was read for some of it": with_reads(lambda read: read, everything=True),
    "takes every column for read": lambda: Session(planner=reads_all),
    "takes every column for read in a run": lambda: Session(state=ReadsAll),
    "has a clock that stands": lambda: Session(planner=clock_stands),
    "follows the order of dicts": lambda: Session(planner=in_dict_order),
    "answers by mood": lambda: Session(planner=moody()),
    "never cuts off": lambda: Session(state=NoCutoff),
    "never reuses": lambda: Session(state=NoReuse),
    "takes siblings along": lambda: Session(state=AllOrNone),
    "does not see the run": lambda: Session(state=BlindToTheRun),
    "believes the store": lambda: Session(state=Credulous),
    "reuses whatever the inputs": lambda: Session(state=ReusesAnyInput),
    "remembers through moves": lambda: Session(planner=with_moves(lambda _basis, _moved: {})),
    "remembers through moves upstream": lambda: Session(planner=with_moves(readers_forgotten)),
    **{
        f"has a memo that {name}": lambda spoil=spoil: Session(planner=Remembering(spoil))  # type: ignore[misc]
        for name, spoil in MEMOS.items()
    },
}
