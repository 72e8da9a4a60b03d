"""An input of all partitions while there is none: collections are empty, and frames keep the columns they last had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import assetflow as af

FILES = af.DynamicPartitions("files")
COLUMNS = {
    pl.DataFrame: lambda frame: frame.columns,
    pl.LazyFrame: lambda frame: frame.collect_schema().names(),
    pa.Table: lambda table: table.column_names,
    pd.DataFrame: lambda frame: list(frame.columns),
    duckdb.DuckDBPyRelation: lambda relation: relation.columns,
}
ROWS = {
    pl.DataFrame: len,
    pl.LazyFrame: lambda frame: frame.collect().height,
    pa.Table: len,
    pd.DataFrame: len,
    duckdb.DuckDBPyRelation: lambda relation: len(relation.fetchall()),
}


def project(root: Path, kind: Any, column: str | None = None) -> af.Project:
    @af.asset(partitions=FILES)
    def parts(context: af.Context) -> pl.DataFrame:
        return pl.DataFrame({"name": [context.partition], "size": [1]}, schema={"name": pl.String, "size": pl.Int32})

    def whole(parts: Any) -> list[Any]:
        return [list(COLUMNS[kind](parts)), ROWS[kind](parts)]

    whole.__annotations__["parts"] = kind
    inputs = {"parts": af.Dep("parts", partition_column=column)}
    return af.Project(assets=[parts, af.asset(inputs=inputs)(whole)], root=root)


@pytest.mark.parametrize("column", [None, "file"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_frame_of_no_partitions_keeps_its_columns(tmp_path: Path, kind: Any, column: str | None) -> None:
    columns = ["name", "size"] if column is None else ["name", "size", column]
    with project(tmp_path, kind, column) as p:
        p.add_partitions("files", ["a", "b"])
        p.materialize()
        assert p.load("whole") == [columns, 2]
        p.remove_partitions("files", ["a", "b"])
        assert p.materialize().status == "succeeded"
        assert p.load("whole") == [columns, 0]


def test_a_frame_of_partitions_that_never_were_says_how(tmp_path: Path) -> None:
    with project(tmp_path, pl.DataFrame) as p:
        p.add_partitions("files", ["a"])
        p.remove_partitions("files", ["a"])
        (step,) = p.materialize().steps
    assert step.error is not None
    assert "nobody knows the columns of an empty `polars.DataFrame`" in step.error
    assert "dict[str, polars.DataFrame]" in step.error


def test_values_that_are_gone_from_the_store_are_no_example(tmp_path: Path) -> None:
    with project(tmp_path, pl.DataFrame) as p:
        p.add_partitions("files", ["a"])
        p.materialize()
        p.store.path(p.current("parts", "a").uri).unlink()
        p.remove_partitions("files", ["a"])
        assert p.materialize().status == "failed"
