"""`watch` as people read it: what changed, what will run and why, what came of it, and what differs from before."""

from __future__ import annotations

import os
from typing import assert_never

from assetflow.cli.columns import printable
from assetflow.cli.plan_text import explained, explanation_text, plan_text
from assetflow.cli.progress import Display
from assetflow.cli.run_text import failure_blocks, summary
from assetflow.cli.session import Session
from assetflow.cli.words import amount, fresh_words
from assetflow.define.settings import Settings
from assetflow.errors import AssetflowError
from assetflow.model.change import Change, ChangeKind
from assetflow.model.keys import show
from assetflow.model.plan import Plan
from assetflow.model.texts import first_of
from assetflow.project.tick import Difference, Tick
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

_NAMED = 3
"""Changed files named in a line."""

_STEPS = 12
"""Steps of a plan, and differences, that are listed; more are counted."""

_WIDTH = 80
"""Columns of a terminal that does not tell."""

_KEYS = "r again  e explain  p pause  q quit  ? help"
_HELP = """r  look again: plan, and run what is stale, also what failed
R  rebuild what is selected, also where it is fresh
e  explain the last plan
p  pause: gather changes until p is pressed again
q  quit
?  these keys"""


class WatchScreen:
    """Writes reports as lines; on a terminal with what runs now, or the keys, at the bottom."""

    def __init__(self, session: Session, settings: Settings, *, check: bool) -> None:
        self._session = session
        self._screen = session.screen
        self._root = str(settings.root)
        self._check = check
        self._display: Display | None = None
        self._plan: Plan | None = None
        self._assets: int | None = None
        self._keys = ""
        self._standing = ""
        self._paused = False

    def keys(self, active: bool) -> None:
        """Whether keys are read, so that they are worth naming."""
        self._keys = _KEYS if active else ""

    def show(self, report: Report) -> None:
        """Write one report."""
        self._clear()
        match report:
            case Watching():
                self._assets = report.assets if report.assets is not None else self._assets
                if report.polls:
                    self._screen.note("no notifications of files here: they are looked at every 300 ms")
            case Changed():
                self._changed(report)
            case PlanMade():
                self._planned(report)
            case Happened():
                if self._display is not None:
                    self._display.hear(report.event)
            case Wrote():
                self._wrote(report)
            case Remarked():
                self._screen.note(report.text)
            case Canceling():
                self._say_canceling(report)
            case GoingOn():
                self._line("the run goes on: what it makes is still wanted")
            case TickEnded():
                self._ended(report.tick)
            case Paused():
                self._paused = report.on
                self._screen.talk("paused: changes are gathered" if report.on else "going on")
            case Pressed():
                self._pressed(report.key)
            case _:
                assert_never(report)
        if self._display is None and isinstance(report, Paused | Pressed):
            self.idle()

    def hooked(self, command: str, code: int) -> None:
        """Say that a hook failed; one that did its work has nothing to add."""
        if code:
            self._screen.urgent(
                f"{self._screen.talk_style('failed', 'red', 'bold')} --exec `{command}`: exit code {code}"
            )

    def idle(self) -> None:
        """Show that the watch waits, at the bottom of a terminal."""
        if self._display is not None or not self._screen.err_is_terminal or self._screen.quiet:
            return
        counted = "" if self._assets is None else f" {amount(self._assets, 'asset')}"
        text = f"{'paused' if self._paused else 'watching'}{counted}  {self._keys}".rstrip()
        width = self._screen.width or _WIDTH
        shown = text if len(text) < width else f"{text[: max(0, width - 2)]}…"
        self._screen.flush()
        self._screen.err.write(self._screen.talk_style(shown, "dim"))
        self._screen.err.flush()
        self._standing = shown

    def end(self) -> None:
        """Take away what stands at the bottom."""
        self._clear()
        self._close_display()

    def _clear(self) -> None:
        if self._standing:
            folded = (len(self._standing) - 1) // (self._screen.width or _WIDTH)  # by a terminal made narrower
            self._screen.err.write("\r\x1b[2K" + "\x1b[A\x1b[2K" * folded)
            self._screen.err.flush()
            self._standing = ""

    def _close_display(self) -> None:
        if self._display is not None:
            self._display.__exit__(None, None, None)
            self._display = None

    # --- reports ---------------------------------------------------------------------------------------------

    def _changed(self, report: Changed) -> None:
        if report.changes:
            text = first_of([self._change(change) for change in report.changes], _NAMED)
            self._line(f"\n{self._style('changed', 'cyan')} {text}")
        elif report.number > 1:
            self._line(f"\n{self._style('again', 'cyan')}")

    def _change(self, change: Change) -> str:
        path = change.path
        shown = printable(os.path.relpath(path, self._root) if path.startswith(self._root + os.sep) else path)
        match change.kind:
            case ChangeKind.MODIFIED:
                return shown
            case ChangeKind.ADDED:
                return f"{shown} (new)"
            case ChangeKind.DELETED:
                return f"{shown} (gone)"
            case _:
                assert_never(change.kind)

    def _planned(self, report: PlanMade) -> None:
        self._close_display()
        self._plan = report.plan
        for text in (*report.notices, *report.plan.notes):
            self._screen.note(text)
        if report.plan.is_empty:
            return
        self._line(plan_text(self._screen, report.plan, most=_STEPS))
        if not self._check:
            self._screen.flush()
            self._display = Display(self._session, report.plan, workers=report.workers)
            self._display.__enter__()

    def _wrote(self, report: Wrote) -> None:
        if self._display is not None and report.line["asset"] is not None:
            self._display.echo(report.line)
        else:
            self._screen.talk(report.line["text"])

    def _say_canceling(self, report: Canceling) -> None:
        names = first_of([f"`{asset}`" for asset in report.assets], _NAMED)
        rest = "; the rest goes on" if report.rest else ""
        text = f"canceling: {names} changed meanwhile{rest}"
        if self._display is not None:
            self._display.note(text)
        else:
            self._screen.note(text)

    def _ended(self, tick: Tick) -> None:
        if self._display is not None and tick.plan is None and tick.error is not None:
            self._display.note(f"{tick.error.message}\nthe run goes on")
            return
        self._close_display()
        if tick.error is not None:
            self._error(tick.error)
        elif tick.result is None:
            if tick.plan is not None and tick.plan.is_empty:
                self._line(fresh_words(len(tick.plan.verdicts), tick.plan.fresh))
        elif tick.result.run_id is None:
            self._line(fresh_words(0 if tick.plan is None else len(tick.plan.verdicts), tick.result.fresh))
        else:
            self._line(summary(self._screen, tick.result))
            for block in failure_blocks(
                self._screen, tick.result.run_id, tick.result.steps, root=self._root, whole=self._session.verbose
            ):
                self._screen.urgent(f"\n{block}")
            self._differences([each for each in tick.differences if not each.first])

    def _error(self, error: AssetflowError) -> None:
        screen = self._screen
        screen.urgent(f"{screen.talk_style('error:', 'red', 'bold')} {error.message}")
        if error.hint:
            screen.urgent(f"\n{screen.talk_style('hint:', 'cyan')} {error.hint}")
        trace = error.payload.get("traceback")
        if trace and self._session.verbose:
            screen.urgent(str(trace))

    def _differences(self, differences: list[Difference]) -> None:
        for each in differences[:_STEPS]:
            self._line(f"  {show(each.asset, each.partition)}: {each.describe()}")
        if len(differences) > _STEPS:
            self._line(f"  and {len(differences) - _STEPS:,} more")

    def _pressed(self, key: str) -> None:
        if key == "e":
            if self._plan is None:
                self._screen.talk("there is no plan to explain yet")
            else:
                found = explained(self._plan, ())
                self._line(explanation_text(self._screen, found) or plan_text(self._screen, self._plan))
        elif key in ("?", "h"):
            self._screen.talk(_HELP)

    def _style(self, text: str, *names: str) -> str:
        return self._screen.style(text, *names)

    def _line(self, text: str) -> None:
        if not self._screen.quiet:
            if self._display is not None:
                self._display.note(text.strip())
            else:
                self._screen.data(text)
