"""Definitions are checked together: everything wrong is found at once, and only what is wrong."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.errors import Problem
from assetflow.graph.validate import validate
from assetflow.model.asset import AssetSpec, InputSpec, Location
from assetflow.model.mapping import TimeWindowMapping
from assetflow.model.partitions import DailyPartitions


def spec(key: str, *upstreams: str, line: int = 1, computation: str = "", subsettable: bool = True) -> AssetSpec:
    return AssetSpec(
        key=key,
        inputs=tuple(InputSpec(upstream=upstream) for upstream in upstreams),
        location=Location(file="assets/a.py", line=line),
        computation=computation,
        subsettable=subsettable,
    )


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


def test_good_definitions_have_no_problems() -> None:
    assert validate([spec("b", "a"), spec("a"), spec("c", "a", "b")]) == ()
    assert validate([]) == ()


def test_an_asset_may_read_its_earlier_partitions_and_nothing_else_of_itself() -> None:
    days = DailyPartitions("2024-01-01", "2024-02-01")

    def found(partitions: DailyPartitions | None, mapping: TimeWindowMapping | None) -> list[str]:
        edge = InputSpec(upstream="a", mapping=mapping)
        return [problem.slug for problem in validate([AssetSpec(key="a", inputs=(edge,), partitions=partitions)])]

    assert found(days, TimeWindowMapping(-1, -1)) == found(days, TimeWindowMapping(-7, -1)) == []
    assert found(days, TimeWindowMapping(-1, 0)) == found(days, None) == found(None, None) == ["own_value"]


def test_a_key_may_be_the_folder_of_another() -> None:
    assert validate([spec("marts"), spec("marts/delays", "marts")]) == ()


def test_a_duplicate_key_names_both_places() -> None:
    problem = only(validate([spec("a", line=3), spec("b", line=5), spec("a", line=9)]))
    assert problem.slug == "duplicate_key"
    assert problem.message == "the key `a` is declared twice: at assets/a.py:3 and at assets/a.py:9"
    assert (problem.where, problem.asset) == ("assets/a.py:9", "a")


def test_every_further_duplicate_is_a_problem_of_its_own() -> None:
    assert len(validate([spec("a", line=n) for n in range(1, 5)])) == 3


def test_keys_that_differ_only_in_case_clash() -> None:
    problem = only(validate([spec("Sales/EU", line=2), spec("sales/eu", line=4)]))
    assert problem.slug == "case_clash"
    assert "`Sales/EU` (at assets/a.py:2) and `sales/eu` (at assets/a.py:4)" in problem.message


def test_an_unknown_upstream_names_the_nearest_key() -> None:
    problem = only(validate([spec("flights"), spec("delays", "fligths", line=7)]))
    assert problem.slug == "unknown_upstream"
    assert problem.message == "asset `delays` depends on `fligths`, which no definition has"
    assert problem.hint == "did you mean `flights`?"
    assert problem.where == "assets/a.py:7"


def test_an_unknown_upstream_with_nothing_near_says_what_to_do() -> None:
    problem = only(validate([spec("delays", "zzz")]))
    assert problem.hint is not None
    assert "declare the asset" in problem.hint


def test_a_cycle_is_its_path_and_not_what_is_behind_it() -> None:
    problems = validate(
        [spec("c", "b", line=3), spec("b", "a", line=2), spec("a", "c", line=1), spec("d", "c"), spec("e")]
    )
    problem = only(problems)
    assert problem.slug == "cycle"
    assert problem.message == (
        "assets depend on each other in a cycle: `a` → `b` → `c` → `a` "
        "(`a` at assets/a.py:1, `b` at assets/a.py:2, `c` at assets/a.py:3)"
    )


def test_two_cycles_that_share_an_asset_are_two_problems() -> None:
    problems = validate([spec("a", "b"), spec("b", "a", "c"), spec("c", "b")])
    assert [p.message.split(": ")[1].split(" (")[0] for p in problems] == ["`a` → `b` → `a`", "`b` → `c` → `b`"]


def test_a_short_cycle_inside_a_long_one_shows_both() -> None:
    problems = validate([spec("a", "c", "b"), spec("b", "a"), spec("c", "b")])
    paths = [p.message.split(": ")[1].split(" (")[0] for p in problems]
    assert paths == ["`a` → `b` → `a`", "`a` → `b` → `c` → `a`"]


def test_a_knot_of_very_many_cycles_says_how_much_is_left() -> None:
    keys = [f"k{n:02}" for n in range(30)]
    problems = validate([spec(key, *(other for other in keys if other != key)) for key in keys])
    assert len(problems) == 21
    assert problems[-1].message == "830 more dependencies among these 30 assets lie on cycles too"


def test_a_ring_of_fifty_thousand_assets_is_one_problem() -> None:
    count = 50_000
    ring = [spec(f"a{n:05}", f"a{(n - 1) % count:05}") for n in range(count)]
    problem = only(validate(ring))
    assert "… 49971 more …" in problem.message
    assert problem.message.count("→") == 30


@given(st.integers(2, 7), st.data())
@settings(max_examples=150, deadline=None)
def test_cycles_are_real_and_cover_every_edge_that_takes_part_in_one(count: int, data: st.DataObject) -> None:
    keys = [f"k{n}" for n in range(count)]
    upstreams = {key: data.draw(st.sets(st.sampled_from(keys), max_size=3)) - {key} for key in keys}
    edges = {(above, key) for key in keys for above in upstreams[key]}
    leads: dict[str, set[str]] = {key: {b for a, b in edges if a == key} for key in keys}
    for _ in keys:
        leads = {key: found.union(*(leads[other] for other in found)) for key, found in leads.items()}
    on_cycles = {(a, b) for a, b in edges if a in leads[b]}
    shown: list[tuple[str, ...]] = []
    for problem in validate([spec(key, *sorted(upstreams[key])) for key in keys]):
        arrows = problem.message.split(": ")[1].split(" (")[0]
        shown.append(tuple(part.strip("`") for part in arrows.split(" → ")))
    covered = {pair for path in shown for pair in pairwise(path)}
    assert covered == on_cycles
    assert len(set(shown)) == len(shown)
    for path in shown:
        assert path[0] == path[-1] == min(path)
        assert len(set(path)) == len(path) - 1


def test_assets_of_one_call_may_depend_on_each_other() -> None:
    assert (
        validate([spec("a", computation="m", subsettable=False), spec("b", "a", computation="m", subsettable=False)])
        == ()
    )


def test_a_cycle_through_a_call_that_makes_all_or_none_is_a_problem() -> None:
    problem = only(
        validate(
            [
                spec("a", computation="m", subsettable=False, line=1),
                spec("x", "a", line=2),
                spec("b", "x", computation="m", subsettable=False, line=1),
            ]
        )
    )
    assert problem.slug == "computation_cycle"
    assert "`a` → `x` → `b` = `a`" in problem.message


def test_two_calls_that_need_each_other_are_a_problem() -> None:
    one = {"computation": "one", "subsettable": False}
    two = {"computation": "two", "subsettable": False}
    problem = only(validate([spec("a", **one), spec("b", "d", **one), spec("c", "a", **two), spec("d", **two)]))  # type: ignore[arg-type]
    assert "`a` → `c` = `d` → `b` = `a`" in problem.message


def test_a_call_that_can_make_a_part_may_run_around_another_asset() -> None:
    assert validate([spec("a", computation="m"), spec("x", "a"), spec("b", "x", computation="m")]) == ()


def test_a_cycle_of_assets_inside_a_call_is_reported_once() -> None:
    problems = validate(
        [
            spec("a", "x", computation="m", subsettable=False),
            spec("x", "a"),
            spec("b", computation="m", subsettable=False),
        ]
    )
    assert [problem.slug for problem in problems] == ["cycle"]


def test_everything_is_reported_at_once() -> None:
    slugs = [p.slug for p in validate([spec("a", "b"), spec("b", "a"), spec("b"), spec("B", "nowhere")])]
    assert slugs == ["duplicate_key", "case_clash", "unknown_upstream", "cycle"]


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_different_typos_each_get_their_hint(count: int) -> None:
    specs = [spec(f"table_{n:04}") for n in range(count)]
    problems = validate([*specs, *(spec(f"use_{n:04}", f"tabel_{n:04}") for n in range(count))])
    assert [p.hint for p in problems] == [f"did you mean `table_{n:04}`?" for n in range(count)]
