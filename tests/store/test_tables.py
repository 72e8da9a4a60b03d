"""Tables of every engine in, every table type out, one partition or many."""

from __future__ import annotations

import datetime as dt
import gc
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assetflow.errors import FormatError
from assetflow.store import LocalStore, StoredObject

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

FRAME = pl.DataFrame(
    {
        "day": [dt.date(2013, 1, 1), dt.date(2013, 1, 2), None],
        "delay": [1.5, None, -3.0],
        "carrier": ["UA", "", None],
        "n": [1, 2, 3],
    }
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    # characters that globs, percent-decoding and hive partitioning would take for something else
    return LocalStore(tmp_path / "year=2013 [a]*%41" / "store")


def put(store: LocalStore, value: object, partition: str | None = None) -> StoredObject:
    return store.write(value, asset="t", partition=partition, durable=False)


def test_every_table_type_gives_the_same_rows(store: LocalStore) -> None:
    obj = put(store, FRAME)
    assert_frame_equal(store.load(obj), FRAME)
    assert_frame_equal(store.load(obj, pl.DataFrame), FRAME)
    assert_frame_equal(store.load(obj, pl.DataFrame | None), FRAME)
    assert_frame_equal(store.load(obj, Annotated[pl.DataFrame, "note"]), FRAME)
    assert_frame_equal(store.load(obj, "pl.LazyFrame").collect(), FRAME)
    assert_frame_equal(pl.from_arrow(store.load(obj, pa.Table)), FRAME)  # type: ignore[arg-type]
    assert store.load(obj, duckdb.DuckDBPyRelation).fetchall() == FRAME.rows()
    assert store.load(obj, pd.DataFrame)["carrier"].tolist()[:2] == ["UA", ""]
    assert_frame_equal(pl.read_parquet(store.load(obj, Path), glob=False, hive_partitioning=False), FRAME)
    assert store.load(obj, bytes)[:4] == b"PAR1"


def test_a_lazy_frame_is_scanned_not_loaded(store: LocalStore) -> None:
    lazy = store.load(put(store, FRAME), pl.LazyFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert "PROJECT 1/4 COLUMNS" in lazy.select("n").explain().upper()


def test_a_relation_lives_as_long_as_it_is_used(store: LocalStore) -> None:
    relation = store.load(put(store, FRAME), duckdb.DuckDBPyRelation)
    gc.collect()
    assert relation.aggregate("sum(n)").fetchall() == [(6,)]


def test_a_relation_belongs_to_the_connection_given(store: LocalStore) -> None:
    connection = duckdb.connect()
    flights = store.load(put(store, FRAME), duckdb.DuckDBPyRelation, connection=connection)
    flights.create_view("flights")
    assert connection.execute("select count(*) from flights").fetchall() == [(3,)]


@pytest.mark.parametrize("as_type", [int, str, dict, "np.ndarray", pl.Series, pd.Series])
def test_a_table_is_not_loaded_as_what_it_is_not(store: LocalStore, as_type: object) -> None:
    obj = put(store, FRAME)
    with pytest.raises(FormatError, match=r"`marts/t` is stored as parquet") as caught:
        store.load(obj, as_type, who="`marts/t`")
    assert "`pl.DataFrame`" in (caught.value.hint or "")


def test_a_series_comes_back_as_a_series(store: LocalStore) -> None:
    series = pl.Series("s", [1, None, 3])
    obj = put(store, series)
    assert store.load(obj).equals(series, check_names=True)
    assert store.load(obj, pl.Series).equals(series)
    assert store.load(obj, pl.DataFrame).columns == ["s"]
    assert obj.data_version != put(store, series.to_frame()).data_version
    assert store.verify(obj)


def test_python_objects_in_a_frame_are_refused_by_column(store: LocalStore) -> None:
    frame = pl.DataFrame({"ok": [1], "bad": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(FormatError, match="`bad`"):
        put(store, frame)


# --- pandas ----------------------------------------------------------------------------------------------------------


def test_row_numbers_are_no_index(store: LocalStore) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    obj = put(store, frame)
    assert obj.schema == (("a", "Int64"),)
    pd.testing.assert_frame_equal(store.load(obj, pd.DataFrame), frame)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "y"], name="k"),
        pd.Index([5, 7]),
        pd.RangeIndex(1, 3),
        pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", "i"]),
        pd.DatetimeIndex(["2013-01-01", "2013-01-02"], name="day"),
    ],
    ids=["named", "unnamed", "from one", "levels", "dates"],
)
def test_an_index_comes_back_as_an_index_and_is_columns_elsewhere(store: LocalStore, index: Any) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5]}, index=index)
    obj = put(store, frame)
    loaded = store.load(obj, pd.DataFrame)
    assert loaded.index.tolist() == index.tolist()
    assert list(loaded.index.names) == list(index.names)
    assert loaded["a"].tolist() == [1.5, 2.5]
    assert store.load(obj, pl.DataFrame).width == 1 + index.nlevels
    assert store.verify(obj)


def test_an_index_is_part_of_the_version(store: LocalStore) -> None:
    frame = pd.DataFrame({"k": ["x"], "a": [1]})
    assert put(store, frame).data_version != put(store, frame.set_index("k")).data_version


def test_missing_values_of_pandas_are_nulls(store: LocalStore) -> None:
    obj = put(store, pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", None]}))
    assert store.load(obj, pl.DataFrame).rows() == [(1.0, "x"), (None, None)]


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (pd.DataFrame({1: [1]}), "1"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "`a`"),
        (pd.DataFrame({"a": [1, "x", object()]}), "pandas frame"),
    ],
)
def test_a_pandas_frame_that_is_no_table_is_refused(store: LocalStore, frame: Any, named: str) -> None:
    with pytest.raises(FormatError, match=named) as caught:
        put(store, frame)
    assert caught.value.hint


def test_a_pandas_series_is_a_table_of_one_column(store: LocalStore) -> None:
    series = pd.Series([1, 2], name="s")
    assert store.load(put(store, series), pd.Series).tolist() == [1, 2]


# --- DuckDB ----------------------------------------------------------------------------------------------------------


def test_types_that_only_duckdb_has_become_readable_ones(store: LocalStore) -> None:
    relation = duckdb.sql(
        """select 2::hugeint h, 'a'::enum('a', 'b') e, '3f333df6-90a4-4fda-8dd3-9485d27cee36'::uuid u, '101'::bit b,
        [1::hugeint] hs, {'a b': 1::uhugeint, 'n': 1} st, map {'k': 1::hugeint} m, [1, 2]::int[2] ar, time '10:00' t,
        1.5::decimal(4, 1) d, 'x'::blob bl, timestamptz '2013-01-01 00:00:00+00' ts, [uuid()]::uuid[1] ua,
        '{"k": [1]}'::json j, [{'j': '1'::json}] js, row(1::hugeint, '[]'::json) ro"""
    )
    loaded = store.load(put(store, relation), pl.DataFrame)
    row = loaded.row(0, named=True)
    assert row["h"] == Decimal(2)
    assert (row["e"], row["u"], row["b"]) == ("a", "3f333df6-90a4-4fda-8dd3-9485d27cee36", "101")
    assert row["hs"] == [Decimal(1)]
    assert row["st"] == {"a b": Decimal(1), "n": 1}
    assert row["m"] == {"k": Decimal(1)}
    assert row["ar"] == [1, 2]
    assert (row["t"], row["d"], row["bl"]) == (dt.time(10), Decimal("1.5"), b"x")
    assert row["ts"] == dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    assert (row["j"], row["js"]) == ('{"k": [1]}', [{"j": "1"}])
    assert tuple(row["ro"].values()) == (Decimal(1), "[]")


@pytest.mark.parametrize("expression", ["interval 1 day", "[interval 1 day]", "union_value(k := 1)", "1::variant"])
def test_types_without_a_place_are_refused_by_column(store: LocalStore, expression: str) -> None:
    with pytest.raises(FormatError, match="`bad`") as caught:
        put(store, duckdb.sql(f"select 1 as ok, {expression} as bad"))
    assert "cast" in (caught.value.hint or "")
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_all_columns_without_a_place_are_named_at_once(store: LocalStore) -> None:
    with pytest.raises(FormatError, match=re.escape("`i` (INTERVAL), `z` (TIME WITH TIME ZONE)")):
        put(store, duckdb.sql("select interval 1 day as i, 1 as x, timetz '12:00:00+02' as z"))


def test_columns_of_one_name_are_refused(store: LocalStore) -> None:
    with pytest.raises(FormatError, match="`a`"):
        put(store, duckdb.sql("select 1 as a, 2 as b, 3 as a"))


def test_a_failing_query_leaves_nothing_behind(store: LocalStore) -> None:
    with pytest.raises(duckdb.Error):
        put(store, duckdb.sql("select cast(s as int) as n from (values ('1'), ('x')) t(s)"))
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_odd_column_names_survive_every_engine(store: LocalStore) -> None:
    names = ["a b", 'q"q', "a.b", "select", "ü", "*", "filename"]
    frame = pl.DataFrame({name: [number] for number, name in enumerate(names)})
    obj = put(store, frame)
    assert store.load(obj, duckdb.DuckDBPyRelation).columns == names
    again = put(store, store.load(obj, duckdb.DuckDBPyRelation))
    assert again.data_version == obj.data_version
    assert [name for name, _ in obj.column_versions or ()] == names


# --- several partitions ----------------------------------------------------------------------------------------------


@pytest.fixture
def parts(store: LocalStore) -> list[tuple[str, StoredObject]]:
    keys = ["2013-01-02", "2013-01-01", "it's"]
    return [(key, put(store, FRAME.with_columns(n=pl.lit(number)), key)) for number, key in enumerate(keys)]


FRAME_TYPES = [None, pl.DataFrame, pl.LazyFrame, duckdb.DuckDBPyRelation, pa.Table, pd.DataFrame, "pl.DataFrame"]


def rows_of(table: Any) -> list[tuple[Any, ...]]:
    """(n, key or nothing) of every row of any kind of table, in order."""
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    elif isinstance(table, pd.DataFrame):
        table = pl.from_pandas(table)
    elif isinstance(table, pa.Table):
        table = pl.from_arrow(table)
    elif isinstance(table, duckdb.DuckDBPyRelation):
        table = pl.DataFrame(table.fetchall(), schema=table.columns, orient="row")
    assert isinstance(table, pl.DataFrame)
    return table.select("n", *([name for name in table.columns if name == "part"])).rows()


@pytest.mark.parametrize("as_type", FRAME_TYPES, ids=str)
def test_frames_are_united_in_the_order_given(
    store: LocalStore, parts: list[tuple[str, StoredObject]], as_type: object
) -> None:
    assert rows_of(store.load_many(parts, as_type)) == [(0,)] * 3 + [(1,)] * 3 + [(2,)] * 3
    assert rows_of(store.load_many(parts[:1], as_type)) == [(0,)] * 3
    keyed = rows_of(store.load_many(parts, as_type, partition_column="part"))
    assert keyed == [(0, "2013-01-02")] * 3 + [(1, "2013-01-01")] * 3 + [(2, "it's")] * 3


def test_dictionaries_and_lists_keep_partitions_apart(store: LocalStore, parts: list[tuple[str, StoredObject]]) -> None:
    by_key = store.load_many(parts, dict[str, pl.DataFrame])
    assert list(by_key) == [key for key, _ in parts]
    assert by_key["it's"]["n"].to_list() == [2, 2, 2]
    assert all(isinstance(frame, pl.LazyFrame) for frame in store.load_many(parts, list[pl.LazyFrame]))
    assert list(store.load_many(parts, "dict[str, pl.LazyFrame]")) == list(by_key)
    assert store.load_many([], dict[str, pl.DataFrame]) == {}
    assert store.load_many([], list[int]) == []


def test_plain_values_over_partitions(store: LocalStore) -> None:
    parts = [(key, put(store, {"n": number}, key)) for number, key in enumerate("ab")]
    assert store.load_many(parts, None) == {"a": {"n": 0}, "b": {"n": 1}}
    assert store.load_many(parts, dict[str, dict[str, int]]) == {"a": {"n": 0}, "b": {"n": 1}}
    with pytest.raises(FormatError, match="2 partitions") as caught:
        store.load_many(parts, int)
    assert "dict[str, int]" in (caught.value.hint or "")


@pytest.mark.parametrize("count", [0, 1])
def test_the_shape_of_an_input_does_not_hang_on_the_number_of_partitions(store: LocalStore, count: int) -> None:
    parts = [("a", put(store, 1))][:count]
    with pytest.raises(FormatError, match=f"{count} partition"):
        store.load_many(parts, int)


def test_no_partitions_have_no_schema(store: LocalStore) -> None:
    with pytest.raises(FormatError, match="no partitions"):
        store.load_many([], pl.DataFrame)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (FRAME.drop("n"), "columns"),
        (FRAME.rename({"n": "m"}), "columns"),
        (FRAME.with_columns(pl.col("n").cast(pl.String)), "`n` of type Int64 and String"),
        (FRAME.with_columns(pl.col("n").cast(pl.Int32)), "`n` of type Int64 and Int32"),
    ],
)
@pytest.mark.parametrize("as_type", [pl.LazyFrame, duckdb.DuckDBPyRelation])
def test_partitions_of_different_schemas_are_refused_with_the_difference(
    store: LocalStore, other: pl.DataFrame, difference: str, as_type: object
) -> None:
    parts = [("one", put(store, FRAME)), ("two", put(store, other))]
    with pytest.raises(FormatError, match=difference) as caught:
        store.load_many(parts, as_type)
    assert "`one`" in caught.value.message
    assert "`two`" in caught.value.message


@pytest.mark.parametrize("as_type", [pl.DataFrame, pl.LazyFrame, duckdb.DuckDBPyRelation, pa.Table])
@pytest.mark.parametrize("first_is_empty", [True, False])
def test_a_column_without_values_takes_the_type_of_the_others(
    store: LocalStore, as_type: object, first_is_empty: bool
) -> None:
    frames = [FRAME.with_columns(n=pl.lit(None)), FRAME.with_columns(n=pl.lit("x"))]
    parts = [(str(number), put(store, frame)) for number, frame in enumerate(frames)]
    rows = rows_of(store.load_many(parts if first_is_empty else parts[::-1], as_type))
    expected = [(None,)] * 3 + [("x",)] * 3
    assert rows == (expected if first_is_empty else expected[::-1])


def test_a_partition_column_that_exists_already_is_refused(
    store: LocalStore, parts: list[tuple[str, StoredObject]]
) -> None:
    with pytest.raises(FormatError, match="`day`"):
        store.load_many(parts, pl.DataFrame, partition_column="day")


def test_a_thousand_partitions_are_one_scan(store: LocalStore) -> None:
    parts = [(str(number), put(store, pl.DataFrame({"n": [number]}), str(number))) for number in range(1000)]
    lazy = store.load_many(parts, pl.LazyFrame)
    assert lazy.explain().count("SCAN") == 1
    assert lazy.collect()["n"].to_list() == list(range(1000))
    assert store.load_many(parts, duckdb.DuckDBPyRelation).aggregate("sum(n)").fetchall() == [(499500,)]


# --- arrays and figures ----------------------------------------------------------------------------------------------


def test_arrays_and_scalars_of_numpy(store: LocalStore) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(6, dtype="int16").reshape(2, 3)
    obj = put(store, array)
    loaded = store.load(obj, np.ndarray)
    assert (obj.format, loaded.dtype, loaded.tolist()) == ("npy", array.dtype, array.tolist())
    assert put(store, np.asfortranarray(array)).data_version == obj.data_version
    assert put(store, array.astype("int32")).data_version != obj.data_version
    assert put(store, array.T).data_version != obj.data_version
    scalar = put(store, np.float64(1.5))
    assert isinstance(store.load(scalar), np.float64)
    assert type(store.load(scalar, float)) is float


def test_a_figure_is_a_picture_without_a_date(store: LocalStore) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    def draw(height: int) -> Any:
        figure = Figure(figsize=(2, 2))
        figure.subplots().bar(["a", "b"], [1, height])
        return figure

    obj = put(store, draw(2))
    assert put(store, draw(2)) == obj
    assert put(store, draw(3)).data_version != obj.data_version
    assert store.load(obj).read_bytes()[:4] == b"\x89PNG"
    assert b"matplotlib" not in store.load(obj, bytes).lower()
    with pytest.raises(FormatError):
        store.load(obj, Figure)


# --- what importing costs --------------------------------------------------------------------------------------------


def test_importing_the_store_imports_no_engine() -> None:
    import subprocess
    import sys

    program = (
        "import sys, assetflow.store, tempfile, pathlib\n"
        "s = assetflow.store.LocalStore(pathlib.Path(tempfile.mkdtemp()))\n"
        "s.load(s.write({'a': (1, 'x')}, asset='t', partition=None)), s.write('x', asset='t', partition=None)\n"
        "heavy = {'polars', 'duckdb', 'pyarrow', 'pandas', 'numpy', 'pydantic', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr
