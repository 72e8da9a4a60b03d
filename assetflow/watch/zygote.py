"""The warm parent of workers: a process that imports libraries and forks, and never uses what it imports.

A fork after a library such as polars was *used* hangs: its threads do not come along. So this is a process of its own,
started from nothing, in which no project code ever runs; a worker is forked from it in a few milliseconds with every
library there, and no module of the project.

It speaks through one socket (see `wire`): `{"do": "fork"}` with the worker's end of a connection is answered by
`{"forked": pid}`; `{"do": "import", "modules": [...]}` makes more libraries warm; `{"do": "kill", "pid": …}` ends a
worker with everything it started. `{"exited": pid, "status": …}` comes when a worker is gone. When the socket closes,
the watch is gone, however it ended, and so go all workers and this process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable

from assetflow.watch.wire import receive, send

GRACE = 3.0
"""Seconds that workers get to record that they were canceled when the watch is gone."""

LIBRARIES = (
    "polars", "duckdb", "pydantic", "xxhash", "assetflow.watch.worker", "assetflow.project.running",
    "assetflow.graph.selection",
)  # fmt: skip
"""What every worker needs; each is imported, never used."""


class Zygote:
    """Answers the requests that come through its socket, until that closes."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.workers: set[int] = set()
        self._probes: dict[int, list[str]] = {}
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)

    def serve(self) -> None:
        """Serve until the other side is gone; then end every worker."""
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            while True:
                ready, _, _ = select.select([self.channel, self._bell], [], [])
                if self._bell in ready:
                    with contextlib.suppress(BlockingIOError):
                        self._bell.recv(4096)
                    self._collect()
                if self.channel in ready:
                    message = receive(self.channel)
                    if message is None:
                        return
                    self._answer(*message)
        except OSError:
            return  # the watch is gone in the middle of an answer
        finally:
            self._end_workers()

    def _answer(self, request: dict[str, object], descriptor: int | None) -> None:
        match request:
            case {"do": "fork"} if descriptor is not None:
                pid = self._fork_worker(descriptor)
                os.close(descriptor)
                self.workers.add(pid)
                send(self.channel, {"forked": pid})
            case {"do": "import", "modules": list(modules)}:
                self._import([str(module) for module in modules])
            case {"do": "kill", "pid": int(pid)} if pid in self.workers:
                _kill(pid)
            case _:
                pass

    def _fork_worker(self, descriptor: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            self._leave_parent()
            _become_worker(descriptor)
        finally:
            os._exit(1)

    def _leave_parent(self) -> None:
        """What a child does first: a session of its own, and nothing of its parent's left open."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for opened in (self.channel, self._bell, self._ringer):
            opened.close()

    # --- warmth ----------------------------------------------------------------------------------------------

    def _import(self, modules: Iterable[str]) -> None:
        """Import what a probe, a child of its own, has shown can be imported without leaving a thread behind.

        A library that fails, ends the process or starts threads when it is imported stays out of this one: a fork would
        not have its threads. Those who want it import it themselves, as without a warm parent.
        """
        wanted = [module for module in modules if module not in sys.modules]
        by_package: dict[str, list[str]] = {}
        for module in wanted:
            by_package.setdefault(module.partition(".")[0], []).append(module)
        for names in by_package.values():
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    self._leave_parent()
                    code = 0 if _imports_quietly(names) else 1
                finally:
                    os._exit(code)
            self._probes[pid] = names

    def _collect(self) -> None:
        """Take notice of every child that ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            names = self._probes.pop(pid, None)
            if names is not None:
                if status == 0:
                    _imports_quietly(names)
                    gc.freeze()
                    send(self.channel, {"warm": names})
                continue
            self.workers.discard(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # what the worker started and left behind
            send(self.channel, {"exited": pid, "status": os.waitstatus_to_exitcode(status)})

    def _end_workers(self) -> None:
        """Wait for the workers, which see the same end, to record it; then kill what is left."""
        deadline = time.monotonic() + GRACE
        children = self.workers | self._probes.keys()
        while children and time.monotonic() < deadline:
            for pid in list(children):
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG)[0] == 0:
                        continue
                children.discard(pid)
                _kill(pid)
            select.select([], [], [], 0.01)
        for pid in children:
            _kill(pid)


def _become_worker(descriptor: int) -> None:
    """Serve one watch as a worker, then end without the parent's exit handlers."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # its state came along; a new process would have another
    from assetflow.watch.worker import serve  # here, after the fork: the zygote uses nothing

    serve(descriptor)


def _imports_quietly(names: Iterable[str]) -> bool:
    """Import modules; whether none failed and no Python thread was started by it.

    Threads of native libraries are another matter: those that start some when they are imported (allocators, linear
    algebra) prepare for a fork themselves, as every preloading server needs it.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:  # whatever an import raises, SystemExit too: it stays cold
            return False
    return threading.active_count() == 1


def _kill(pid: int) -> None:
    """End a worker and its whole group."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def main() -> None:
    """Become the warm parent behind the socket whose number is the first argument."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.argv[:] = ["assetflow"]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    send(channel, {"ready": os.getpid()})
    Zygote(channel).serve()


if __name__ == "__main__":
    main()
