"""Small JSON messages over a stream socket, each with a file descriptor where one goes along."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from typing import Any

_HEADER = struct.Struct("!I")


def send(channel: socket.socket, message: dict[str, Any], descriptor: int | None = None) -> None:
    """Send a message; OSError when the other side is gone."""
    body = json.dumps(message).encode("utf-8", "surrogateescape")
    data = _HEADER.pack(len(body)) + body
    if descriptor is not None:
        sent = socket.send_fds(channel, [data], [descriptor])
        data = data[sent:]
    channel.sendall(data)


def receive(channel: socket.socket) -> tuple[dict[str, Any], int | None] | None:
    """The next message with its descriptor, which is the receiver's to close; None when the other side is gone."""
    data, descriptor = b"", None
    while len(data) < _HEADER.size:
        part, descriptors, _flags, _address = socket.recv_fds(channel, _HEADER.size - len(data), 1)
        descriptor = _first(descriptors, descriptor)
        if not part:
            return None
        data += part
    (length,) = _HEADER.unpack(data)
    body = b""
    while len(body) < length:
        part, descriptors, _flags, _address = socket.recv_fds(channel, length - len(body), 1)
        descriptor = _first(descriptors, descriptor)
        if not part:
            return None
        body += part
    return json.loads(body), descriptor


def _first(found: list[int], before: int | None) -> int | None:
    """The one descriptor of a message; more than that is a broken sender, and they are not left open."""
    for extra in found if before is not None else found[1:]:
        with contextlib.suppress(OSError):
            os.close(extra)
    return before if before is not None else next(iter(found), None)
