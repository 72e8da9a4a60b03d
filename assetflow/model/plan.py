"""The plan: a frozen value that says what would run, in which order, and why or why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from assetflow.errors import UnknownAssetError, UnknownPartitionError, did_you_mean
from assetflow.model.cause import Cause
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.model.subset import PartitionSubset

EXPANDED_KEYS = 1_000
"""Above this many keys the JSON of a step gives ranges, unless asked to expand."""


class Verdict(StrEnum):
    """Whether what is published for an asset partition still holds."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGroup:
    """Partitions of one asset that share a verdict and its causes; `partitions` is None for an unpartitioned asset.

    `held` names the comparisons that held. A group is conditional when nothing certain speaks for a rebuild: an
    upstream's result decides.
    """

    verdict: Verdict
    partitions: PartitionSubset | None
    causes: tuple[Cause, ...] = ()
    conditional: bool = False
    held: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many asset partitions the group holds; 1 for an unpartitioned asset."""
        return 1 if self.partitions is None else len(self.partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetVerdict:
    """The verdicts of one asset over the partitions that were looked at."""

    asset: str
    groups: tuple[VerdictGroup, ...]

    def count(self, verdict: Verdict) -> int:
        return sum(group.count for group in self.groups if group.verdict is verdict)

    @property
    def verdict(self) -> Verdict:
        """The asset as a whole: missing if nothing is there, stale if anything is not fresh, else fresh."""
        stale, missing = self.count(Verdict.STALE), self.count(Verdict.MISSING)
        if not stale and not missing:
            return Verdict.FRESH
        return Verdict.MISSING if not stale and not self.count(Verdict.FRESH) else Verdict.STALE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One asset and the partitions of it that run for the same causes; None for an unpartitioned asset."""

    asset: str
    partitions: PartitionSubset | None
    conditional: bool
    causes: tuple[Cause, ...]

    @property
    def count(self) -> int:
        return 1 if self.partitions is None else len(self.partitions)

    def partition_keys(self) -> Iterator[str | None]:
        """The partition keys in order; a single None for an unpartitioned asset."""
        return iter((None,)) if self.partitions is None else iter(self.partitions)

    def to_json(self, *, expand: bool = False) -> dict[str, Any]:
        partitions: dict[str, Any] | None = None
        if self.partitions is not None:
            partitions = {"count": len(self.partitions)}
            if expand or len(self.partitions) <= EXPANDED_KEYS:
                partitions["keys"] = list(self.partitions)
            else:
                partitions["ranges"] = [list(pair) for pair in self.partitions.ranges()]
        return {
            "asset": self.asset,
            "partitions": partitions,
            "conditional": self.conditional,
            "causes": [cause.to_json() for cause in self.causes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one asset partition (or a whole asset) is what it is, with the explanations of its upstreams.

    `repeated` marks a node that is explained elsewhere in the same tree.
    """

    asset: str
    partition: str | None
    verdict: AssetVerdict
    upstream: tuple[Explanation, ...] = ()
    repeated: bool = False

    def assets(self) -> frozenset[str]:
        """Every asset of the tree."""
        found: set[str] = set()
        stack = [self]
        while stack:
            node = stack.pop()
            found.add(node.asset)
            stack += node.upstream
        return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `materialize` would do: steps in execution order, and the verdict of everything that was looked at.

    `as_of` is the instant the plan was made for (UTC text); `upstreams` the direct upstream keys of each asset looked
    at; `notes` remarks that are no reason to run, such as a package whose exact version moved; `left_out` says which
    targets lack an upstream, where a request leaves such out.
    """

    environment: str
    as_of: str
    steps: tuple[PlanStep, ...]
    verdicts: Mapping[str, AssetVerdict]
    upstreams: Mapping[str, tuple[str, ...]]
    fresh: int
    targets: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    forced: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def work(self) -> int:
        """How many asset partitions the steps hold."""
        return sum(step.count for step in self.steps)

    def to_json(self, *, expand: bool = False) -> dict[str, Any]:
        """The document that `plan --json` prints."""
        return {
            "environment": self.environment,
            "as_of": self.as_of,
            "steps": [step.to_json(expand=expand) for step in self.steps],
            "fresh": self.fresh,
            "notes": list(self.notes),
        }

    def explain(self, asset: str, partition: str | None = None) -> Explanation:
        """Why an asset (or one partition of it) is fresh or not, with its upstreams, as a tree."""
        if asset not in self.verdicts:
            raise UnknownAssetError(
                f"the plan does not look at `{asset}`", hint=did_you_mean(asset, self.verdicts), asset=asset
            )
        if partition is not None:
            self._group_of(asset, partition)
        seen: set[str] = set()
        # depth first with a stack: (asset, partition, remaining upstreams, finished children)
        stack: list[tuple[str, str | None, list[str], list[Explanation]]] = [
            (asset, partition, list(reversed(self._looked_at(asset))), [])
        ]
        seen.add(asset)
        while True:
            name, part, waiting, done = stack[-1]
            if waiting:
                child = waiting.pop()
                if child in seen:
                    done.append(Explanation(asset=child, partition=None, verdict=self.verdicts[child], repeated=True))
                    continue
                seen.add(child)
                stack.append((child, None, list(reversed(self._looked_at(child))), []))
                continue
            stack.pop()
            verdict = self.verdicts[name]
            if part is not None:
                verdict = AssetVerdict(asset=name, groups=(self._group_of(name, part),))
            node = Explanation(asset=name, partition=part, verdict=verdict, upstream=tuple(done))
            if not stack:
                return node
            stack[-1][3].append(node)

    def _looked_at(self, asset: str) -> list[str]:
        return [key for key in self.upstreams.get(asset, ()) if key in self.verdicts and key != asset]

    def _group_of(self, asset: str, partition: str) -> VerdictGroup:
        for group in self.verdicts[asset].groups:
            if group.partitions is not None and partition in group.partitions:
                return group
        raise UnknownPartitionError(f"the plan does not look at partition `{partition}` of `{asset}`")

    def __str__(self) -> str:
        """The plan as a line per step and one for what is fresh, for `print`."""
        lines = [
            f"{'maybe' if step.conditional else 'run'} {step.asset}"
            f"{'' if step.partitions is None else f' ({step.count} partitions)'}: "
            f"{'; '.join(cause.describe() for cause in step.causes)}"
            for step in self.steps
        ]
        return "\n".join([*lines, f"{self.work} to run, {self.fresh} fresh"])

    def _repr_html_(self) -> str:
        """The plan as a small table, for notebooks."""
        from html import escape  # here: only notebooks show tables

        rows = "".join(
            f"<tr><td>{escape(step.asset)}</td><td>{'' if step.partitions is None else step.count}</td>"
            f"<td>{'maybe' if step.conditional else 'run'}</td>"
            f"<td>{escape('; '.join(cause.describe() for cause in step.causes))}</td></tr>"
            for step in self.steps
        )
        head = "<tr><th>asset</th><th>partitions</th><th></th><th>why</th></tr>"
        return f"<table>{head}{rows}</table><p>{self.fresh} fresh</p>"
