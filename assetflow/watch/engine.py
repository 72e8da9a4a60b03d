"""The watch itself: hears files and workers, and decides what is done next; everything it does is a report.

One thread takes everything from one inbox, in order. A change begins a tick in a new worker. While one runs, a change
makes a second worker load and plan, and then hold: as long as all that the first still makes is wanted as it is, it
goes on, and the second follows; otherwise it is canceled first. What was finished counts either way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from queue import Empty, SimpleQueue
from typing import assert_never

from assetflow.errors import AssetflowError
from assetflow.executor.result import RunResult
from assetflow.model.change import Change
from assetflow.model.clock import SystemClock
from assetflow.project.tick import Tick
from assetflow.values import dataclass
from assetflow.watch.coverage import Coverage
from assetflow.watch.debounce import EMPTY, Gathering, Window
from assetflow.watch.job import Job, Stage, together
from assetflow.watch.messages import (
    Broken,
    Drop,
    Echoed,
    Ended,
    FromWorker,
    Go,
    Gone,
    Heard,
    Imported,
    Loaded,
    Noted,
    Order,
    Planned,
    Stop,
)
from assetflow.watch.parent import Hand, make_parent
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

PATIENCE = 5.0
"""Seconds that a worker gets to record that it was canceled, before it is killed."""

TRIES = 3
"""How often files that changed meanwhile are loaded again before it is told that they are broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a watch goes about it: the window of a batch, and whether it looks at files instead of being notified."""

    window: Window = field(default_factory=Window)
    poll: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    force: bool


@dataclass(frozen=True, slots=True)
class _Pause:
    on: bool | None


@dataclass(frozen=True, slots=True)
class _Quit:
    pass


@dataclass(frozen=True, slots=True)
class _From:
    worker: int
    message: FromWorker


_Item = tuple[Change, ...] | _From | _Asked | _Pause | _Quit | Pressed | str


class Engine:
    """One watch of one project; iterate over `reports`, from one thread at a time.

    `rebuild`, `pause` and `quit` may be called from any thread.
    """

    def __init__(self, order: Order, options: Options) -> None:
        self._order = order
        self._window = options.window
        self._inbox: SimpleQueue[_Item] = SimpleQueue()
        self._out: deque[Report] = deque()
        inbox = self._inbox
        self._parent = make_parent(lambda number, message: inbox.put(_From(number, message)), inbox.put)
        self._coverage = Coverage(order, inbox.put, poll=options.poll)
        self._gathering: Gathering = EMPTY
        self._current: Job | None = None
        self._next: Job | None = None
        self._leaving: list[tuple[float, Hand]] = []
        self._number = 0
        self._put_off = 0
        self._asked: _Asked | None = None
        self._paused = False
        self._open = True
        self._until: float | None = None
        self._renew = False
        self._assets: int | None = None
        self._clock = order.clock or SystemClock()

    # --- from any thread -------------------------------------------------------------------------------------

    def rebuild(self, *, force: bool = False) -> None:
        """Ask for a tick without a change; with `force` what is selected runs even where it is fresh."""
        self._inbox.put(_Asked(force))

    def pause(self, on: bool | None = None) -> None:
        """Gather changes without answering them, or go on; None for the other of the two."""
        self._inbox.put(_Pause(on))

    def press(self, key: str) -> None:
        """Report a key, in its turn."""
        self._inbox.put(Pressed(key=key))

    def quit(self) -> None:
        """End the reports."""
        self._inbox.put(_Quit())

    # --- the loop --------------------------------------------------------------------------------------------

    def reports(self) -> Iterator[Report]:
        """Everything that happens, until somebody quits."""
        try:
            self._coverage.first_look()
            self._begin(())
            while self._open:
                yield from self._told()
                self._wait()
                self._advance()
            yield from self._told()
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening and end every worker; a run that goes on is recorded as canceled. Closing twice is fine."""
        self._open = False
        self._coverage.close()
        for job in (self._next, self._current):
            if job is not None:
                job.hand.say(Stop())
        self._leaving.clear()
        self._parent.close()
        self._current = self._next = None

    def _told(self) -> Iterator[Report]:
        while self._out:
            yield self._out.popleft()

    def _wait(self) -> None:
        """Take in what comes next, or see that something is due."""
        instants = [job.kill_at for job in (self._current, self._next) if job is not None and job.kill_at is not None]
        instants.extend(at for at, _ in self._leaving)
        if not self._paused:
            due = self._gathering.due(self._window)
            if due is not None:
                instants.append(due)
            if self._until is not None and self._current is None:
                instants.append(time.monotonic() + max(0.0, self._until - self._now()))
        timeout = max(0.0, min(instants) - time.monotonic()) if instants else None
        try:
            item: _Item | None = self._inbox.get(timeout=timeout)
        except Empty:
            return
        while item is not None:
            self._take(item)
            try:
                item = None if self._out else self._inbox.get_nowait()
            except Empty:
                item = None

    def _take(self, item: _Item) -> None:
        match item:
            case tuple():
                self._gather(self._coverage.relevant(item))
            case _From():
                self._heard(item.worker, item.message)
            case _Asked():
                self._asked = item if self._asked is None or item.force else self._asked
            case _Pause():
                self._paused = not self._paused if item.on is None else item.on
                self._out.append(Paused(on=self._paused))
            case _Quit():
                self._open = False
            case Pressed():
                self._out.append(item)
            case str():
                self._out.append(Wrote(line={"asset": None, "partition": None, "level": None, "text": item}))
            case _:
                assert_never(item)

    def _gather(self, changes: Iterable[Change]) -> None:
        self._gathering = self._gathering.with_changes(changes, time.monotonic())

    def _advance(self) -> None:
        """Begin what is due, and end what had its time."""
        now = time.monotonic()
        for job in (self._current, self._next):
            if job is not None and job.kill_at is not None and now >= job.kill_at:
                job.kill_at = None
                job.hand.kill()
        while self._leaving and now >= self._leaving[0][0]:
            self._leaving.pop(0)[1].kill()
        if self._paused or not self._open:
            return
        due = self._gathering.due(self._window)
        if due is not None and now >= due:
            batch, self._gathering = self._gathering.batch(), EMPTY
            self._renew = self._renew or self._coverage.is_about_packages(batch.changes)
            self._begin(batch.changes, batch.first)
        if self._current is None and self._asked is not None:
            asked, self._asked = self._asked, None
            self._begin((), force=asked.force)
        if self._current is None and self._until is not None and self._now() >= self._until:
            self._begin(())

    def _now(self) -> float:
        """The instant by the project's clock, in seconds since the epoch."""
        return self._clock.now().timestamp()

    # --- ticks -----------------------------------------------------------------------------------------------

    def _begin(self, changes: tuple[Change, ...], first: float | None = None, *, force: bool = False) -> None:
        """Begin a tick; beside one that goes on it loads, plans, and waits for its turn."""
        began = time.monotonic() if first is None else first
        if self._next is not None:  # nobody has to answer what is no longer there
            self._let_go(self._next)
            began = min(began, self._next.began)
            changes = together(self._next.changes, changes)
            self._next = None
        if self._current is None and self._renew:
            self._renew = False
            self._parent.renew()
        self._number += 1
        self._out.append(Changed(number=self._number, changes=changes))
        order = replace(self._order, hold=self._current is not None)
        if force:
            order = replace(order, ask=replace(order.ask, force=True))
        try:
            self._coverage.look()
            hand = self._parent.start(order)
            job = Job(number=self._number, hand=hand, changes=changes, began=began, forced=force)
        except AssetflowError as error:
            self._out.append(TickEnded(tick=_unborn(self._number, changes, error)))
            return
        if self._current is None:
            self._current, self._until = job, None
        else:
            self._next = job

    def _heard(self, worker: int, message: FromWorker) -> None:
        """Take in what a worker says; those that were let go say it to nobody."""
        job = next((job for job in (self._current, self._next) if job and job.hand.number == worker), None)
        if job is None:
            return
        match message:
            case Loaded():
                other = message.assets not in (None, self._assets)
                self._assets = message.assets if other else self._assets
                if self._coverage.take(message.scope, whole=message.assets is not None) or other:
                    self._out.append(
                        Watching(assets=message.assets, folders=self._coverage.folders, polls=self._coverage.polls)
                    )
            case Planned():
                self._has_plan(job, message)
            case Heard():
                job.hear(message.event, message.difference)
                self._out.append(Happened(number=job.number, event=message.event, difference=message.difference))
            case Echoed():
                self._out.append(Wrote(line=message.line))
            case Noted():
                self._out.append(Remarked(text=message.text))
            case Broken():
                self._is_broken(job, message.error)
            case Ended():
                if job is self._current and message.until is not None and message.until > self._now():
                    self._until = message.until
                self._finish(job, result=message.result)
            case Gone():
                self._finish(job, error=job.death(message.status))
            case Imported():
                pass
            case _:
                assert_never(message)

    def _has_plan(self, job: Job, planned: Planned) -> None:
        if job is self._current and planned.held:
            return  # its turn came meanwhile: it plans once more
        job.plan_is(planned)
        if job is self._current:
            if job.stage is Stage.PLANNING:
                job.stage = Stage.RUNNING
            self._until = planned.until if planned.until is not None and planned.until > self._now() else None
            self._out.append(
                PlanMade(number=job.number, plan=planned.plan, notices=planned.notices, workers=planned.workers)
            )
        else:
            job.stage = Stage.HELD
            if self._current is not None and self._current.stage is Stage.PLANNING:
                self._overtake(self._current, job)
        self._compare()

    def _overtake(self, slow: Job, job: Job) -> None:
        """Let a tick go first that has its plan, where the one before it, of older files, still loads: it may hang."""
        self._let_go(slow)
        job.changes, job.began = together(slow.changes, job.changes), min(slow.began, job.began)
        if slow.forced:
            self._asked = _Asked(force=True)
        self._current, self._next = job, None
        self._go(job)

    def _let_go(self, job: Job) -> None:
        """Stop a worker whose tick nobody waits for any more, and see to it that it ends."""
        job.hand.say(Stop())
        self._leaving.append((time.monotonic() + PATIENCE, job.hand))

    def _go(self, job: Job) -> None:
        """Let a tick that was held plan again and run."""
        job.stage, job.planned = Stage.PLANNING, None
        job.hand.say(Go())

    def _is_broken(self, job: Job, error: AssetflowError) -> None:
        """Tell that a project cannot be loaded; while its files are being written look again first, a few times."""
        self._gather(self._coverage.missed())
        if job.planned is None and self._gathering.events and not job.forced and self._put_off < TRIES:
            self._put_off += 1
            self._gathering = self._gathering.after(job.changes)
            self._take_away(job)
        else:
            self._put_off = 0
            self._finish(job, error=error)

    def _compare(self) -> None:
        """Cancel of the run that goes on what the plan that waits does not want.

        Where nothing else is under way that is all of it: what has not begun is in the plan that waits, too.
        """
        current, waiting = self._current, self._next
        if current is None or waiting is None or current.stage is not Stage.RUNNING:
            return
        if waiting.stage is not Stage.HELD or waiting.planned is None:
            return
        pointless, rest = current.divided(waiting.planned)
        new = tuple(asset for asset in pointless if asset not in current.dropped)
        if not new:
            if current.remaining:
                self._out.append(GoingOn(number=current.number))
            return
        if not current.is_at(rest):
            rest = ()
        if rest:
            current.dropped.update(new)
            current.hand.say(Drop(assets=new))
        else:
            current.stage = Stage.STOPPING
            current.kill_at = time.monotonic() + PATIENCE
            current.hand.say(Stop())
        self._out.append(Canceling(number=current.number, assets=new, rest=rest))

    def _finish(self, job: Job, *, result: RunResult | None = None, error: AssetflowError | None = None) -> None:
        self._out.append(TickEnded(tick=job.tick(time.monotonic(), result=result, error=error)))
        self._take_away(job)

    def _take_away(self, job: Job) -> None:
        """A tick is over; what waits for it begins."""
        if job is self._next:
            self._next = None
            return
        self._current, self._next = self._next, None
        if self._current is None:
            self._parent.prepare(self._order)
        else:
            self._go(self._current)


def _unborn(number: int, changes: tuple[Change, ...], error: AssetflowError) -> Tick:
    return Tick(number=number, changes=changes, plan=None, result=None, differences=(), error=error, seconds=0.0)
