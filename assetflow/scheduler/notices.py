"""Notices: what failed, recovered, became overdue and came back in time, told once, to every sink that wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from assetflow.define.schedule import NoticeKind, Sink
from assetflow.model.clock import to_text
from assetflow.model.freshness import FreshnessState
from assetflow.model.keys import show
from assetflow.project.project import Project
from assetflow.project.status import last_failures
from assetflow.scheduler.memory import Memory, write_memory
from assetflow.scheduler.sending import NotSent, send
from assetflow.values import dataclass


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

    Each sink gets its notices in order of time. One that cannot be sent is told of, and waits for the next tick with
    those after it; the other sinks get theirs.
    """

    def __init__(self, project: Project, memory: Memory, tell: Callable[[str, dict[str, Any]], None]) -> None:
        self._project = project
        self._memory = memory
        self._tell = tell
        self._sinks = project.loaded.definitions.sinks
        self._given_up: set[str] = set()

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
        waiting: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        by_name = {sink.name: sink for sink in self._sinks}
        for name, record in self._memory.under("unsent:").items():
            to = name.partition(":")[0]
            if to not in by_name:
                self._memory.set(f"unsent:{name}", None)
            elif to not in self._given_up:
                waiting.setdefault(to, []).append((f"unsent:{name}", record))
        if waiting:
            with ThreadPoolExecutor(max_workers=len(waiting), thread_name_prefix="notify") as pool:
                sending = {to: pool.submit(self._send_all, by_name[to], records) for to, records in waiting.items()}
            for to, future in sending.items():
                self._note(to, waiting[to], *future.result())
        write_memory(self._project, self._memory, "notice", {"sent": sorted(waiting)})

    def _send_all(self, sink: Sink, records: list[tuple[str, Mapping[str, Any]]]) -> tuple[int, str | None]:
        """Send to one sink in order of time; how many arrived, and why the next one did not."""
        records.sort(key=lambda named: (named[1]["at"], named[0]))
        for count, (_, record) in enumerate(records):
            try:
                send(sink, record, self._project.environ, self._project.settings.root)
            except NotSent as error:
                return count, str(error)
        return len(records), None

    def _note(self, to: str, records: list[tuple[str, Mapping[str, Any]]], sent: int, error: str | None) -> None:
        for name, _ in records[:sent]:
            self._memory.set(name, None)
        if error is not None:
            self._given_up.add(to)
            more = len(records) - sent - 1
            rest = f" (and {more:,} more wait for the next round)" if more else ""
            self._tell("error", {"where": f"notify `{to}`", "message": error + rest})
