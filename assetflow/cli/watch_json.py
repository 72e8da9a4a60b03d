"""`watch --json`: every report as one line of JSON on stdout, flushed as it happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, assert_never

from assetflow.cli.screen import Screen
from assetflow.model.clock import to_text
from assetflow.model.event import Event, StepFinished, StepStarted
from assetflow.project.tick import Difference
from assetflow.watch.reports import (
    Canceling,
    Changed,
    GoingOn,
    Happened,
    Paused,
    PlanMade,
    Pressed,
    Remarked,
    Report,
    TickEnded,
    Watching,
    Wrote,
)


class JsonLines:
    """Writes reports as JSON lines, each with `event` and `at`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def keys(self, active: bool) -> None:
        """Nothing to say about keys."""

    def show(self, report: Report) -> None:
        """Write one report."""
        match report:
            case Watching():
                self._line("watching", assets=report.assets, folders=report.folders, polls=report.polls)
            case Changed():
                self._line("changed", tick=report.number, changes=[change.to_json() for change in report.changes])
            case PlanMade():
                self._line("plan", tick=report.number, plan=report.plan.to_json())
            case Happened():
                self._event(report.number, report.event, report.difference)
            case Wrote():
                self._line(
                    "output", **{name: report.line.get(name) for name in ("asset", "partition", "level", "text")}
                )
            case Remarked():
                self._line("note", text=report.text)
            case Canceling():
                self._line("canceling", tick=report.number, assets=list(report.assets), rest=list(report.rest))
            case GoingOn():
                self._line("going_on", tick=report.number)
            case TickEnded():
                self._line("tick", **report.tick.to_json())
            case Paused():
                self._line("paused" if report.on else "resumed")
            case Pressed():
                pass
            case _:
                assert_never(report)

    def hooked(self, command: str, code: int) -> None:
        """A hook has ended."""
        self._line("hook", command=command, code=code)
        self._screen.flush()

    def idle(self) -> None:
        """Nothing stands on the screen between ticks."""

    def end(self) -> None:
        """Nothing to take away."""

    def _event(self, number: int, event: Event, difference: Difference | None) -> None:
        match event:
            case StepStarted():
                self._line(
                    "step_started", at=event.at, tick=number, asset=event.asset, partition=event.partition,
                    attempt=event.attempt,
                )  # fmt: skip
            case StepFinished():
                self._line(
                    "step_finished", at=event.at, tick=number, asset=event.asset, partition=event.partition,
                    status=event.status, seconds=event.seconds, rows=(event.materialization or {}).get("rows"),
                    error=event.error, caused_by=event.caused_by,
                    difference=None if difference is None else difference.to_json(),
                )  # fmt: skip
            case _:
                pass

    def _line(self, kind: str, *, at: str | None = None, **facts: Any) -> None:
        document = {"event": kind, "at": at or to_text(datetime.now(UTC)), **facts}
        self._screen.data(json.dumps(document, ensure_ascii=False, default=str))
