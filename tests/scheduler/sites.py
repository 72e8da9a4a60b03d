"""A project whose clock is set by hand, for rounds of the scheduler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import assetflow as af
from assetflow.model.clock import FixedClock
from assetflow.scheduler.act import Round, carry_round

START = datetime(2026, 1, 1, 5, tzinfo=UTC)
HEAD = "import os, assetflow as af\n"


class Site:
    """A project whose clock is set by hand; every round opens it anew."""

    def __init__(self, root: Path, environ: dict[str, str] | None = None) -> None:
        self.root = root
        self.clock = FixedClock(START)
        self.environ = environ or {}
        self.told: list[tuple[str, dict[str, Any]]] = []

    def write(self, text: str) -> None:
        (self.root / "assets").mkdir(exist_ok=True)
        (self.root / "assets" / "main.py").write_text(HEAD + text)

    def project(self) -> af.Project:
        return af.Project.at(self.root, clock=self.clock, environ=self.environ)

    def round(self, **later: float) -> Round:
        self.clock.instant += timedelta(**later)
        self.told.clear()
        with self.project() as project:
            return carry_round(project, lambda what, fields: self.told.append((what, fields)))

    def made(self) -> list[str]:
        """The asset partitions that were materialized, in the order of their steps."""
        with self.project() as project:
            rows = project.query(
                "select asset, partition from steps where status = 'materialized' order by run_id, step"
            )
        return [row["asset"] if row["partition"] is None else f"{row['asset']}@{row['partition']}" for row in rows]

    def heard(self, what: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.told if name == what]


def asked(found: Round) -> list[str]:
    return [place for request in found.tick.requests for place in request.selection]
