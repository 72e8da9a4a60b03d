"""Column lineage of Python assets: what polars shows of their queries, and what nobody can see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import assetflow as af
from tests.cli.calling import assetflow

ASSETS = """
import polars as pl
import assetflow as af


@af.asset
def orders() -> pl.DataFrame:
    return pl.DataFrame({"id": [1, 2, 3], "region": ["eu", "us", "eu"], "amount": [10, 5, 7]})


@af.asset
def regions() -> pl.DataFrame:
    return pl.DataFrame({"region": ["eu", "us"], "name": ["Europe", "States"]})


@af.asset
def totals(orders: pl.LazyFrame, regions: pl.LazyFrame) -> pl.LazyFrame:
    named = orders.filter(pl.col("id") > 0).join(regions, on="region")
    return named.group_by("name", maintain_order=True).agg(total=pl.col("amount").sum())
"""

Edge = tuple[str, str, str, str]


def write(root: Path, more: str = "", **queries: str) -> af.Project:
    (root / "assets").mkdir(exist_ok=True)
    (root / "assets" / "made.py").write_text(ASSETS + more)
    for name, text in queries.items():
        (root / "assets" / f"{name}.sql").write_text(text)
    return af.Project.load(root)


def edges(project: af.Project, asset: str) -> set[Edge]:
    rows = project.query(f"select * from column_lineage where asset = '{asset}'")
    return {(row["column"], row["input_asset"], row["input_column"], row["kind"]) for row in rows}


def test_a_frame_and_a_query_are_one_lineage(tmp_path: Path) -> None:
    project = write(tmp_path, report="select name, total * 2 as twice from totals")
    assert edges(project, "totals") == {("*", "orders", "*", "unknown"), ("*", "regions", "*", "unknown")}
    assert project.materialize().ok
    shared = {
        ("orders", "id", "filter"), ("orders", "region", "join key"), ("regions", "region", "join key"),
        ("regions", "name", "group key"),
    }  # fmt: skip
    assert edges(project, "totals") == {
        ("total", "orders", "amount", "value"), ("name", "regions", "name", "value"),
        *((column, *edge) for column in ("total", "name") for edge in shared),
    }  # fmt: skip
    found = assetflow("lineage", "report", "--columns", "twice", "--json", at=tmp_path).json["upstream"]
    assert ("orders", "amount", "value", 2) in {
        (hop["input_asset"], hop["input_column"], hop["kind"], hop["depth"]) for hop in found
    }
    down = assetflow("lineage", "orders", "--columns", "amount", "--json", at=tmp_path).json["downstream"]
    assert {(hop["asset"], hop["column"]) for hop in down} == {("totals", "total"), ("report", "twice")}


def test_code_that_changed_since_is_unknown_until_it_has_run(tmp_path: Path) -> None:
    project = write(tmp_path)
    project.materialize()
    made = tmp_path / "assets" / "made.py"
    made.write_text(made.read_text().replace('pl.col("id") > 0', 'pl.col("amount") > 0'))
    project.reload()
    assert edges(project, "totals") == {("*", "orders", "*", "unknown"), ("*", "regions", "*", "unknown")}
    project.materialize()
    assert ("name", "orders", "amount", "filter") in edges(project, "totals")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            "def f(orders: pl.LazyFrame) -> pl.DataFrame:\n    return orders.select('amount').collect()",
            {("*", "orders", "amount", "unknown")},
        ),
        (
            "def f(orders: pl.DataFrame) -> pl.LazyFrame:\n    return orders.lazy().select('amount')",
            {("*", "orders", "*", "unknown")},
        ),
        (
            "def f(orders: pl.LazyFrame, regions: pl.DataFrame) -> pl.LazyFrame:\n"
            "    return orders.select('id', n=pl.lit(regions.height))",
            {("id", "orders", "id", "value"), ("n", "orders", "*", "rows"), ("*", "regions", "*", "unknown")},
        ),
        (
            "def f(orders: pl.LazyFrame) -> pl.LazyFrame:\n"
            "    most = orders.select(pl.col('amount').max()).collect().item()\n"
            "    return orders.select('id', top=pl.lit(most))",
            {("id", "orders", "id", "value"), ("top", "orders", "*", "rows"), ("*", "orders", "amount", "unknown")},
        ),
        (
            "def f(orders: pl.LazyFrame, regions: pl.LazyFrame) -> pl.LazyFrame:\n"
            "    def named(data: pl.DataFrame) -> pl.DataFrame:\n"
            "        return data.with_columns(name=pl.lit(regions.select('name').collect().item(0, 0)))\n"
            "    schema = {'id': pl.Int64, 'name': pl.String}\n"
            "    return orders.select('id').map_batches(named, schema=schema)",
            {("*", "orders", "id", "unknown"), ("*", "regions", "name", "unknown")},
        ),
        (
            "HELD = []\n"
            "def named(data: pl.DataFrame) -> pl.DataFrame:\n"
            "    return data.with_columns(name=pl.lit(HELD[-1].select('name').collect().item(0, 0)))\n"
            "@af.asset(code_version='1')\n"
            "def f(orders: pl.LazyFrame, regions: pl.LazyFrame) -> pl.LazyFrame:\n"
            "    HELD.append(regions)\n"
            "    schema = {'id': pl.Int64, 'name': pl.String}\n"
            "    return orders.select('id').map_batches(named, schema=schema)",
            {
                ("id", "orders", "id", "unknown"), ("name", "orders", "id", "unknown"),
                ("*", "regions", "name", "unknown"),
            },
        ),
        (
            "def f(orders: pl.LazyFrame) -> af.Result:\n    return af.Result(orders.select('id'), {'n': 1})",
            {("id", "orders", "id", "value")},
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_said(function: str, expected: set[Edge], tmp_path: Path) -> None:
    head = "" if "@af" in function else "@af.asset\n"
    project = write(tmp_path, f"\n\n{head}{function}\n")
    run = project.materialize("+f")
    assert run.ok, run
    assert edges(project, "f") == expected


def test_what_is_not_loaded_stays_unknown(tmp_path: Path) -> None:
    more = (
        "\n\n@af.asset(deps=[regions])\ndef f(orders: pl.LazyFrame) -> pl.LazyFrame:\n    return orders.select('id')\n"
    )
    project = write(tmp_path, more)
    project.materialize("+f")
    assert edges(project, "f") == {("id", "orders", "id", "value"), ("*", "regions", "*", "unknown")}


def test_several_outputs_have_lineages_of_their_own(tmp_path: Path) -> None:
    more = """

@af.multi_asset(outs=["ids", "amounts"])
def split(orders: pl.LazyFrame):
    return {"ids": orders.select("id"), "amounts": orders.select("amount").collect()}
"""
    project = write(tmp_path, more)
    assert project.materialize(["ids", "amounts"]).ok
    # what was collected before the function returned could have gone anywhere
    assert edges(project, "ids") == {("id", "orders", "id", "value"), ("*", "orders", "amount", "unknown")}
    assert ("*", "orders", "amount", "unknown") in edges(project, "amounts")


def test_partitions_count_together_and_a_batch_is_split_by_a_filter(tmp_path: Path) -> None:
    more = """

DAYS = af.DailyPartitions("2024-01-01", "2024-01-03")


@af.asset(partitions=DAYS)
def daily(context: af.Context, orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.select("id" if context.partition == "2024-01-01" else "amount")


@af.asset(partitions=DAYS, batch=True)
def whole(context: af.Context, orders: pl.LazyFrame) -> pl.LazyFrame:
    first = pl.when(pl.col("id") > 1).then(pl.lit("2024-01-01"))
    return orders.select("amount", partition=first.otherwise(pl.lit("2024-01-02")))


@af.asset
def joined(daily: dict[str, pl.LazyFrame], whole: pl.LazyFrame) -> pl.LazyFrame:
    return whole.join(daily["2024-01-02"], on="amount")
"""
    project = write(tmp_path, more)
    run = project.materialize("joined")
    assert run.ok, run
    assert edges(project, "daily") == {("id", "orders", "id", "value"), ("amount", "orders", "amount", "value")}
    assert edges(project, "whole") == {("amount", "orders", "amount", "value"), ("amount", "orders", "id", "filter")}
    assert edges(project, "joined") == {
        ("amount", "whole", "amount", "value"), ("amount", "whole", "amount", "join key"),
        ("amount", "daily", "amount", "join key"),
    }  # fmt: skip


def test_the_record_and_the_event_tell_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.assetflow.openlineage]\ntransport = "file"\npath = "told.jsonl"\n')
    project = write(tmp_path)
    assert project.materialize("totals").ok
    (row,) = project.query("select column_lineage from materializations where asset = 'totals'")
    assert json.loads(row["column_lineage"])["inputs"] == ["orders", "regions"]
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    (facet,) = [
        output["facets"]["columnLineage"]
        for event in told
        if event.get("eventType") == "COMPLETE"
        for output in event["outputs"]
        if output["name"] == "totals"
    ]
    kinds = {
        (each["field"], how.get("subtype"))
        for each in facet["fields"]["total"]["inputFields"]
        for how in each["transformations"]
    }
    assert kinds == {("amount", None), ("id", "FILTER"), ("region", "JOIN"), ("name", "GROUP_BY")}


def test_looking_at_queries_reads_nothing(tmp_path: Path) -> None:
    project = write(
        tmp_path, "\n\n@af.asset\ndef f(orders: pl.LazyFrame) -> pl.LazyFrame:\n    return orders.select('id')\n"
    )
    project.materialize("+f")
    (row,) = project.query("select reads from materializations where asset = 'f'")
    assert json.loads(row["reads"]) == {"orders": {"columns": ["id"], "names": ["id"]}}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("raw.csv", "id,q\n1,2\n"),
        ("raw.tsv", "id\tq\n1\t2\n"),
        ("raw.ndjson", '{"id": 1, "q": 2}\n'),
        ("raw*.csv", "id,q\n1,2\n"),
    ],
)
def test_scans_of_source_files_are_followed(path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / path.replace("*", "1")).write_text(text)
    (tmp_path / path.replace("*", "2")).write_text(text)
    more = f"""

af.source("raw", path="{path}")
af.source("other", path="other.csv")


@af.asset
def f(raw: pl.LazyFrame, other: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    return raw.join(other, on="q").join(orders, on="id").select("id", n=pl.col("q") + 1)


@af.asset
def counted(raw: pl.LazyFrame) -> pl.LazyFrame:
    return raw.select("id", n=pl.lit(raw.select(pl.col("q").sum()).collect().item()))
"""
    (tmp_path / "other.csv").write_text("q,z\n2,3\n")
    project = write(tmp_path, more)
    run = project.materialize("+f or +counted")
    assert run.ok, run
    keys = {
        ("raw", "id", "join key"),
        ("orders", "id", "join key"),
        ("raw", "q", "join key"),
        ("other", "q", "join key"),
    }
    assert edges(project, "f") == {
        ("id", "raw", "id", "value"), ("n", "raw", "q", "value"),
        *((column, *key) for column in ("id", "n") for key in keys),
    }  # fmt: skip
    assert edges(project, "counted") == {
        ("id", "raw", "id", "value"), ("n", "raw", "*", "rows"), ("*", "raw", "*", "unknown"),
    }  # fmt: skip
