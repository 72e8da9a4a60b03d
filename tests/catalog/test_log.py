"""The log file: what is appended reads back, and what is broken is told apart from what is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.catalog.log import LogReader, LogWriter, frame, verified
from assetflow.errors import CatalogLockedError, CatalogUnwritableError, InternalError
from assetflow.model.event import Emitted
from tests.catalog.making import at, finished, started

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def emitted(payload: dict[str, object]) -> Emitted:
    return Emitted(at=at(), id="e1", run_id="r1", step=0, asset="a", event_type="note", key=None, payload=payload)


@given(st.dictionaries(st.text(), JSON, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_json_reads_back_from_its_line(payload: dict[str, object]) -> None:
    line = frame(emitted(payload))
    assert line.count(b"\n") == 1
    body = verified(line[:-1])
    assert body is not None
    clean = json.loads(json.dumps(payload).encode("utf-8", "replace"))
    assert set(json.loads(body)["payload"]) <= set(clean) or "\\ud" in json.dumps(payload)


def test_not_a_number_is_kept_as_text() -> None:
    body = verified(frame(emitted({"mean": float("nan"), "max": float("inf")}))[:-1])
    assert json.loads(body or b"")["payload"] == {"mean": "nan", "max": "inf"}


def test_an_event_that_is_no_json_is_a_bug_with_a_name() -> None:
    with pytest.raises(InternalError, match="emitted"):
        frame(emitted({"when": object()}))


@given(st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_a_changed_byte_never_verifies(position: int, flip: int) -> None:
    line = bytearray(frame(started("r1"))[:-1])
    line[position % len(line)] ^= flip
    assert verified(bytes(line)) is None


def test_appended_events_read_back_in_order_from_any_line(tmp_path: Path) -> None:
    path = tmp_path / "log" / "r1.jsonl"
    with LogWriter(path) as log:
        log.append([started("r1")])
        middle = log.size
        log.append([finished("r1"), finished("r2")])
        log.sync()
        assert log.size == path.stat().st_size
    assert [event["kind"] for event in LogReader(path)] == ["run_started", "run_finished", "run_finished"]
    assert [event["run_id"] for event in LogReader(path, offset=middle)] == ["r1", "r2"]


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    with LogWriter(tmp_path / "r1.jsonl"), pytest.raises(CatalogLockedError, match="held by another"):
        LogWriter(tmp_path / "r1.jsonl")


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "r1.jsonl")
    log.close()
    log.close()
    with pytest.raises(InternalError, match="closed"):
        log.append([started("r1")])


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_last_line_is_cut_when_the_log_is_taken_up_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log" / "r1.jsonl"
    with LogWriter(path) as log:
        log.append([started("r1")])
        whole = log.size
        log.append([finished("r1")])
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - cut)
    with LogWriter(path) as log:
        assert log.size == whole
        log.append([finished("r1", status="interrupted")])
    assert [event.get("status") for event in LogReader(path)] == [None, "interrupted"]


def test_zeros_after_a_power_failure_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "log" / "r1.jsonl"
    with LogWriter(path) as log:
        log.append([started("r1")])
        whole = log.size
    with open(path, "ab") as file:
        file.write(b"\0" * 4096)
    with LogWriter(path) as log:
        assert log.size == whole


def test_a_whole_line_that_does_not_verify_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "log" / "r1.jsonl"
    with LogWriter(path) as log:
        log.append([started("r1")])
    with open(path, "ab") as file:
        file.write(b'00000000 {"kind":"nobody"}\n')
    LogWriter(path).close()
    assert [kept.read_bytes() for kept in (tmp_path / "damaged").iterdir()] == [b'00000000 {"kind":"nobody"}\n']


def test_damaged_lines_in_the_middle_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    lines = [frame(started(f"r{number}")) for number in range(5)]
    lines[1] = lines[1].replace(b"box", b"fox")
    path.write_bytes(b"".join(lines))
    reader = LogReader(path)
    assert [event["run_id"] for event in reader] == ["r0", "r2", "r3", "r4"]
    assert [(found.offset, found.raw) for found in reader.damaged] == [(len(lines[0]), lines[1])]
    assert reader.end == reader.size == path.stat().st_size


def test_a_file_in_place_of_the_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("not a folder")
    with pytest.raises(CatalogUnwritableError, match="log") as caught:
        LogWriter(tmp_path / "log" / "r1.jsonl")
    assert caught.value.hint is not None
    assert "file stands" in caught.value.hint


def test_a_log_that_was_deleted_meanwhile_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    with LogWriter(tmp_path / "log" / "r1.jsonl") as writer:
        writer.append([started("r1")])
        writer.sync()
        writer.path.unlink()
        writer.append([finished("r1")])
        with pytest.raises(CatalogUnwritableError, match="deleted while it was written to"):
            writer.sync()
