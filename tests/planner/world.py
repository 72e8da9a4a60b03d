"""A small world of assets that is edited, broken and moved through time, and the obvious way to rebuild it.

Nothing here uses the planner: which partitions exist and what reads what is said a second time, with plain lists.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from assetflow.graph.graph import AssetGraph
from assetflow.model.asset import AssetKind, AssetSpec, InputSpec
from assetflow.model.mapping import (
    AllPartitions,
    IdentityMapping,
    LastPartition,
    PartitionMapping,
    SpecificPartitions,
    TimeWindowMapping,
)
from assetflow.model.partitions import DailyPartitions, PartitionsDefinition, StaticPartitions
from assetflow.model.policy import FreshnessPolicy
from assetflow.model.version import AssetVersions, CodeVersion

START = datetime(2024, 1, 1, tzinfo=UTC)
MAX_AGE = timedelta(hours=36)

Place = tuple[str, str | None]
"""An asset partition."""


class Cut(StrEnum):
    """How an asset is cut into partitions."""

    WHOLE = "whole"
    STATIC = "static"
    DAILY = "daily"


class Reads(StrEnum):
    """Which partitions of an upstream are read."""

    WHOLE = "whole"
    SAME = "same"
    ALL = "all"
    LAST = "last"
    FIRST = "first"
    RECENT = "recent"
    BEFORE = "before"


def possible_reads(down: Cut, up: Cut) -> tuple[Reads, ...]:
    """The ways in which an asset of one cut can read one of another."""
    if up is Cut.WHOLE:
        return (Reads.WHOLE,)
    any_cut = (Reads.ALL, Reads.LAST, Reads.FIRST)
    if down is not up:
        return any_cut
    return (Reads.SAME, *any_cut) if up is Cut.STATIC else (Reads.SAME, *any_cut, Reads.RECENT, Reads.BEFORE)


@dataclass(slots=True, kw_only=True)
class Call:
    """One function of the world: its outputs, its inputs, and everything an edit can change.

    `code` 2n and 2n+1 are different texts of the same meaning; `config` 1 and 2 have the same effect; a `blind` one
    ignores what it reads.

    What it makes is a table of a column `k`, which depends on little, and a column `v`, which depends on everything;
    `code` decides the number of rows and the values of `k`, `config` the type of `k`. Of the upstreams in `narrow` it
    reads `k` alone.
    """

    outputs: tuple[str, ...]
    cut: Cut = Cut.WHOLE
    reads: dict[str, Reads] = field(default_factory=dict)
    code: int = 0
    config: int = 0
    blind: bool = False
    narrow: frozenset[str] = frozenset()
    subsettable: bool = False
    pure: bool = False
    side_effect: bool = False
    policy: bool = False

    @property
    def name(self) -> str:
        return "+".join(self.outputs)

    def value(self, asset: str, partition: str | None, inputs: list[tuple[Place, str]]) -> str:
        """What the function makes of its inputs."""
        read = [] if self.blind else inputs
        meaning = self.code // 2 % 3
        k = f"{digest(asset, partition, meaning == 2)}/{1 + meaning % 2}/{'is'[min(self.config, 1)]}"
        return f"{k}.{digest(asset, partition, self.code // 2, min(self.config, 1), read)}"

    def as_read(self, upstream: str, value: str) -> str:
        """What it sees of a value of an upstream."""
        return value.partition(".")[0] if upstream in self.narrow else value


def digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@dataclass(slots=True, kw_only=True)
class World:
    """The declared assets, what the sources hold, and the time; edits change it in place."""

    calls: dict[str, Call] = field(default_factory=lambda: {call.name: call for call in _calls()})
    sources: dict[str, tuple[Cut, int]] = field(default_factory=lambda: {"s": (Cut.WHOLE, 0), "t": (Cut.STATIC, 0)})
    static: list[str] = field(default_factory=lambda: ["a", "b"])
    hours: int = 48
    broken: set[str] = field(default_factory=set)

    # --- what there is, said plainly ---

    @property
    def now(self) -> datetime:
        return START + timedelta(hours=self.hours)

    @property
    def assets(self) -> list[str]:
        """Every asset that is made, each after what it may read."""
        return [asset for call in self.calls.values() for asset in call.outputs]

    def call_of(self, asset: str) -> Call:
        return next(call for call in self.calls.values() if asset in call.outputs)

    def cut(self, asset: str) -> Cut:
        return self.sources[asset][0] if asset in self.sources else self.call_of(asset).cut

    def keys(self, asset: str) -> list[str | None]:
        match self.cut(asset):
            case Cut.WHOLE:
                return [None]
            case Cut.STATIC:
                return list(self.static)
            case Cut.DAILY:
                return [f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(self.hours // 24)]

    def inputs(self, asset: str, partition: str | None) -> list[Place]:
        """What an asset partition reads, sorted by upstream."""
        found: list[Place] = []
        for upstream, reads in sorted(self.call_of(asset).reads.items()):
            keys = self.keys(upstream)
            at = keys.index(partition) if partition in keys else -1
            chosen: list[str | None] = {
                Reads.WHOLE: keys,
                Reads.SAME: [partition],
                Reads.ALL: keys,
                Reads.LAST: keys[-1:],
                Reads.FIRST: keys[:1],
                Reads.RECENT: keys[max(0, at - 1) : at + 1],
                Reads.BEFORE: keys[max(0, at - 1) : max(0, at)],
            }[reads]
            found += [(upstream, key) for key in chosen]
        return found

    def source_values(self) -> dict[Place, str]:
        return {
            (key, part): digest(key, part, version)
            for key, (_, version) in self.sources.items()
            for part in self.keys(key)
        }

    def clean_rebuild(self) -> dict[Place, str]:
        """Every value there should be: the oracle."""
        values = self.source_values()
        for asset in self.assets:
            for partition in self.keys(asset):
                call = self.call_of(asset)
                inputs = [(place, call.as_read(place[0], values[place])) for place in self.inputs(asset, partition)]
                values[(asset, partition)] = self.call_of(asset).value(asset, partition, inputs)
        return values

    def needed_for(self, targets: list[Place]) -> set[Place]:
        """The targets and everything that is read on the way to them, sources left out."""
        found: set[Place] = set()
        stack = list(targets)
        while stack:
            place = stack.pop()
            if place not in found and place[0] not in self.sources:
                found.add(place)
                stack += self.inputs(*place)
        return found

    def siblings(self, places: set[Place]) -> set[Place]:
        """The places with everything that the same calls make."""
        return {(output, key) for asset, key in places for output in self.call_of(asset).outputs}

    def tainted(self, failed: set[Place]) -> set[Place]:
        """What cannot be made because something failed."""
        found = set(failed)
        for asset in self.assets:
            for partition in self.keys(asset):
                if any(place in found for place in self.inputs(asset, partition)):
                    found.add((asset, partition))
        return found

    # --- the same as definitions ---

    def definition(self, cut: Cut) -> PartitionsDefinition | None:
        if cut is Cut.WHOLE:
            return None
        return StaticPartitions(self.static) if cut is Cut.STATIC else DailyPartitions(f"{START:%Y-%m-%d}")

    def graph(self) -> AssetGraph:
        specs = [
            AssetSpec(key=key, kind=AssetKind.SOURCE, partitions=self.definition(cut))
            for key, (cut, _) in self.sources.items()
        ]
        specs += [self._spec(asset, call) for call in self.calls.values() for asset in call.outputs]
        return AssetGraph(specs)

    def _spec(self, asset: str, call: Call) -> AssetSpec:
        return AssetSpec(
            key=asset,
            computation=call.name,
            partitions=self.definition(call.cut),
            inputs=tuple(InputSpec(upstream=up, mapping=self._mapping(up, how)) for up, how in call.reads.items()),
            subsettable=call.subsettable or len(call.outputs) == 1,
            pure=call.pure,
            side_effect=call.side_effect,
            freshness=FreshnessPolicy(max_age=MAX_AGE) if call.policy else None,
        )

    def _mapping(self, upstream: str, reads: Reads) -> PartitionMapping | None:
        match reads:
            case Reads.WHOLE:
                return None
            case Reads.SAME:
                return IdentityMapping()
            case Reads.ALL:
                return AllPartitions()
            case Reads.LAST:
                return LastPartition()
            case Reads.FIRST:
                return SpecificPartitions([str(self.keys(upstream)[0])])
            case Reads.RECENT:
                return TimeWindowMapping(-1, 0)
            case Reads.BEFORE:
                return TimeWindowMapping(-1, -1)

    def versions(self) -> dict[str, AssetVersions]:
        return {
            asset: AssetVersions(
                code=CodeVersion(version=f"c{call.code}", components=(("body", str(call.code)),)),
                config=(("n", f"g{call.config}"),),
            )
            for call in self.calls.values()
            for asset in call.outputs
        }

    # --- edits ---

    def edit(self, rng: random.Random) -> str:
        """One random edit; what it was, in words."""
        call = rng.choice(list(self.calls.values()))
        match rng.randrange(9):
            case 0 | 1:
                call.code = rng.randrange(6)
                return f"{call.name}: code {call.code}"
            case 2:
                call.config = rng.randrange(3)
                return f"{call.name}: config {call.config}"
            case 3 | 4:
                return self.rewire(call, rng)
            case 5:
                key = rng.choice(list(self.sources))
                self.sources[key] = (self.sources[key][0], rng.randrange(4))
                return f"source {key}: {self.sources[key][1]}"
            case 6:
                self.hours += rng.choice((6, 24, 30))
                return f"it is {self.now:%d %H:%M}"
            case 7:
                self.static = ["a", *rng.sample(["b", "c", "d"], rng.randrange(4))]
                return f"static keys {self.static}"
            case _:
                self.broken = set() if self.broken else {rng.choice(self.assets)}
                return f"broken: {sorted(self.broken)}"

    def rewire(self, call: Call, rng: random.Random) -> str:
        """Add, change or remove one input."""
        earlier = [*self.sources, *(a for a in self.assets[: self.assets.index(call.outputs[0])])]
        upstream = rng.choice(earlier)
        reads = rng.choice((None, *possible_reads(call.cut, self.cut(upstream))))
        if reads is None:
            call.reads.pop(upstream, None)
            return f"{call.name}: reads {upstream} no more"
        call.reads[upstream] = reads
        return f"{call.name}: reads {reads} of {upstream}"


def _calls() -> list[Call]:
    """One asset at least of every kind that decides something."""
    return [
        Call(outputs=("a",), cut=Cut.DAILY),
        Call(outputs=("b",), reads={"s": Reads.WHOLE}),
        Call(outputs=("c",), cut=Cut.STATIC, reads={"t": Reads.SAME}, policy=True),
        Call(outputs=("m1", "m2"), reads={"b": Reads.WHOLE, "c": Reads.ALL}, narrow=frozenset("bc")),
        Call(outputs=("d",), cut=Cut.DAILY, reads={"a": Reads.SAME, "d": Reads.BEFORE}),
        Call(outputs=("e",), cut=Cut.STATIC, reads={"c": Reads.SAME, "b": Reads.WHOLE}, blind=True),
        Call(outputs=("n1", "n2"), cut=Cut.STATIC, reads={"e": Reads.SAME, "b": Reads.WHOLE}, subsettable=True),
        Call(outputs=("o1", "o2"), cut=Cut.DAILY, reads={"d": Reads.RECENT, "n1": Reads.ALL}, narrow=frozenset("d")),
        Call(outputs=("p",), pure=True, policy=True),
        Call(
            outputs=("q",),
            cut=Cut.DAILY,
            reads={"a": Reads.RECENT, "p": Reads.WHOLE},
            policy=True,
            narrow=frozenset("p"),
        ),
        Call(outputs=("x",), reads={"d": Reads.LAST, "m1": Reads.WHOLE}, policy=True, narrow=frozenset({"m1"})),
        Call(outputs=("z",), reads={"x": Reads.WHOLE, "n2": Reads.ALL, "q": Reads.ALL}, side_effect=True),
    ]
