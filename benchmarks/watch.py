"""Row 13: from a save to the start of the first step that it makes stale, in a watch that goes on.

    python benchmarks/watch.py [--assets N] [--saves N] [--debounce MS]

Every save edits one helper anew. The latency is the time stamp of the step's start less the instant of the save and the
debounce window. The floor is what any new process pays: `python -c "import polars, duckdb"`, in turns with the saves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from measure import Contestant, alternate, assetflow, environment, process, python, report, scratch
from projects import helper, trivial

HELPERS = 20


@contextmanager
def watched(project: Path, debounce: int) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a watch."""
    child = subprocess.Popen(
        assetflow("watch", "--json", "--debounce", str(debounce)), cwd=project, env=environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        yield map(json.loads, child.stdout)
    finally:
        child.terminate()
        child.wait()


def next_of(events: Iterator[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The next event of a kind; a watch that ends instead ends the benchmark."""
    for event in events:
        if event["event"] == kind:
            return event
    raise SystemExit(f"the watch ended before an event {kind}")


def contestants(project: Path, events: Iterator[dict[str, Any]], debounce: int) -> dict[str, Contestant]:
    """A save until its step starts, and a process that imports what every step may need."""
    edits = count(1)
    shared = project / "assets" / "shared.py"

    def save() -> float:
        plus = next(edits)
        new = shared.with_suffix(".new")
        new.write_text("".join(helper(number, plus=plus if number == 3 else 0) for number in range(HELPERS)))
        saved = time.time()
        os.replace(new, shared)
        started = next_of(events, "step_started")["at"]
        while next_of(events, "tick")["result"]["run_id"] is None:
            pass
        return datetime.fromisoformat(started).timestamp() - saved - debounce / 1000

    return {"import": process(python("import polars, duckdb"), cwd=project), "watch": save}


def distribution(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and the longest, in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50": statistics.median(ordered), "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]}
    return {name: round(value * 1000, 1) for name, value in {**at, "max": ordered[-1]}.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--saves", type=int, default=40)
    parser.add_argument("--debounce", type=int, default=50)
    options = parser.parse_args()
    with scratch() as folder:
        project = trivial(folder / "project", options.assets, helpers=HELPERS)
        with watched(project, options.debounce) as events:
            next_of(events, "tick")
            seconds = alternate(contestants(project, events, options.debounce), repeat=options.saves)
    medians = {name: round(statistics.median(found), 5) for name, found in seconds.items()}
    report(
        "13: save to start of step",
        {"seconds": medians, "ratio": round(medians["watch"] / medians["import"], 3), "of": "watch / import"},
        goal="p95 under 150 ms beyond the debounce window",
        milliseconds=distribution(seconds["watch"]),
        assets=options.assets,
        saves=options.saves,
        debounce_ms=options.debounce,
    )


if __name__ == "__main__":
    main()
