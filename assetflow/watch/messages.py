"""What a watch and its workers say to each other: typed values, pickled through a connection of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from assetflow.errors import AssetflowError
from assetflow.executor.result import RunResult
from assetflow.model.clock import Clock
from assetflow.model.event import Event
from assetflow.model.plan import Plan
from assetflow.project.request import Ask
from assetflow.project.tick import Difference
from assetflow.values import dataclass
from assetflow.watch.scope import Scope

# --- to a worker ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do: load the project at `root`, plan, and run unless it is only to check.

    `settings` override the project's; `hold` asks to wait after planning until told to go on. `clock` None is the
    machine's.
    """

    root: Path
    ask: Ask
    settings: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: Clock | None = None
    workers: int | None = None
    fail_fast: bool = False
    check: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """An order like this may come: open the catalog meanwhile."""

    order: Order


@dataclass(frozen=True, slots=True)
class Go:
    """Plan again from what is recorded by now, and run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Cancel the steps of these assets, of which nothing is wanted any more, and go on with the others."""

    assets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel what goes on, record it, and end."""


# --- from a worker -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The project is loaded (or is not, then a `Broken` follows): what of it is watched, and how many assets it has."""

    scope: Scope
    assets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan that is carried out next.

    `worth` maps each asset that the plan looks at to a hash of all that decides its value: while that is the same, a
    step that still runs for an earlier plan makes what this one wants. `until` is the time (seconds since the epoch)
    at which time alone changes the plan. `held`: it waits for its turn, and is made once more then.
    """

    plan: Plan
    worth: Mapping[str, str]
    until: float | None
    notices: tuple[str, ...]
    workers: int
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An event of the run, with what differs from the version before where it published one."""

    event: Event
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoed:
    """A line that a step wrote."""

    line: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A remark."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The project cannot be loaded or planned, or a run is impossible."""

    error: AssetflowError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """All is done; `result` is None where the worker was only to check.

    `until` is the time (seconds since the epoch) at which what was made now is overdue, None where nothing will be.
    """

    result: RunResult | None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Installed modules that the project's code has imported, in the order they were."""

    modules: tuple[str, ...]


# --- made by the watch itself --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The worker's connection ended; `status` as `os.waitstatus_to_exitcode` gives it, None where nobody knows."""

    status: int | None


FromWorker = Loaded | Planned | Heard | Echoed | Noted | Broken | Ended | Imported | Gone
"""Everything a watch hears from a worker, in order."""
