"""Every case of `automation.case`, and what all conditions have in common."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assetflow.errors import UsageError
from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetSpec
from assetflow.model.condition import (
    AutomationCondition,
    FactKind,
    any_upstream,
    condition,
    cron_tick_passed,
    eager,
    failed,
    missing,
    on_cron,
    on_missing,
    stale,
)
from assetflow.model.partitions import DynamicPartitions, StaticPartitions
from assetflow.planner.automation import Evaluator, Facts, restored, stored
from assetflow.planner.universe import Universe
from tests.planner.automation_world import Case, World, read_cases

PATH = Path(__file__).with_name("automation.case")
NOW = datetime(2024, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in read_cases(PATH)])
def test_case(case: Case) -> None:
    world = World()
    for number, line in case.lines:
        try:
            world.do(line)
        except AssertionError as error:
            raise AssertionError(f"line {number}: {line}\n{error}") from None


@pytest.mark.parametrize(
    "name", [*map(str, FactKind), "eager", "on_cron", "on_missing", "since", "newly_true", "condition"]
)
def test_everything_has_a_case(name: str) -> None:
    assert f"{name}(" in PATH.read_text()


def test_conditions_are_values() -> None:
    assert missing() & stale() == missing() & stale()
    assert hash(eager()) == hash(eager())
    assert eager() != eager("2d")
    assert str((missing() | stale()) & ~failed()) == "(missing() | stale()) & ~failed()"
    assert str(on_cron("0 6 * * *", "Europe/Berlin")) == "on_cron('0 6 * * *', 'Europe/Berlin')"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: missing() & True, "no automation condition"),
        (lambda: missing() and stale(), "neither true nor false"),
        (lambda: any_upstream(missing), "no automation condition"),
        (lambda: cron_tick_passed("0 25 * * *"), "not valid"),
        (lambda: cron_tick_passed("0 6 * * *", "Europe/Berln"), "Europe/Berln"),
        (lambda: eager("6 parsecs"), "6 parsecs"),
        (lambda: condition("x"), "condition got 'x'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_condition_says_why(make: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert words in caught.value.message


def conditions_at_random(rng: random.Random, depth: int) -> AutomationCondition:
    if depth == 0:
        return rng.choice((missing, stale, failed))()
    left, right = conditions_at_random(rng, depth - 1), conditions_at_random(rng, depth - 1)
    return rng.choice((left & right, left | right, ~left, left.since(right), left.newly_true()))


class Naive:
    """The same algebra for one key at a time, with a dictionary for what is remembered."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.kept: dict[str, bool] = {}

    def true(self, found: AutomationCondition, facts: dict[FactKind, set[str]], path: str = "") -> bool:
        parts = [self.true(each, facts, f"{path}.{at}") for at, each in enumerate(found.children)]
        match type(found).__name__:
            case "All":
                return all(parts)
            case "Any_":
                return any(parts)
            case "Not":
                return not parts[0]
            case "Since":
                self.kept[path] = (parts[0] or self.kept.get(path, False)) and not parts[1]
                return self.kept[path]
            case "NewlyTrue":
                before, self.kept[path] = self.kept.get(path, False), parts[0]
                return parts[0] and not before
            case _:
                return self.key in facts[found.kind]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(40))
def test_sets_of_partitions_are_what_single_keys_would_be(seed: int) -> None:
    rng = random.Random(seed)
    keys = [f"k{number}" for number in range(6)]
    spec = AssetSpec(key="a", computation="a", partitions=StaticPartitions(keys))
    universe = Universe(AssetGraph([spec]), as_of=NOW, dynamic={})
    tested = conditions_at_random(rng, 3)
    naive = {key: Naive(key) for key in keys}
    memory = {}
    for _ in range(6):
        facts = {kind: {key for key in keys if rng.random() < 0.4} for kind in FactKind}
        subsets = {kind: {"a": StaticPartitions(keys).subset(sorted(held))} for kind, held in facts.items()}
        (found,) = Evaluator(universe, Facts(true=subsets), memory).run({"a": tested})
        memory = {"a": found.memory}
        assert {*found.requested} == {key for key in keys if naive[key].true(tested, facts)}, str(tested)  # type: ignore[misc]


def test_what_is_remembered_of_dynamic_partitions_survives_that_keys_go() -> None:
    spec = AssetSpec(key="a", computation="a", partitions=DynamicPartitions("files"))
    graph = AssetGraph([spec])
    before = Universe(graph, as_of=NOW, dynamic={"files": ("p", "q", "r")})
    after = Universe(graph, as_of=NOW, dynamic={"files": ("q", "r", "s")})
    definition = before.definition("a")
    assert definition is not None
    kept = stored(definition.subset(["p", "q", "r"]))
    assert [*restored(after, "a", kept)] == ["q", "r"]  # type: ignore[misc]


def test_composites_are_told_by_their_names() -> None:
    assert [str(each) for each in (eager(), on_missing(), on_cron("@daily"))] == [
        "eager()", "on_missing()", "on_cron('@daily')",
    ]  # fmt: skip
