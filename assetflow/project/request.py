"""From what a user asks for to what a plan is made of: selections and partition options as targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assetflow.errors import PartitionError, UsageError
from assetflow.graph.graph import AssetGraph
from assetflow.model.subset import PartitionSubset
from assetflow.planner.scope import Scope
from assetflow.planner.universe import Universe
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.graph.selection import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What `plan` and `materialize` take: selections, partitions, and how to treat them.

    `partitions` are texts as in selections after `@`; `first` and `last` a range, both included; `config` values by
    asset and field. `ready` goes with `only`: what lacks an upstream is left out instead of being an error.
    """

    selection: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    only: bool = False
    ready: bool = False
    force: bool = False
    freshness: bool = True
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_time: bool = False
    by: str | None = None
    at: datetime | None = None

    @property
    def narrows_partitions(self) -> bool:
        """Whether partitions were asked for apart from the selection."""
        return bool(self.partitions) or self.first is not None or self.last is not None


def selections_of(given: str | Sequence[str] | None, *, what: str = "selection") -> tuple[str, ...]:
    """Selections, or partitions, as a tuple of texts; None is everything, and UsageError what names nothing."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Iterable):
        raise UsageError(f"{what} {given!r} is neither text nor a list of texts", hint="use text or a list of texts")
    listed = tuple(given)
    if not listed:
        raise UsageError(f"the list of {what}s is empty: it names nothing", hint="leave it out, or use None, for all")
    for each in listed:
        if not isinstance(each, str):
            raise UsageError(f"{what} {each!r} is a {type(each).__name__}, not text", hint="use text")
    return listed


def targets_of(ask: Ask, graph: AssetGraph, universe: Universe, facts: Facts | None) -> Scope:
    """The asset partitions that are asked for; sources are left out, unless nothing else was named."""
    if ask.selection:
        # here: who selects nothing needs no grammar
        from assetflow.graph.selection import parse, resolve

        named = resolve([parse(text) for text in ask.selection], graph, facts).assets
    else:
        named = dict.fromkeys(graph.keys)
    targets: dict[str, PartitionSubset | None] = {}
    for asset, terms in named.items():
        targets[asset] = _terms(universe, asset, terms)
    return _narrowed(ask, universe, targets) if ask.narrows_partitions else targets


def _terms(universe: Universe, asset: str, terms: Collection[str] | None) -> PartitionSubset | None:
    definition = universe.definition(asset)
    if definition is None:
        return None
    return universe.all(asset) if terms is None else definition.parse(terms, as_of=universe.as_of)


def _narrowed(ask: Ask, universe: Universe, targets: Scope) -> Scope:
    """The targets limited to the partitions asked for; those without partitions stay as they are.

    A key counts as unknown only when no selected asset has it: assets of one request may be cut differently.
    """
    narrowed: dict[str, PartitionSubset | None] = {}
    problems: list[UsageError] = []
    matched = False
    for asset, subset in targets.items():
        definition = universe.definition(asset)
        if definition is None or subset is None:
            narrowed[asset] = subset
            continue
        try:
            wanted = (
                definition.parse(ask.partitions, as_of=universe.as_of)
                if ask.partitions
                else definition.between(ask.first, ask.last, as_of=universe.as_of)
            )
        except UsageError as error:
            problems.append(error)
            continue
        common = subset & wanted
        if subset and wanted and not common:
            hint = "say it once: after `@`, or with --partition, --from and --to"
            problems.append(PartitionError(f"`{asset}@{subset}` and `{asset}@{wanted}` share no partition", hint=hint))
            continue
        matched = True
        narrowed[asset] = common
    if problems and not matched:
        raise problems[0]
    if not matched:
        raise PartitionError(
            "partitions are asked for, but nothing that is selected has any",
            hint="leave --partition, --from and --to out, or select a partitioned asset",
        )
    return {asset: subset for asset, subset in narrowed.items() if subset is None or subset}


def _without_value(pair: str) -> str:
    """What may be shown of a pair: its value may be a secret."""
    place, equals, value = pair.partition("=")
    return f"{place}=…" if equals and value else pair


def parse_config(pairs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`asset.field=value` texts as values by asset and field; the last one wins, a value may hold `=`."""
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        place, equals, value = pair.partition("=")
        asset, dot, name = place.rpartition(".")
        if not equals or not dot or not asset or not name:
            raise UsageError(
                f"-p {_without_value(pair)!r} is not of the form asset.field=value", hint="for example -p report.top=5"
            )
        found.setdefault(asset, {})[name] = value
    return found
