"""Watching from Python: ticks in a `for` loop, or in an `async for`."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

from assetflow.define.settings import Settings
from assetflow.errors import UsageError, did_you_mean
from assetflow.model.clock import SystemClock
from assetflow.project.project import Project
from assetflow.project.request import Ask, selections_of
from assetflow.project.tick import Tick, Watching
from assetflow.values import dataclass
from assetflow.watch.debounce import Window
from assetflow.watch.engine import Engine, Options
from assetflow.watch.messages import Order
from assetflow.watch.reports import Report, TickEnded

GIVEN = ("argument", "the command line", "the watch")
"""Where settings come from that no file and no variable says, so that a worker has to be told them."""

LONGEST = 20
"""How many quiet times a batch waits at most under constant noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchWay:
    """How a watch goes about it; `workers` None leaves it to the settings, `debounce` is in seconds."""

    workers: int | None = None
    fail_fast: bool = False
    check: bool = False
    debounce: float = 0.05
    poll: bool = False


def make_engine(project: Project, ask: Ask, way: WatchWay, *, environment: str | None = None) -> Engine:
    """The engine of a watch; UsageError for a project that is not made of files."""
    if project.is_declared:
        raise UsageError(
            "a project of assets given as objects cannot be watched: their code is in this process",
            hint="put them into files and use `Project.load(folder).watch(...)`",
        )
    if isinstance(way.debounce, bool) or not isinstance(way.debounce, int | float):
        raise UsageError(f"debounce is {way.debounce!r}, which is no number", hint="give seconds from 0 to 60")
    if not 0 <= way.debounce <= 60:
        raise UsageError(f"a debounce of {way.debounce:g} s makes no sense", hint="give seconds from 0 to 60")
    if way.workers is not None and way.workers < 1:
        raise UsageError(f"{way.workers} workers cannot run anything", hint="use 1 or more")
    order = Order(
        root=project.settings.root,
        ask=ask,
        settings={**given_settings(project.settings), **({"environment": environment} if environment else {})},
        environ=dict(project.environ),
        clock=None if isinstance(project.clock, SystemClock) else project.clock,
        workers=way.workers,
        fail_fast=way.fail_fast,
        check=way.check,
    )
    window = Window(quiet=way.debounce, longest=max(1.0, way.debounce * LONGEST))
    return Engine(order, Options(window=window, poll=way.poll))


def given_settings(settings: Settings) -> dict[str, Any]:
    """The settings that were given by hand; the others are read anew at every tick."""
    return {name: getattr(settings, name) for name, origin in settings.origins.items() if origin in GIVEN}


class Watch(Watching):
    """The ticks of a watch, one after the other; see `assetflow.project.tick.Watching`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reports: Iterator[Report] = engine.reports()
        self._end = weakref.finalize(self, _end, engine)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Tick:
        if self._end.alive:
            for report in self._reports:
                if isinstance(report, TickEnded):
                    return report.tick
        raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tick:
        waiting = asyncio.ensure_future(asyncio.to_thread(next, self, None))
        try:
            tick = await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self._engine.quit()  # the thread that waits comes back with the end of the reports
            await waiting
            raise
        if tick is None:
            raise StopAsyncIteration
        return tick

    def rebuild(self, *, force: bool = False) -> None:
        """Ask for a tick now; with `force` what is selected runs even where it is fresh."""
        self._engine.rebuild(force=force)

    def close(self) -> None:
        """Stop, and leave no process behind."""
        self._end()


def _end(engine: Engine) -> None:
    engine.quit()
    engine.close()


def watch(
    project: Project,
    selection: str | Sequence[str] | None = None,
    *,
    only: bool = False,
    freshness: bool = True,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    environment: str | None = None,
    **way: Any,
) -> Watch:
    """The watch that `Project.watch` gives; `way` are the fields of `WatchWay`."""
    ask = Ask(selection=selections_of(selection), only=only, freshness=freshness, config=config or {})
    unknown = sorted(way.keys() - {item.name for item in fields(WatchWay)})
    if unknown:
        known = ["only", "freshness", "config", "environment", *(item.name for item in fields(WatchWay))]
        raise TypeError(f"watch has no option {unknown[0]!r}: {did_you_mean(unknown[0], known) or ', '.join(known)}")
    return Watch(make_engine(project, ask, WatchWay(**way), environment=environment))
