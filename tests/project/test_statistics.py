"""Columns in figures and growth over versions, as `show` tells them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from assetflow.cli.growth_text import sparkline
from assetflow.errors import QueryError
from assetflow.project.details import asset_details
from assetflow.project.statistics import statistics_of
from tests.cli.calling import assetflow, write

ODD = pl.DataFrame(
    {
        "none": pl.Series([None, None, None], dtype=pl.Null),
        "blob": [b"\x00\xff", b"", None],
        "list": [[1, 2], [], None],
        "struct": [{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
        "deep": [[{"a": [1]}], None, []],
        "span": [timedelta(days=1), timedelta(0), None],
        "clock": [time(1, 2, 3), time(0), None],
        "money": [Decimal("1.10"), Decimal("-2.25"), None],
        "kind": pl.Series(["a", "b", None], dtype=pl.Categorical),
        "level": pl.Series(["low", "high", None], dtype=pl.Enum(["low", "high"])),
        "huge": pl.Series([2**63, 1, None], dtype=pl.UInt64),
        "day": [date(2026, 1, 1), date(1, 1, 1), None],
        "at": [datetime(2026, 1, 1, tzinfo=UTC), None, None],
        "ok": [True, False, None],
        "x": [1.5, float("nan"), float("inf")],
        'it\'s "odd"': ["", "é", "\x00"],
        "UP": [1, 2, 3],
        "up": [4, 5, 6],
    }
)


def made(folder: Path, value: Any) -> af.Project:
    @af.asset
    def thing() -> Any:
        return value

    project = af.Project([thing], root=folder)
    result = project.materialize(force=True)
    assert result.ok, result.steps[0].error
    return project


def figures(project: af.Project, asset: str = "thing") -> dict[str, dict[str, Any]]:
    found = asset_details(project, asset).to_json()["statistics"]
    return {each.pop("column"): each for each in found}


def test_columns_of_any_type_have_figures(tmp_path: Path) -> None:
    found = figures(made(tmp_path, ODD))
    assert set(found) >= set(ODD.columns) - {"UP", "up"}
    assert {name: each["nulls"] for name, each in found.items() if name in ODD.columns} == {
        name: ODD[name].null_count() for name in ODD.columns if name in found
    }
    assert (found["money"]["min"], found["money"]["max"]) == ("-2.25", "1.10")
    assert (found["day"]["min"], found["day"]["distinct"], found["day"]["null_share"]) == ("0001-01-01", 2, 1 / 3)
    assert found["huge"]["mean"] == (2**63 + 1) / 2
    assert found["none"] == {"nulls": 3, "null_share": 1.0, "distinct": 0, "min": None, "max": None, "mean": None}


@pytest.mark.parametrize("value", [pl.DataFrame({"a": []}, schema={"a": pl.Int64}), pl.DataFrame()])
def test_a_table_without_rows_has_no_shares(tmp_path: Path, value: pl.DataFrame) -> None:
    project = made(tmp_path, value)
    details = asset_details(project, "thing")
    assert details.unreadable is None
    shares = [each["null_share"] for each in details.to_json()["statistics"] or ()]
    assert shares == [None] * value.width


def test_statistics_are_kept_for_equal_content_and_computed_again_where_the_cache_is_broken(tmp_path: Path) -> None:
    project = made(tmp_path, pl.DataFrame({"a": [1, 2, 2]}))
    first = figures(project)
    (kept,) = (project.settings.cache_root / "statistics").iterdir()
    whole = kept.read_text()
    row = project.history("thing")[0]
    project.store.path(row.uri).write_bytes(b"no table")  # what is kept needs no reading
    again = statistics_of(project, row, large=False)
    assert again is not None
    assert again.to_json() == [{"column": "a", **first["a"]}]
    assert "too small to be a Parquet file" in str(asset_details(project, "thing").unreadable)
    kept.unlink()
    assert asset_details(project, "thing").statistics is None
    project = made(tmp_path, pl.DataFrame({"a": [1, 2, 3]}))
    assert figures(project)["a"]["distinct"] == 3
    for text in ("", "{", "[]", "null", '{"format": 1}', whole.replace("distinct", "other")):
        (path,) = (project.settings.cache_root / "statistics").iterdir()
        path.write_text(text)
        assert figures(project)["a"]["distinct"] == 3


def test_a_large_table_is_read_when_asked_for_only(tmp_path: Path) -> None:
    project = made(tmp_path, pl.DataFrame({"a": [1, 2, 2]}))
    large = project.history("thing")[0]._replace(bytes=65 << 20)
    skipped = statistics_of(project, large, large=False)
    assert skipped is not None
    assert (skipped.columns, skipped.to_json()) == (None, None)
    asked = statistics_of(project, large, large=True)
    assert asked is not None
    assert asked.columns is not None
    assert asked.columns["a"].distinct == 2
    assert statistics_of(project, large, large=False) == asked


def test_bars_go_from_nothing_to_the_largest() -> None:
    assert sparkline([0, 1, 4, 7, 8]) == "▁▂▅██"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"
    assert len(sparkline(range(1000))) == 40


FILE = """
import polars as pl
import assetflow as af

@af.asset
def prices() -> pl.DataFrame:
    return pl.read_csv("prices.csv")

@af.asset(partitions=af.StaticPartitions(["a", "b", "c"]))
def parts(context: af.Context) -> pl.DataFrame:
    return pl.DataFrame({"v": range(ord(context.partition) - 96)})
"""


def test_show_tells_figures_and_growth(tmp_path: Path) -> None:
    write(tmp_path, {"assets/shop.py": FILE, "prices.csv": "id,price\n1,10\n2,\n"})
    assert assetflow("materialize", at=tmp_path).code == 0
    write(tmp_path, {"prices.csv": "id,price\n1,10\n2,\n3,30\n4,\n"})
    assert assetflow("materialize", "prices", "--force", at=tmp_path).code == 0
    text = assetflow("show", "prices", at=tmp_path).out
    assert "rows over time" in text
    assert "▅█  2 → 4 in 2 versions" in text
    assert "price   Int64  2 (50.0%)         2  10   30   20" in text
    assert "1 to 3, 6 in 3 partitions" in assetflow("show", "parts", at=tmp_path).out
    assert "in 3 partitions" not in assetflow("show", "parts@b", at=tmp_path).out
    document = assetflow("show", "parts", "--json", at=tmp_path).json
    assert [(size["partition"], size["rows"]) for size in document["growth"]] == [("a", 1), ("b", 2), ("c", 3)]


def test_frames_without_columns_are_no_tables_and_harm_no_comparison(tmp_path: Path) -> None:
    made(tmp_path, pl.DataFrame({}))
    project = made(tmp_path, pl.DataFrame({"x": [1, 2]}))
    assert project.query("from data.thing order by x") == [{"x": 1}, {"x": 2}]

    project = made(tmp_path, pl.DataFrame({}))
    found = project.diff("thing")
    assert (found.same, found.table, found.lines) == (False, None, None)
    with pytest.raises(QueryError, match="no table that can be queried"):
        project.query("from data.thing")
