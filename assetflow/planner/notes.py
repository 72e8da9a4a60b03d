"""Remarks beside a plan: what is no reason to run and worth knowing all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assetflow.model.cause import CodeChanged
from assetflow.model.plan import AssetVerdict
from assetflow.model.texts import in_words
from assetflow.planner.basis import Basis

_NAMED = 5


def notes(basis: Basis, verdicts: Mapping[str, AssetVerdict], opened: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What may change while the plan is carried out, and packages that are not what values were made with.

    `opened` are dynamic partitions that steps of the plan may change, each with the assets that change them.
    """
    return (*_added_partitions(opened), *_moved_packages(basis, verdicts))


def _added_partitions(opened: Mapping[str, Sequence[str]]) -> list[str]:
    """Which dynamic partitions may change while the plan is carried out; what follows is planned then."""
    return [
        f"partitions `{name}` may change when {', '.join(f'`{asset}`' for asset in assets)} has run; "
        "what follows from that is planned then"
        for name, assets in sorted(opened.items())
    ]


def _moved_packages(basis: Basis, verdicts: Mapping[str, AssetVerdict]) -> list[str]:
    """Packages whose exact version is another than published values were made with, where that is no cause."""
    present = {asset: dict(basis.versions[asset].code.packages) for asset in verdicts}
    now = {package: version for found in present.values() for package, version in found.items()}
    moved: dict[tuple[str, str], list[str]] = {}
    for asset, package, version in basis.snapshot.made_with(now) if now else ():
        if package in present.get(asset, ()) and not _is_cause(verdicts[asset], package):
            moved.setdefault((package, version), []).append(asset)
    return [
        f"`{package}` is {now[package]}; {_listed(assets)} {'was' if len(assets) == 1 else 'were'} made with "
        f"{version}, which counts as the same"
        for (package, version), assets in sorted(moved.items())
    ]


def _is_cause(verdict: AssetVerdict, package: str) -> bool:
    named = f"package:{package}"
    return any(
        isinstance(cause, CodeChanged) and any(name.lstrip("+-") == named for name in cause.components)
        for group in verdict.groups
        for cause in group.causes
    )


def _listed(assets: Sequence[str]) -> str:
    return in_words([f"`{asset}`" for asset in assets], _NAMED)
