"""Telling systemd that the scheduler is up, where it asks (`Type=notify`)."""

from __future__ import annotations

import contextlib
import os
import socket


def ready(state: str) -> None:
    """Send a state such as `READY=1` to the socket that systemd names; nothing happens without one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), address)
