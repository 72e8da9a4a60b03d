"""Sending notices to servers and commands that do what they should not."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assetflow.define.schedule import NoticeKind, Sink
from assetflow.scheduler.sending import NotSent, send

RECORD = {"kind": "failed", "asset": "a", "text": "`a` failed"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Listens on a socket, reads each request, and answers with given bytes, one piece a time; None is for ever."""

    def __init__(self, *pieces: bytes | None, again: bytes | None = None) -> None:
        self.pieces, self.again = pieces, again
        self.asked: list[bytes] = []
        self.closing = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/hook"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < len(json.dumps(RECORD)):
                more = connection.recv(65536)
                if not more:
                    break
                data += more
            self.asked.append(data)
            pieces = (self.again,) if self.again is not None and len(self.asked) > 1 else self.pieces
            try:
                for piece in pieces:
                    if piece is None:
                        self.closing.wait(60)
                    elif piece.startswith(b"..."):
                        while not self.closing.wait(0.05):
                            connection.sendall(piece[3:])
                    else:
                        connection.sendall(piece)
            except OSError:
                return

    def close(self) -> None:
        self.closing.set()
        self.socket.close()


@pytest.fixture
def serve() -> Iterator[type[Server]]:
    made: list[Server] = []

    class Kept(Server):
        def __init__(self, *pieces: bytes | None, again: bytes | None = None) -> None:
            super().__init__(*pieces, again=again)
            made.append(self)

    yield Kept
    for each in made:
        each.close()


def to(url: str | None = None, **given: object) -> Sink:
    sink = Sink(name="s", on=tuple(NoticeKind), url=url, timeout=0.6, retries=0)
    return replace(sink, **given)  # type: ignore[arg-type]


SERVERS = [
    ("status", [b"HTTP/1.1 500 Oh no\r\n\r\n"], "HTTP 500 Oh no"),
    ("silent", [None], "no answer within 0.6 seconds|timed out"),
    ("closed", [], "the answer is no HTTP .RemoteDisconnected.|closed connection"),
    ("garbage", [b"\x00\xff hello\r\n\r\n"], "the answer is no HTTP .BadStatusLine."),
    ("long header", [b"HTTP/1.1 200 OK\r\nA: " + b"x" * 99_999 + b"\r\n\r\n"], "the answer is no HTTP .LineTooLong."),
    ("dripping header", [b"HTTP/1.1 200 OK\r\nA: ", b"...x"], "no answer within 0.6 seconds"),
    ("redirect", [b"HTTP/1.1 302 Found\r\nLocation: /else\r\n\r\n"], "HTTP 302, a redirect to '/else', which is not"),
]


@pytest.mark.parametrize(("pieces", "message"), [each[1:] for each in SERVERS], ids=[each[0] for each in SERVERS])
def test_a_server_that_does_not_answer_as_it_should(
    serve: type[Server], tmp_path: Path, pieces: list[bytes | None], message: str
) -> None:
    server = serve(*pieces)
    with pytest.raises(NotSent, match=message):
        send(to(server.url), RECORD, {}, tmp_path)
    assert len(server.asked) == 1


def test_what_a_server_says_beyond_its_status_is_not_waited_for(serve: type[Server], tmp_path: Path) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"...x")
    send(to(server.url), RECORD, {}, tmp_path)
    assert json.loads(server.asked[0].partition(b"\r\n\r\n")[2]) == RECORD


def test_a_try_that_fails_is_repeated(serve: type[Server], tmp_path: Path) -> None:
    server = serve(b"HTTP/1.1 503 Later\r\n\r\n", again=OK)
    send(to(server.url, retries=1), RECORD, {}, tmp_path)
    assert len(server.asked) == 2


def test_nobody_there_and_no_variable_are_told_without_secrets(tmp_path: Path) -> None:
    with socket.socket() as bound:  # nobody listens, and nobody else can
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent, match=r"^Connection refused$"):
            send(to(f"http://127.0.0.1:{bound.getsockname()[1]}/"), RECORD, {}, tmp_path)
    with pytest.raises(NotSent, match=r"^the environment variable TOKEN is not set$"):
        send(to("http://127.0.0.1:1/${TOKEN}"), RECORD, {}, tmp_path)
    with pytest.raises(NotSent) as caught:
        send(to("http://${TOKEN}"), RECORD, {"TOKEN": "se cret"}, tmp_path)
    assert "se cret" not in str(caught.value)


def test_a_command_gets_the_notice_and_may_leave_something_running(tmp_path: Path) -> None:
    send(to(command=("cat > told.json; sleep 999 & echo $! > pid",), shell=True), RECORD, {}, tmp_path)
    assert json.loads((tmp_path / "told.json").read_text()) == RECORD
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_command_without_a_shell_may_have_a_name_with_spaces(tmp_path: Path) -> None:
    script = tmp_path / "my page.sh"
    script.write_text("#!/bin/sh\ncat > 'told;$HOME'\n")
    script.chmod(0o755)
    send(to(command=("./my page.sh",)), RECORD, {}, tmp_path)
    assert json.loads((tmp_path / "told;$HOME").read_text()) == RECORD


@pytest.mark.parametrize(
    ("command", "shell", "message"),
    [
        (("./nothere",), False, "No such file or directory: ./nothere"),
        (("echo a; echo why >&2; exit 3",), True, "the command ended with exit code 3: a\nwhy"),
        (("kill -9 $$",), True, "the command ended with SIGKILL"),
        (("yes | head -c 5000000; exit 1",), True, "the command ended with exit code 1: y\ny"),
    ],
)
def test_a_command_that_fails_is_told_with_its_last_words(
    tmp_path: Path, command: tuple[str, ...], shell: bool, message: str
) -> None:
    with pytest.raises(NotSent) as caught:
        send(to(command=command, shell=shell, timeout=20.0), RECORD, {}, tmp_path)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 400


def test_a_command_that_hangs_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    hangs = to(command=("sleep 999 & echo $! > pid; wait",), shell=True)
    with pytest.raises(NotSent, match=r"the command took longer than 0.6 seconds, and was stopped"):
        send(hangs, RECORD, {}, tmp_path)
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 30
    while "State:\tZ" not in _status(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "State:\tZ"
