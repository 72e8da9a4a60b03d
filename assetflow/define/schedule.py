"""Declarations of when something happens: `job`, `@sensor` and `notify`, written down while asset files load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from assetflow.errors import UsageError, did_you_mean
from assetflow.model.length import read_length
from assetflow.model.ticks import check_cron

F = TypeVar("F", bound=Callable[..., Any])


class NoticeKind(StrEnum):
    """What a notice tells."""

    FAILED = "failed"
    RECOVERED = "recovered"
    OVERDUE = "overdue"
    IN_TIME = "in_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A named request, and when it is made: `selection` is brought up to date at each tick of `cron`, if there is one.

    With `refresh`, selected assets that read no other asset, or that have side effects, run each time.
    """

    name: str
    selection: tuple[str, ...]
    cron: str | None = None
    tz: str = "UTC"
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refresh: bool = True
    description: str = ""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A function that is asked every so often what there is to do."""

    name: str
    fn: Callable[..., Any]
    every: timedelta
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Where notices go: a web address or a command."""

    name: str
    on: tuple[NoticeKind, ...]
    url: str | None = None
    command: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    retries: int = 3
    file: str | None = None
    line: int | None = None


Scheduling = Job | Sensor | Sink

scheduling: ContextVar[list[Scheduling] | None] = ContextVar("assetflow_scheduling", default=None)
"""Where jobs, sensors and sinks of the files that are being loaded go; None outside of loading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a sensor asks for: a selection brought up to date, of some partitions, with config.

    `run_key` makes it happen once: another request of the same sensor with that key is left out. Without a selection
    it is everything, without partitions all of them; an empty list is a UsageError, since it names nothing.
    """

    selection: str | Sequence[str] | None = None
    partitions: str | Sequence[str] | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run_key: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        for name, given in (("selection", self.selection), ("partitions", self.partitions)):
            if given is not None and not isinstance(given, str) and not len(given):
                raise UsageError(
                    f"RunRequest: {name}= is an empty list, which names nothing", hint="leave it out for all"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPartitions:
    """What a sensor found: new keys of dynamic partitions."""

    name: str
    keys: Sequence[str]


@dataclass(slots=True)
class SensorContext:
    """What a sensor gets: the instant, and its cursor, a text that it may set and finds again the next time."""

    now: datetime
    cursor: str | None = None


def job(
    name: str,
    selection: str | Sequence[str],
    *,
    cron: str | None = None,
    tz: str = "UTC",
    config: Mapping[str, Mapping[str, Any]] | None = None,
    refresh: bool = True,
    description: str = "",
) -> Job:
    """Declare a named request, made by `materialize --job NAME`, and by `up` at each tick of `cron` in a time zone.

    `config` holds values by asset and field; the command line overrides them, they override the asset's defaults.
    """
    if not isinstance(name, str) or not name or not all(part.isalnum() or part in "_-./" for part in name):
        raise UsageError(f"job: the name is {name!r}", hint="use letters, digits, `_`, `-`, `.` and `/`")
    selected = (selection,) if isinstance(selection, str) else tuple(selection)
    if not selected:
        raise UsageError(f"job {name!r}: nothing is selected", hint='use "*" for everything')
    frame = sys._getframe(1)
    made = Job(
        name=name, selection=selected, cron=None if cron is None else check_cron(cron, tz), tz=tz, config=config or {},
        refresh=refresh, description=description, file=frame.f_code.co_filename, line=frame.f_lineno,
    )  # fmt: skip
    return _registered(made)


def sensor(*, every: timedelta | str, name: str | None = None) -> Callable[[F], F]:
    """Declare a function that `up` calls `every` so often; it returns or yields RunRequest and AddPartitions.

    It may take a SensorContext, whose `cursor` is kept between calls. What it raises is shown, and it is called again.
    """
    length = read_length(every, "sensor: every")
    if length <= timedelta(0):
        raise UsageError(f"sensor: every is {every}", hint="use a positive length of time, like `1m`")

    def decorate(fn: F) -> F:
        code = getattr(fn, "__code__", None)
        _registered(
            Sensor(
                name=name or fn.__name__, fn=fn, every=length,
                file=None if code is None else code.co_filename, line=None if code is None else code.co_firstlineno,
            )
        )  # fmt: skip
        return fn

    return decorate


def notify(
    name: str,
    *,
    url: str | None = None,
    command: str | Sequence[str] = (),
    on: Iterable[str] = tuple(NoticeKind),
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    retries: int = 3,
) -> Sink:
    """Declare where notices go: POSTed as JSON to `url`, or given to `command` as JSON on its standard input.

    `${NAME}` in the address and the headers stands for an environment variable, whose value is never shown.
    """
    if (url is None) == (not command):
        raise UsageError(f"notify {name!r}: give a url or a command", hint="one of them, not both")
    kinds = []
    for kind in on:
        if kind not in tuple(NoticeKind):
            raise UsageError(
                f"notify {name!r}: on has {kind!r}",
                hint=did_you_mean(kind, tuple(NoticeKind)) or f"notices are {', '.join(NoticeKind)}",
            )
        kinds.append(NoticeKind(kind))
    frame = sys._getframe(1)
    made = Sink(
        name=name, on=tuple(kinds), url=url, command=(command,) if isinstance(command, str) else tuple(command),
        headers=headers or {}, timeout=timeout, retries=retries, file=frame.f_code.co_filename, line=frame.f_lineno,
    )  # fmt: skip
    return _registered(made)


S = TypeVar("S", Job, Sensor, Sink)


def _registered(made: S) -> S:
    target = scheduling.get()
    if target is not None:
        target.append(made)
    return made
