"""What of a step happens in an event loop; apart, since asyncio takes milliseconds to import and few runs need it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from assetflow.executor.aside import Aside
from assetflow.executor.call import Call
from assetflow.executor.failure import timed_out

T = TypeVar("T")


def run_awaited(value: Any) -> Any:
    """What comes of an awaitable that a plain function has returned."""
    return asyncio.run(_in_loop(value))


async def beside(fn: Callable[..., T], *arguments: Any) -> T:
    """What a function returns that waits for the disk, on a thread beside the event loop."""
    return await asyncio.to_thread(fn, *arguments)


@contextlib.asynccontextmanager
async def time_limit(call: Call) -> AsyncIterator[None]:
    """Cancel what is awaited inside when the call's time is over; an error of its own passes through as it is."""
    limit = asyncio.timeout(call.timeout)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        stopped = error.__cause__ or error  # shows where the coroutine was
        raise timed_out(call).with_traceback(stopped.__traceback__) from None


async def _in_loop(value: Any) -> Any:
    asyncio.get_running_loop().set_default_executor(Aside())
    return await value
