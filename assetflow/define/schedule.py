"""Declarations of when something happens: `job`, `@sensor` and `notify`, written down while asset files load."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from assetflow.errors import UsageError, did_you_mean
from assetflow.model.length import positive_length
from assetflow.model.texts import texts_of
from assetflow.model.ticks import check_cron
from assetflow.values import dataclass

F = TypeVar("F", bound=Callable[..., Any])

_VARIABLE = re.compile(r"\$\{\w+\}")


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
    timeout: timedelta = timedelta(minutes=1)
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Where notices go: a web address or a command, which with `shell` is one text for the shell."""

    name: str
    on: tuple[NoticeKind, ...]
    url: str | None = None
    command: tuple[str, ...] = ()
    shell: bool = False
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
    it is everything, without partitions all of them; an empty list is a UsageError, since it names nothing, and so are
    values of another type.
    """

    selection: str | Sequence[str] | None = None
    partitions: str | Sequence[str] | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run_key: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        for name, given in (("selection", self.selection), ("partitions", self.partitions)):
            texts = None if given is None else texts_of(given, f"RunRequest: {name}")
            if texts == ():
                raise UsageError(
                    f"RunRequest: {name}= is an empty list, which names nothing", hint="leave it out for all"
                )
            object.__setattr__(self, name, texts)
        _check_config("RunRequest", self.config)
        if self.run_key is not None and not isinstance(self.run_key, str):
            raise UsageError(f"RunRequest: run_key is {self.run_key!r}", hint="use text")
        if not isinstance(self.force, bool):
            raise UsageError(f"RunRequest: force is {self.force!r}", hint="use True or False")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPartitions:
    """What a sensor found: new keys of dynamic partitions; one text is one key."""

    name: str
    keys: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", texts_of(self.keys, "AddPartitions: keys"))


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
    _check_named("job", name)
    selected = texts_of(selection, f"job {name!r}: selection")
    if not selected:
        raise UsageError(f"job {name!r}: nothing is selected", hint='use "*" for everything')
    if cron is None and tz != "UTC":
        raise UsageError(f"job {name!r}: tz={tz!r} without cron", hint="a time zone goes with cron=")
    if not isinstance(refresh, bool):
        raise UsageError(f"job {name!r}: refresh is {refresh!r}", hint="use True or False")
    _check_config(f"job {name!r}", config)
    frame = sys._getframe(1)
    made = Job(
        name=name, selection=selected, cron=None if cron is None else check_cron(cron, tz), tz=tz, config=config or {},
        refresh=refresh, description=description, file=frame.f_code.co_filename, line=frame.f_lineno,
    )  # fmt: skip
    return _registered(made)


def sensor(
    *, every: timedelta | str, name: str | None = None, timeout: timedelta | str = timedelta(minutes=1)
) -> Callable[[F], F]:
    """Declare a function that `up` calls `every` so often; it returns or yields RunRequest and AddPartitions.

    It may take a SensorContext, whose `cursor` is kept between calls. It is called in a process of its own, and stopped
    when it takes longer than `timeout`. What it raises is shown, and it is called again.
    """
    length = positive_length(every, "sensor: every")
    limit = positive_length(timeout, "sensor: timeout")

    def decorate(fn: F) -> F:
        if not inspect.isroutine(fn):
            raise UsageError(f"sensor got {fn!r}", hint="decorate a function that takes a SensorContext, or nothing")
        named = name or fn.__name__
        _check_named("sensor", named)
        if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
            raise UsageError(f"sensor {named!r} is async", hint="use a plain function; asyncio.run(...) inside of it")
        needed = [each for each in inspect.signature(fn).parameters.values() if each.default is each.empty]
        if len([each for each in needed if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]) > 1:
            raise UsageError(f"sensor {named!r} takes more than one argument", hint="it gets one, a SensorContext")
        code = getattr(fn, "__code__", None)
        _registered(
            Sensor(
                name=named, fn=fn, every=length, timeout=limit,
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
    _check_named("notify", name)
    what = f"notify {name!r}"
    if (url is None) == (not command):
        raise UsageError(f"{what}: give a url or a command", hint="one of them, not both")
    if url is not None:
        _check_url(what, url)
    elif headers:
        raise UsageError(f"{what}: headers without a url", hint="a command gets the notice on its standard input")
    kinds = []
    for kind in texts_of(on, f"{what}: on"):
        if kind not in tuple(NoticeKind):
            raise UsageError(
                f"{what}: on has {kind!r}",
                hint=did_you_mean(kind, tuple(NoticeKind)) or f"notices are {', '.join(NoticeKind)}",
            )
        kinds.append(NoticeKind(kind))
    if not kinds:
        raise UsageError(f"{what}: on is empty", hint=f"notices are {', '.join(NoticeKind)}")
    for header, value in dict(headers or {}).items():
        if not all(isinstance(text, str) and text.isprintable() for text in (header, value)) or not header:
            raise UsageError(f"{what}: header {header!r} is {value!r}", hint="use text of one line")
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise UsageError(f"{what}: timeout is {timeout!r}", hint="use a positive number of seconds")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise UsageError(f"{what}: retries is {retries!r}", hint="use 0 or a positive whole number")
    frame = sys._getframe(1)
    made = Sink(
        name=name, on=tuple(kinds), url=url, command=texts_of(command, f"{what}: command"),
        shell=isinstance(command, str), headers=headers or {}, timeout=timeout, retries=retries,
        file=frame.f_code.co_filename, line=frame.f_lineno,
    )  # fmt: skip
    return _registered(made)


S = TypeVar("S", Job, Sensor, Sink)


def _registered(made: S) -> S:
    target = scheduling.get()
    if target is not None:
        target.append(made)
    return made


def _check_named(word: str, name: Any) -> None:
    if not isinstance(name, str) or not name or not all(part.isalnum() or part in "_-./" for part in name):
        raise UsageError(f"{word}: the name is {name!r}", hint="use letters, digits, `_`, `-`, `.` and `/`")


def _check_config(what: str, config: Any) -> None:
    """Values by asset and field; which assets and fields there are is asked when all are known."""
    if config is None:
        return
    if not isinstance(config, Mapping) or not all(isinstance(values, Mapping) for values in config.values()):
        raise UsageError(f"{what}: config is {config!r}", hint='use values by asset and field: {"prices": {"days": 7}}')


def _check_url(what: str, url: Any) -> None:
    if not isinstance(url, str):
        raise UsageError(f"{what}: url is {url!r}", hint="use text")
    if "${" in _VARIABLE.sub("", url):
        raise UsageError(f"{what}: url {url!r} has a variable without an end", hint="write it as ${NAME}")
    if _VARIABLE.match(url):
        return  # told when it is sent
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest.strip("/") or not url.isprintable() or " " in url:
        raise UsageError(f"{what}: url is {url!r}", hint="use an address like https://chat.example.org/hooks/${TOKEN}")
