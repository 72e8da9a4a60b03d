"""Where a function runs, and what its steps may take: `compute=`, `timeout=` and `memory=`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from assetflow.define.declare import Options
from assetflow.define.tolerance import tolerance_problems
from assetflow.errors import did_you_mean
from assetflow.model.asset import Compute
from assetflow.values import dataclass

Found = tuple[str, str, str]
"""A problem: its slug, what is wrong, and what to do."""

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?)?B?\s*", re.IGNORECASE)
LEAST_MEMORY = 16 * 2**20
"""Bytes below which not even an idle process stays."""

MOST_MEMORY = 1 << 60
"""Bytes above which the system does not understand a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one attempt may take: `timeout` in seconds, `memory` in bytes; None where nothing was said."""

    timeout: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.timeout is not None or self.memory is not None


NO_LIMITS = Limits()


def limits_of(options: Options) -> Limits:
    """The limits that options say; what cannot be read counts as not said, `limit_problems` names it."""
    if options.timeout is None and options.memory is None:
        return NO_LIMITS
    return Limits(_seconds(options.timeout), _bytes(options.memory))


def compute_of(options: Options, *, is_async: bool) -> Compute | None:
    """Where the function has to run; None leaves it to the run.

    Only a process can be stopped from outside, so a limit on a plain function moves it to one.
    """
    if options.compute is not None and options.compute in tuple(Compute):
        return Compute(options.compute)
    if is_async:
        return Compute.ASYNC
    return Compute.PROCESS if limits_of(options) else None


def limit_problems(options: Options, *, is_async: bool) -> Iterator[Found]:
    """What is wrong with the limits, with where the function shall run, and with what counts as the same result."""
    yield from tolerance_problems(options)
    if options.timeout is not None and _seconds(options.timeout) is None:
        hint = "use seconds or a timedelta, more than 0; leave it out for no limit"
        yield "timeout", f"timeout= is {options.timeout!r}", hint
    if options.memory is not None and _bytes(options.memory) is None:
        hint = 'use bytes, or text such as "500MB" or "2GB", 16 MB at least; leave it out for no limit'
        yield "memory", f"memory= is {options.memory!r}", hint
    given = options.compute
    if given is not None and given not in tuple(Compute):
        known = did_you_mean(str(given), tuple(Compute)) or f"use one of {', '.join(Compute)}, or leave it out"
        yield "compute", f"compute= is {given!r}", known
        return
    yield from _misfits(options, is_async=is_async)


def _misfits(options: Options, *, is_async: bool) -> Iterator[Found]:
    """Limits and places that are right by themselves and wrong together."""
    given, limits = options.compute, limits_of(options)
    if given == Compute.ASYNC and not is_async:
        hint = "declare the function with `async def`, or leave compute= out"
        yield "compute", "compute= is 'async', and the function is no coroutine function", hint
    elif given == Compute.THREAD and is_async:
        hint = "leave compute= out, or use compute='process'"
        yield "compute", "compute= is 'thread', and the function is a coroutine function", hint
    elif given == Compute.THREAD and limits:
        name = "timeout" if limits.timeout is not None else "memory"
        text = f"{name}= does not go with compute='thread': a thread cannot be stopped"
        yield "compute", text, "leave compute= out, and the function runs in a process"
    elif limits.memory is not None and is_async and given != Compute.PROCESS:
        text = "memory= is for a process of its own, and coroutines share one"
        yield "memory", text, "add compute='process', or leave memory= out"


def _seconds(given: Any) -> float | None:
    if isinstance(given, timedelta):
        given = given.total_seconds()
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return None
    try:
        seconds = float(given)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _bytes(given: Any) -> int | None:
    if isinstance(given, str):
        found = _SIZE.fullmatch(given)
        if found is None:
            return None
        size = float(found[1]) * _UNITS[(found[2] or "").upper()]
        given = int(size) if math.isfinite(size) else None
    if isinstance(given, bool) or not isinstance(given, int) or not LEAST_MEMORY <= given <= MOST_MEMORY:
        return None
    return given
