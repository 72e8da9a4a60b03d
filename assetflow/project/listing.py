"""Assets with their verdicts, as lists, status screens and selections need them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from assetflow.graph.graph import AssetGraph
from assetflow.model.cause import CodeChanged, ConfigChanged, InputChanged
from assetflow.model.freshness import Freshness, FreshnessState
from assetflow.model.plan import Plan, Verdict
from assetflow.planner.freshness import freshness_of
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.planning import Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetListing:
    """One asset in a list: what it is, its verdict, and its partitions as (there, materialized).

    `outside` counts what is kept of partitions that the definition does not have, or not any more; `problem` says why
    the asset cannot be planned, where its inputs cannot be told.
    """

    asset: str
    group: str
    kind: str
    partitions: tuple[int, int] | None
    outside: int
    verdict: str
    counts: Mapping[str, int]
    overdue: bool
    freshness: Freshness | None
    tags: Mapping[str, str]
    owners: tuple[str, ...]
    description: str
    upstreams: tuple[str, ...]
    location: str | None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        partitions = None
        if self.partitions is not None:
            partitions = {"count": self.partitions[0], "materialized": self.partitions[1]}
        return {
            "asset": self.asset,
            "group": self.group,
            "kind": self.kind,
            "partitions": partitions,
            "outside": self.outside,
            "verdict": self.verdict,
            "overdue": self.overdue,
            "freshness": None if self.freshness is None else self.freshness.to_json(),
            "tags": dict(self.tags),
            "owners": list(self.owners),
            "description": self.description,
            "upstreams": list(self.upstreams),
            "location": self.location,
            "problem": self.problem,
        }


def list_assets(graph: AssetGraph, planned: Planned, keys: Iterable[str]) -> list[AssetListing]:
    """The listing of each key, in the order given; a source's verdict is `fresh`, or `missing` when it is not there."""
    return [_listing(graph, planned, key) for key in keys]


def _listing(graph: AssetGraph, planned: Planned, key: str) -> AssetListing:
    spec = graph.specs[key]
    everything = planned.universe.all(key)
    partitions = None
    counts: dict[str, int] = {}
    outside = 0
    freshness = freshness_of(planned.universe, planned.basis.snapshot.current, spec)
    if spec.is_source:
        seen = planned.basis.snapshot.observations.get(key, {})
        absent = sum(observation.error is not None for observation in seen.values())
        verdict = "missing" if seen and absent == len(seen) else "fresh"
        if everything is not None:
            partitions = (len(everything), len(seen) - absent)
    else:
        judged = planned.plan.verdicts[key]
        verdict = str(judged.verdict)
        counts = {str(kind): judged.count(kind) for kind in Verdict}
        records = planned.basis.snapshot.current.get(key, {})
        inside = int(None in records)
        if everything is not None:
            inside = len(everything) - judged.count(Verdict.MISSING)
            partitions = (len(everything), inside)
        outside = max(0, len(records) - inside)
    return AssetListing(
        asset=key,
        group=spec.group,
        kind=str(spec.kind),
        partitions=partitions,
        outside=outside,
        verdict=verdict,
        counts=counts,
        overdue=freshness is not None and freshness.state is FreshnessState.OVERDUE,
        freshness=freshness,
        tags=dict(spec.tags),
        owners=spec.owners,
        description=spec.description,
        upstreams=spec.upstreams,
        location=None if spec.location is None else str(spec.location),
        problem=planned.blocked[key].message if key in planned.blocked else None,
    )


def overdue_assets(planned: Planned) -> frozenset[str]:
    """The assets that are overdue by their freshness policies."""
    found = {
        key: freshness_of(planned.universe, planned.basis.snapshot.current, spec)
        for key, spec in planned.universe.graph.specs.items()
        if spec.freshness is not None
    }
    return frozenset(key for key, each in found.items() if each and each.state is FreshnessState.OVERDUE)


class ProjectFacts:
    """What `status:` and `changed:` selections ask, answered from a plan of the whole project."""

    def __init__(self, plan: Plan, failed: Collection[str], overdue: Collection[str] = ()) -> None:
        self._plan = plan
        self._failed = failed
        self._overdue = overdue

    def status(self, asset: str) -> Collection[str]:
        """The states an asset is in: a partitioned one can be partly stale and partly missing."""
        found = {"failed"} if asset in self._failed else set()
        judged = self._plan.verdicts.get(asset)
        if judged is None:
            return found
        found.update(str(kind) for kind in (Verdict.STALE, Verdict.MISSING) if judged.count(kind))
        if judged.verdict is Verdict.FRESH:
            found.add("fresh")
        if asset in self._overdue:
            found.add("overdue")
        return found

    def changed(self, asset: str) -> Collection[str]:
        """Which of code, data and config of an asset differ from what was recorded."""
        judged = self._plan.verdicts.get(asset)
        causes = () if judged is None else [cause for group in judged.groups for cause in group.causes]
        kinds = ((CodeChanged, "code"), (InputChanged, "data"), (ConfigChanged, "config"))
        return {name for kind, name in kinds if any(isinstance(cause, kind) for cause in causes)}
