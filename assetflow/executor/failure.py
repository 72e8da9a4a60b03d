"""Errors of steps in words: what failed, from the user's own frames on, and which limit it met."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import traceback
from pathlib import Path
from types import TracebackType

from assetflow.errors import AssetflowError, StepMemoryError, StepTimeoutError
from assetflow.executor.call import Call, Failure
from assetflow.executor.memory import shown
from assetflow.model.keys import show, without_private

PACKAGE = Path(__file__).resolve().parents[1]


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # an error whose own text fails is still the failure of its step
        return f"its text cannot be made: {type(second).__name__} in __str__"


def _users_frames(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is neither ours nor of the machinery that we call functions by."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        frames = frames.tb_next
    return frames


_LIBRARY = Path(concurrent.futures.__file__).parents[2]
_MACHINERY = (
    f"{_LIBRARY / 'asyncio'}{os.sep}",  # not imported for its place alone
    f"{_LIBRARY / 'concurrent' / 'futures'}{os.sep}",
    f"{PACKAGE}{os.sep}",
    contextlib.__file__,
)


def describe_failure(error: BaseException) -> Failure:
    """An error as text, with our own frames cut away above the user's first one."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found.__traceback__ = _users_frames(found.__traceback__)
        found = found.__cause__ or found.__context__
    text = without_private("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    kind = type(error)
    place = without_private(kind.__module__)
    name = kind.__name__ if place in ("builtins", "__main__") else f"{place}.{kind.__qualname__}"
    message = error.message if isinstance(error, AssetflowError) else _message(error)
    if isinstance(error, AssetflowError):
        name = kind.__name__
        if error.hint:
            message = f"{message} (hint: {error.hint})"
    return Failure(type=name, message=message, traceback=text)


def timed_out(call: Call) -> StepTimeoutError:
    """The error of an attempt that took longer than its asset allows."""
    assert call.timeout is not None
    return StepTimeoutError(
        f"`{show(call.assets[0], call.label)}` did not end within {call.timeout:g} s and was stopped",
        hint="raise timeout=, or make the step do less at once",
        timeout=call.timeout,
    )


def with_limit(call: Call, error: BaseException) -> BaseException:
    """An error for want of memory, with the limit that made it one."""
    if call.memory is None or not isinstance(error, MemoryError) or isinstance(error, StepMemoryError):
        return error
    who = f"`{show(call.assets[0], call.label)}`"
    detail = f": {error}" if str(error) else ""
    named = StepMemoryError(
        f"{who} wanted more memory than its limit of {shown(call.memory)}{detail}",
        hint="raise memory=, or make the step hold less at once",
        limit=call.memory,
    )
    return named.with_traceback(error.__traceback__)
