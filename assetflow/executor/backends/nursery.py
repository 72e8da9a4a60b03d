"""The nursery: a small process of one thread that forks worker processes, with the heavy libraries imported.

A fork of the user's own process would hang as soon as polars was used in it, and a new interpreter takes most of a
second. The nursery imports and never uses anything. It reports how each worker ended, kills a worker's whole process
group, and ends with all of them when its owner is gone. Linux only; elsewhere each worker is an interpreter of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

_PR_SET_PDEATHSIG = 1


def main(fd: int, preload: Sequence[str]) -> None:
    """Serve the owner at the other end of a socket until it goes away."""
    control = socket.socket(fileno=fd)
    for name in preload:
        with contextlib.suppress(Exception):  # a worker imports it again, and shows what is wrong
            import_module(name)
    # not at the top: what a worker needs is imported here once, so that forks share it
    from assetflow.executor.backends.worker_process import serve_socket

    _Nursery(control, serve_socket).run()


class _Nursery:
    def __init__(self, control: socket.socket, serve: Callable[[socket.socket, int], None]) -> None:
        self.control = control
        self.serve = serve
        self.children: dict[int, bytes] = {}
        self.wake, self.woken = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self.woken, False)
        self.libc = ctypes.CDLL(None)

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.woken, warn_on_full_buffer=False)
        try:
            while True:
                ready, _, _ = select.select([self.control.fileno(), self.wake], [], [])
                if self.wake in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake, 4096)
                    self._reap()
                if self.control.fileno() in ready and not self._obey():
                    return
        finally:
            for pid in self.children:
                _kill_group(pid)

    def _obey(self) -> bool:
        """Carry out one request; False when there will be no more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.control, 256, 2)
        except ConnectionResetError:  # the owner died before it read what we had sent
            return False
        if not data:
            return False
        word, ident = data.split()
        match word:
            case b"fork":
                self._fork(ident, descriptors)
            case b"kill":
                for pid, name in self.children.items():
                    if name == ident:
                        _kill_group(pid)
        return True

    def _fork(self, ident: bytes, descriptors: list[int]) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._become_worker(parent, descriptors)
            finally:
                os._exit(70)
        with contextlib.suppress(OSError):  # whichever of the two is first
            os.setpgid(pid, pid)
        self.children[pid] = ident
        for descriptor in descriptors:
            os.close(descriptor)

    def _become_worker(self, parent: int, descriptors: list[int]) -> None:
        os.setpgid(0, 0)
        self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(70)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self.wake, self.woken):
            os.close(descriptor)
        self.control.close()
        channel, output = descriptors
        self.serve(socket.socket(fileno=channel), output)

    def _reap(self) -> None:
        while self.children:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            _kill_group(found.si_pid)  # what a step has started ends with its worker
            _, status = os.waitpid(found.si_pid, 0)
            ident = self.children.pop(found.si_pid, b"")
            with contextlib.suppress(OSError):
                self.control.send(b"%b %d" % (ident, os.waitstatus_to_exitcode(status)))


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it may not have its group yet
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
