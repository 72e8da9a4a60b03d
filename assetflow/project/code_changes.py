"""What changed in the code of an asset: the recorded text of each component against the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assetflow.model.record import Current
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.planning import Planned
    from assetflow.project.project import Project

_TEXTS = """
select component, hash, text from code where asset = $asset and code_version = $version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChange:
    """One component of an asset's code that is not what it was; None before it was there, or since it is gone.

    `before` and `after` are its normalized source, empty where none is kept, as for the value of a variable of the
    environment; `made_by` is the recorded code version.
    """

    asset: str
    component: str
    made_by: str
    before: str | None
    after: str | None

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty where no text is kept."""
        import difflib  # here: it costs milliseconds, and plans are made without

        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        lines = difflib.unified_diff(
            before, after, f"{self.component} (recorded)", f"{self.component} (now)", lineterm=""
        )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The change as the document of `plan --explain --diff` holds it."""
        return {
            "asset": self.asset,
            "component": self.component,
            "made_by": self.made_by,
            "before": self.before,
            "after": self.after,
            "diff": self.diff,
        }


def code_changes(project: Project, planned: Planned, asset: str) -> tuple[CodeChange, ...]:
    """Every component that differs between the present code and that of any published partition, by name.

    Empty where all was made by the present code, or that code was never recorded.
    """
    now = planned.basis.versions[asset].code
    current = planned.basis.snapshot.current.get(asset, {})
    subset = planned.plan.verdicts[asset].groups if asset in planned.plan.verdicts else ()
    stale = [group for group in subset if any(cause.kind == "code_changed" for cause in group.causes)]
    records: list[Current] = []
    for group in stale:
        keys = (None,) if group.partitions is None else group.partitions
        records += [current[key] for key in keys if key in current]
    found: list[CodeChange] = []
    texts = project.loaded.code_texts(asset)
    present = dict(now.components)
    for version in sorted({record.code_version for record in records}):
        rows = project.query(_TEXTS, {"asset": asset, "version": version})
        before = {row["component"]: (row["hash"], row["text"] or "") for row in rows}
        if not before:
            continue
        for name in sorted(before.keys() | present.keys()):
            if name in before and before[name][0] == present.get(name):
                continue
            found.append(
                CodeChange(
                    asset=asset,
                    component=name,
                    made_by=version,
                    before=before[name][1] if name in before else None,
                    after=texts.get(present[name], "") if name in present else None,
                )
            )
    return tuple(found)
