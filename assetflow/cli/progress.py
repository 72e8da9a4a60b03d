"""What the user sees while a run goes on: a line per asset as it ends, and on a terminal what is running now."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from dataclasses import field
from types import TracebackType
from typing import Any

from assetflow.cli.live import CANCELING, Live
from assetflow.cli.screen import STATUS_STYLES, styled
from assetflow.cli.session import Session
from assetflow.cli.words import amount, counted, duration
from assetflow.model.event import Event, StepFinished, StepStarted
from assetflow.model.keys import show
from assetflow.model.plan import Plan
from assetflow.model.record import StepStatus
from assetflow.values import dataclass

_WORD = 12
_WIDEST = 40
_SILENCE = 30.0
"""Seconds after which a run that says nothing, because one asset has many partitions, tells where it stands."""
_FAILURES = 10
"""Failed partitions of one asset that get a line each, unless verbose."""


@dataclass(slots=True)
class AssetProgress:
    """Where one asset of a run stands; times are of the monotonic clock."""

    planned: int
    ended: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    rows: int | None = None
    running: dict[str | None, float] = field(default_factory=dict)
    first_start: float | None = None
    caused_by: str | None = None
    told: bool = False


class Display:
    """Hears the events of a run and shows them; lines go to stdout, to stderr where stdout holds JSON.

    Partitions of one asset share a line, unless verbose. Of those that fail the first ones are named, each with its
    error; the line of the asset counts all of them.
    """

    def __init__(self, session: Session, plan: Plan, *, workers: int) -> None:
        screen = session.screen
        self.screen = screen
        self.verbose = session.verbose
        self.assets: dict[str, AssetProgress] = {}
        for step in plan.steps:
            self.assets.setdefault(step.asset, AssetProgress(planned=0)).planned += step.count
        self.planned = plan.work
        self.workers = workers
        self.ended = 0
        self.started = time.monotonic()
        self.canceling = False
        self._spoke = self.started
        self._width = min(max((len(key) for key in self.assets), default=0), _WIDEST)
        self._lines_to_err = session.json
        self._lock = threading.Lock()
        wanted = screen.err_is_terminal and not screen.quiet and not plan.is_empty
        self._live = Live(screen, self) if wanted else None

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for asset, progress in self.assets.items():
            if not progress.told and progress.first_start is not None and not self._each(progress):
                self._line(self._whole(asset, progress))  # a run that broke off still tells what it did
        if self._live is not None:
            self._live.stop()

    def cancel(self) -> None:
        """Say that the run is being canceled; called from a signal handler, where streams must not be used."""
        self.canceling = True
        if self._live is None and not self.screen.quiet:
            with contextlib.suppress(OSError, ValueError):
                os.write(self.screen.err.fileno(), f"{CANCELING}\n".encode())

    # --- hearing ---------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Take in one event, in order, on a thread of the run."""
        match event:
            case StepStarted():
                progress = self._progress(event)
                now = time.monotonic()
                progress.running[event.partition] = now
                progress.first_start = progress.first_start or now
                if event.attempt > 1:
                    self._line(self._step("retrying", event.asset, event.partition, f"attempt {event.attempt}"))
            case StepFinished():
                self._finished(event)
            case _:
                pass

    def echo(self, line: dict[str, Any]) -> None:
        """Show a line that a step wrote; called on the step's thread."""
        who = self.screen.talk_style(show(line["asset"], line["partition"]), "dim")
        level = f"{line['level']} " if line["level"] else ""
        self._talk(f"{who} {self.screen.talk_style('│', 'dim')} {level}{line['text']}")

    def note(self, text: str) -> None:
        """Show a remark of the run or the catalog."""
        self._talk(f"{self.screen.talk_style('note:', 'cyan')} {text}")

    def _finished(self, event: StepFinished) -> None:
        progress = self._progress(event)
        began = progress.running.pop(event.partition, None) is not None
        progress.ended += 1
        progress.by_status[event.status] += 1
        if progress.first_start is not None:  # start and end are heard at once where both became durable at once
            progress.first_start = min(progress.first_start, time.monotonic() - event.seconds)
        progress.caused_by = progress.caused_by or event.caused_by
        self.ended += 1
        made = event.materialization or {}
        rows = made.get("rows")
        if rows is not None:
            progress.rows = (progress.rows or 0) + rows
        if event.status == StepStatus.CANCELED and not began:
            return  # it never started; the summary counts it
        failed = progress.by_status[StepStatus.FAILED] if event.status == StepStatus.FAILED else 0
        if self._each(progress) or 0 < failed <= _FAILURES:
            self._line(self._step(event.status, event.asset, event.partition, self._details(event, rows)))
        elif failed == _FAILURES + 1:
            self._line(self._step(event.status, event.asset, None, "more partitions: counted at the end, named by -v"))
        if not self._each(progress):
            if progress.ended == progress.planned:
                progress.told = True
                self._line(self._whole(event.asset, progress))
            elif self._live is None and time.monotonic() - self._spoke > _SILENCE:
                count = f"{progress.ended:,} of {progress.planned:,} partitions"
                self._line(self._step("running", event.asset, None, count))

    def _progress(self, event: StepStarted | StepFinished) -> AssetProgress:
        """Where the step's asset stands; one that the plan did not name works on partitions added during the run."""
        progress = self.assets.get(event.asset)
        if progress is None:
            progress = self.assets[event.asset] = AssetProgress(planned=0)
        known = progress.ended + len(progress.running)
        if isinstance(event, StepStarted) and event.attempt == 1 and known == progress.planned:
            progress.planned += 1
            self.planned += 1
            progress.told = False
        return progress

    def _each(self, progress: AssetProgress) -> bool:
        """Whether every step of the asset has a line of its own."""
        return self.verbose or progress.planned == 1

    # --- words -----------------------------------------------------------------------------------------------

    def _details(self, event: StepFinished, rows: int | None) -> str:
        match event.status:
            case StepStatus.MATERIALIZED:
                parts = [] if rows is None else [amount(rows, "row")]
                return "  ".join([*parts, duration(event.seconds)])
            case StepStatus.FAILED:
                lines = ((event.error or {}).get("message") or "").strip().splitlines()
                kind = (event.error or {}).get("type") or ""
                return ": ".join(part for part in (kind, lines[0] if lines else "") if part)
            case StepStatus.SKIPPED if event.caused_by:
                return f"needs {event.caused_by}"
            case StepStatus.SKIPPED:
                return str((event.error or {}).get("message") or "")
            case _:
                return ""

    def _whole(self, asset: str, progress: AssetProgress) -> str:
        """The line of an asset whose partitions share one."""
        if len(progress.by_status) == 1:
            (status,) = progress.by_status
            details = [amount(progress.ended, "partition")]
        else:
            status = next(s for s in (*_WORST_FIRST, *progress.by_status) if progress.by_status[s])
            details = [counted(progress.by_status)]
        if progress.rows is not None:
            details.append(amount(progress.rows, "row"))
        if progress.by_status[StepStatus.SKIPPED] and progress.caused_by:
            details.append(f"needs {progress.caused_by}")
        if progress.first_start is not None:
            details.append(duration(time.monotonic() - progress.first_start))
        return self._step(status, asset, None, "  ".join(details))

    def _step(self, status: str, asset: str, partition: str | None, details: str) -> str:
        color = self.screen.err_color if self._lines_to_err or self._live else self.screen.out_color
        word = styled(status, (STATUS_STYLES.get(status, ""),)) if color else status
        return f"{word}{' ' * (_WORD - len(status))}  {show(asset, partition):<{self._width}}  {details}".rstrip()

    # --- writing ---------------------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        if self.screen.quiet:
            return
        self._spoke = time.monotonic()
        if self._lines_to_err:
            self._talk(text)
        elif self._live is not None and self.screen.out_is_terminal:
            self._live.above(text)
        else:
            self.screen.data(text)
            self.screen.flush()

    def _talk(self, text: str) -> None:
        if self._live is not None:
            self._live.above(text)
        else:
            with self._lock:
                self.screen.talk(text)


_WORST_FIRST = ("failed", "canceled", "skipped", "materialized")
