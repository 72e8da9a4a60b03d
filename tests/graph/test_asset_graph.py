"""AssetGraph: order, neighbors and closures agree with the obvious definitions, at any size."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import DefinitionError, UnknownAssetError
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.mapping import TimeWindowMapping
from assetflow.model.partitions import DailyPartitions

DAYS = DailyPartitions("2024-01-01", "2024-02-01")
DAY_BEFORE = TimeWindowMapping(-1, -1)


def spec(key: str, *upstreams: str, computation: str = "", subsettable: bool = True) -> AssetSpec:
    inputs = tuple(InputSpec(upstream=each, mapping=DAY_BEFORE if each == key else None) for each in upstreams)
    return AssetSpec(
        key=key,
        inputs=inputs,
        partitions=DAYS if key in upstreams else None,
        computation=computation,
        subsettable=subsettable,
    )


@st.composite
def edge_sets(draw: st.DrawFn) -> dict[str, set[str]]:
    """Upstreams by key: any directed acyclic graph, with key order unrelated to the order of the graph."""
    keys = draw(st.permutations([f"k{n}" for n in range(draw(st.integers(1, 12)))]))
    return {key: draw(st.sets(st.sampled_from(keys[:at]))) if at else set() for at, key in enumerate(keys)}


def graph_of(upstreams: dict[str, set[str]]) -> AssetGraph:
    return AssetGraph(spec(key, *sorted(above)) for key, above in upstreams.items())


def walk(neighbors: dict[str, set[str]], starts: set[str], depth: int | None) -> set[str]:
    """Everything one to `depth` steps away, one whole level at a time."""
    found: set[str] = set()
    level = set(starts)
    steps = len(neighbors) if depth is None else depth
    for _ in range(steps):
        level = {other for key in level for other in neighbors[key]}
        found |= level
    return found


@given(edge_sets())
@settings(max_examples=150, deadline=None)
def test_order_is_the_smallest_key_that_is_ready_each_time(upstreams: dict[str, set[str]]) -> None:
    graph = graph_of(upstreams)
    expected: list[str] = []
    while len(expected) < len(upstreams):
        ready = [key for key, above in upstreams.items() if key not in expected and above <= set(expected)]
        expected.append(min(ready))
    assert list(graph.order) == expected
    assert [graph.position(key) for key in expected] == list(range(len(expected)))
    assert list(graph.sorted(set(expected))) == expected


@given(edge_sets(), st.data(), st.none() | st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_closures_are_what_a_walk_by_levels_finds(
    upstreams: dict[str, set[str]], data: st.DataObject, depth: int | None
) -> None:
    graph = graph_of(upstreams)
    downstreams = {key: {other for other, above in upstreams.items() if key in above} for key in upstreams}
    starts = data.draw(st.sets(st.sampled_from(sorted(upstreams))))
    assert graph.ancestors(starts, depth) == walk(upstreams, starts, depth)
    assert graph.descendants(starts, depth) == walk(downstreams, starts, depth)


@given(edge_sets())
@settings(max_examples=100, deadline=None)
def test_neighbors_edges_roots_and_sinks_are_those_declared(upstreams: dict[str, set[str]]) -> None:
    graph = graph_of(upstreams)
    pairs = {(above, key) for key, all_above in upstreams.items() for above in all_above}
    assert graph.edges == tuple(sorted(pairs))
    assert graph.keys == tuple(sorted(upstreams))
    for key in upstreams:
        assert graph.upstream(key) == tuple(sorted(upstreams[key]))
        assert graph.downstream(key) == tuple(sorted(b for a, b in pairs if a == key))
    assert graph.roots() == tuple(sorted(key for key in upstreams if not upstreams[key]))
    assert graph.sinks() == tuple(sorted(key for key in upstreams if key not in {a for a, _ in pairs}))


@given(edge_sets(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_subgraph_holds_the_edges_between_its_assets(upstreams: dict[str, set[str]], data: st.DataObject) -> None:
    graph = graph_of(upstreams)
    kept = data.draw(st.sets(st.sampled_from(sorted(upstreams))))
    part = graph.subgraph(kept)
    assert set(part.keys) == kept
    assert part.edges == tuple((a, b) for a, b in graph.edges if a in kept and b in kept)


def test_the_order_of_declaration_does_not_matter() -> None:
    specs = [spec("c", "b"), spec("a"), spec("b", "a")]
    assert AssetGraph(specs) == AssetGraph(reversed(specs))
    assert hash(AssetGraph(specs)) == hash(AssetGraph(reversed(specs)))
    assert AssetGraph(specs) != AssetGraph([spec("a")])
    assert AssetGraph(specs).order == ("a", "b", "c")


def test_an_asset_on_its_own_earlier_partitions_is_ordered_as_if_it_were_not() -> None:
    graph = AssetGraph([spec("balance", "balance", "orders"), spec("orders")])
    assert graph.order == ("orders", "balance")
    assert graph.upstream("balance") == ("orders",)
    assert graph.downstream("balance") == ()
    assert graph.edges == (("balance", "balance"), ("orders", "balance"))
    assert graph.ancestors(["balance"]) == {"orders"}
    assert AssetGraph([spec("balance", "balance")]).roots() == ("balance",)


def test_a_start_is_in_its_closure_only_when_another_start_leads_to_it() -> None:
    graph = AssetGraph([spec("a"), spec("b", "a"), spec("c", "b")])
    assert graph.ancestors(["c"]) == {"a", "b"}
    assert graph.ancestors(["b", "c"]) == {"a", "b"}
    assert graph.descendants(["a", "b"], 1) == {"b", "c"}


def test_computations_list_the_assets_of_each_call() -> None:
    graph = AssetGraph([spec("b", computation="split"), spec("a", computation="split"), spec("c")])
    assert dict(graph.computations) == {"split": ("a", "b"), "c": ("c",)}


def test_two_inputs_from_one_upstream_are_one_edge() -> None:
    twice = AssetSpec(key="b", inputs=(InputSpec(upstream="a", param="x"), InputSpec(upstream="a", param="y")))
    assert AssetGraph([spec("a"), twice]).edges == (("a", "b"),)


def test_an_unknown_key_is_an_error_with_the_nearest_one() -> None:
    graph = AssetGraph([spec("marts/delays"), spec("flights")])
    for ask in (graph.position, graph.upstream, graph.downstream, graph.spec):
        with pytest.raises(UnknownAssetError) as caught:
            ask("fligths")
        assert caught.value.message == "no asset has the key `fligths`"
        assert caught.value.hint == "did you mean `flights`?"
    with pytest.raises(UnknownAssetError) as caught:
        graph.ancestors(["delays"])
    assert caught.value.hint == "did you mean `marts/delays`?"


def test_an_empty_graph_is_a_graph() -> None:
    graph = AssetGraph([])
    assert (graph.keys, graph.order, graph.edges, graph.roots(), len(graph)) == ((), (), (), (), 0)


def test_a_graph_travels_to_another_process() -> None:
    graph = AssetGraph([spec("a"), spec("b", "a")])
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_specs_cannot_be_changed_through_the_graph() -> None:
    graph = AssetGraph([spec("a")])
    with pytest.raises(TypeError):
        graph.specs["b"] = spec("b")  # type: ignore[index]


def test_definitions_with_problems_make_no_graph() -> None:
    with pytest.raises(DefinitionError) as caught:
        AssetGraph([spec("a", "b"), spec("b", "a"), spec("c", "nowhere")])
    assert {problem.slug for problem in caught.value.problems} == {"cycle", "unknown_upstream"}


def test_a_chain_of_fifty_thousand_assets() -> None:
    count = 50_000
    chain = [spec(f"a{n:05}", *([f"a{n - 1:05}"] if n else [])) for n in range(count)]
    graph = AssetGraph(reversed(chain))
    assert graph.order == tuple(f"a{n:05}" for n in range(count))
    assert len(graph.ancestors(["a49999"])) == count - 1
    assert len(graph.descendants(["a00000"])) == count - 1
    assert graph.descendants(["a00000"], 2) == {"a00001", "a00002"}


def test_ten_thousand_assets_between_two() -> None:
    middle = [f"m{n:04}" for n in range(10_000)]
    graph = AssetGraph([spec("first"), *(spec(key, "first") for key in middle), spec("zlast", *middle)])
    assert graph.order == ("first", *middle, "zlast")
    assert graph.upstream("zlast") == tuple(middle)
