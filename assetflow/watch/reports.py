"""What a watch reports while it goes on: everything a screen, a stream of JSON or a library needs to know, in order."""

from __future__ import annotations

from typing import Any

from assetflow.model.change import Change
from assetflow.model.event import Event
from assetflow.model.plan import Plan
from assetflow.project.tick import Difference, Tick
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Other folders are listened to than before, or there are more or fewer assets.

    `polls` says that the folders are looked at instead.
    """

    assets: int | None
    folders: int
    polls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A tick begins, because of these changes; without any it was asked for, or time brought it."""

    number: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade:
    """The plan that the tick carries out."""

    number: int
    plan: Plan
    notices: tuple[str, ...]
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event of the run."""

    number: int
    event: Event
    difference: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """A line that a step wrote; without asset what project code wrote outside of any step."""

    line: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarked:
    """A remark that is no error."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceling:
    """What the run of a tick still makes of these assets is canceled, because it is not wanted any more.

    `rest` are the assets with which the run goes on.
    """

    number: int
    assets: tuple[str, ...]
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOn:
    """A change was planned, and the run of a tick goes on: all that it still makes is wanted as it is."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickEnded:
    """A tick is over."""

    tick: Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The watch waits, and gathers what changes; or it goes on."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """The user pressed a key that the watch itself has no use for."""

    key: str


Report = (
    Watching | Changed | PlanMade | Happened | Wrote | Remarked | Canceling | GoingOn | TickEnded | Paused | Pressed
)
"""One report."""
