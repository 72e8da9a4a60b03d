"""Starting worker processes: forked by the nursery on Linux, as interpreters of their own elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from assetflow.executor.backends.channel import Channel, write_all

PRELOADED = ("polars", "duckdb", "pydantic", "xxhash")
"""Libraries that the nursery imports, if the run's own process has them by then."""

_BOOT = "import sys, json, runpy; sys.path[:] = json.loads(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), "
_BOOT += "run_name='__main__')"
"""A new interpreter that imports from where this one does, and runs a module."""

PATIENCE = 5.0
"""Seconds to wait for the system to tell how a process ended."""

RawOutput = Callable[[bytes], None]


class Launched(Protocol):
    """A worker process as its launcher gives it."""

    channel: Channel

    def kill(self) -> None:
        """End it at once, with what it has started."""

    def exit_code(self) -> int | None:
        """Wait for its end: an exit code, or a signal as a negative number; None when nobody knows."""

    def let_go(self) -> None:
        """Close our end."""


class Launcher(Protocol):
    """What starts worker processes."""

    def launch(self, hear: RawOutput) -> Launched:
        """A new process; `hear` gets what it writes to descriptors 1 and 2, where they are ours."""

    def close(self) -> None:
        """End everything that was started."""


def can_fork() -> bool:
    """Whether workers are forked here."""
    return sys.platform == "linux"


def module_command(module: str, *words: str) -> list[str]:
    """The command that runs a module in a new interpreter with this one's import path."""
    return [sys.executable, "-c", _BOOT, json.dumps(sys.path), module, *words]


# --- forked ------------------------------------------------------------------------------------------------------


class Nursery:
    """The owner's side of the nursery process: asks for forks and kills, hears of ends."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [str(theirs.fileno()), *(name for name in PRELOADED if name in sys.modules)]
            self._process = subprocess.Popen(
                module_command("assetflow.executor.backends.nursery", *words),
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._lock = threading.Lock()
        self._children: dict[bytes, Forked] = {}
        self._count = 0
        self._thread = threading.Thread(target=self._listen, name="assetflow-nursery", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked for something."""
        return self._thread.is_alive() and self._process.poll() is None

    def launch(self, hear: RawOutput) -> Launched:
        """A worker forked by the nursery; right away, also when the nursery is still starting."""
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        with self._lock:
            self._count += 1
            ident = b"%d" % self._count
            child = self._children[ident] = Forked(self, ident, ours, read, hear)
        try:
            socket.send_fds(self._control, [b"fork %b" % ident], [theirs.fileno(), write])
        except OSError:
            child.gone(None)  # the nursery was killed: whoever listens to the child learns it in the usual way
        finally:
            theirs.close()
            os.close(write)
        return child

    def kill(self, ident: bytes) -> None:
        """Kill a child that has not ended."""
        with contextlib.suppress(OSError):
            self._control.send(b"kill %b" % ident)

    def close(self) -> None:
        """End the nursery and all its children."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._control.close()

    def _listen(self) -> None:
        while True:
            try:
                data = self._control.recv(256)
            except OSError:
                data = b""
            if not data:
                break
            ident, status = data.split()
            with self._lock:
                child = self._children.pop(ident, None)
            if child is not None:
                child.gone(int(status))
        with self._lock:
            left = list(self._children.values())
            self._children.clear()
        for child in left:
            child.gone(None)


class Forked:
    """A worker that the nursery forked: a socket for messages, and a pipe with what it writes by itself."""

    def __init__(self, nursery: Nursery, ident: bytes, connection: socket.socket, raw: int, hear: RawOutput) -> None:
        self._nursery = nursery
        self._ident = ident
        self._socket = connection
        self._raw: int | None = raw
        self._hear = hear
        self._status: int | None = None
        self._gone = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(raw, selectors.EVENT_READ)
        os.set_blocking(raw, False)
        self.channel = Channel(self._read, connection.sendall)

    def kill(self) -> None:
        """Have the nursery kill it: only that one knows for sure that the number still means this process."""
        self._nursery.kill(self._ident)

    def gone(self, status: int | None) -> None:
        """It has ended; what it sent before can still be read, and then the end."""
        self._status = status
        self._gone.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def exit_code(self) -> int | None:
        """How it ended."""
        self._gone.wait(PATIENCE)
        return self._status

    def let_go(self) -> None:
        """Close the socket and the pipe; by the thread that reads."""
        self._selector.close()
        self._socket.close()
        if self._raw is not None:
            os.close(self._raw)
            self._raw = None

    def _read(self, count: int) -> bytes:
        """Bytes of messages; what the process wrote to its streams before them is heard first."""
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            if self._socket not in ready:
                self._hear_raw()
                continue
            data = self._socket.recv(count)
            self._hear_raw()
            return data

    def _hear_raw(self) -> None:
        while self._raw is not None:
            try:
                data = os.read(self._raw, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(self._raw)
                os.close(self._raw)
                self._raw = None
                return
            self._hear(data)


# --- spawned -----------------------------------------------------------------------------------------------------


class Spawner:
    """Starts each worker as a new interpreter: slower, and the same on every system."""

    is_alive = True

    def launch(self, hear: RawOutput) -> Launched:
        """A new interpreter; what it writes to its streams goes where this process writes."""
        return Spawned()

    def close(self) -> None:
        """Nothing is held: each worker ends by itself when its pipe does."""


class Spawned:
    """A worker that is an interpreter of its own."""

    def __init__(self) -> None:
        options: dict[str, int | bool] = {"start_new_session": True}
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            module_command("assetflow.executor.backends.worker_process"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **options,  # type: ignore[call-overload]
        )  # fmt: skip
        read, write = self._process.stdout, self._process.stdin
        assert read is not None
        assert write is not None
        self.channel = Channel(read.read, write_all(write.fileno()))

    def kill(self) -> None:
        """Kill it and its process group."""
        if self._process.poll() is not None:
            return
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def exit_code(self) -> int | None:
        """How it ended."""
        try:
            return int(self._process.wait(PATIENCE))
        except subprocess.TimeoutExpired:
            return None

    def let_go(self) -> None:
        """Close the pipes."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
