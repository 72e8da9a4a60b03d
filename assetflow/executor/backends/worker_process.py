"""The worker process: loads the project once, then carries out calls, one at a time, on its main thread."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

from assetflow.errors import AssetflowError
from assetflow.executor.backends.blueprint import Blueprint
from assetflow.executor.backends.channel import (
    Began,
    Begin,
    Channel,
    Done,
    End,
    Ended,
    Load,
    Message,
    Ready,
    Said,
    Stop,
    Taken,
    outcome_fields,
    write_all,
)
from assetflow.executor.body import Worker
from assetflow.executor.call import Call, Failure, Outcome
from assetflow.executor.capture import Capture, restore_streams
from assetflow.executor.failure import describe_failure
from assetflow.executor.memory import data_bytes, held_bytes
from assetflow.executor.resources import ResourcePool
from assetflow.executor.undeclared.seen import installed
from assetflow.model.clock import Clock, SystemClock, to_text
from assetflow.model.record import StepStatus
from assetflow.store import LocalStore


def serve_socket(connection: socket.socket, output: int) -> None:
    """Serve as a fork of the nursery: the run is at the other end, and gets what is written to descriptors 1 and 2."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for descriptor in (null, output):
        os.close(descriptor)
    serve(Channel(connection.recv, connection.sendall))


def serve_pipes() -> None:
    """Serve as a process of its own: messages come in on descriptor 0 and leave on 1, which then lead elsewhere."""
    read, write = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (as long as the process)
    serve(Channel(lambda count: os.read(read, count), write_all(write)))


def serve(channel: Channel) -> None:
    """Carry out what comes until it is enough; the process ends with that."""
    inbox: SimpleQueue[Message] = SimpleQueue()
    loaded = threading.Event()
    threading.Thread(target=_listen, args=(channel, inbox, loaded), name="assetflow-listen", daemon=True).start()
    served = _Served(channel)
    code = 70
    try:
        while not isinstance(message := inbox.get(), Stop):
            served.obey(message)
            if isinstance(message, Load):
                loaded.set()
        code = 0
    except OSError:
        pass  # a step has closed what the run hears us by
    finally:
        atexit._run_exitfuncs()  # the interpreter below is the nursery's: it must not be ended in order
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _listen(channel: Channel, inbox: SimpleQueue[Message], loaded: threading.Event) -> None:
    """Pass messages on; when the run's process is gone, end this one at once, with everything it started."""
    while (message := channel.receive()) is not None:
        inbox.put(message)
        if isinstance(message, Stop):
            return
        if isinstance(message, Load):  # what follows may hold values of the project's own classes
            loaded.wait()
            loaded.clear()
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(70)


class _Served:
    """The state between messages: the project, and what belongs to the present run."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.blueprint: Blueprint | None = None
        self.worker: Worker | None = None
        self.problem: Failure | None = None
        self.run = contextlib.ExitStack()
        self.clock: Clock = SystemClock()
        self.umask = os.umask(0o077)
        os.umask(self.umask)

    def obey(self, message: Message) -> None:
        match message:
            case Load():
                self._load(message)
            case Begin():
                self._begin(message)
            case Call():
                self._call(message)
            case End():
                self._end()
            case _:
                raise AssertionError(f"not for a worker: {message!r}")

    def _load(self, message: Load) -> None:
        try:
            self.blueprint = blueprint = _unpickled(message.blueprint)
            os.chdir(blueprint.settings.root)
            self.worker = Worker(
                definitions=blueprint.definitions(),
                store=LocalStore(blueprint.store),
                project=blueprint.settings.root,
                clock=self.clock,
                resources=ResourcePool(),
                capture=Capture(None, self.clock),
            )
        except BaseException as error:  # whatever the project's modules raise here; each call will say so
            found = describe_failure(error)
            text = f"the project cannot be loaded in a worker process: {found.text}"
            self.problem = Failure(type="WorkerDiedError", message=text, traceback=found.traceback)
        self.channel.send(Ready(os.getpid(), self.problem))

    def _begin(self, message: Begin) -> None:
        if self.worker is None:
            return
        if dict(os.environ) != dict(message.environ):
            os.environ.clear()
            os.environ.update(message.environ)
        assert self.blueprint is not None
        os.chdir(self.blueprint.settings.root)
        if message.clock is not None:
            with contextlib.suppress(Exception):  # a clock that cannot come along; the system's is as good
                self.clock = pickle.loads(message.clock)
        capture = Capture(None, self.clock, level=message.level, echo=lambda line: self.channel.send(Said(line)))
        self.run.enter_context(capture.installed())
        self.run.enter_context(installed())
        self.worker = Worker(
            definitions=self.worker.definitions,
            store=self.worker.store,
            project=self.worker.project,
            clock=self.clock,
            resources=ResourcePool(self.worker.definitions.resources),
            capture=capture,
            began=self._began,
        )

    def _began(self, call: Call) -> None:
        if call.timeout is not None:
            self.channel.send(Began())

    def _call(self, call: Call) -> None:
        self.channel.send(Taken(0 if call.memory is None else held_bytes() or 0))
        if self.worker is None or self.problem is not None:
            outcome = Outcome(
                call=call, status=StepStatus.FAILED, seconds=0.0, started_at=to_text(self.clock.now()),
                failure=self.problem,
            )  # fmt: skip
        else:
            self._tidy(self.worker.project)
            with _memory_limit(call.memory):
                outcome = contextvars.Context().run(self.worker.run, call)
        self.channel.send(Done(outcome_fields(outcome)))

    def _tidy(self, root: Path) -> None:
        """Give each step what the first one found, where a step before it has changed that for its own ends."""
        with contextlib.suppress(OSError):  # the folder is gone: the step will say what it misses
            os.chdir(root)
        os.umask(self.umask)
        restore_streams()

    def _end(self) -> None:
        errors = [] if self.worker is None else self.worker.resources.close()
        self.run.close()
        self.channel.send(Ended(tuple(describe_failure(error).text for error in errors)))


def _unpickled(data: bytes) -> Blueprint:
    blueprint: Blueprint = pickle.loads(data)
    known = set(sys.path)
    sys.path += [place for place in blueprint.path if place not in known]
    return blueprint


@contextlib.contextmanager
def _memory_limit(limit: int | None) -> Iterator[None]:
    """Refuse memory beyond `limit` bytes more than the process has now, where the system can."""
    if limit is None or (before := data_bytes()) is None:
        yield
        return
    import resource  # there is none on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = before + limit
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


if __name__ == "__main__":
    try:
        serve_pipes()
    except AssetflowError as error:
        sys.exit(str(error))
