"""Runs `automation.case`: conditions evaluated tick by tick, as text.

A file holds cases. Each begins with `case:` and goes on with commands, one a line:

    asset NAME[(inputs)] [daily|letters] [= CONDITION]    a condition is Python over the names of the algebra
    set FACT PLACE...       a fact is true there from now on; `unset FACT PLACE...` ends it; PLACE is `a` or `a@x,y`
    news PLACE...           published since the tick before, seen by the next tick only
    TIME: REQUESTS          a tick; the requests are places, or `nothing`; time stands where it stood for `.`
    error WORDS             the tick before had an error with these words
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assetflow.graph.graph import AssetGraph
from assetflow.model import condition as algebra
from assetflow.model.asset import AssetSpec, InputSpec
from assetflow.model.clock import from_text
from assetflow.model.condition import FactKind
from assetflow.model.partitions import DailyPartitions, PartitionsDefinition, PartitionSubset, StaticPartitions
from assetflow.planner.automation import AssetMemory, Evaluator, Extent, Facts, either, without
from assetflow.planner.universe import Universe

CUTS: dict[str, PartitionsDefinition] = {
    "daily": DailyPartitions("2024-01-01"),
    "letters": StaticPartitions(["x", "y", "z"]),
}
_ASSET = re.compile(r"asset (\w+)(?:\((.*?)\))?(?: (daily|letters))?(?: = (.*))?")


@dataclass(slots=True)
class Case:
    name: str
    lines: list[tuple[int, str]] = field(default_factory=list)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file, in order."""
    case: Case | None = None
    for number, raw in enumerate(path.read_text().splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("case: "):
            if case is not None:
                yield case
            case = Case(line.removeprefix("case: "))
        else:
            assert case is not None, f"{path.name}:{number}: a command before the first case"
            case.lines.append((number, line))
    if case is not None:
        yield case


def failing(_view: Any) -> bool:
    raise RuntimeError("it rains")


class World:
    """Assets, facts and memory of one case."""

    def __init__(self) -> None:
        self.specs: dict[str, AssetSpec] = {}
        self.facts: dict[FactKind, dict[str, Extent]] = {kind: {} for kind in FactKind}
        self.memory: dict[str, AssetMemory] = {}
        self.now = from_text("2024-01-04T00:00")
        self.previous: datetime | None = None
        self.errors: list[str] = []

    def do(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb:
            case "asset":
                self.declare(line)
            case "set" | "unset":
                kind, *places = rest.split()
                for place in places:
                    self.change(FactKind(kind), place, either if verb == "set" else without)
            case "news":
                for place in rest.split():
                    self.change(FactKind.NEWLY_UPDATED, place, either)
            case "error":
                assert any(rest in error for error in self.errors), f"the errors are {self.errors}"
            case _:
                time, _, expected = line.rpartition(": ")
                self.tick(time, expected)

    def declare(self, line: str) -> None:
        found = _ASSET.fullmatch(line)
        assert found is not None, line
        name, inputs, cut, text = found.groups()
        names = {**vars(algebra), "failing": algebra.condition(failing), "condition": algebra.condition}
        self.specs[name] = AssetSpec(
            key=name,
            computation=name,
            inputs=tuple(InputSpec(upstream=each.strip()) for each in (inputs or "").split(",") if each.strip()),
            partitions=CUTS.get(cut),
            automation=None if text is None else eval(text, names),
        )

    def universe(self) -> Universe:
        return Universe(AssetGraph(self.specs.values()), as_of=self.now, dynamic={})

    def change(self, kind: FactKind, place: str, how: Any) -> None:
        asset, at, keys = place.partition("@")
        definition = self.specs[asset].partitions
        extent: Extent = True
        if definition is not None:
            extent = definition.parse(keys) if at else definition.all(self.now)
        before = self.facts[kind].get(asset, False if definition is None else definition.empty())
        self.facts[kind][asset] = how(before, extent)

    def tick(self, time: str, expected: str) -> None:
        if time.startswith("+"):
            self.now += timedelta(hours=float(time.removeprefix("+").removesuffix("h")))
        elif time != ".":
            self.now = from_text(time)
        at = self.now if self.previous is None else max(self.now, self.previous)
        universe = Universe(AssetGraph(self.specs.values()), as_of=at, dynamic={})
        evaluator = Evaluator(universe, Facts(true=self.facts, previous=self.previous), self.memory)
        found = evaluator.run({key: spec.automation for key, spec in self.specs.items() if spec.automation is not None})
        self.memory = {each.asset: AssetMemory(**each.memory.to_json()) for each in found}
        self.errors = [error for each in found for error in each.errors]
        shown = sorted(_shown(each.asset, each.requested) for each in found if each.requested)
        self.facts[FactKind.NEWLY_UPDATED] = {}
        self.previous = at
        wanted = [] if expected == "nothing" else sorted(expected.split())
        assert shown == wanted, f"it requested {' '.join(shown) or 'nothing'}"


def _shown(asset: str, extent: Extent) -> str:
    return f"{asset}@{','.join(extent)}" if isinstance(extent, PartitionSubset) else asset
