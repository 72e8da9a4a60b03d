"""What is published, read as it is needed, and what moved since a position."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from assetflow.catalog import Catalog
from assetflow.model.event import PointerMoved
from assetflow.model.record import Snapshot
from tests.catalog.making import at, catalog, finished, made, record, started

KEYS = [f"k{number:04d}" for number in range(1_000)]


def with_partitions(folder: Path) -> Catalog:
    """A thousand partitions of `a`, one of `b`, and `whole` without any."""
    target = catalog(folder)
    events = [
        started("r1", steps=3),
        *(made("r1", number, "a", key, order=number + 1) for number, key in enumerate(KEYS)),
        made("r1", 2_000, "b", "k0001", order=2_000),
        made("r1", 2_001, "whole", order=2_001),
        finished("r1"),
    ]
    record(target, "r1", events)
    return target


def moved(before: Snapshot, now: Snapshot) -> dict[str, set[str | None]] | None:
    found = now.moved(before.position)
    return None if found is None else {asset: set(partitions) for asset, partitions in found.items()}


@pytest.mark.parametrize("needs", [{}, {"a": KEYS[:3]}, {"a": None}, {"a": KEYS, "b": ["k0001", "no"]}])
def test_what_is_read_does_not_depend_on_how(tmp_path: Path, needs: dict[str, Iterable[str] | None]) -> None:
    snapshot = with_partitions(tmp_path).snapshot("prod")
    snapshot.need(needs)
    current = snapshot.current
    assert [current["a"][key].materialization for key in ("k0000", "k0001", "k0999")] == ["r1.0", "r1.1", "r1.999"]
    assert current["a"].get("no") is None
    assert None not in current["a"]
    assert "no" not in current["b"]
    assert set(current) == {"a", "b", "whole"}
    assert len(current["a"]) == len(list(current["a"])) == 1_000
    assert {key: row.order for key, row in current["whole"].items()} == {None: 2_001}
    assert list(snapshot.objects(["b", "whole", "none"])) == [
        ("b", "k0001", "b/r1.2000.json", 10),
        ("whole", None, "whole/r1.2001.json", 10),
    ]


def test_single_questions_end_in_reading_all(tmp_path: Path) -> None:
    current = with_partitions(tmp_path).snapshot("prod").current["a"]
    assert [current[key].order for key in KEYS[:20]] == list(range(1, 21))


def test_a_child_environment_reads_through_to_its_parent(tmp_path: Path) -> None:
    target = with_partitions(tmp_path)
    events = [
        started("r2", environment="dev", seconds=10),
        made("r2", 0, "a", "k0001", order=3_000, environment="dev", seconds=11),
        PointerMoved(at=at(12), environment="dev", asset="a", partition="k0002", materialization=None, order=3_001,
                     reason="dropped"),
        finished("r2", seconds=20),
    ]  # fmt: skip
    record(target, "r2", events)
    for need in ({}, {"a": ["k0001", "k0002", "k0003"]}, {"a": None}):
        snapshot = target.snapshot("dev", parents=("prod",))
        snapshot.need(need)
        current = snapshot.current["a"]
        assert current["k0001"].materialization == "r2.0"
        assert current.get("k0002") is None
        assert current["k0003"].materialization == "r1.3"
        assert len(current) == 999
        assert {part: uri for _, part, uri, _ in snapshot.objects(["a"])}.keys() == {*KEYS} - {"k0002"}
    assert target.snapshot("prod").current["a"]["k0001"].materialization == "r1.1"


def test_what_moved_is_what_was_published_since(tmp_path: Path) -> None:
    target = with_partitions(tmp_path)
    before = target.snapshot("prod")
    assert moved(before, before) == {}
    events = [
        started("r0", seconds=-50),
        # logical time does not count: another run's publications may carry any
        made("r0", 0, "a", "k0007", order=5, seconds=-40),
        made("r0", 1, "c", "new", order=1, seconds=-40),
        made("r0", 2, "whole", order=9_000, seconds=-40),
        finished("r0", seconds=-30),
    ]
    record(target, "r0", events)
    after = target.snapshot("prod")
    assert moved(before, after) == {"a": {"k0007"}, "c": {"new"}, "whole": {None}}
    assert moved(after, after) == {}
    assert moved(after, before) is None, "the catalog of then does not know what came later"


def test_a_position_of_another_catalog_says_nothing(tmp_path: Path) -> None:
    here, there = with_partitions(tmp_path / "here"), with_partitions(tmp_path / "there")
    record(there, "r2", [started("r2"), made("r2", 0, "a", "k0001", order=9_000), finished("r2")])
    one, other = here.snapshot("prod"), there.snapshot("prod")
    assert moved(other, one) is None
    assert moved(one, here.snapshot("dev", parents=("prod",))) is None
    assert one.moved("nonsense") is None
    assert one.moved("[]") is None


def test_a_rebuilt_catalog_says_what_moved_or_nothing(tmp_path: Path) -> None:
    target = with_partitions(tmp_path)
    before = target.snapshot("prod")
    record(target, "a-first-by-name", [started("r2", seconds=70), made("r2", 0, "b", "k0001", order=9_000, seconds=71)])
    target.rebuild()
    found = moved(before, target.snapshot("prod"))
    assert found is None or found == {"b": {"k0001"}}
