"""Events for the catalog's tests, written the way a run writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assetflow.catalog import Catalog
from assetflow.model.clock import to_text
from assetflow.model.event import Event, RunFinished, RunStarted, StepFinished, StepStarted

START = datetime(2026, 1, 31, 12, tzinfo=UTC)

Input = tuple[str, str | None, str | None, str]


def at(seconds: float = 0) -> str:
    """An instant of the test's day as the log spells it."""
    return to_text(START + timedelta(seconds=seconds))


def catalog(folder: Path, **options: Any) -> Catalog:
    return Catalog(folder / "catalog", store_root=folder / "store", **options)


def started(run_id: str, *, seconds: float = 0, steps: int = 1, environment: str = "prod") -> RunStarted:
    return RunStarted(
        at=at(seconds),
        run_id=run_id,
        environment=environment,
        selection=["*"],
        options={"workers": 2},
        host="box",
        pid=4711,
        process_started="1000",
        version="0.1.0",
        steps=steps,
    )


def finished(run_id: str, *, seconds: float = 60, status: str = "succeeded", **counts: int) -> RunFinished:
    return RunFinished(at=at(seconds), run_id=run_id, status=status, counts=counts)


def made(
    run_id: str,
    number: int,
    asset: str,
    partition: str | None = None,
    *,
    seconds: float = 1,
    order: int = 1,
    version: str | None = None,
    inputs: Sequence[Input] = (),
    environment: str = "prod",
    **fields: Any,
) -> StepFinished:
    """A step that materialized and published `run_id.number`."""
    id = f"{run_id}.{number}"
    record = {
        "id": id,
        "data_version": version or f"d:{id}",
        "code_version": "c:1",
        "config": {},
        "config_version": "",
        "input_fingerprint": f"i1:{len(inputs)}",
        "inputs": [list(edge) for edge in inputs],
        "uri": f"{asset}/{id}.json",
        "format": "json",
        "bytes": 10,
        "payload": {"uri": f"{asset}/{id}.json"},
        "metadata": {},
        "packages": [],
    }
    return StepFinished(
        at=at(seconds),
        run_id=run_id,
        environment=environment,
        step=number,
        asset=asset,
        partition=partition,
        status="materialized",
        attempts=1,
        seconds=0.5,
        started_at=at(seconds - 0.5),
        causes=[{"kind": "missing"}],
        published=id,
        order=order,
        materialization=record | fields,
    )


def began(run_id: str, number: int, asset: str, partition: str | None = None, *, seconds: float = 0) -> StepStarted:
    return StepStarted(at=at(seconds), run_id=run_id, step=number, asset=asset, partition=partition)


def record(target: Catalog, name: str, events: Iterable[Event]) -> None:
    """Append events to a log and let go of it."""
    with target.open_log(name) as log:
        log.append(events)


VIEWS = (
    "metadata",
    "asset_partitions", "materializations", "lineage", "column_lineage", "runs", "steps", "attempts", "events",
    "checks", "observations", "publications", "code", "code_versions", "assets",
)  # fmt: skip


def everything(target: Catalog) -> dict[str, list[str]]:
    """The content of every view, in an order that does not depend on how it came to be."""
    return {view: sorted(map(repr, target.query(f"select * from {view}").rows)) for view in VIEWS}
