"""Sending a notice to a web address or a command, within its time and whatever the other side does."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from assetflow import __version__
from assetflow.define.schedule import Sink
from assetflow.scheduler.ending import ending_words, kill_group

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_TOLD = 300
"""Characters of what a command wrote last that are told."""


class NotSent(Exception):
    """Why a notice did not arrive, in words without the values of variables."""


def send(sink: Sink, record: Mapping[str, Any], environ: Mapping[str, str], root: Path) -> None:
    """Send one notice, a command in the project's folder; NotSent when all tries failed."""
    body = json.dumps(record).encode()
    for left in reversed(range(sink.retries + 1)):
        try:
            if sink.url is not None:
                _within(sink.timeout, lambda: _post(sink, body, environ))
            else:
                _command(sink, body, {**os.environ, **environ}, root)
            return
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            if not left:
                raise NotSent(_masked(_words(error), sink, environ)) from error


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Do something that may take that long altogether; TimeoutError after that, whatever goes on behind it.

    A socket's own time limit is for each read, and who sends a letter a second never reaches it.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # is raised again where somebody waits for it
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="notify")
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} seconds")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body, with headers for whom they are not meant."""

    def redirect_request(self, *_given: Any, **_named: Any) -> None:
        return None


def _post(sink: Sink, body: bytes, environ: Mapping[str, str]) -> None:
    assert sink.url is not None
    url = _filled(sink.url, environ)
    if not url.startswith(("http://", "https://")):
        raise ValueError("the url is neither http nor https")
    headers = {"Content-Type": "application/json", "User-Agent": f"assetflow/{__version__}"}
    headers |= {name: _filled(value, environ) for name, value in sink.headers.items()}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=sink.timeout):
        pass  # what it answers beyond the status nobody reads


def _command(sink: Sink, body: bytes, environ: Mapping[str, str], root: Path) -> None:
    """Run it; what it starts in the background may go on, unless it takes too long itself."""
    command: Any = sink.command[0] if sink.shell else list(sink.command)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, shell=sink.shell, stdin=subprocess.PIPE, stdout=said, stderr=said, env=dict(environ), cwd=root,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.communicate(body, timeout=sink.timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the command took longer than {sink.timeout:g} seconds, and was stopped") from None
        finally:
            if process.poll() is None:
                kill_group(process)
                process.wait()
        if process.returncode:
            raise OSError(_ended(process.returncode, said))


def _ended(code: int, said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _TOLD))
    text = said.read().decode("utf-8", "replace").strip()
    return f"the command ended with {ending_words(code)}" + (f": {text}" if text else "")


def _words(error: Exception) -> str:
    match error:
        case urllib.error.HTTPError(code=code) if 300 <= code < 400:
            return f"HTTP {code}, a redirect to {error.headers.get('Location')!r:.300}, which is not followed"
        case urllib.error.HTTPError():
            return f"HTTP {error.code} {error.reason}"
        case urllib.error.URLError(reason=OSError() as reason):
            return reason.strerror or str(reason)
        case http.client.HTTPException():
            return f"the answer is no HTTP ({type(error).__name__})"
        case KeyError():
            return str(error.args[0])
        case OSError(strerror=str(text), filename=str(name)):
            return f"{text}: {name}"
        case _:
            return str(error) or type(error).__name__


def _filled(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise KeyError(f"the environment variable {found[1]} is not set")
        return environ[found[1]]

    return _VARIABLE.sub(value, text)


def _masked(text: str, sink: Sink, environ: Mapping[str, str]) -> str:
    """An error without the values of the variables that the sink uses."""
    for part in (sink.url or "", *sink.headers.values()):
        for name in _VARIABLE.findall(part):
            value = environ.get(name)
            if value:
                text = text.replace(value, f"${{{name}}}")
    return text
