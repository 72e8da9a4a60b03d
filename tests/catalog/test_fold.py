"""The fold: whatever the order and the portions, the catalog says what the logs say."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetflow.catalog import AssetRow, Catalog, ColumnEdge
from assetflow.catalog.fold import PACK_ABOVE
from assetflow.model.event import (
    AttemptFinished,
    Checked,
    CodeRecorded,
    Emitted,
    Event,
    Observed,
    PartitionsChanged,
    PointerMoved,
    StepFinished,
)
from tests.catalog.making import at, began, catalog, everything, finished, made, record, started

ASSETS = ("a", "b", "marts/c")
PARTS = (None, "2013-01-01", "x|y")


@st.composite
def histories(draw: st.DrawFn) -> dict[str, list[Event]]:
    """Logs of a few runs and hand-made moves, with edges, ties, retries, checks and ids of other forms."""
    logs: dict[str, list[Event]] = {}
    ids: list[str] = ["r9.7", "observation-1"]
    small = st.integers(0, 3)
    for number in range(draw(st.integers(1, 4))):
        run = f"r{number}"
        events: list[Event] = [started(run, seconds=number)]
        for step in range(draw(st.integers(0, 4))):
            asset, part = draw(st.sampled_from(ASSETS)), draw(st.sampled_from(PARTS))
            seconds, order = draw(small), draw(small)
            events.append(began(run, step, asset, part))
            if draw(st.booleans()):
                events.append(
                    AttemptFinished(
                        at=at(seconds),
                        run_id=run,
                        step=step,
                        asset=asset,
                        partition=part,
                        attempt=1,
                        status="failed",
                        started_at=at(),
                        seconds=0.1,
                        error={"type": "ValueError", "message": "no", "traceback": "…"},
                    )
                )
            inputs = [
                (draw(st.sampled_from(ASSETS)), draw(st.sampled_from(PARTS)), read, f"d:{read}")
                for read in draw(st.lists(st.sampled_from([*ids, None]), max_size=2))
            ]
            if draw(st.booleans()):
                events.append(made(run, step, asset, part, seconds=seconds, order=order, inputs=inputs))
                ids.append(f"{run}.{step}")
            events.append(
                Checked(
                    at=at(seconds),
                    id=f"{run}-c{step}",
                    run_id=run,
                    asset=asset,
                    partition=part,
                    materialization=draw(st.sampled_from(ids)),
                    check="rows",
                    passed=draw(st.booleans()),
                    severity="error",
                    message=None,
                    metadata={"n": 1},
                )
            )
        events.append(
            CodeRecorded(
                at=at(number),
                asset=draw(st.sampled_from(ASSETS)),
                code_version="c:1",
                components=[["text.py:clean", "h1"]],
                packages=[["polars", f"{number}"]],
                texts={"h1": "def clean"},
            )
        )
        if draw(st.booleans()):
            events.append(finished(run, seconds=draw(small)))
        logs[run] = events
    moves: list[Event] = []
    for _ in range(draw(small)):
        moves.append(
            PointerMoved(
                at=at(draw(small)),
                environment=draw(st.sampled_from(("prod", "dev"))),
                asset=draw(st.sampled_from(ASSETS)),
                partition=draw(st.sampled_from(PARTS)),
                materialization=draw(st.sampled_from([*ids, None])),
                order=draw(small),
                reason="rollback",
            )
        )
        moves.append(
            Observed(at=at(draw(small)), id="observation-1", run_id=None, asset="src", data_version="s:1", detail={})
        )
    logs["manual-1"] = moves
    return logs


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_folds_in_any_order_and_portion_equal_a_rebuild(
    tmp_path_factory: pytest.TempPathFactory, logs: dict[str, list[Event]], rng: random.Random
) -> None:
    with catalog(tmp_path_factory.mktemp("c")) as target:
        waiting = {name: list(events) for name, events in logs.items() if events}
        while waiting:
            name = rng.choice(sorted(waiting))
            count = rng.randint(1, len(waiting[name]))
            record(target, name, waiting[name][:count])
            waiting[name] = waiting[name][count:]
            if not waiting[name]:
                del waiting[name]
            if rng.random() < 0.4:
                target.fold()
        target.fold()
        folded = everything(target)
        snapshots = [target.snapshot(name, parents=()).current for name in ("prod", "dev")]
        target.rebuild()
        assert everything(target) == folded
        assert [target.snapshot(name, parents=()).current for name in ("prod", "dev")] == snapshots


def test_folding_twice_changes_nothing(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), made("r1", 0, "a"), finished("r1")])
    first = target.fold()
    assert (first.changed, first.events, first.logs) == (True, 3, 1)
    before = everything(target)
    (target.root / "folded.json").unlink()
    second = target.fold()
    assert (second.changed, second.events) == (False, 0)
    assert everything(target) == before


def test_the_latest_publication_wins_by_order_then_time_then_id(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r2", [started("r2"), made("r2", 0, "a", order=5, seconds=1), made("r2", 1, "b", order=5)])
    target.fold()
    record(target, "r1", [started("r1"), made("r1", 0, "a", order=4, seconds=99), made("r1", 1, "b", order=5)])
    current = target.snapshot("prod").current
    assert current["a"][None].materialization == "r2.0"
    assert current["b"][None].materialization == "r2.1"


def test_a_definition_digest_decides_whether_the_assets_view_is_filled_anew(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    column = ColumnEdge("mean", "flights", "dep_delay", "value")
    rows = [AssetRow(asset="delays", group="marts", tags={"team": "ops"}, columns=(column,))]
    assert target.fold(rows, digest="one").changed
    assert target.is_current(digest="one")
    assert not target.is_current(digest="two")
    assert not target.fold(rows, digest="one").changed
    assert target.query('select asset, "group", tags from assets').rows == [("delays", "marts", '{"team":"ops"}')]
    assert target.query("select * from column_lineage").rows == [("delays", *column)]
    target.fold([], digest="two")
    assert target.query("from assets").rows == []


def test_an_unknown_kind_stays_in_the_log_and_is_told(tmp_path: Path) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Dreamt(Event):
        kind = "dreamt"
        run_id: str

    target = catalog(tmp_path)
    record(target, "r1", [started("r1"), Dreamt(at=at(), run_id="r1"), made("r1", 1, "b", flavor="new field")])
    report = target.fold()
    assert [(notice.slug, "dreamt" in notice.message) for notice in report.notices] == [("unknown_event", True)]
    assert target.query("select asset from materializations").rows == [("b",)]


def test_a_line_that_is_no_event_is_set_aside_and_the_others_are_folded(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    wrong = started("r1", steps="many")  # type: ignore[arg-type]
    record(target, "r1", [made("r1", 0, "a"), wrong, made("r1", 1, "b")])
    report = target.fold()
    assert [notice.slug for notice in report.notices] == ["log_line_damaged"]
    assert target.query("select asset from materializations order by all").rows == [("a",), ("b",)]
    assert len(list((target.root / "damaged").iterdir())) == 1


def test_many_ended_logs_are_packed_and_nothing_is_lost(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    for number in range(PACK_ABOVE + 2):
        run = f"r{number:03d}"
        record(target, run, [started(run), made(run, 0, "a", order=number, line="ü\u2028"), finished(run)])
    record(target, "live", [started("live"), began("live", 0, "a")])
    target.fold()
    assert [path.name for path in (target.root / "log").glob("*.jsonl")] == ["live.jsonl"]
    assert [path.name for path in (target.root / "log" / "segments").iterdir()] == ["000001.parquet"]
    assert target.is_current()
    before = everything(target)
    report = target.rebuild()
    assert (report.segments, report.events) == (1, 3 * (PACK_ABOVE + 2) + 2)
    assert everything(target) == before
    record(target, "live", [finished("live")])
    assert target.fold().events == 1


def test_logs_that_a_crash_left_beside_their_segment_count_once(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    for number in range(PACK_ABOVE + 2):
        run = f"r{number:03d}"
        record(target, run, [started(run), made(run, 0, "a", order=number), finished(run)])
    logs = {path: path.read_bytes() for path in (target.root / "log").glob("*.jsonl")}
    target.fold()
    before = everything(target)
    for path, data in logs.items():
        path.write_bytes(data)
    (target.root / "catalog.duckdb").unlink()
    assert target.fold().rebuilt
    assert everything(target) == before


def test_dynamic_partitions_are_replayed_in_order(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(
        target,
        "r1",
        [
            PartitionsChanged(at=at(0), definition="files", added=["b", "a"], removed=[]),
            PartitionsChanged(at=at(1), definition="files", added=["c", "a"], removed=["b"]),
            PartitionsChanged(at=at(1), definition="files", added=["b"], removed=[]),
        ],
    )
    assert target.snapshot("prod").dynamic == {"files": ("a", "c", "b")}


def test_dynamic_partitions_follow_logical_time_whatever_the_clock_says(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    first = PartitionsChanged(at=at(9), definition="files", added=["a"], removed=[], order=1)
    second = PartitionsChanged(at=at(3), definition="files", added=["b"], removed=["a"], order=2)
    record(target, "r2", [second])
    record(target, "r1", [first])
    assert target.snapshot("prod").dynamic == {"files": ("b",)}
    assert target.snapshot("prod").order == 2


def test_a_running_step_shows_until_it_ends(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [started("r1", steps=2), began("r1", 0, "a"), began("r1", 1, "b"), made("r1", 0, "a")])
    steps = {step.asset: step.status for step in target.steps("r1")}
    assert steps == {"a": "materialized", "b": "running"}
    assert target.run("r1").status == "running"
    record(target, "r1", [finished("r1", status="interrupted", materialized=1)])
    assert {step.asset: step.status for step in target.steps("r1")} == {"a": "materialized", "b": "canceled"}
    assert target.run("r1").counts == {"materialized": 1}


def test_attempts_show_every_try(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    error = {"type": "ValueError", "message": "no", "traceback": "Traceback…"}
    failed = AttemptFinished(
        at=at(1), run_id="r1", step=0, asset="a", attempt=1, status="failed", started_at=at(), seconds=1, error=error
    )
    record(target, "r1", [began("r1", 0, "a"), failed, made("r1", 0, "a"), made("r1", 1, "b")])
    rows = target.query("select asset, attempt, status, error_type from attempts order by all").rows
    assert rows == [("a", 1, "failed", "ValueError"), ("b", 1, "materialized", None)]


def test_events_of_the_domain_are_kept(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(
        target,
        "r1",
        [
            Emitted(
                at=at(), id="e1", run_id="r1", step=0, asset="a", event_type="alert", key="k", payload={"x": [1, None]}
            )
        ],
    )
    assert target.query("select event_type, key, payload ->> '$.x[0]' from events").rows == [("alert", "k", "1")]


def test_views_read_the_current_files_of_tables(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    (tmp_path / "store").mkdir()
    for name in ("one", "two", "it's"):
        path, value = str(tmp_path / "store" / f"{name}.parquet"), name.replace("'", "")
        with duckdb.connect() as con:
            con.execute("copy (select $value as v) to $path", {"value": value, "path": path})

    def table(number: int, asset: str, partition: str | None, name: str, order: int = 1) -> StepFinished:
        return made("r1", number, asset, partition, order=order, uri=f"{name}.parquet", format="parquet")

    record(
        target,
        "r1",
        [
            table(0, "marts/delays", None, "one"),
            table(1, "select", "2013-01-01", "one"),
            table(2, "select", "2013-01-02", "one"),
            table(3, "select", "2013-01-03", "it's"),
            made("r1", 4, "report"),
        ],
    )
    target.fold()
    assert target.query('select * from data."marts/delays"').rows == [("one",)]
    assert target.query('select * from data."select" order by partition').rows == [
        ("one", "2013-01-01"),
        ("one", "2013-01-02"),
        ("its", "2013-01-03"),
    ]
    assert target.query("select view_name from duckdb_views() where schema_name = 'data' order by 1").rows == [
        ("marts/delays",),
        ("select",),
    ]
    record(target, "r2", [made("r2", 0, "marts/delays", order=2, uri="two.parquet", format="parquet")])
    assert target.query('select * from data."marts/delays"').rows == [("two",)]
    moved = PointerMoved(
        at=at(9), environment="prod", asset="marts/delays", materialization=None, order=3, reason="dropped"
    )
    record(target, "manual-1", [moved])
    assert target.query("select view_name from duckdb_views() where schema_name = 'data'").rows == [("select",)]


def test_a_table_whose_file_is_gone_costs_only_its_view(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [made("r1", 0, "a", uri="gone.parquet", format="parquet")])
    report = target.fold()
    assert [notice.slug for notice in report.notices] == ["data_view"]
    assert target.snapshot("prod").current["a"][None].uri == "gone.parquet"


def test_folds_of_a_run_keep_to_a_tenth_of_its_time(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    now, spent, end = 0.0, 0.0, 30.0
    number = 0
    while now < end:
        record(target, "r1", [made("r1", number, "a", order=number)])
        report = target.fold_if_due(now)
        if report is not None:
            assert report.changed
            spent += report.seconds
        now += 0.25
        number += 1
    assert 0 < spent < 0.12 * end


def test_a_closed_catalog_opens_again(tmp_path: Path) -> None:
    target = catalog(tmp_path)
    record(target, "r1", [made("r1", 0, "a")])
    assert list(target.snapshot("prod").current) == ["a"]
    target.close()
    assert list(target.snapshot("prod").current) == ["a"]


def test_nothing_is_created_before_something_is_recorded(tmp_path: Path) -> None:
    target = Catalog(tmp_path / "catalog", store_root=tmp_path / "store")
    assert target.is_current()
    assert target.snapshot("prod").current == {}
    assert not target.fold().changed
    assert target.runs() == []
    assert list(tmp_path.iterdir()) == []
