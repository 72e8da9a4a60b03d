"""Changes of files, as a watch hears of them."""

from __future__ import annotations

from enum import StrEnum

from assetflow.values import dataclass


class ChangeKind(StrEnum):
    """What happened to a file or folder."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file or folder that came, went or was written; `path` is absolute."""

    path: str
    kind: ChangeKind

    def to_json(self) -> dict[str, str]:
        return {"path": self.path, "kind": str(self.kind)}


def merged(before: ChangeKind, after: ChangeKind) -> ChangeKind:
    """What two changes of one path come to, one after the other.

    A file that came and was then written has come; one that went and came again was written. One that came and went is
    told as gone, never as nothing: somebody may have read it in between.
    """
    match before, after:
        case (ChangeKind.ADDED, ChangeKind.MODIFIED):
            return ChangeKind.ADDED
        case (ChangeKind.DELETED, ChangeKind.ADDED | ChangeKind.MODIFIED):
            return ChangeKind.MODIFIED
        case _:
            return after
