"""What a query reads of a table: programs run on tables that differ, and must not differ where the read says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest

from assetflow.errors import AssetflowError
from assetflow.executor.call import Call, InputCall, InputItem
from assetflow.executor.reading import Reading
from assetflow.model.reads import Read, TableFacts
from assetflow.store import LocalStore, StoredObject

Program = Callable[[pl.LazyFrame], object]
C = pl.col


def table(rng: random.Random) -> pl.DataFrame:
    """A table of random values: k, a, b, c are read by some program, z by none that names its columns."""
    rows = rng.randrange(5, 30)
    return pl.DataFrame(
        {
            "k": [rng.randrange(4) for _ in range(rows)],
            "a": [rng.choice([None, *range(9)]) for _ in range(rows)],
            "b": [rng.choice([None, rng.random()]) for _ in range(rows)],
            "c": [rng.choice("xyz") for _ in range(rows)],
            "z": [rng.randrange(99) for _ in range(rows)],
        },
        schema={"k": pl.Int64, "a": pl.Int64, "b": pl.Float64, "c": pl.String, "z": pl.Int64},
    )


def by_exception(frame: pl.LazyFrame) -> object:
    try:
        return frame.select("bonus").collect()
    except pl.exceptions.ColumnNotFoundError:
        return frame.select("a").collect()


def by_width(frame: pl.LazyFrame) -> object:
    return frame.select("a").collect() * len(frame.collect_schema())


def first_name(frame: pl.LazyFrame) -> object:
    return frame.select(frame.collect_schema().names()[0])


NARROW: dict[str, Program] = {
    "select": lambda f: f.select("a", "b"),
    "computed": lambda f: f.select((C("a") * 2 + C("k")).alias("x")),
    "filter": lambda f: f.filter(C("k") > 1).select("a"),
    "two filters": lambda f: f.filter(C("k") > 0).filter(C("c") != "x").select(C("b").round(3)),
    "group": lambda f: f.group_by("k", maintain_order=True).agg(C("a").sum(), pl.len().alias("n")),
    "group, sorted": lambda f: f.group_by("k").agg(C("b").max(), C("c").first()).sort("k"),
    "quantiles": lambda f: f.group_by("k").agg(C("a").quantile(0.5), C("a").n_unique().alias("u")).sort("k"),
    "count of rows": lambda f: f.select(pl.len()),
    "count of values": lambda f: f.select(C("a").count()),
    "count of nulls": lambda f: f.select(C("a").is_null().sum()),
    "drop, then select": lambda f: f.drop("c").select("a"),
    "new column": lambda f: f.with_columns(x=C("a") + 1).select("x", "k"),
    "overwritten column": lambda f: f.with_columns(C("k").alias("a")).select("a"),
    "sort and head": lambda f: f.sort("a", "k", "b", descending=True, nulls_last=True).head(3).select("a"),
    "tail": lambda f: f.tail(2).select("c"),
    "slice": lambda f: f.slice(1, 3).select("c", "a"),
    "row index": lambda f: f.with_row_index("i").select("i", "a"),
    "window": lambda f: f.select(C("a").sum().over("k")),
    "window in order": lambda f: f.select("k", C("a").cum_sum().over("k", order_by="b")),
    "condition": lambda f: f.select(pl.when(C("k") > 1).then(C("a")).otherwise(None).alias("x")),
    "text": lambda f: f.select(C("c").str.to_uppercase().name.suffix("_up")),
    "cast": lambda f: f.select(C("a").cast(pl.String).alias("t"), C("b").fill_null(0.0)),
    "struct": lambda f: f.select(pl.struct("a", "k").alias("s")),
    "rename": lambda f: f.rename({"a": "A"}).select("A"),
    "unique of one": lambda f: f.unique("k", keep="first", maintain_order=True).select("k", "a"),
    "no nulls": lambda f: f.drop_nulls("a").select("a"),
    "join on itself": lambda f: f.select("k", "a").join(f.select("k").unique(), on="k").select("a").sort("a"),
    "left join on itself": lambda f: f.select("k", "a").join(
        f.group_by("k").agg(C("b").max()), on="k", how="left", maintain_order="left"
    ),
    "semi join": lambda f: f.select("k", "a").join(f.filter(C("a") > 5).select("k"), on="k", how="semi").select("a"),
    "anti join": lambda f: f.select("k", "c").join(f.filter(C("a") > 5).select("k"), on="k", how="anti").select("c"),
    "joined twice": lambda f: (
        f.select("k", "a")
        .join(f.select("k").unique(), on="k")
        .join(f.select("a", C("b").alias("b2")).unique("a", keep="any").select("a"), on="a")
        .select("a")
        .sort("a")
    ),
    "concat": lambda f: pl.concat([f.select("a"), f.select(C("k").alias("a"))]),
    "rolling": lambda f: f.select(C("k").rolling_sum(2)),
    "is in": lambda f: f.filter(C("k").is_in([1, 2])).select("c"),
    "several at once": lambda f: f.select(C("a", "k").sum()),
}
"""Queries that name what they take: a change of `z`, or a new column, leaves them alone."""

WIDE: dict[str, Program] = {
    "everything": lambda f: f,
    "all": lambda f: f.select(pl.all()),
    "wildcard": lambda f: f.select("*"),
    "pattern": lambda f: f.select("^(a|n.*)$"),
    "selector": lambda f: f.select(cs.numeric().sum()),
    "excluded": lambda f: f.select(pl.exclude("a")),
    "by position": lambda f: f.select(pl.nth(0), pl.last().alias("last")),
    "all sums": lambda f: f.group_by("k", maintain_order=True).agg(cs.integer().sum()),
    "unique rows": lambda f: f.unique(maintain_order=True).select("a"),
    "added to all": lambda f: f.with_columns(x=C("a") + 1),
    "dropped one": lambda f: f.drop("a"),
    "nulls": lambda f: f.null_count(),
    "melted": lambda f: f.unpivot(index="k", on=cs.integer() - cs.by_name("k")),
    "python over frames": lambda f: f.map_batches(lambda d: d.select(d.columns[-1])),
    "python over values": lambda f: f.select(C("a").map_elements(hex, return_dtype=pl.String)),
    "described": lambda f: f.describe(),
    "collected": lambda f: f.collect(),
    "collected in part": lambda f: f.select("a").collect(),
    "the first name": first_name,
    "the width": by_width,
    "an error that is caught": by_exception,
    "names": lambda f: f.collect_schema().names(),
    "types": lambda f: [str(kind) for kind in f.collect_schema().dtypes()],
    "a query as text": lambda f: pl.SQLContext(t=f).execute("select k, count(*) n from t group by k").sort("k"),
    "a sum in the function": lambda f: {"sum": f.select(C("a").sum()).collect().item()},
    "joined with all": lambda f: f.join(f.select("k", C("a").alias("a2")).unique("k"), on="k", maintain_order="left"),
    "diagonal": lambda f: pl.concat([f.select("a"), f.select("k", "z")], how="diagonal"),
    "sent elsewhere": lambda f: pl.LazyFrame.deserialize(__import__("io").BytesIO(f.serialize())).select("a"),
    "two ways to collect": lambda f: pl.concat(pl.collect_all([f.select("a"), f.select(C("k").alias("a"))])),
    "in a dict": lambda f: {"x": f.select("a")},
    "kept for later": lambda f: f.select("a").cache().select("a"),
}
"""Programs that look at names, take all columns, or cannot be seen through."""


def mutations(frame: pl.DataFrame, rng: random.Random) -> dict[str, pl.DataFrame]:
    """The table after each edit that somebody could make."""
    rows = frame.height
    order = rng.sample(range(rows), rows)
    return {
        "values of z": frame.with_columns(C("z") + 1),
        "values of b": frame.with_columns(C("b") + 1.0),
        "values of a": frame.with_columns(C("a") + 1),
        "values of k": frame.with_columns((C("k") + 1) % 4),
        "nulls in c": frame.with_columns(pl.when(C("z") > 50).then(C("c")).alias("c")),
        "a new column": frame.with_columns(bonus=pl.lit(7)),
        "a new column like a pattern": frame.with_columns(nn=C("z")),
        "a new first column": frame.select(pl.lit(1).alias("first"), pl.all()),
        "z dropped": frame.drop("z"),
        "c dropped": frame.drop("c"),
        "z renamed": frame.rename({"z": "zz"}),
        "z of another type": frame.with_columns(C("z").cast(pl.Int32)),
        "a of another type": frame.with_columns(C("a").cast(pl.Float64)),
        "columns in another order": frame.select(reversed(frame.columns)),
        "z and a swapped": frame.rename({"z": "a", "a": "z"}),
        "a row more": pl.concat([frame, frame.head(1)]),
        "a row less": frame.head(rows - 1),
        "rows in another order": frame[order],
        "nothing": frame.clone(),
    }


def carried_out(store: LocalStore, stored: StoredObject, program: Program) -> tuple[object, Read | None]:
    """What a program makes of a stored table, and what it read: as a step of a run does it."""
    item = InputCall(param="t", upstream="t", items=(InputItem(partition=None, payload=stored.to_json()),))
    call = Call(run_id="r", task=0, computation="x", places=(("x", None),), attempt=1, inputs=(item,))
    reading = Reading(call)
    frame = reading.load(item, pl.LazyFrame, lambda kind, log: store.load(stored, kind, reads=log))
    try:
        value = program(frame)
        reading.returned(value)
        made = _plain(value)
    except (pl.exceptions.PolarsError, AssetflowError) as error:
        made = type(error).__name__
    read = reading.result().get("t")
    return made, None if read is None else Read.from_json(read)


def _plain(value: object) -> object:
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False), [str(kind) for kind in value.dtypes]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def facts(stored: StoredObject) -> TableFacts:
    found = TableFacts.of(stored.to_json())
    assert found is not None
    return found


@pytest.mark.parametrize("name", [*NARROW, *WIDE])
def test_a_table_that_is_the_same_to_a_program_gives_the_same_result(name: str, tmp_path: Path) -> None:
    """The promise: executed on both tables, whatever was edited, in the words of the read alone."""
    program, store = {**NARROW, **WIDE}[name], LocalStore(tmp_path)
    for seed in range(3):
        rng = random.Random(f"{name}{seed}")
        frame = table(rng)
        before = store.write(frame, asset="t", partition=None)
        made, read = carried_out(store, before, program)
        for edit, edited in mutations(frame, rng).items():
            after = store.write(edited, asset="t", partition=None)
            if read is not None and read.version(facts(before)) == read.version(facts(after)):
                assert carried_out(store, after, program)[0] == made, f"{name}: {edit} mattered"


@pytest.mark.parametrize("name", sorted(NARROW))
@pytest.mark.parametrize(
    "edit", ["values of z", "a new column", "z dropped", "z renamed", "z of another type", "columns in another order"]
)
def test_a_query_that_names_its_columns_is_not_affected_by_others(name: str, edit: str, tmp_path: Path) -> None:
    rng, store = random.Random(name), LocalStore(tmp_path)
    frame = table(rng)
    before = store.write(frame, asset="t", partition=None)
    _, read = carried_out(store, before, NARROW[name])
    assert read is not None
    after = store.write(mutations(frame, rng)[edit], asset="t", partition=None)
    assert read.version(facts(before)) == read.version(facts(after))
    assert read.differing(facts(before), facts(after)) == ()


@pytest.mark.parametrize("edit", ["a row more", "a row less"])
def test_the_number_of_rows_always_counts(edit: str, tmp_path: Path) -> None:
    rng, store = random.Random(edit), LocalStore(tmp_path)
    frame = table(rng)
    before = store.write(frame, asset="t", partition=None)
    _, read = carried_out(store, before, NARROW["count of rows"])
    assert read is not None
    assert read.columns == ()
    after = store.write(mutations(frame, rng)[edit], asset="t", partition=None)
    assert read.version(facts(before)) != read.version(facts(after))


def test_columns_that_differ_are_named(tmp_path: Path) -> None:
    rng, store = random.Random(0), LocalStore(tmp_path)
    frame = table(rng)
    before = store.write(frame, asset="t", partition=None)
    _, read = carried_out(store, before, NARROW["select"])
    assert read is not None
    edits = mutations(frame, rng)
    for edit, named in (("values of a", ("a",)), ("values of z", ()), ("a of another type", ("a",))):
        assert read.differing(facts(before), facts(store.write(edits[edit], asset="t", partition=None))) == named


def test_a_name_that_a_join_would_take_counts(tmp_path: Path) -> None:
    """`b` comes from the right, until the left has one as well."""
    store = LocalStore(tmp_path)

    def joined(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.join(frame.select("k", C("v").alias("b")), on="k").select("b")

    before = store.write(pl.DataFrame({"k": [1], "v": ["r"]}), asset="t", partition=None)
    after = store.write(pl.DataFrame({"k": [1], "v": ["r"], "b": ["l"]}), asset="t", partition=None)
    made, read = carried_out(store, before, joined)
    assert carried_out(store, after, joined)[0] != made
    assert read is None or read.version(facts(before)) != read.version(facts(after))


READS = [
    Read(columns=("a",)),
    Read(columns=("a",), names=("a", "x"), suffixes=("_right",)),
    Read(columns=("a", "b"), visible=("a", "b")),
    Read(columns=()),
]


@pytest.mark.parametrize("read", READS)
def test_reads_are_recorded_as_they_are(read: Read) -> None:
    assert Read.from_json(read.to_json()) == read


@pytest.mark.parametrize("left", READS)
@pytest.mark.parametrize("right", READS)
def test_what_two_read_is_no_less_than_what_each_read(left: Read, right: Read) -> None:
    """Two tables that are the same to both together are the same to each."""
    rng = random.Random(0)
    both, names = left.united(right), ("a", "b", "x", "x_right")
    for _ in range(300):
        tables = [
            TableFacts(
                "d", rng.randrange(2), *[tuple((n, rng.choice("12")) for n in rng.sample(names, 3)) for _ in "sc"]
            )
            for _ in "12"
        ]
        if both.version(tables[0]) == both.version(tables[1]):
            assert left.version(tables[0]) == left.version(tables[1])
            assert right.version(tables[0]) == right.version(tables[1])


JOINS: dict[str, Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]] = {
    "inner": lambda t, u: t.select("k", "a").join(u.select("k", "b"), on="k").sort("a", "b"),
    "columns named after": lambda t, u: t.join(u, on="k").select("k", "a", C("b_right").alias("b")).sort("a", "b"),
    "of a group": lambda t, u: t.select("k", "a").join(u.group_by("k").agg(C("b").max()), on="k", how="left"),
    "in time": lambda t, u: t.select("k", "a").sort("k").join_asof(u.select("k", "b").sort("k"), on="k"),
    "collected": lambda t, u: t.select("k", "a").join(u.select("k", "b"), on="k").collect().lazy(),
}


@pytest.mark.parametrize("name", JOINS)
def test_a_join_of_two_tables_reads_the_columns_that_it_names_of_each(name: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    stored = {
        upstream: store.write(table(random.Random(upstream)), asset=upstream, partition=None) for upstream in "tu"
    }
    items = tuple(
        InputCall(param=upstream, upstream=upstream, items=(InputItem(partition=None, payload=value.to_json()),))
        for upstream, value in stored.items()
    )
    call = Call(run_id="r", task=0, computation="x", places=(("x", None),), attempt=1, inputs=items)
    reading = Reading(call)

    def load(item: InputCall) -> pl.LazyFrame:
        frame: pl.LazyFrame = reading.load(
            item, pl.LazyFrame, lambda kind, log: store.load(stored[item.upstream], kind, reads=log)
        )
        return frame

    value = JOINS[name](*(load(item) for item in items))
    reading.returned(value)
    value.collect()
    read = {upstream: Read.from_json(found).columns for upstream, found in reading.result().items()}
    assert read == {"t": ("a", "k"), "u": ("b", "k")}
