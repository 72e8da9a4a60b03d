"""Assets that take many partitions in one call: what a call gets, what it may return, and what is made of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assetflow as af
from assetflow.errors import DefinitionError
from assetflow.store import split_partitions

LETTERS = af.StaticPartitions(list("abcdef"))
DAYS = af.DailyPartitions("2024-01-01", "2024-01-11")


class Notes(af.Resource):
    """Where steps leave word of themselves: what a resource holds makes nothing stale."""

    folder: Path

    def write(self, text: str) -> None:
        with (self.folder / "notes.txt").open("a") as file:
            file.write(f"{text}\n")

    def take(self) -> list[str]:
        place = self.folder / "notes.txt"
        lines = place.read_text().splitlines() if place.exists() else []
        place.write_text("")
        return lines

    def holds(self, name: str) -> bool:
        return (self.folder / name).exists()


def project(root: Path, *assets: Any) -> af.Project:
    return af.Project(assets=list(assets), root=root, resources=[Notes(folder=root)], workers=1)


def notes(root: Path) -> list[str]:
    return Notes(folder=root).take()


def ends(run: af.RunResult) -> dict[str, str]:
    return {
        step.asset if step.partition is None else f"{step.asset}@{step.partition}": str(step.status)
        for step in run.steps
    }


def batched(batch: Any, partitions: Any, **options: Any) -> Any:
    """An asset that notes the keys of each of its calls."""

    @af.asset(partitions=partitions, batch=batch, **options)
    def numbers(context: af.Context, notes: Notes) -> dict[str, int]:
        notes.write(" ".join(context.partitions))
        return {key: ord(key[-1]) for key in context.partitions}

    return numbers


# --- what a call gets ---


@pytest.mark.parametrize(
    ("batch", "calls"),
    [(True, ["a b c d e f"]), (4, ["a b c d", "e f"]), (6, ["a b c d e f"]), (100, ["a b c d e f"])],
)
def test_a_call_takes_as_many_partitions_as_declared(tmp_path: Path, batch: Any, calls: list[str]) -> None:
    run = project(tmp_path, batched(batch, LETTERS)).materialize()
    assert notes(tmp_path) == calls
    assert [step.partition for step in run.steps] == list("abcdef")
    assert run.counts["materialized"] == 6


def test_a_batch_of_time_partitions_has_no_gap(tmp_path: Path) -> None:
    p = project(tmp_path, batched(True, DAYS))
    p.materialize(partitions=["2024-01-03", "2024-01-07"])
    assert notes(tmp_path) == ["2024-01-03", "2024-01-07"]
    p.materialize()
    assert notes(tmp_path) == [
        "2024-01-01 2024-01-02",
        "2024-01-04 2024-01-05 2024-01-06",
        "2024-01-08 2024-01-09 2024-01-10",
    ]


def test_the_window_of_a_batch_is_what_it_covers(tmp_path: Path) -> None:
    @af.asset(partitions=DAYS, batch=4)
    def a(context: af.Context, notes: Notes) -> dict[str, int]:
        assert context.partition is None
        assert context.window is not None
        notes.write(" ".join(edge.strftime("%d") for edge in context.window))
        return dict.fromkeys(context.partitions, 1)

    project(tmp_path, a).materialize()
    assert notes(tmp_path) == ["01 05", "05 09", "09 11"]


def test_a_batch_of_one_partition_is_a_batch(tmp_path: Path) -> None:
    p = project(tmp_path, batched(True, LETTERS))
    run = p.materialize(partitions="c")
    assert ends(run) == {"numbers@c": "materialized"}
    assert p.load("numbers", partition="c") == ord("c")


def test_several_dimensions_go_in_one_call(tmp_path: Path) -> None:
    grid = af.MultiPartitions(letter=LETTERS, size=af.StaticPartitions(["s", "l"]))
    p = project(tmp_path, batched(5, grid))
    p.materialize(partitions=["a|*", "b|*", "c|s"])
    assert notes(tmp_path) == ["a|s a|l b|s b|l c|s"]


def test_previous_values_come_by_key(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=True)
    def a(context: af.Context) -> dict[str, int]:
        before = context.previous(int)
        return {key: before.get(key, 0) + 1 for key in context.partitions}

    p = project(tmp_path, a)
    p.materialize(partitions=["a", "c"])
    p.materialize(force=True)
    assert p.load("a") == {"a": 2, "b": 1, "c": 2, "d": 1, "e": 1, "f": 1}


def test_what_all_partitions_read_is_one_value(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS)
    def each(context: af.Context) -> str:
        return str(context.partition)

    @af.asset
    def whole() -> str:
        return "whole"

    @af.asset(
        partitions=LETTERS, batch=True,
        inputs={"last": af.Dep("each", mapping=af.LastPartition()), "own": "each"},
    )  # fmt: skip
    def read(last: str, own: dict[str, str], whole: str) -> dict[str, str]:
        return {key: f"{value}{last}{whole}" for key, value in own.items()}

    p = project(tmp_path, each, whole, read)
    p.materialize()
    assert p.load("read", partition="b") == "bfwhole"


def test_a_union_tells_its_partitions_apart_by_a_column(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS)
    def rows(context: af.Context) -> pl.DataFrame:
        return pl.DataFrame({"n": [ord(str(context.partition))]})

    @af.asset(partitions=LETTERS, batch=True, inputs={"rows": af.Dep("rows", partition_column="partition")})
    def doubled(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.with_columns(pl.col("n") * 2)

    p = project(tmp_path, rows, doubled)
    p.materialize()
    assert p.load("doubled", partition="c", as_type=pl.DataFrame).to_dicts() == [{"n": 2 * ord("c")}]


def test_coroutines_take_batches(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=3)
    async def a(context: af.Context) -> dict[str, str]:
        return {key: key.upper() for key in context.partitions}

    p = project(tmp_path, a)
    assert p.materialize().counts["materialized"] == 6
    assert p.load("a", partition="e") == "E"


# --- what it may return ---

FRAME = pl.DataFrame({"partition": ["a", "b", "a"], "n": [1, 2, 3]})


@pytest.mark.parametrize(
    "value",
    [FRAME, FRAME.lazy(), FRAME.to_arrow(), FRAME.to_pandas()],
    ids=["eager", "lazy", "arrow", "pandas"],
)
def test_a_frame_is_split_by_its_column(value: Any) -> None:
    parts = dict(split_partitions(value, ["b", "a", "c"], who="it"))
    assert list(parts) == ["b", "a", "c"]
    assert {key: part["n"].to_list() for key, part in parts.items()} == {"b": [2], "a": [1, 3], "c": []}
    assert all(part.columns == ["n"] for part in parts.values())


def test_a_relation_is_split_too(tmp_path: Path) -> None:
    import duckdb  # heavy, and this one test needs it

    relation = duckdb.sql("select * from (values ('a', 1), ('b', 2)) t(\"partition\", n)")
    parts = dict(split_partitions(relation, ["a", "b"], who="it"))
    assert {key: part["n"].to_list() for key, part in parts.items()} == {"a": [1], "b": [2]}


def test_days_as_dates_are_keys(tmp_path: Path) -> None:
    frame = pl.DataFrame({"partition": [datetime(2024, 1, 2).date()], "n": [1]})
    assert dict(split_partitions(frame, ["2024-01-02"], who="it"))["2024-01-02"]["n"].to_list() == [1]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=30))
def test_splitting_loses_no_row_and_keeps_their_order(rows: list[tuple[str, int]]) -> None:
    frame = pl.DataFrame(rows, schema={"partition": pl.String, "n": pl.Int64}, orient="row")
    parts = dict(split_partitions(frame, list("abcd"), who="it"))
    assert {key: part["n"].to_list() for key, part in parts.items()} == {
        key: [n for letter, n in rows if letter == key] for key in "abcd"
    }


WRONG = {
    "a dict without a key": ({"a": 1}, "`a` returned no value for partition 'b'"),
    "a dict with another key": ({"a": 1, "b": 2, "A": 3}, "`a` returned a value for partition 'A', which it was"),
    "a plain value": (7, "`a` is a batch and returned a int"),
    "nothing": (None, "`a` is a batch and returned a NoneType"),
    "a frame without keys": (pl.DataFrame({"partitions": ["a"]}), "frame has no column `partition`"),
    "a frame with another key": (pl.DataFrame({"partition": ["a", "c"]}), "returned a value for partition 'c'"),
    "a frame with an empty key": (pl.DataFrame({"partition": ["a", None]}), "returned 1 rows without a partition key"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_split_fails_every_partition(tmp_path: Path, name: str) -> None:
    value, words = WRONG[name]

    @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True)
    def a() -> Any:
        return value

    run = project(tmp_path, a).materialize()
    assert ends(run) == {"a@a": "failed", "a@b": "failed"}
    assert all(words in str(step.error) for step in run.steps)


def test_the_nearest_key_is_named(tmp_path: Path) -> None:
    @af.asset(partitions=DAYS, batch=True)
    def a(context: af.Context) -> Any:
        return {key.replace("-", "", 1): 1 for key in context.partitions}

    run = project(tmp_path, a).materialize(partitions="2024-01-02")
    assert "did you mean `2024-01-02`?" in str(run.steps[0].error)


def test_facts_of_the_batch_and_of_a_partition(tmp_path: Path) -> None:
    @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True)
    def a(context: af.Context) -> Any:
        context.add_metadata(calls=1, rows=0)
        return af.Result({"a": af.Result(1, metadata={"rows": 5}), "b": 2}, metadata={"source": "api"})

    p = project(tmp_path, a)
    p.materialize()
    rows = p.query("select partition, metadata::varchar as m from materializations order by partition")
    assert [row["m"] for row in rows] == [
        '{"calls":1,"rows":5,"source":"api"}',
        '{"calls":1,"rows":0,"source":"api"}',
    ]
    assert p.load("a") == {"a": 1, "b": 2}


def test_a_version_given_by_hand_is_each_partitions_own(tmp_path: Path) -> None:
    @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True)
    def a() -> Any:
        return {"a": af.Result(1, data_version="one"), "b": 2}

    run = project(tmp_path, a).materialize()
    versions = {step.partition: str(step.data_version) for step in run.steps}
    assert versions["a"] == "u1:one"
    assert not versions["b"].startswith("u1:")


def test_one_partition_of_a_batch_stays_unchanged(tmp_path: Path) -> None:
    def version(number: str) -> Any:
        @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True, code_version=number)
        def a(context: af.Context) -> Any:
            before = context.previous(int)
            return {key: af.Unchanged() if key in before else 1 for key in context.partitions}

        return a

    @af.asset(partitions=af.StaticPartitions(["a", "b"]))
    def b(a: int) -> int:
        return a

    first = project(tmp_path, version("1"), b)
    first.materialize(partitions="a")
    second = project(tmp_path, version("2"), b)
    assert ends(second.materialize()) == {
        "a@a": "unchanged", "a@b": "materialized", "b@a": "unchanged", "b@b": "materialized",
    }  # fmt: skip
    assert second.plan().is_empty


def test_a_whole_batch_stays_unchanged(tmp_path: Path) -> None:
    def version(number: str) -> Any:
        @af.asset(partitions=LETTERS, batch=True, code_version=number)
        def a(context: af.Context) -> Any:
            return af.Unchanged() if context.previous(int) else dict.fromkeys(context.partitions, 1)

        return a

    project(tmp_path, version("1")).materialize()
    second = project(tmp_path, version("2"))
    assert set(ends(second.materialize()).values()) == {"unchanged"}
    assert second.plan().is_empty


def test_unchanged_where_nothing_is_published_fails_the_batch(tmp_path: Path) -> None:
    @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True)
    def a() -> Any:
        return {"a": 1, "b": af.Unchanged()}

    run = project(tmp_path, a).materialize()
    assert set(ends(run).values()) == {"failed"}
    assert "`a@b` returned Unchanged, but nothing is published for it yet" in str(run.steps[0].error)


def test_skip_skips_the_batch(tmp_path: Path) -> None:
    @af.asset(partitions=af.StaticPartitions(["a", "b"]), batch=True)
    def a() -> Any:
        raise af.Skip("not today")

    run = project(tmp_path, a).materialize()
    assert [(str(step.status), step.error) for step in run.steps] == [("skipped", "not today")] * 2


def test_empty_partitions_are_empty_tables(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=True)
    def a() -> pl.DataFrame:
        return pl.DataFrame({"partition": ["b"], "n": [1]})

    @af.asset
    def total(a: pl.DataFrame) -> int:
        return int(a["n"].sum())

    p = project(tmp_path, a, total)
    run = p.materialize()
    assert [step.rows for step in run.steps[:6]] == [0, 1, 0, 0, 0, 0]
    assert p.load("total") == 1
    assert p.plan().is_empty


def test_the_time_of_a_call_is_shared_out(tmp_path: Path) -> None:
    run = project(tmp_path, batched(True, LETTERS)).materialize()
    assert len({step.seconds for step in run.steps}) == 1
    p = project(tmp_path, batched(True, LETTERS))
    seconds = p.query("select sum(seconds) as s, max(seconds) as m from materializations")[0]
    assert seconds["s"] == pytest.approx(6 * seconds["m"], abs=1e-4)


# --- several outputs ---


def test_several_outputs_of_a_batch(tmp_path: Path) -> None:
    @af.multi_asset(outs=["low", "high"], partitions=LETTERS, batch=4)
    def both(context: af.Context, notes: Notes) -> dict[str, Any]:
        notes.write("".join(context.partitions))
        frame = pl.DataFrame({"partition": list(context.partitions)})
        return {"low": {key: key for key in context.partitions}, "high": frame.with_columns(n=pl.lit(1))}

    p = project(tmp_path, both)
    assert p.materialize().counts["materialized"] == 12
    assert notes(tmp_path) == ["abcd", "ef"]
    assert p.load("low", partition="d") == "d"
    assert p.load("high", partition="f", as_type=pl.DataFrame)["n"].to_list() == [1]
    p.store.path(p.current("low", "c").uri).unlink()
    assert set(ends(p.materialize())) == {"low@c", "high@c"}
    assert notes(tmp_path) == ["c"]


def test_a_batch_asks_for_the_same_outputs_of_each_partition(tmp_path: Path) -> None:
    @af.multi_asset(outs=["low", "high"], partitions=LETTERS, batch=True, can_subset=True)
    def both(context: af.Context, notes: Notes) -> dict[str, Any]:
        notes.write(f"{'+'.join(context.selected)} {''.join(context.partitions)}")
        return {name: {key: name + key for key in context.partitions} for name in context.selected}

    p = project(tmp_path, both)
    p.materialize("low", partitions=["a", "c"])
    p.materialize("high", partitions=["b", "c"])
    assert notes(tmp_path) == ["low ac", "high bc"]
    p.materialize()
    assert notes(tmp_path) == ["high a", "low b", "high+low def"]
    assert p.load("low") == {key: f"low{key}" for key in "abcdef"}
    assert p.load("high") == {key: f"high{key}" for key in "abcdef"}
    assert p.plan().is_empty


# --- what is not needed any more at its turn ---


def letters_source(root: Path, **values: int) -> Any:
    for key, value in values.items():
        (root / f"{key}.txt").write_text(str(value))
    return af.source("raw", path="{partition}.txt", partitions=af.StaticPartitions(list(values)))


def test_what_turns_out_unchanged_leaves_the_batch(tmp_path: Path) -> None:
    letters = af.StaticPartitions(list("abcd"))
    raw = letters_source(tmp_path, a=1, b=1, c=1, d=1)

    @af.asset(partitions=letters)
    def odd(raw: str) -> int:
        return int(raw) % 2

    @af.asset(partitions=letters, batch=True)
    def all_of(odd: dict[str, int], notes: Notes) -> dict[str, int]:
        notes.write("".join(odd))
        return odd

    p = project(tmp_path, raw, odd, all_of)
    p.materialize()
    letters_source(tmp_path, a=2, b=3, c=3, d=2)
    run = p.materialize()
    assert notes(tmp_path) == ["abcd", "ad"]
    assert {key: value for key, value in ends(run).items() if key.startswith("all")} == {
        "all_of@a": "materialized", "all_of@b": "unchanged", "all_of@c": "unchanged", "all_of@d": "materialized",
    }  # fmt: skip
    assert p.load("all_of") == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_a_gap_that_opens_at_its_turn_makes_two_calls(tmp_path: Path) -> None:
    days = af.DailyPartitions("2024-01-01", "2024-01-06")

    def version(factor: int) -> Any:
        @af.asset(partitions=days, code_version=str(factor))
        def day(context: af.Context) -> int:
            return factor if str(context.partition)[-1] in "124" else 0

        return day

    @af.asset(partitions=days, batch=True)
    def after(context: af.Context, day: dict[str, int], notes: Notes) -> dict[str, int]:
        assert context.window is not None
        notes.write("-".join(edge.strftime("%d") for edge in context.window))
        return day

    @af.asset
    def total(after: dict[str, int]) -> int:
        return sum(after.values())

    project(tmp_path, version(1), after, total).materialize()
    p = project(tmp_path, version(2), after, total)
    run = p.materialize()
    assert notes(tmp_path) == ["01-06", "01-03", "04-05"]
    assert ends(run)["after@2024-01-03"] == "unchanged"
    assert p.load("total") == 6
    assert [step.asset for step in run.steps] == ["day"] * 5 + ["after"] * 5 + ["total"]
    assert [step.partition for step in run.steps[5:10]] == list(days.keys())
    assert p.plan().is_empty


def test_earlier_results_are_reused_within_a_batch(tmp_path: Path) -> None:
    letters = af.StaticPartitions(["a", "b", "c"])

    @af.asset(partitions=letters, batch=True)
    def a(raw: dict[str, str], notes: Notes) -> dict[str, str]:
        notes.write("".join(raw))
        return raw

    p = project(tmp_path, letters_source(tmp_path, a=1, b=1, c=1), a)
    p.materialize()
    letters_source(tmp_path, a=2, b=2)
    p.materialize()
    letters_source(tmp_path, a=1, b=3)
    assert ends(p.materialize()) == {"a@a": "reused", "a@b": "materialized"}
    assert notes(tmp_path) == ["abc", "ab", "b"]
    assert p.load("a") == {"a": "1", "b": "3", "c": "1"}


# --- failures ---


def test_a_batch_that_fails_is_the_only_one_planned_again(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=2)
    def a(context: af.Context, notes: Notes) -> dict[str, int]:
        if "c" in context.partitions and not notes.holds("mended"):
            raise ValueError("no c")
        return dict.fromkeys(context.partitions, 1)

    @af.asset(partitions=LETTERS)
    def b(a: int) -> int:
        return a

    p = project(tmp_path, a, b)
    run = p.materialize()
    assert not run.ok
    assert {step.partition: str(step.status) for step in run.steps if step.asset == "a"} == {
        "a": "materialized", "b": "materialized", "c": "failed", "d": "failed", "e": "materialized",
        "f": "materialized",
    }  # fmt: skip
    assert {step.partition: step.caused_by for step in run.steps if str(step.status) == "skipped"} == {
        "c": "a@c", "d": "a@c",
    }  # fmt: skip
    assert [step.error for step in run.steps if step.error] == ["ValueError: no c"] * 2
    (tmp_path / "mended").touch()
    assert set(ends(p.materialize())) == {"a@c", "a@d", "b@c", "b@d"}
    assert p.plan().is_empty


def test_a_partition_without_its_input_leaves_the_batch(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS)
    def each(context: af.Context) -> str:
        if context.partition in ("b", "e"):
            raise ValueError(f"no {context.partition}")
        return str(context.partition)

    @af.asset(partitions=LETTERS, batch=True)
    def upper(each: dict[str, str]) -> dict[str, str]:
        return {key: value.upper() for key, value in each.items()}

    @af.asset(partitions=LETTERS, batch=2)
    def twice(upper: dict[str, str]) -> dict[str, str]:
        return {key: value * 2 for key, value in upper.items()}

    @af.asset
    def together(twice: dict[str, str]) -> str:
        return "".join(twice.values())

    p = project(tmp_path, each, upper, twice, together)
    run = p.materialize()
    done = {step.partition for step in run.steps if step.asset == "twice" and str(step.status) == "materialized"}
    assert done == {"a", "c", "d", "f"}
    blamed = {(step.asset, step.partition): step.caused_by for step in run.steps if step.caused_by}
    assert blamed.pop(("together", None)) in ("each@b", "each@e")
    assert blamed == {
        ("upper", "b"): "each@b", ("upper", "e"): "each@e", ("twice", "b"): "each@b", ("twice", "e"): "each@e",
    }  # fmt: skip
    assert p.load("twice", partition="c") == "CC"


def test_a_source_that_is_not_there_for_one_partition_fails_that_one(tmp_path: Path) -> None:
    raw = letters_source(tmp_path, a=1, b=1, c=1)
    (tmp_path / "b.txt").unlink()

    @af.asset(partitions=af.StaticPartitions(["a", "b", "c"]), batch=True)
    def a(raw: dict[str, str]) -> dict[str, str]:
        return raw

    run = project(tmp_path, raw, a).materialize()
    assert ends(run) == {"a@a": "materialized", "a@b": "failed", "a@c": "materialized"}
    assert "`a@b` needs `raw@b`" in str(run.step("a", "b").error)  # type: ignore[union-attr]


def test_a_batch_is_tried_again_as_a_whole(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=3, retry=1)
    def a(context: af.Context, notes: Notes) -> dict[str, int]:
        notes.write(f"{context.attempt}{''.join(context.partitions)}")
        if context.attempt == 1 and "a" in context.partitions:
            raise ValueError("once")
        return dict.fromkeys(context.partitions, context.attempt)

    p = project(tmp_path, a)
    run = p.materialize()
    assert sorted(notes(tmp_path)) == ["1abc", "1def", "2abc"]
    assert [step.attempts for step in run.steps] == [2, 2, 2, 1, 1, 1]
    assert p.load("a", partition="a") == 2


def test_fail_fast_cancels_the_other_batches(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=2)
    def a(context: af.Context) -> dict[str, int]:
        raise ValueError("no")

    run = project(tmp_path, a).materialize(fail_fast=True)
    assert list(ends(run).values()) == ["failed"] * 2 + ["canceled"] * 4


def test_only_the_first_partition_of_a_failed_batch_has_the_traceback(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=True)
    def a() -> dict[str, int]:
        raise ValueError("no")

    run = project(tmp_path, a).materialize()
    assert [bool(step.traceback) for step in run.steps] == [True] + [False] * 5


# --- records ---


def test_each_partition_has_its_own_lineage(tmp_path: Path) -> None:
    @af.asset(partitions=DAYS)
    def day(context: af.Context) -> str:
        return str(context.partition)

    window = af.Dep("day", mapping=af.TimeWindowMapping(start_offset=-1))

    @af.asset(partitions=DAYS, batch=4, inputs={"days": window})
    def two_days(context: af.Context, days: dict[str, str]) -> dict[str, list[str]]:
        keys = list(days)
        return {key: keys[max(0, keys.index(key) - 1) : keys.index(key) + 1] for key in context.partitions}

    p = project(tmp_path, day, two_days)
    p.materialize()
    rows = p.query("select partition, input_partition from lineage where asset = 'two_days' order by all")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["partition"], []).append(row["input_partition"])
    keys = list(DAYS.keys())
    assert found == {key: keys[max(0, at - 1) : at + 1] for at, key in enumerate(keys)}
    assert p.load("two_days", partition="2024-01-05") == ["2024-01-04", "2024-01-05"]


def test_an_edit_upstream_of_one_partition_rebuilds_that_one_in_a_call_of_its_own(tmp_path: Path) -> None:
    letters = af.StaticPartitions(list("abc"))

    @af.asset(partitions=letters, batch=True)
    def a(raw: dict[str, str], notes: Notes) -> dict[str, str]:
        notes.write("".join(raw))
        return raw

    p = project(tmp_path, letters_source(tmp_path, a=1, b=1, c=1), a)
    p.materialize()
    letters_source(tmp_path, b=2)
    assert ends(p.materialize()) == {"a@b": "materialized"}
    assert notes(tmp_path) == ["abc", "b"]


def test_what_a_batch_emits_belongs_to_no_single_partition(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=True)
    def a(context: af.Context) -> dict[str, int]:
        context.emit("partial", key="x")
        return dict.fromkeys(context.partitions, 1)

    p = project(tmp_path, a)
    p.materialize()
    assert p.query("select asset, partition, event_type from events") == [
        {"asset": "a", "partition": None, "event_type": "partial"}
    ]


# --- declarations ---


@pytest.mark.parametrize("batch", [0, 1, -3, "all", 2.5])
def test_what_is_no_batch(tmp_path: Path, batch: Any) -> None:
    with pytest.raises(DefinitionError, match="batch= is"):
        project(tmp_path, batched(batch, LETTERS)).plan()


def test_a_batch_needs_partitions(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="batch= is for partitioned assets"):
        project(tmp_path, batched(True, None)).plan()


def test_a_batch_cannot_read_its_own_earlier_partitions(tmp_path: Path) -> None:
    yesterday = af.Dep("a", mapping=af.TimeWindowMapping(-1, -1))

    @af.asset(partitions=DAYS, batch=True, inputs={"a": yesterday})
    def a(a: Any) -> Any:
        return a

    with pytest.raises(DefinitionError, match="batch= does not go with reading earlier partitions of `a`"):
        project(tmp_path, a).plan()


def test_nor_those_of_what_the_same_call_makes(tmp_path: Path) -> None:
    yesterday = af.Dep("q", mapping=af.TimeWindowMapping(-1, -1))

    @af.multi_asset(outs=["p", "q"], partitions=DAYS, batch=3, deps=[yesterday])
    def both() -> Any:
        return {}

    with pytest.raises(DefinitionError, match="earlier partitions of `q`"):
        project(tmp_path, both).plan()


# --- against one call for each partition ---


@settings(max_examples=15, deadline=None)
@given(
    size=st.sampled_from([True, 2, 3]),
    rounds=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), min_size=1), min_size=1, max_size=4),
)
def test_batches_publish_what_single_partitions_do(
    tmp_path_factory: pytest.TempPathFactory, size: Any, rounds: list[dict[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("world")
    raw = letters_source(root, **dict.fromkeys("abcdef", 0))

    @af.asset(partitions=LETTERS)
    def half(raw: str) -> int:
        return int(raw) // 2

    @af.asset(partitions=LETTERS)
    def one(half: int) -> int:
        if half == 1:
            raise ValueError("one")
        return half * 10

    @af.asset(partitions=LETTERS, batch=size)
    def many(half: dict[str, int]) -> dict[str, int]:
        return {key: value * 10 for key, value in half.items()}

    @af.asset(partitions=LETTERS, batch=size)
    def after(one: dict[str, int]) -> dict[str, int]:
        return one

    p = project(root, raw, half, one, many, after)
    p.materialize()
    for values in rounds:
        letters_source(root, **values)
        run = p.materialize()
        by_asset: dict[str, dict[Any, str]] = {}
        for step in run.steps:
            by_asset.setdefault(step.asset, {})[step.partition] = str(step.status)
        good = {key for key in "abcdef" if int((root / f"{key}.txt").read_text()) // 2 != 1}
        assert p.load("many") == {key: int((root / f"{key}.txt").read_text()) // 2 * 10 for key in "abcdef"}
        # what is wanted of `after` runs exactly where its input came out
        for key, status in by_asset.get("after", {}).items():
            assert (status == "skipped") == (key not in good)
        assert {key: p.load("after", partition=key) for key in good} == {
            key: p.load("one", partition=key) for key in good
        }


def test_each_try_of_a_batch_is_a_row_for_each_of_its_partitions(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS, batch=3, retry=af.RetryPolicy(max_retries=1))
    def numbers(context: af.Context) -> dict[str, int]:
        if context.attempt == 1 or "d" in context.partitions:
            raise OSError("not now")
        return dict.fromkeys(context.partitions, 1)

    p = project(tmp_path, numbers)
    p.materialize()
    rows = p.query(
        "select attempt, status, string_agg(partition, '' order by partition) as keys, count(distinct step) as steps, "
        "count(distinct seconds) as shares, count(nullif(traceback, '')) as traces "
        "from attempts group by all order by all"
    )
    assert [tuple(row.values()) for row in rows] == [
        (1, "failed", "abcdef", 6, 2, 2),
        (2, "failed", "def", 3, 1, 1),
        (2, "materialized", "abc", 3, 1, 0),
    ]
