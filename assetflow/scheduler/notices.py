"""Notices: what failed, recovered, became overdue and came back in time, told once, to every sink that wants it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assetflow import __version__
from assetflow.define.schedule import NoticeKind, Sink
from assetflow.model.clock import to_text
from assetflow.model.freshness import FreshnessState
from assetflow.model.keys import show
from assetflow.project.project import Project
from assetflow.project.status import last_failures
from assetflow.scheduler.memory import Memory, write_memory

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell, with the fields that sinks get."""

    kind: NoticeKind
    asset: str
    partition: str | None
    at: str
    fields: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind), "asset": self.asset, "partition": self.partition, "at": self.at,
            "text": f"`{show(self.asset, self.partition)}` {_WORDS[self.kind]}", **self.fields,
        }  # fmt: skip


_WORDS = {
    NoticeKind.FAILED: "failed",
    NoticeKind.RECOVERED: "succeeded again",
    NoticeKind.OVERDUE: "is overdue",
    NoticeKind.IN_TIME: "is in time again",
}


class Notifier:
    """Finds what is news against what was told before, and sends it; what it told is kept in the log.

    A notice that cannot be sent is told of and tried again at the next tick, for each sink on its own.
    """

    def __init__(self, project: Project, memory: Memory, tell: Callable[[str, dict[str, Any]], None]) -> None:
        self._project = project
        self._memory = memory
        self._tell = tell
        self._sinks = project.loaded.definitions.sinks
        self._pool: ThreadPoolExecutor | None = None

    def freshness(self) -> None:
        """Tell of assets that became overdue, or that are not any more."""
        now_overdue = {
            key: value
            for key, value in self._memory.under("freshness:").items()
            if value["status"] == FreshnessState.OVERDUE
        }
        told = self._memory.under("told:overdue:")
        found = [
            Notice(
                kind=NoticeKind.OVERDUE, asset=key, partition=value["partition"], at=self._now(),
                fields={"since": value["since"], "policy": value["policy"]},
            )
            for key, value in now_overdue.items() if key not in told
        ]  # fmt: skip
        for notice in found:
            self._memory.set(f"told:overdue:{notice.asset}", {"partition": notice.partition, "at": notice.at})
        for key, before in told.items():
            if key not in now_overdue:
                kind = NoticeKind.IN_TIME
                found.append(Notice(kind=kind, asset=key, partition=before["partition"], at=self._now(), fields={}))
                self._memory.set(f"told:overdue:{key}", None)
        self._send(found)

    def runs(self) -> None:
        """Tell of asset partitions whose latest step failed, and of those that succeeded since they were told of."""
        failing = {show(each.asset, each.partition): each for each in last_failures(self._project)}
        told = self._memory.under("told:failed:")
        found = []
        for place, each in failing.items():
            if place not in told:
                fields = {"run_id": each.run_id, "error": each.text}
                found.append(
                    Notice(
                        kind=NoticeKind.FAILED, asset=each.asset, partition=each.partition, at=each.at, fields=fields
                    )
                )
                self._memory.set(f"told:failed:{place}", {"asset": each.asset, "partition": each.partition})
        for place, before in told.items():
            if place not in failing:
                kind = NoticeKind.RECOVERED
                found.append(
                    Notice(kind=kind, asset=before["asset"], partition=before["partition"], at=self._now(), fields={})
                )
                self._memory.set(f"told:failed:{place}", None)
        self._send(found)

    def close(self) -> None:
        """Wait for what is being sent."""
        if self._pool is not None:
            self._pool.shutdown()

    def _now(self) -> str:
        return to_text(self._project.clock.now())

    def _send(self, found: list[Notice]) -> None:
        """Keep what is to be sent to whom, then send it and what could not be sent before."""
        for notice in found:
            record = notice.to_json()
            self._tell("notice", record)
            for sink in self._sinks:
                if notice.kind in sink.on:
                    name = f"unsent:{sink.name}:{notice.kind}:{show(notice.asset, notice.partition)}:{notice.at}"
                    self._memory.set(name, record)
        write_memory(self._project, self._memory, "notice", {"notices": [notice.to_json() for notice in found]})
        waiting: list[tuple[str, Sink, Future[None]]] = []
        by_name = {sink.name: sink for sink in self._sinks}
        for name, record in self._memory.under("unsent:").items():
            addressed = by_name.get(name.partition(":")[0])
            if addressed is None:
                self._memory.set(f"unsent:{name}", None)
                continue
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="notify")
            sending = self._pool.submit(send, addressed, record, self._project.environ, self._project.settings.root)
            waiting.append((f"unsent:{name}", addressed, sending))
        for name, sink, future in waiting:
            try:
                future.result()
            except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
                self._tell("error", {"where": f"notify `{sink.name}`", "message": _masked(str(error), sink, self)})
                continue
            self._memory.set(name, None)
        write_memory(self._project, self._memory, "notice", {"sent": [name for name, _, _ in waiting]})

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that variables of sinks are taken from."""
        return self._project.environ


def send(sink: Sink, record: Mapping[str, Any], environ: Mapping[str, str], root: Path) -> None:
    """Send one notice, a command in the project's folder.

    OSError, SubprocessError, ValueError or KeyError (a variable is not set) when it failed.
    """
    body = json.dumps(record).encode()
    tries = max(0, sink.retries) + 1
    for left in reversed(range(tries)):
        try:
            if sink.url is not None:
                _post(sink, body, environ)
            else:
                command: Any = sink.command[0] if len(sink.command) == 1 else list(sink.command)
                subprocess.run(
                    command, input=body, shell=len(sink.command) == 1, check=True, timeout=sink.timeout,
                    capture_output=True, env={**os.environ, **environ}, cwd=root,
                )  # fmt: skip
            return
        except (OSError, subprocess.SubprocessError):
            if not left:
                raise


def _post(sink: Sink, body: bytes, environ: Mapping[str, str]) -> None:
    assert sink.url is not None
    url = _filled(sink.url, environ)
    if not url.startswith(("http://", "https://")):
        raise ValueError("the url is neither http nor https")
    headers = {"Content-Type": "application/json", "User-Agent": f"assetflow/{__version__}"}
    headers |= {name: _filled(value, environ) for name, value in sink.headers.items()}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=sink.timeout) as answer:
        answer.read()


def _filled(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise KeyError(f"the environment variable {found[1]} is not set")
        return environ[found[1]]

    return _VARIABLE.sub(value, text)


def _masked(text: str, sink: Sink, notifier: Notifier) -> str:
    """An error without the values of the variables that the sink uses."""
    for part in (sink.url or "", *sink.headers.values()):
        for name in _VARIABLE.findall(part):
            value = notifier.environ.get(name)
            if value:
                text = text.replace(value, f"${{{name}}}")
    return text
