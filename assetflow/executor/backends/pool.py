"""The pool: the worker processes of a project, kept warm from one run to the next."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from collections.abc import Callable

from assetflow.executor.backends.blueprint import Blueprint
from assetflow.executor.backends.channel import Done, Ended, Load, Message, Ready, Said, Stop
from assetflow.executor.backends.launch import PATIENCE, Launcher, Nursery, Spawner, can_fork
from assetflow.executor.call import Failure

Heard = Callable[["WorkerProcess", Message | None], None]
"""Gets each message of a process, and None for its end; on the thread that listens to it."""


class WorkerProcess:
    """One worker process as the run sees it; whoever has taken it hears what it says."""

    def __init__(self, launcher: Launcher, data: bytes) -> None:
        self.data = data
        self.pid: int | None = None
        self.problem: Failure | None = None
        self.is_ready = False
        self.is_dead = False
        self.is_used = False
        self.heard: Heard = _nobody
        self._output = b""
        self._launched = launcher.launch(self._raw)
        self._thread = threading.Thread(target=self._listen, name="assetflow-process", daemon=True)
        self._thread.start()
        self.send(Load(data))

    def send(self, message: Message) -> None:
        """Send a message; of a process that is gone, its end tells."""
        with contextlib.suppress(OSError, ValueError):
            self._launched.channel.send(message)

    def kill(self) -> None:
        """End the process and what it has started, now."""
        self._launched.kill()

    def exit_code(self) -> int | None:
        """Its exit code, or a signal as a negative number, once it has ended."""
        return self._launched.exit_code()

    def join(self, timeout: float) -> bool:
        """Wait for the end of the process; whether it came."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _listen(self) -> None:
        while True:
            try:
                message = self._launched.channel.receive()
            except Exception:  # not our words: something in the process wrote over them
                message = None
            if message is None:
                break
            if isinstance(message, Ready):
                self.pid, self.problem, self.is_ready = message.pid, message.problem, True
            if isinstance(message, (Done, Ended)):
                self._finish_line()
            self.heard(self, message)
        self._finish_line()
        self.is_dead = True
        self._launched.kill()
        self._launched.exit_code()
        self.heard(self, None)
        self._launched.let_go()

    def _raw(self, data: bytes) -> None:
        """What the process, or a program that it started, wrote to its streams without Python."""
        *lines, self._output = (self._output + data).split(b"\n")
        for line in lines:
            self._said(line)

    def _finish_line(self) -> None:
        rest, self._output = self._output, b""
        if rest:
            self._said(rest)

    def _said(self, line: bytes) -> None:
        self.heard(self, Said({"stream": "stderr", "level": None, "text": line.decode("utf-8", "replace")}))


def _nobody(_process: WorkerProcess, _message: Message | None) -> None:
    return


class ProcessPool:
    """Worker processes of one project: taken by a run, given back, ended by `close`. Safe from several threads.

    `make` gives the project's blueprint, told whether every function that may runs in a process. Processes made from
    another one are ended instead of taken, so that an edited project never runs old code.
    `forks` None means wherever the system can.
    """

    def __init__(self, make: Callable[[bool], Blueprint], *, forks: bool | None = None) -> None:
        self._make = make
        self._forks = can_fork() if forks is None else forks
        self._lock = threading.Lock()
        self._launcher: Nursery | Spawner | None = None
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._blueprint: tuple[Blueprint, bytes] | None = None

    def blueprint(self, *, everywhere: bool = False) -> bytes:
        """The present blueprint, pickled; raises what makes processes impossible for this project."""
        made = self._make(everywhere)
        with self._lock:
            if self._blueprint is None or self._blueprint[0] is not made:
                self._blueprint = (made, pickle.dumps(made, protocol=pickle.HIGHEST_PROTOCOL))
            return self._blueprint[1]

    def warm_up(self) -> None:
        """Begin to start what takes a while to start."""
        with self._lock:
            self._open_launcher()

    def take(self, data: bytes) -> WorkerProcess:
        """A process for a blueprint: an idle one, or a new one."""
        old: list[WorkerProcess] = []
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.data == data and not process.is_dead:
                    return process
                old.append(process)
            process = WorkerProcess(self._open_launcher(), data)
            self._all = {known for known in self._all if not known.is_dead} | {process}
        for useless in old:
            useless.send(Stop())
        return process

    def give_back(self, process: WorkerProcess) -> None:
        """Keep a process for the next run."""
        process.heard = _nobody
        with self._lock:
            if not process.is_dead:
                self._idle.append(process)

    def close(self) -> None:
        """End all processes: in order those that are idle, the others at once. The pool can be used again."""
        with self._lock:
            launcher, self._launcher = self._launcher, None
            processes, self._all = self._all, set()
            idle, self._idle = self._idle, []
        for process in processes:
            if process in idle:
                process.send(Stop())
            else:
                process.kill()
        deadline = time.monotonic() + PATIENCE
        for process in processes:
            if not process.join(max(0.0, deadline - time.monotonic())):
                process.kill()
        if launcher is not None:
            launcher.close()
        for process in processes:
            process.join(PATIENCE)

    def _open_launcher(self) -> Nursery | Spawner:
        if self._launcher is None or not self._launcher.is_alive:
            self._launcher = Nursery() if self._forks else Spawner()
        return self._launcher
