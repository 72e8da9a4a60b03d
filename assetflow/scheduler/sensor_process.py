"""The process in which sensors are called: what one of them does to it, it does to nobody else.

Reads one JSON document from standard input, `{"root", "settings", "now", "sensors": [{"name", "cursor"}]}`, and answers
with a JSON document per line on what was standard output: `{"began": name}`, then what came of it; `{"error"}` first
where the definitions cannot be loaded. What sensors print goes to standard error. When standard input is closed, its
scheduler is gone, and it ends.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TextIO

from assetflow.define.schedule import AddPartitions, RunRequest, Sensor, SensorContext
from assetflow.errors import AssetflowError, UsageError
from assetflow.model.clock import from_text
from assetflow.project.project import Project

MOST_ANSWERS = 100_000
_HINT = "return or yield RunRequest(...) and AddPartitions(...)"


def main() -> None:
    """Call the sensors that are asked for, one after another."""
    asked = json.loads(sys.stdin.buffer.readline())
    told = open(os.dup(1), "w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
    os.dup2(2, 1)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # what a sensor printed before it was killed is told, too
    threading.Thread(target=_end_with_scheduler, args=(os.dup(0),), daemon=True).start()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.chdir(asked["root"])
    try:
        found = Project.at(asked["root"], **asked["settings"]).loaded.definitions.sensors
    except AssetflowError as error:  # files that changed a moment ago
        _say(told, {"error": error.message})
        os._exit(1)
    sensors = {each.name: each for each in found}
    now = from_text(asked["now"])
    for each in asked["sensors"]:
        _say(told, {"began": each["name"]})
        _say(told, _called(sensors.get(each["name"]), now, each["cursor"]))
    with contextlib.suppress(OSError, ValueError):  # a sensor may have closed it
        sys.stdout.flush()
    os._exit(0)  # whatever a sensor left behind in a thread


def _end_with_scheduler(fd: int) -> None:
    """Wait for the end of standard input, which nobody writes to any more."""
    while os.read(fd, 1):
        pass
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what sensors started
    os._exit(1)


def _say(told: TextIO, message: Mapping[str, Any]) -> None:
    told.write(json.dumps(message) + "\n")
    told.flush()


def _called(sensor: Sensor | None, now: datetime, cursor: str | None) -> dict[str, Any]:
    """What came of one sensor: `{"requests", "partitions", "cursor"}`, or `{"error"}`."""
    if sensor is None:
        return {"error": "it is not declared any more"}
    context = SensorContext(now=now, cursor=cursor)
    try:
        answers = list(_answers(sensor, context))
        if context.cursor is not None and not isinstance(context.cursor, str):
            raise UsageError(f"its cursor is {context.cursor!r}", hint="a cursor is text")
        found = {
            "requests": [_request_json(each) for each in answers if isinstance(each, RunRequest)],
            "partitions": [
                {"name": each.name, "keys": list(each.keys)} for each in answers if isinstance(each, AddPartitions)
            ],
            "cursor": context.cursor,
        }
        json.dumps(found)
    except AssetflowError as problem:
        return {"error": problem.message}
    except BaseException as problem:  # a user's function; also an exit must not end the others
        return {"error": _words(problem)}
    return found


def _words(problem: BaseException) -> str:
    text = "its text cannot be told"
    with contextlib.suppress(Exception):  # the text of an exception is a user's function, too
        text = str(problem).encode("utf-8", "replace").decode()
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _answers(sensor: Sensor, context: SensorContext) -> Iterator[RunRequest | AddPartitions]:
    found: Any = sensor.fn(context) if inspect.signature(sensor.fn).parameters else sensor.fn()
    if found is None:
        return
    if isinstance(found, (RunRequest, AddPartitions)):
        found = [found]
    if isinstance(found, (str, bytes, Mapping)) or not hasattr(found, "__iter__") or isinstance(found, type):
        raise UsageError(f"it returned {found!r:.200}", hint=_HINT)
    for count, each in enumerate(found):
        if not isinstance(each, (RunRequest, AddPartitions)):
            raise UsageError(f"it answered {each!r:.200}, which is neither RunRequest nor AddPartitions", hint=_HINT)
        if count == MOST_ANSWERS:
            raise UsageError(f"it answered more than {MOST_ANSWERS:,} times at once", hint="keep a cursor")
        yield each


def _request_json(request: RunRequest) -> dict[str, Any]:
    return {
        "selection": request.selection,
        "partitions": request.partitions,
        "config": {asset: dict(values) for asset, values in request.config.items()},
        "run_key": request.run_key,
        "force": request.force,
    }


if __name__ == "__main__":
    main()
