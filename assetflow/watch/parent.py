"""The watch's side of its workers: a warm parent that forks them, or a cold process each where there is no fork."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from typing import IO, Protocol

from assetflow.errors import InternalError
from assetflow.watch.messages import Drop, FromWorker, Go, Gone, Imported, Order, Prepare, Stop
from assetflow.watch.wire import receive, send

Tell = Callable[[int, FromWorker], None]
"""Takes the number of a worker and a message of it; called on a thread of its own."""

Say = Callable[[str], None]
"""Takes a line that a worker wrote outside of any step; called on a thread of its own."""


class Parent(Protocol):
    """What makes workers."""

    def start(self, order: Order) -> Hand:
        """A worker that carries out an order; InternalError when none can be made."""
        ...

    def prepare(self, order: Order) -> None:
        """Have a worker ready for the next order, which will be much like this one, where that can be."""
        ...

    def renew(self) -> None:
        """Forget every library that is warm: an installed one changed."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...


class Hand:
    """One worker as the watch holds it: orders go in, and its messages are told with its number."""

    def __init__(self, number: int, connection: Connection, kill: Callable[[], None]) -> None:
        self.number = number
        self.pid: int | None = None
        self._connection = connection
        self._kill = kill
        self._status: int | None = None
        self._exited = threading.Event()

    def say(self, message: Order | Prepare | Go | Drop | Stop) -> bool:
        """Send something; False when the worker is gone."""
        try:
            self._connection.send(message)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the worker and everything it started."""
        self._kill()

    def exited(self, status: int | None) -> None:
        """Take notice of how its process ended."""
        self._status = status
        self._exited.set()

    def listen(self, tell: Tell, imported: Callable[[tuple[str, ...]], None]) -> None:
        """Tell what the worker says until it is gone; runs on a thread of its own."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                break
            except Exception as error:  # a value of the user's project that this process cannot make
                tell(self.number, Gone(status=None))
                raise InternalError(f"a worker sent what cannot be read: {error}") from error
            if isinstance(message, Imported):
                imported(message.modules)
            else:
                tell(self.number, message)
        self._exited.wait(1.0)
        self._connection.close()
        tell(self.number, Gone(status=self._status))


class WarmParent:
    """Workers forked from a process that has imported the libraries, and used none (see `zygote`)."""

    def __init__(self, tell: Tell, say: Say) -> None:
        self._tell = tell
        self._say = say
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._replies: dict[str, threading.Event] = {}
        self._forked: list[int] = []
        self._hands: dict[int, Hand] = {}
        self._ready: Hand | None = None
        self._warm: dict[str, None] = {}
        self._ready_is_cold = False

    def start(self, order: Order) -> Hand:
        if self._ready_is_cold:
            self.prepare(order)
        hand, self._ready = self._ready, None
        if hand is None or not hand.say(order):
            hand = self._fork()
            if not hand.say(order):
                raise InternalError("a worker of the watch ended before it got its order")
        return hand

    def prepare(self, order: Order) -> None:
        if self._ready is not None and self._ready_is_cold:
            self._ready.say(Stop())
            self._ready = None
        self._ready_is_cold = False
        if self._ready is None:
            with contextlib.suppress(InternalError):  # the next order finds out, and says so
                self._ready = self._fork()
                self._ready.say(Prepare(order=order))

    def renew(self) -> None:
        self._end()

    def close(self) -> None:
        self._end()

    # --- the zygote ------------------------------------------------------------------------------------------

    def _fork(self) -> Hand:
        ours, theirs = socket.socketpair()
        try:
            pid = self._forked_with(theirs)
        except (OSError, EOFError) as error:
            ours.close()
            raise InternalError(f"no worker of the watch could be started: {error}") from error
        finally:
            theirs.close()
        hand = Hand(next(self._numbers), Connection(ours.detach()), lambda: self._ask({"do": "kill", "pid": pid}))
        hand.pid = pid
        with self._lock:
            self._hands[pid] = hand
        threading.Thread(
            target=hand.listen, args=(self._tell, self._imported), name=f"assetflow-watch-{pid}", daemon=True
        ).start()
        return hand

    def _forked_with(self, theirs: socket.socket) -> int:
        """The number of a process forked to serve the other end of a connection; the zygote is started if need be."""
        for attempt in (1, 2):
            if self._channel is None:
                self._start_zygote()
            assert self._channel is not None
            answered = threading.Event()
            with self._lock:
                self._replies["forked"] = answered
            try:
                send(self._channel, {"do": "fork"}, theirs.fileno())
            except OSError:
                answered.set()
            answered.wait(30)
            with self._lock:
                if self._forked:
                    return self._forked.pop()
            self._end()
            if attempt == 2:
                raise EOFError("its parent process ended")
        raise AssertionError

    def _start_zygote(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                _interpreter("zygote", str(theirs.fileno())),
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._channel = ours
        assert self._process.stdout is not None
        for target, arguments in ((self._read_lines, (self._process.stdout,)), (self._read_replies, (ours,))):
            threading.Thread(target=target, args=arguments, name="assetflow-watch-parent", daemon=True).start()
        if self._warm:
            send(ours, {"do": "import", "modules": list(self._warm)})

    def _read_replies(self, channel: socket.socket) -> None:
        while True:
            try:
                received = receive(channel)
            except OSError:
                received = None
            if received is None:
                break
            self._hear(received[0])
        with self._lock:
            for answered in self._replies.values():
                answered.set()
            for hand in self._hands.values():
                hand.exited(None)
            self._hands.clear()

    def _hear(self, reply: dict[str, object]) -> None:
        match reply:
            case {"forked": int(pid)}:
                with self._lock:
                    self._forked.append(pid)
                    self._replies["forked"].set()
            case {"exited": int(pid), "status": int(status)}:
                with self._lock:
                    hand = self._hands.pop(pid, None)
                if hand is not None:
                    hand.exited(status)
            case {"warm": list()}:
                self._ready_is_cold = True  # it was forked before
            case _:
                pass

    def _read_lines(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._say(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _ask(self, request: dict[str, object]) -> None:
        if self._channel is not None:
            with contextlib.suppress(OSError):
                send(self._channel, request)

    def _imported(self, modules: tuple[str, ...]) -> None:
        """Make libraries that a project imported warm for the workers to come."""
        new = [module for module in modules if module not in self._warm]
        if new:
            self._warm.update(dict.fromkeys(new))
            self._ask({"do": "import", "modules": new})

    def _end(self) -> None:
        """Close the channel: the zygote then ends its workers and itself."""
        self._ready = None
        with self._lock:
            hands = list(self._hands.values())
        for hand in hands:
            hand.say(Stop())
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()
        if process is not None:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class ColdParent:
    """A new process for each order: slower by the imports, and the same in everything else."""

    def __init__(self, tell: Tell, say: Say) -> None:
        self._tell = tell
        self._say = say
        self._numbers = itertools.count(1)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, order: Order) -> Hand:
        key = os.urandom(32)
        with Listener(authkey=key) as listener:
            process = subprocess.Popen(
                _interpreter("cold", str(listener.address)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            assert process.stdin is not None
            with process.stdin as pipe:
                pipe.write(key)
            connection = listener.accept()
        self._processes = [each for each in self._processes if each.poll() is None] + [process]
        hand = Hand(next(self._numbers), connection, process.kill)
        hand.pid = process.pid
        for target in (lambda: hand.listen(self._tell, lambda _modules: None), lambda: self._attend(process, hand)):
            threading.Thread(target=target, name=f"assetflow-watch-{process.pid}", daemon=True).start()
        hand.say(order)
        return hand

    def prepare(self, order: Order) -> None:
        """Nothing: a process that waits would cost memory without having what a warm parent gives."""

    def renew(self) -> None:
        """Nothing: no library stays from one order to the next."""

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()
            process.wait()

    def _attend(self, process: subprocess.Popen[bytes], hand: Hand) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                self._say(line.decode("utf-8", "replace").rstrip("\r\n"))
        hand.exited(process.wait())


def make_parent(tell: Tell, say: Say) -> Parent:
    """The parent that this system can have."""
    return WarmParent(tell, say) if hasattr(os, "fork") and hasattr(socket, "send_fds") else ColdParent(tell, say)


_BOOT = "import sys; sys.path[:] = sys.argv.pop().split(chr(1)); from assetflow.watch.{module} import main; main()"
"""What a new interpreter runs: it imports from where this one does, and its environment stays the user's."""


def _interpreter(module: str, argument: str) -> list[str]:
    """The command of a process that runs one of our modules."""
    path = "\x01".join(sys.path)
    return [sys.executable, "-P", "-c", _BOOT.format(module=module), argument, path]
