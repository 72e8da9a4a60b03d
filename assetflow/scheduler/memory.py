"""What the scheduler keeps between ticks: in the log, so that it survives whatever happens to the process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from assetflow.model.clock import from_text, to_text
from assetflow.model.event import Scheduled
from assetflow.planner.automation import AssetMemory
from assetflow.project.process import new_run_id
from assetflow.project.project import Project
from assetflow.values import dataclass

_STATE = "select name, cast(value as varchar), number from inside.scheduler where environment = ?"


@dataclass(slots=True)
class Memory:
    """What is kept, by name: `tick`, `asset:KEY`, `job:NAME`, `sensor:NAME`, `request:ID`, `freshness:KEY`, …

    `changes` are what is new and not written yet; None takes a name away.
    """

    environment: str
    values: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    changes: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """What is kept under a name; None when nothing is."""
        return self.values.get(name)

    def set(self, name: str, value: Any) -> None:
        """Keep a value, which is JSON; None takes it away. Nothing changes where it is the same."""
        if self.values.get(name) == value:
            return
        self.changes[name] = value
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def under(self, prefix: str) -> dict[str, Any]:
        """What is kept under names that begin so, without the beginning, sorted."""
        return {name.removeprefix(prefix): self.values[name] for name in sorted(self.values) if name.startswith(prefix)}

    @property
    def previous(self) -> datetime | None:
        """The instant of the tick before; None before the first."""
        tick = self.get("tick")
        return None if tick is None else from_text(tick["at"])

    @property
    def order(self) -> int:
        """The logical time up to which publications were seen by the tick before."""
        tick = self.get("tick")
        return 0 if tick is None else int(tick["order"])

    def assets(self) -> Mapping[str, AssetMemory]:
        """What conditions keep, by asset."""
        return {key: AssetMemory(**value) for key, value in self.under("asset:").items()}


def read_memory(project: Project) -> Memory:
    """What is kept for the project's environment; nothing where no scheduler ever ran."""
    memory = Memory(project.settings.environment)
    root = project.settings.catalog_root
    if not (root / "log").is_dir() and not (root / "catalog.duckdb").exists():
        return memory
    for name, value, number in project.catalog.query(_STATE, [memory.environment]).rows:
        memory.number = max(memory.number, number)
        if value is not None:
            memory.values[name] = json.loads(value)
    return memory


def write_memory(project: Project, memory: Memory, what: str, detail: Mapping[str, Any]) -> None:
    """Record what changed with something to tell about it, durably; nothing is written where nothing changed."""
    if not memory.changes:
        return
    now = project.clock.now()
    memory.number += 1
    event = Scheduled(
        at=to_text(now),
        environment=memory.environment,
        number=memory.number,
        what=what,
        state=dict(memory.changes),
        detail=dict(detail),
    )
    project.catalog.record(f"scheduler-{new_run_id(now)}", [event])
    memory.changes.clear()
    project.catalog.fold()
