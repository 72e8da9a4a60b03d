"""Recorded code versions: however they are asked for, and in whatever order, the answers are what was recorded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from assetflow.catalog.reader import Reader
from assetflow.catalog.recorded_code import RecordedCode
from assetflow.model.event import CodeRecorded
from tests.catalog.making import at, catalog, record, started

ASSETS = [f"a{number:02}" for number in range(40)]


class Counting(RecordedCode):
    """Counts the questions to the file."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.questions = 0

    def _read(self, asset: str, code_version: str, *, around: int) -> None:
        self.questions += 1
        super()._read(asset, code_version, around=around)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, str], dict[str, str]]]:
    """A catalog of assets with one to five code versions each, some without components."""
    rng = random.Random(7)
    target = catalog(tmp_path_factory.mktemp("code"))
    expected: dict[tuple[str, str], dict[str, str]] = {}
    events: list[CodeRecorded] = []
    for asset in ASSETS:
        for number in range(rng.randrange(1, 6)):
            components = {f"c{each}": f"h{rng.randrange(9)}" for each in range(rng.randrange(4))}
            expected[asset, f"v{number}"] = components
            events.append(
                CodeRecorded(
                    at=at(number), asset=asset, code_version=f"v{number}", components=[*map(list, components.items())],
                    packages=[], texts={},
                )
            )  # fmt: skip
    record(target, "r1", [started("r1"), *events])
    target.fold()
    return target.root / "catalog.duckdb", expected


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_the_answers_are_what_was_recorded(
    recorded: tuple[Path, dict[tuple[str, str], dict[str, str]]], seed: int
) -> None:
    place, expected = recorded
    rng = random.Random(seed)
    asked = [(asset, f"v{number}") for asset in (*ASSETS, "nobody") for number in range(6)]
    asked = rng.sample(asked, rng.randrange(1, len(asked)))
    reader = Reader(place)
    try:
        code = RecordedCode(reader)
        assert [code.components(*each) for each in asked] == [expected.get(each) for each in asked]
        assert [code.has(*each) for each in asked] == [each in expected for each in asked]
    finally:
        reader.close()


def test_many_answers_take_few_questions(recorded: tuple[Path, dict[tuple[str, str], dict[str, str]]]) -> None:
    place, expected = recorded
    newest = {asset: max(version for key, version in expected if key == asset) for asset in ASSETS}
    reader = Reader(place)
    try:
        code = Counting(reader)
        assert all(code.components(*each) == expected[each] for each in newest.items())
        assert code.questions <= 4
    finally:
        reader.close()
