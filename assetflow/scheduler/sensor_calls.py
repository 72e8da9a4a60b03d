"""Calling sensors in a process of their own, and going on with the next one when it ends or takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any

from assetflow.define.schedule import AddPartitions, RunRequest, Sensor
from assetflow.executor.backends.launch import PATIENCE, module_command
from assetflow.model.clock import to_text
from assetflow.model.length import length_words
from assetflow.project.project import Project
from assetflow.scheduler.ending import ending_words, kill_group
from assetflow.values import dataclass

LOADING = 600.0
"""Seconds that loading the definitions may take, which the scheduler has loaded a moment before."""

_LONGEST = 2_000
"""Characters of an error that are told; how many more there are is told, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of asking one sensor: requests, keys to add and its new cursor, or an error."""

    sensor: Sensor
    requests: tuple[RunRequest, ...] = ()
    partitions: tuple[AddPartitions, ...] = ()
    cursor: str | None = None
    error: str | None = None


def call_sensors(project: Project, asked: Sequence[tuple[Sensor, str | None]], now: datetime) -> Iterator[Answered]:
    """Call each sensor with its cursor, in order: one process for all, and another one where that has ended."""
    left = list(asked)
    while left:
        process = _Process(project, left, now)
        try:
            for sensor, _ in tuple(left):
                answered = process.answer(sensor)
                left.pop(0)
                yield answered
                if process.over:
                    break
            else:
                process.through = True
        finally:
            process.end()


class _Process:
    """A process that calls sensors; after `over` it answers nothing more, and `through` says that it did it all."""

    def __init__(self, project: Project, asked: Sequence[tuple[Sensor, str | None]], now: datetime) -> None:
        settings = project.settings
        document = {
            "root": str(settings.root),
            "settings": {"catalog": settings.catalog, "environment": settings.environment},
            "now": to_text(now),
            "sensors": [{"name": sensor.name, "cursor": cursor} for sensor, cursor in asked],
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSETFLOW_")}
        self.over = self.through = False
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = subprocess.Popen(
            module_command("assetflow.scheduler.sensor_process"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**inherited, **project.environ}, cwd=settings.root, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        threading.Thread(target=self._hear, args=(self._process.stdout,), daemon=True).start()
        with contextlib.suppress(OSError):  # it has ended already, which is told when it is asked
            self._process.stdin.write(json.dumps(document).encode() + b"\n")
            self._process.stdin.flush()  # and stays open: its end tells the process that this one is gone

    def _hear(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            try:
                self._lines.put(json.loads(line))
            except ValueError:  # the last words of a process that was killed
                break
        self._lines.put(None)

    def answer(self, sensor: Sensor) -> Answered:
        """What came of a sensor, in the order in which they were asked for."""
        began, late = self._next(LOADING)
        if began is not None and "error" in began:
            self.over = True
            return _answered(sensor, began)
        if began is not None:
            found, late = self._next(sensor.timeout.total_seconds())
            if found is not None:
                return _answered(sensor, found)
        self.over = True
        if late:
            words = length_words(sensor.timeout) if began is not None else f"{LOADING:g} seconds to load"
            return Answered(sensor=sensor, error=f"it took longer than {words}, and was stopped")
        return Answered(sensor=sensor, error=f"it ended its process ({ending_words(self._ended())})")

    def _ended(self) -> int:
        """How it ended; one that only closed its output is stopped."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(PATIENCE)
        kill_group(self._process)
        return self._process.wait()

    def _next(self, seconds: float) -> tuple[dict[str, Any] | None, bool]:
        """The next line and whether it took too long; no line when the process has ended."""
        try:
            return self._lines.get(timeout=seconds), False
        except queue.Empty:
            return None, True

    def end(self) -> None:
        """Let go of it; where it was not through, with everything that sensors have started."""
        if self.through:
            self._ended()
        else:
            kill_group(self._process)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def _answered(sensor: Sensor, found: dict[str, Any]) -> Answered:
    error = found.get("error")
    if error is not None:
        more = len(error) - _LONGEST
        return Answered(sensor=sensor, error=error if more <= 0 else f"{error[:_LONGEST]}… ({more:,} characters more)")
    return Answered(
        sensor=sensor,
        requests=tuple(RunRequest(**each) for each in found["requests"]),
        partitions=tuple(AddPartitions(**each) for each in found["partitions"]),
        cursor=found["cursor"],
    )
