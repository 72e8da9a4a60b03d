"""Where OpenLineage events go: a file, the console, or an HTTP receiver, which is told beside the run.

Nothing here raises for what happens outside: an event that cannot be delivered is counted, and kept in a file.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol
from urllib.parse import urlsplit

from assetflow.project.openlineage.facets import Json

ENDPOINT = "/api/v1/lineage"
PAUSES = (0.1, 0.4)
"""Seconds between the tries of one event."""

PATIENCE = 2.0
"""Seconds that the end of a run waits for a receiver that takes nothing."""


class Transport(Protocol):
    """Takes events in order, without waiting; `close` ends it and returns how many were not delivered."""

    def send(self, event: Json) -> None: ...

    def close(self) -> int: ...


class LineTransport:
    """Writes one line of JSON per event; what cannot be written is counted."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lost = 0

    def send(self, event: Json) -> None:
        try:
            self._write(json.dumps(event, ensure_ascii=False) + "\n")
        except OSError:
            self._lost += 1

    def close(self) -> int:
        return self._lost


def append_to(path: Path) -> Callable[[str], object]:
    """A function that appends text to a file, in one write, so that lines of several processes do not mix."""

    def write(text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab", buffering=0) as file:
            file.write(text.encode())

    return write


class HttpTransport:
    """Posts events from a thread of its own.

    One that fails is tried three times; then the receiver counts as down for the rest of the run, and what is left is
    kept by `keep`. A receiver that refuses an event (4xx) is asked on with the next one.
    """

    def __init__(self, url: str, *, api_key: str | None, timeout: float, keep: Callable[[str], object]) -> None:
        parts = urlsplit(url)
        self._secure, self._host = parts.scheme == "https", parts.netloc
        path = parts.path if parts.path not in ("", "/") else ENDPOINT
        self._path = f"{path}?{parts.query}" if parts.query else path
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._timeout = timeout
        self._keep = keep
        self._events: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._progress = threading.Event()
        self._ended = threading.Event()
        self._given_up = threading.Event()
        self._current: bytes | None = None
        self._lost = 0
        self._thread = threading.Thread(target=self._serve, name="assetflow-openlineage", daemon=True)
        self._thread.start()

    def send(self, event: Json) -> None:
        self._events.put(json.dumps(event, ensure_ascii=False).encode())

    def close(self) -> int:
        """Wait while events are taken, PATIENCE without one at most; keep the rest and return how many were lost."""
        self._events.put(None)
        while not self._ended.is_set():
            self._progress.clear()
            if not self._progress.wait(PATIENCE) and not self._ended.is_set():
                break
        self._given_up.set()
        with self._lock:
            if self._current is not None:
                self._lose(self._current)
                self._current = None
            while True:
                try:
                    rest = self._events.get_nowait()
                except Empty:
                    return self._lost
                if rest is not None:
                    self._lose(rest)

    def _serve(self) -> None:
        is_down = False
        while not self._given_up.is_set():
            body = self._events.get()
            if body is None:
                break
            with self._lock:
                self._current = body
            delivered = None if is_down else self._deliver(body)
            is_down = is_down or delivered is None
            with self._lock:
                if self._current is not None and not delivered:
                    self._lose(body)
                self._current = None
            self._progress.set()
        self._ended.set()
        self._progress.set()

    def _lose(self, body: bytes) -> None:
        self._lost += 1
        try:
            self._keep(body.decode() + "\n")
        except OSError:
            return  # counted; there is no other place to put it

    def _deliver(self, body: bytes) -> bool | None:
        """Whether the receiver took the event; None when it does not answer, or not in a useful way."""
        for pause in (*PAUSES, None):
            status = self._post(body)
            if status is not None and status < 500 and status != 429:
                return status < 300
            if pause is None or self._given_up.wait(pause):
                return None
        return None

    def _post(self, body: bytes) -> int | None:
        # not at the top: an HTTP client is only needed where a receiver is set
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        kind = HTTPSConnection if self._secure else HTTPConnection
        try:
            with contextlib.closing(kind(self._host, timeout=self._timeout)) as connection:
                connection.request("POST", self._path, body=body, headers=self._headers)
                return connection.getresponse().status
        except (OSError, HTTPException, ValueError):
            return None
