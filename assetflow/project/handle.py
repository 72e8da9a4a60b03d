"""A run that goes on beside its caller: to wait for, to cancel, to await."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assetflow.executor.cancel import Cancel
from assetflow.executor.result import RunResult

if TYPE_CHECKING:
    from assetflow.project.project import Project

CarryOut = Callable[[Cancel], RunResult]


class RunHandle:
    """A run on a thread of its own, from `Project.start`.

    `cancel` asks it to end and returns at once; `wait` and `result` wait for the end.
    """

    def __init__(self, carry_out: CarryOut, *, then: Callable[[], object] = lambda: None) -> None:
        self._cancel = Cancel()
        self._carry_out = carry_out
        self._then = then
        self._result: RunResult | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="assetflow-run")
        self._thread.start()

    def cancel(self) -> None:
        """Ask the run to end; its result will say `canceled`, unless it ended by itself before. Safe to repeat."""
        self._cancel.ask()

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds; whether it came."""
        self._thread.join(timeout)
        return self.done

    def result(self, timeout: float | None = None) -> RunResult:
        """The result of the run, after waiting for its end; raises what made the run impossible.

        TimeoutError when it has not ended within `timeout` seconds.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"the run has not ended within {timeout:g} s")
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._carry_out(self._cancel)
        except BaseException as error:  # whoever asks for the result gets it
            self._error = error
        finally:
            self._then()


def start(project: Project, selection: str | Sequence[str] | None = None, **options: Any) -> RunHandle:
    """`materialize` beside the caller: a handle with `cancel`, `wait` and `result`; `close` cancels what runs."""
    # an option that is none belongs to whoever calls, not to whoever asks for the result
    inspect.signature(project.materialize).bind(selection, **options)
    handle = RunHandle(lambda cancel: project.materialize(selection, cancel=cancel, **options))
    project.handles = [known for known in project.handles if not known.done] + [handle]
    return handle


async def amaterialize(project: Project, selection: str | Sequence[str] | None = None, **options: Any) -> RunResult:
    """`materialize` for use inside an event loop; canceling the task cancels the run and waits for its end."""
    import asyncio  # here: whoever only asks what would run has no loop, and it costs milliseconds

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = RunHandle(
        lambda cancel: project.materialize(selection, cancel=cancel, **options),
        then=lambda: loop.call_soon_threadsafe(ended.set),
    )
    try:
        await ended.wait()
    except asyncio.CancelledError:
        handle.cancel()
        await ended.wait()
        handle.wait()
        raise
    return handle.result()
