"""Colors of verdicts; no drawing relies on them alone, each also writes the verdict."""

from __future__ import annotations

from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Fill and line of a box on a light and on a dark page, as CSS colors."""

    fill: str
    line: str
    dark_fill: str
    dark_line: str


PAINTS = {
    "fresh": Paint(fill="#e6f4ea", line="#2e7d32", dark_fill="#16301c", dark_line="#66bb6a"),
    "stale": Paint(fill="#fff3d1", line="#a86400", dark_fill="#3a2c0a", dark_line="#ffb74d"),
    "missing": Paint(fill="#f3f4f6", line="#6b7280", dark_fill="#24282e", dark_line="#9ca3af"),
    "overdue": Paint(fill="#f1e6ff", line="#6f3fb0", dark_fill="#2b1c40", dark_line="#b894f0"),
    "failed": Paint(fill="#fde5e5", line="#b71c1c", dark_fill="#3d1717", dark_line="#ef7a7a"),
}
PLAIN = Paint(fill="#ffffff", line="#4b5563", dark_fill="#1b1f24", dark_line="#8b949e")


def paint(verdict: str | None) -> Paint:
    """The colors of a verdict; plain ones where there is none, or none that is known here."""
    return PAINTS.get(verdict or "", PLAIN)


def css_class(verdict: str | None) -> str:
    """The name that styles a verdict in SVG and Mermaid: its own when it has colors, `plain` otherwise."""
    return verdict if verdict in PAINTS else "plain"
