"""Problems that only show when all definitions stand side by side: clashes, unknown upstreams, cycles,
mappings.

Each check is a plain function over the same table of specs; `validate` runs them all, so that everything
wrong is reported at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from assetflow.errors import Problem
from assetflow.graph.adjacency import Adjacency
from assetflow.graph.cycles import knots
from assetflow.graph.edge_mapping import edge_mapping, mapping_problem
from assetflow.graph.nearest import NearestKeys
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.mapping import AllPartitions, IdentityMapping, LastPartition, TimeWindowMapping
from assetflow.values import dataclass

_LONG_CYCLE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The first spec of every key, by ascending key, and the dependencies between known keys as integers."""

    all_specs: tuple[AssetSpec, ...]
    specs: tuple[AssetSpec, ...]
    positions: dict[str, int]
    downstream: Adjacency


def validate(specs: Iterable[AssetSpec]) -> tuple[Problem, ...]:
    """Everything wrong with these definitions together, in a stable order; empty when they make a graph."""
    table = _tabulate(tuple(specs))
    return tuple(problem for check in _CHECKS for problem in check(table))


def _tabulate(specs: tuple[AssetSpec, ...]) -> _Table:
    first: dict[str, AssetSpec] = {}
    for spec in specs:
        first.setdefault(spec.key, spec)
    ordered = tuple(first[key] for key in sorted(first))
    positions = {spec.key: at for at, spec in enumerate(ordered)}
    edges = sorted(
        {
            (positions[edge.upstream], at)
            for at, spec in enumerate(ordered)
            for edge in spec.inputs
            if edge.upstream in positions and edge.upstream != spec.key
        }
    )
    return _Table(all_specs=specs, specs=ordered, positions=positions, downstream=Adjacency(len(ordered), edges))


def _duplicates(table: _Table) -> Iterator[Problem]:
    if len(table.all_specs) == len(table.specs):
        return
    places: dict[str, list[AssetSpec]] = {}
    for spec in table.all_specs:
        places.setdefault(spec.key, []).append(spec)
    for key in sorted(places):
        first, *others = places[key]
        for other in others:
            yield _problem(
                "duplicate_key",
                f"the key `{key}` is declared twice: {_place(first)} and {_place(other)}",
                other,
                "rename one of them with `key=`",
            )


def _case_clashes(table: _Table) -> Iterator[Problem]:
    seen: dict[str, AssetSpec] = {}
    for spec in table.specs:
        earlier = seen.setdefault(spec.key.lower(), spec)
        if earlier is not spec:
            yield _problem(
                "case_clash",
                f"the keys `{earlier.key}` ({_place(earlier)}) and `{spec.key}` ({_place(spec)}) differ "
                "only in upper and lower case, and some file systems cannot keep them apart",
                spec,
                "rename one of them with `key=`",
            )


def _unknown_upstreams(table: _Table) -> Iterator[Problem]:
    index: NearestKeys | None = None
    hints: dict[str, str | None] = {}
    for spec in table.specs:
        for upstream in spec.upstreams:
            if upstream in table.positions:
                continue
            if upstream not in hints:
                index = index or NearestKeys(table.positions)
                hints[upstream] = index.hint(upstream)
            yield _problem(
                "unknown_upstream",
                f"asset `{spec.key}` depends on `{upstream}`, which no definition has",
                spec,
                hints[upstream] or "declare the asset, or declare it as a source if somebody else writes it",
            )


def _cycles(table: _Table) -> Iterator[Problem]:
    for knot in knots(table.downstream):
        for cycle in knot.cycles:
            members = [table.specs[node] for node in cycle]
            arrows = _shorten([f"`{spec.key}`" for spec in [*members, members[0]]])
            places = _shorten([f"`{spec.key}` {_place(spec)}" for spec in members])
            yield _problem(
                "cycle",
                f"assets depend on each other in a cycle: {' → '.join(arrows)} ({', '.join(places)})",
                members[0],
                "remove one of these dependencies, or read earlier partitions of the same asset instead",
            )
        if knot.uncovered:
            first = table.specs[knot.nodes[0]]
            yield _problem(
                "cycle",
                f"{knot.uncovered} more dependencies among these {len(knot.nodes)} assets lie on cycles too",
                first,
                "mend the cycles shown, and the rest is reported next",
            )


def _cycles_through_computations(table: _Table) -> Iterator[Problem]:
    """Cycles that close only because one call makes several assets and would have to run twice."""
    homes, members = _computation_nodes(table)
    if not members:
        return
    edges = {(homes[a], homes[b]) for a, b in table.downstream.edges() if homes[a] != homes[b]}
    calls = Adjacency(len(table.specs), sorted(edges))
    for knot in knots(calls):
        for cycle in knot.cycles:
            if not any(node in members for node in cycle):
                continue
            hops = [_hop(table, homes, a, b) for a, b in pairwise([*cycle, cycle[0]])]
            if all(arrived == left for (_, arrived), (left, _) in pairwise([*hops, hops[0]])):
                continue  # a cycle of assets already, reported as such
            yield _call_cycle(table, [table.specs[node] for hop in hops for node in hop])


def _computation_nodes(table: _Table) -> tuple[list[int], dict[int, list[int]]]:
    """For each asset the first of its call, and the assets of each call that makes several at once."""
    by_computation: dict[str, list[int]] = {}
    for at, spec in enumerate(table.specs):
        if spec.computation and not spec.subsettable:
            by_computation.setdefault(spec.computation, []).append(at)
    homes = list(range(len(table.specs)))
    members = {nodes[0]: nodes for nodes in by_computation.values() if len(nodes) > 1}
    for first, nodes in members.items():
        for node in nodes:
            homes[node] = first
    return homes, members


def _hop(table: _Table, homes: list[int], start: int, goal: int) -> tuple[int, int]:
    """The first dependency that leads from one call to another, as a pair of assets."""
    return next(
        (a, b) for a in range(start, len(homes)) if homes[a] == start for b in table.downstream[a] if homes[b] == goal
    )


def _call_cycle(table: _Table, specs: Sequence[AssetSpec]) -> Problem:
    """The problem text for hops `a → b, b' → c, …`, where b and b' are one asset or come from one call."""
    text = f"`{specs[0].key}`"
    previous = specs[0]
    for spec in [*specs[1:], specs[0]]:
        if spec.key == previous.key:
            continue
        same_call = spec.computation == previous.computation and spec.computation
        text += f" = `{spec.key}`" if same_call else f" → `{spec.key}`"
        previous = spec
    places = sorted({f"`{spec.key}` {_place(spec)}" for spec in specs})
    return _problem(
        "computation_cycle",
        f"assets made by one call depend on each other through another asset: {text}, "
        f"where `=` joins assets of one call ({', '.join(_shorten(places))})",
        specs[0],
        "make the call subsettable, or split it in two",
    )


def _mappings(table: _Table) -> Iterator[Problem]:
    verdicts: dict[tuple[object, object, object], str | None] = {}
    for spec in table.specs:
        for edge in spec.inputs:
            at = table.positions.get(edge.upstream)
            if at is None:
                continue
            upstream = table.specs[at]
            # definitions are shared between assets: the same three objects are checked once
            memo = (id(edge.mapping), id(spec.partitions), id(upstream.partitions))
            if memo not in verdicts:
                verdicts[memo] = mapping_problem(spec, edge, upstream)
            text = verdicts[memo]
            if text is not None:
                yield _problem(
                    "partition_mapping",
                    f"asset `{spec.key}` cannot map its partitions to those of `{edge.upstream}`: {text}",
                    spec,
                    "give the input a mapping: `inputs={…: Dep(…, mapping=…)}`",
                )


def _own_values(table: _Table) -> Iterator[Problem]:
    """Assets that would need their own value before there is one."""
    for spec in table.specs:
        for edge in spec.inputs:
            if edge.upstream == spec.key and _needs_itself(spec, edge):
                part = "itself" if spec.partitions is None else "partitions of itself that are not before its own"
                yield _problem(
                    "own_value",
                    f"asset `{spec.key}` reads {part}",
                    spec,
                    "for the value that is there now use `context.previous()`"
                    if spec.partitions is None
                    else f'read earlier ones: `inputs={{…: Dep("{spec.key}", mapping=TimeWindowMapping(-1, -1))}}`',
                )


def _needs_itself(spec: AssetSpec, edge: InputSpec) -> bool:
    """Whether some partition certainly waits for itself; what a table or a function says shows when it is planned."""
    if spec.partitions is None:
        return True
    if mapping_problem(spec, edge, spec) is not None:
        return False  # reported as such
    mapping = edge_mapping(spec, edge, spec)
    if isinstance(mapping, TimeWindowMapping):
        return mapping.start_offset <= 0 <= mapping.end_offset
    return isinstance(mapping, (IdentityMapping, AllPartitions, LastPartition))


_CHECKS: tuple[Callable[[_Table], Iterable[Problem]], ...] = (
    _duplicates,
    _case_clashes,
    _unknown_upstreams,
    _cycles,
    _cycles_through_computations,
    _own_values,
    _mappings,
)


def _problem(slug: str, message: str, spec: AssetSpec, hint: str) -> Problem:
    return Problem(
        slug=slug,
        message=message,
        file=spec.location.file if spec.location else None,
        line=spec.location.line if spec.location else None,
        asset=spec.key,
        hint=hint,
    )


def _place(spec: AssetSpec) -> str:
    return f"at {spec.location}" if spec.location else "at an unknown place"


def _shorten(texts: Sequence[str]) -> list[str]:
    """The texts, or for very many the first and last ones with the number left out said between them."""
    if len(texts) <= _LONG_CYCLE:
        return list(texts)
    half = _LONG_CYCLE // 2
    return [*texts[:half], f"… {len(texts) - 2 * half} more …", *texts[-half:]]
