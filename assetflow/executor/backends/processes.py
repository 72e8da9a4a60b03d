"""Worker processes as a back end: one call at a time in each, and a death that fails that call and nothing else."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable
from time import monotonic, perf_counter

from assetflow.errors import AssetflowError, StepMemoryError, WorkerDiedError
from assetflow.executor.backends.channel import Began, Begin, Done, End, Ended, Message, Said, Taken
from assetflow.executor.backends.pool import ProcessPool, WorkerProcess
from assetflow.executor.backends.watchdog import Watchdog
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Failure, Outcome
from assetflow.executor.failure import timed_out
from assetflow.executor.memory import shown
from assetflow.model.clock import to_text
from assetflow.model.keys import show
from assetflow.model.record import StepStatus
from assetflow.values import dataclass

_TRIES = 3
"""How often a call goes to a new process when one dies before it begins with it."""

_CLOSING = {True: 30.0, False: 2.0}
"""Seconds that the resources of a process get to close, in order and after a cancel."""


@dataclass(slots=True)
class _Job:
    """A call that a process has; `killed` is why we ended it, `held` its memory when it began, None before."""

    call: Call
    started_at: str
    began: float
    tries: int = 1
    held: int | None = None
    killed: AssetflowError | None = None
    canceled: bool = False


class ProcessBackend:
    """Runs calls in processes of a pool, a new one for each call that finds none free."""

    def __init__(
        self,
        worker: Worker,
        pool: ProcessPool,
        *,
        everywhere: bool,
        deliver: Callable[[Outcome], None],
        notify: Callable[[str], None],
    ) -> None:
        self._worker = worker
        self._pool = pool
        self._deliver = deliver
        self._notify = notify
        self._data = pool.blueprint(everywhere=everywhere)
        self._lock = threading.Lock()
        self._free: list[WorkerProcess] = []
        self._jobs: dict[WorkerProcess, _Job] = {}
        self._closing: dict[WorkerProcess, threading.Event] = {}
        self._watchdog = Watchdog()
        self._begin = Begin(dict(os.environ), worker.capture.level, _pickled_clock(worker))
        pool.warm_up()

    def submit(self, call: Call) -> None:
        """Hand a call to a free process."""
        self._hand_over(_Job(call, to_text(self._worker.clock.now()), perf_counter()))

    def cancel(self) -> None:
        """Kill the processes that have a call."""
        with self._lock:
            busy = list(self._jobs.items())
        for process, job in busy:
            job.canceled = True
            process.kill()

    def drop(self, call: Call) -> None:
        """Kill the process that has this call."""
        with self._lock:
            found = next(((process, job) for process, job in self._jobs.items() if job.call is call), None)
        if found is not None:
            process, job = found
            job.canceled = True
            process.kill()

    def close(self, *, wait: bool = True) -> None:
        """Close the resources in the processes and give these back; with `wait` after what they are doing."""
        if not wait:
            self.cancel()
        with self._lock:
            free, self._free = self._free, []
            self._closing = {process: threading.Event() for process in free}
        deadline = monotonic() + _CLOSING[wait]
        for process in free:
            process.send(End())
        for process, ended in self._closing.items():
            if process.is_dead or ended.wait(max(0.0, deadline - monotonic())):
                self._pool.give_back(process)
            else:
                self._notify(f"resources did not close within {_CLOSING[wait]:g} s: process {process.pid} was ended")
                process.kill()
        self._watchdog.close()

    # --- to the processes ------------------------------------------------------------------------------------

    def _hand_over(self, job: _Job) -> None:
        with self._lock:
            process = next((self._free.pop() for _ in list(self._free) if not self._free[-1].is_dead), None)
        if process is None:
            process = self._pool.take(self._data)
            process.heard = self._hear
            process.send(self._begin)
        with self._lock:
            self._jobs[process] = job
            gone = process.is_dead
        if gone:
            self._ended(process)  # it died before it could be told of the job
            return
        process.send(job.call)

    # --- from the processes ----------------------------------------------------------------------------------

    def _hear(self, process: WorkerProcess, message: Message | None) -> None:
        """Called on the thread that listens to the process."""
        with self._lock:
            job = self._jobs.get(process)
        match message:
            case None:
                self._ended(process)
            case Taken() if job is not None:
                job.held = message.held
                if job.call.memory is not None and process.pid is not None:
                    self._watchdog.watch_memory(
                        process, process.pid, message.held + job.call.memory, lambda used: _too_much(job, used)
                    )
            case Began() if job is not None and job.call.timeout is not None:
                self._watchdog.watch_time(process, job.call.timeout, lambda: _too_long(job))
            case Said() if job is not None:
                self._worker.capture.keep(
                    message.line, job.call.task, job.call.assets[0], job.call.label, attempt=job.call.attempt
                )
            case Done() if job is not None:
                self._done(process, job, message)
            case Ended():
                for problem in message.problems:
                    self._notify(f"a resource failed to close: {problem}")
                self._close_ended(process)
            case _:
                return

    def _done(self, process: WorkerProcess, job: _Job, message: Done) -> None:
        self._watchdog.forget(process)
        with self._lock:
            if self._jobs.pop(process, None) is None:
                return
            if job.killed is None and not job.canceled:
                self._free.append(process)
        self._deliver(Outcome(call=job.call, **message.outcome))

    def _ended(self, process: WorkerProcess) -> None:
        """A process is gone: that is the end of its call, unless it had not begun with it."""
        self._watchdog.forget(process)
        with self._lock:
            job = self._jobs.pop(process, None)
        self._close_ended(process)
        if job is None:
            return
        if job.held is None and not job.canceled and process.is_ready and job.tries < _TRIES:
            job.tries += 1
            self._hand_over(job)
            return
        self._deliver(self._death(process, job))

    def _close_ended(self, process: WorkerProcess) -> None:
        if (ended := self._closing.get(process)) is not None:
            ended.set()

    def _death(self, process: WorkerProcess, job: _Job) -> Outcome:
        again = False
        status = StepStatus.CANCELED
        failure = Failure(type="CanceledError", message="the step was canceled", traceback="")
        if not job.canceled:
            error = job.killed or _died(process, job)
            status = StepStatus.FAILED
            failure, again = self._worker.judged(job.call, error)
        return Outcome(
            call=job.call, status=status, seconds=perf_counter() - job.began, started_at=job.started_at,
            failure=failure, again=again,
        )  # fmt: skip


def _pickled_clock(worker: Worker) -> bytes | None:
    try:
        return pickle.dumps(worker.clock)
    except Exception:  # a clock of the caller's own making, which stays here
        return None


def _who(job: _Job) -> str:
    return f"`{show(job.call.assets[0], job.call.label)}`"


def _too_long(job: _Job) -> None:
    job.killed = timed_out(job.call)


def _too_much(job: _Job, used: int) -> None:
    assert job.call.memory is not None
    job.killed = StepMemoryError(
        f"{_who(job)} took {shown(used - (job.held or 0))} of memory, its limit is {shown(job.call.memory)}: "
        "its process was killed",
        hint="raise memory=, or make the step hold less at once",
        limit=job.call.memory,
    )


def _died(process: WorkerProcess, job: _Job) -> WorkerDiedError:
    """The error of a process that ended by itself, or by somebody else."""
    code = process.exit_code()
    before = "" if process.is_ready else " while it loaded the project"
    hint = None
    if code is None:
        how = "was lost, and nobody knows how it ended"
    elif code >= 0:
        how = f"ended with exit code {code}"
        hint = "a function that is to fail raises an error, it does not end the process"
    else:
        how = f"was killed by {_signal_name(-code)} (signal {-code})"
        if -code == getattr(signal, "SIGKILL", 9):
            hint = "somebody killed it, or the system ran out of memory; memory= sets a limit with a clear error"
        elif -code in (11, 6, 7, 4):
            hint = "compiled code crashed: a bug in an extension, or no memory left"
    if job.call.memory is not None:
        how += f", with a memory limit of {shown(job.call.memory)}"
    return WorkerDiedError(f"the process of {_who(job)} {how}{before}", hint=hint, exit_code=code)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a signal"
