"""Dynamic partitions that a step adds while a run goes on: who waits, who runs, in which order, and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from assetflow.errors import DefinitionError, PartitionError, UnknownPartitionError

FILES = af.DynamicPartitions("files")
PAGES = af.DynamicPartitions("pages")


class Notes(af.Resource):
    """Where steps leave word of themselves, and find what to do: what a resource holds makes nothing stale."""

    folder: Path

    def write(self, text: str) -> None:
        with (self.folder / "notes.txt").open("a") as file:
            file.write(f"{text}\n")

    def take(self) -> list[str]:
        place = self.folder / "notes.txt"
        lines = place.read_text().splitlines() if place.exists() else []
        place.write_text("")
        return lines

    def keys(self) -> list[str]:
        return (self.folder / "keys.txt").read_text().split()

    def holds(self, name: str) -> bool:
        return (self.folder / name).exists()


def project(root: Path, *assets: Any, **options: Any) -> af.Project:
    return af.Project(assets=list(assets), root=root, resources=[Notes(folder=root)], **options)


def keys(root: Path, *names: str) -> None:
    (root / "keys.txt").write_text(" ".join(names))


def notes(root: Path) -> list[str]:
    return Notes(folder=root).take()


def ends(run: af.RunResult) -> dict[str, str]:
    return {
        step.asset if step.partition is None else f"{step.asset}@{step.partition}": str(step.status)
        for step in run.steps
    }


@af.asset(adds_partitions=["files"])
def listing(context: af.Context, notes: Notes) -> list[str]:
    found = notes.keys()
    context.set_partitions("files", found)
    return found


@af.asset(partitions=FILES, deps=["listing"])
def child(context: af.Context, notes: Notes) -> str:
    notes.write(str(context.partition))
    if notes.holds(f"broken-{context.partition}"):
        raise ValueError("broken")
    return str(context.partition).upper()


@af.asset
def together(child: dict[str, str], notes: Notes) -> list[str]:
    notes.write("together")
    return list(child.values())


# --- how many ---


@pytest.mark.parametrize("names", [[], ["one"], ["b", "a"], [f"k{at}" for at in range(10)]])
def test_children_of_every_number(tmp_path: Path, names: list[str]) -> None:
    keys(tmp_path, *names)
    p = project(tmp_path, listing, child, together, workers=3)
    run = p.materialize()
    assert ends(run) == {
        "listing": "materialized", **{f"child@{name}": "materialized" for name in names}, "together": "materialized",
    }  # fmt: skip
    assert p.load("together") == [name.upper() for name in names]
    assert [step.asset for step in run.steps] == ["listing"] + ["child"] * len(names) + ["together"]
    assert [step.partition for step in run.steps[1:-1]] == names
    assert p.plan().is_empty


def test_the_fan_in_runs_once_after_all_children(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b", "c", "d")
    project(tmp_path, listing, child, together, workers=4).materialize()
    seen = notes(tmp_path)
    assert sorted(seen[:-1]) == ["a", "b", "c", "d"]
    assert seen[-1] == "together"


def test_steps_are_numbered_on(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b")
    p = project(tmp_path, listing, child, together)
    run = p.materialize()
    rows = p.query("select step, asset, partition from steps order by step")
    assert [(row["step"], row["asset"], row["partition"]) for row in rows] == [
        (0, "listing", None), (1, "child", "a"), (2, "child", "b"), (3, "together", None),
    ]  # fmt: skip
    document = json.loads(json.dumps(run.to_json()))
    assert document["counts"]["materialized"] == 4
    assert [step["partition"] for step in document["steps"]] == [None, "a", "b", None]


# --- when the keys change ---


def test_more_and_fewer_keys(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b")
    p = project(tmp_path, listing, child, together)
    p.materialize()
    keys(tmp_path, "b", "c")
    run = p.materialize("together", force=False)
    assert run.run_id is None  # nobody has said that there is anything new
    notes(tmp_path)
    p.materialize("listing", force=True)
    assert p.partitions("files") == ("b", "c")
    run = p.materialize()
    assert ends(run) == {"child@b": "materialized", "child@c": "materialized", "together": "materialized"}
    assert p.load("together") == ["B", "C"]
    history = p.query("select distinct partition from materializations where asset = 'child' order by all")
    assert [row["partition"] for row in history] == ["a", "b", "c"]


def test_a_key_that_goes_leaves_the_fan_in(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b")
    p = project(tmp_path, listing, child_alone, together)
    p.materialize()
    keys(tmp_path, "b")
    run = p.materialize("listing", force=True)
    assert ends(run) == {"listing": "materialized"}
    assert [str(cause.kind) for step in p.plan().steps for cause in step.causes] == ["input_changed"]
    assert ends(p.materialize()) == {"together": "materialized"}
    assert p.load("together") == ["B"]


@af.asset(key="child", partitions=FILES)
def child_alone(context: af.Context) -> str:
    return str(context.partition).upper()


def test_a_run_that_begins_with_the_listing_takes_the_rest_along(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b")
    p = project(tmp_path, listing, child, together)
    p.materialize()
    keys(tmp_path, "b", "c")
    run = p.materialize(["listing+"], force=True)
    assert ends(run) == {
        "listing": "materialized", "child@b": "materialized", "child@c": "materialized", "together": "materialized",
    }  # fmt: skip


def test_the_listing_is_upstream_of_what_it_partitions(tmp_path: Path) -> None:
    keys(tmp_path, "x2", "y1")
    p = project(tmp_path, listing, split_alone, page, book)
    assert ends(p.materialize("book"))["listing"] == "materialized"
    assert p.load("book") == ["x2-0", "x2-1", "y1-0"]


def test_set_keys_are_in_the_order_given(tmp_path: Path) -> None:
    p = project(tmp_path, listing, child_alone, together)
    for names in (["a", "c"], ["a", "b", "c"], ["c", "a"], ["c"], [], ["x", "c"]):
        keys(tmp_path, *names)
        p.materialize("listing", force=True)
        assert list(p.partitions("files")) == names
        p.materialize()
        assert p.load("together") == [name.upper() for name in names]


def test_added_keys_come_after_those_that_are_there(tmp_path: Path) -> None:
    @af.asset(adds_partitions=["files"])
    def more(context: af.Context, notes: Notes) -> int:
        context.add_partitions("files", notes.keys())
        context.add_partitions("files", ["always"])
        return 1

    p = project(tmp_path, more, child_alone)
    for names, expected in (
        (["b", "a"], ["b", "a", "always"]),
        (["c", "a"], ["b", "a", "always", "c"]),
        ([], ["b", "a", "always", "c"]),
    ):
        keys(tmp_path, *names)
        p.materialize(force=True)
        assert list(p.partitions("files")) == expected


def test_two_runs_later_only_new_children_run(tmp_path: Path) -> None:
    keys(tmp_path, "a")
    p = project(tmp_path, listing, child_alone, together)
    for number, names in enumerate((["a"], ["a", "b"], ["a", "b", "c"])):
        keys(tmp_path, *names)
        p.materialize("listing", force=True)
        assert ends(p.materialize()) == {f"child@{names[number]}": "materialized", "together": "materialized"}


def test_a_listing_is_never_answered_by_an_earlier_result(tmp_path: Path) -> None:
    def version(*names: str) -> Any:
        @af.asset(adds_partitions=["files"], pure=True, code_version="+".join(names))
        def listing(context: af.Context) -> int:
            context.set_partitions("files", names)
            return 1

        return listing

    for names in (("a",), ("a", "b"), ("a",)):
        p = project(tmp_path, version(*names), child_alone)
        assert ends(p.materialize())["listing"] == "materialized"
        assert p.partitions("files") == names


def test_keys_added_by_hand_between_runs(tmp_path: Path) -> None:
    p = project(tmp_path, child_alone, together)
    p.materialize()
    assert p.load("together") == []
    assert p.add_partitions("files", ["x", "y", "x"]) == ("x", "y")
    assert p.add_partitions("files", ["y"]) == ()
    assert ends(p.materialize()) == {
        "child@x": "materialized", "child@y": "materialized", "together": "materialized",
    }  # fmt: skip
    assert p.remove_partitions("files", ["x"]) == ("x",)
    assert ends(p.materialize()) == {"together": "materialized"}
    assert p.load("together") == ["Y"]
    assert p.add_partitions("files", ["x"]) == ("x",)
    assert ends(p.materialize()) == {"together": "materialized"}  # the value of `x` was kept, and holds
    assert p.load("together") == ["Y", "X"]


@af.asset(key="split", partitions=FILES, adds_partitions=[PAGES])
def split_alone(context: af.Context) -> int:
    count = int(str(context.partition)[1:])
    context.add_partitions("pages", [f"{context.partition}-{at}" for at in range(count)])
    return count


# --- nested, and with other dimensions ---


@af.asset(partitions=FILES, adds_partitions=[PAGES], deps=["listing"])
def split(context: af.Context) -> int:
    count = int(str(context.partition)[1:])
    context.add_partitions("pages", [f"{context.partition}-{at}" for at in range(count)])
    return count


@af.asset(partitions=PAGES, deps=[af.Dep("split", mapping=lambda page: page.split("-")[0])])
def page(context: af.Context) -> str:
    return str(context.partition)


@af.asset
def book(page: dict[str, str]) -> list[str]:
    return list(page)


def test_a_child_fans_out_again(tmp_path: Path) -> None:
    keys(tmp_path, "x2", "y0", "z3")
    p = project(tmp_path, listing, split, page, book)
    run = p.materialize()
    assert [step.asset for step in run.steps] == ["listing"] + ["split"] * 3 + ["page"] * 5 + ["book"]
    assert sorted(p.load("book")) == ["x2-0", "x2-1", "z3-0", "z3-1", "z3-2"]
    assert p.plan().is_empty
    keys(tmp_path, "x2", "y0", "z3", "w1")
    p.materialize("listing", force=True)
    assert {key for key in ends(p.materialize()) if key.startswith(("page", "book"))} == {"page@w1-0", "book"}


def test_keys_are_in_the_order_of_the_steps_that_add_them(tmp_path: Path) -> None:
    """The first child waits for the last one, so that they end the other way round."""

    @af.asset(key="split", partitions=FILES, adds_partitions=["pages"])
    async def reversed_split(context: af.Context) -> int:
        own = str(context.partition)
        ended[own] = asyncio.Event()
        follower = chr(ord(own) + 1)
        if follower <= "d":
            while follower not in ended:
                await asyncio.sleep(0)
            await ended[follower].wait()
        context.add_partitions("pages", [f"{own}-1", "shared", f"{own}-0"])
        ended[own].set()
        return 1

    ended: dict[str, asyncio.Event] = {}
    p = project(tmp_path, reversed_split, page_alone, workers=4)
    p.add_partitions("files", list("abcd"))
    p.add_partitions("pages", ["b-0"])
    p.materialize()
    expected = ("b-0", "a-1", "shared", "a-0", "b-1", "c-1", "c-0", "d-1", "d-0")
    assert p.partitions("pages") == expected
    with af.Project(assets=[reversed_split, page_alone], root=tmp_path) as again:
        assert again.partitions("pages") == expected


@af.asset(key="page", partitions=PAGES)
def page_alone(context: af.Context) -> str:
    return str(context.partition)


@af.asset(partitions=FILES, adds_partitions=[PAGES], deps=["listing"])
def chapters(context: af.Context) -> int:
    context.add_partitions("pages", [f"{context.partition}-0"])
    return 1


@af.asset
def bound(page: list[str], notes: Notes) -> list[str]:
    notes.write("bound")
    return page


def test_what_waits_for_the_second_fan_out_waits_for_the_first(tmp_path: Path) -> None:
    """Nothing but the names of partitions leads from the listing to the pages, where nothing has a step yet."""
    keys(tmp_path)
    p = project(tmp_path, listing, chapters, page_alone, bound)
    assert p.plan().notes == (
        "partitions `files` may change when `listing` has run; what follows from that is planned then",
        "partitions `pages` may change when `chapters` has run; what follows from that is planned then",
    )
    assert p.plan("listing").notes == p.plan().notes[:1]
    p.materialize()
    assert notes(tmp_path) == ["bound"]
    for more in (["x"], ["x", "y"]):
        keys(tmp_path, *more)
        run = p.materialize(force=True)
        assert [step.asset for step in run.steps][-1] == "bound"
        assert notes(tmp_path) == ["bound"]
        assert p.load("bound") == [f"{name}-0" for name in more]
    assert p.plan().is_empty


def test_without_the_first_fan_out_what_waits_for_the_second_never_runs(tmp_path: Path) -> None:
    @af.asset(key="listing", adds_partitions=["files"])
    def broken(context: af.Context) -> int:
        raise ValueError("no")

    p = project(tmp_path, broken, chapters, page_alone, bound)
    assert ends(p.materialize()) == {"listing": "failed", "bound": "skipped"}
    assert notes(tmp_path) == []


def test_an_asset_that_finds_its_own_partitions(tmp_path: Path) -> None:
    links = {"start": ["a", "b"], "a": ["c"], "b": ["a"], "c": ["start", "d"], "d": []}

    @af.asset(partitions=PAGES, adds_partitions=["pages"])
    def visited(context: af.Context) -> list[str]:
        found = links[str(context.partition)]
        context.add_partitions("pages", found)
        return found

    @af.asset
    def count(visited: dict[str, list[str]]) -> int:
        return len(visited)

    p = project(tmp_path, visited, count)
    p.add_partitions("pages", ["start"])
    run = p.materialize()
    assert run.counts["materialized"] == 6
    assert p.load("count") == 5
    assert p.plan().is_empty


def test_one_dimension_is_dynamic(tmp_path: Path) -> None:
    grid = af.MultiPartitions(file=FILES, size=af.StaticPartitions(["s", "l"]))

    @af.asset(partitions=grid, inputs={"child": af.Dep("child", mapping=af.DimensionMapping("file"))})
    def sized(context: af.Context, child: str) -> str:
        return f"{child}{context.partition}"

    keys(tmp_path, "b", "a")
    p = project(tmp_path, listing, child, sized)
    run = p.materialize()
    assert [step.partition for step in run.steps if step.asset == "sized"] == ["b|s", "b|l", "a|s", "a|l"]
    assert p.load("sized", partition="a|l") == "Aa|l"
    assert p.plan().is_empty


def test_children_in_batches(tmp_path: Path) -> None:
    @af.asset(partitions=FILES, deps=["listing"], batch=3)
    def batched(context: af.Context, notes: Notes) -> pl.DataFrame:
        notes.write("".join(context.partitions))
        return pl.DataFrame({"partition": context.partitions, "n": 1})

    @af.asset
    def rows(batched: pl.DataFrame) -> int:
        return batched.height

    keys(tmp_path, *"abcdefg")
    p = project(tmp_path, listing, batched, rows, workers=1)
    p.materialize()
    assert notes(tmp_path) == ["abc", "def", "g"]
    assert p.load("rows") == 7


def test_children_read_the_files_that_were_found(tmp_path: Path) -> None:
    raw = af.source("raw", path="data/{partition}.txt", partitions=FILES)

    @af.asset(adds_partitions=["files"])
    def lister(context: af.Context) -> int:
        names = sorted(path.stem for path in (tmp_path / "data").glob("*.txt"))
        context.set_partitions("files", names)
        return len(names)

    @af.asset(partitions=FILES)
    def words(raw: str) -> int:
        return len(raw.split())

    @af.asset
    def total(words: dict[str, int]) -> int:
        return sum(words.values())

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("one two")
    p = project(tmp_path, raw, lister, words, total)
    assert p.materialize().ok
    assert p.load("total") == 2
    (tmp_path / "data" / "b.txt").write_text("three four five")
    p.materialize("lister", force=True)
    assert ends(p.materialize()) == {"words@b": "materialized", "total": "materialized"}
    (tmp_path / "data" / "c.txt").write_text("six")
    assert p.materialize(force=True).ok
    assert p.load("total") == 6
    assert p.plan().is_empty
    edges = p.query("select input_partition, input_data_version from lineage where asset = 'words' and partition = 'c'")
    assert edges[0]["input_partition"] == "c"
    assert edges[0]["input_data_version"].startswith("f1:")


# --- refusals ---


def test_the_guard_refuses_before_any_child_runs(tmp_path: Path) -> None:
    @af.asset(key="listing", adds_partitions=["files"], max_partitions=3)
    def guarded(context: af.Context, notes: Notes) -> int:
        context.set_partitions("files", notes.keys())
        return 1

    keys(tmp_path, *"abcd")
    p = project(tmp_path, guarded, child, together)
    run = p.materialize()
    assert ends(run) == {"listing": "failed", "together": "skipped"}
    assert "`listing` adds 4 partitions to `files`, and 3 is the limit (4 > 3)" in str(run.steps[0].error)
    assert "max_partitions" in str(run.steps[0].error)
    assert notes(tmp_path) == []
    assert p.partitions("files") == ()
    keys(tmp_path, *"abc")
    assert p.materialize().counts["materialized"] == 5


def test_the_guard_counts_what_is_new(tmp_path: Path) -> None:
    @af.asset(adds_partitions=["files"])
    def guarded(context: af.Context, notes: Notes) -> int:
        context.add_partitions("files", notes.keys())
        return 1

    p = project(tmp_path, guarded, child_alone, max_partitions=2)
    keys(tmp_path, *"ab")
    assert p.materialize().ok
    keys(tmp_path, *"abcd")
    assert p.materialize(force=True).ok
    keys(tmp_path, *"abcdefg")
    run = p.materialize("guarded", force=True)
    assert "adds 3 partitions to `files`, and 2 is the limit (3 > 2)" in str(run.steps[0].error)


def test_the_guard_counts_over_the_partitions_of_an_asset(tmp_path: Path) -> None:
    @af.asset(key="split", partitions=FILES, adds_partitions=[PAGES], deps=["listing"], max_partitions=4)
    def guarded(context: af.Context) -> int:
        context.add_partitions("pages", [f"{context.partition}-{at}" for at in range(3)])
        return 1

    keys(tmp_path, "x", "y")
    run = project(tmp_path, listing, guarded, page, book, workers=1).materialize()
    assert ends(run)["split@y"] == "failed"
    assert "adds 3 partitions to `pages`, after 3 in the same run, and 4 is the limit (6 > 4)" in str(
        run.step("split", "y").error  # type: ignore[union-attr]
    )
    assert {key: end for key, end in ends(run).items() if key.startswith(("page", "book"))} == {
        "page@x-0": "materialized", "page@x-1": "materialized", "page@x-2": "materialized", "book": "skipped",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["a|b", "", " a", "a\n"])
def test_keys_that_cannot_be(tmp_path: Path, key: str) -> None:
    @af.asset(key="listing", adds_partitions=["files"])
    def odd(context: af.Context) -> int:
        context.add_partitions("files", ["fine", key])
        return 1

    p = project(tmp_path, odd, child, together)
    run = p.materialize()
    assert ends(run) == {"listing": "failed", "together": "skipped"}
    assert repr(key) in str(run.steps[0].error)
    assert p.partitions("files") == ()
    with pytest.raises(PartitionError):
        p.add_partitions("files", [key])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda context: context.add_partitions("file", ["a"]), "adds to dynamic partitions `file`, which it does not"),
        (lambda context: context.add_partitions("files", "abc"), "the single text 'abc'"),
        (lambda context: context.add_partitions("files", [1]), "1"),
    ],
)
def test_changes_that_cannot_be(tmp_path: Path, wrong: Any, words: str) -> None:
    @af.asset(key="listing", adds_partitions=["files"])
    def odd(context: af.Context) -> int:
        wrong(context)
        return 1

    run = project(tmp_path, odd, child).materialize()
    assert ends(run) == {"listing": "failed"}
    assert words in str(run.steps[0].error)


def test_one_partition_does_not_set_the_keys_of_others(tmp_path: Path) -> None:
    @af.asset(key="split", partitions=FILES, adds_partitions=["pages"])
    def setter(context: af.Context) -> int:
        context.set_partitions("pages", [])
        return 1

    p = project(tmp_path, setter, page)
    p.add_partitions("files", ["a"])
    assert "would remove what its other partitions add" in str(p.materialize().steps[0].error)


def test_names_that_nothing_is_partitioned_by(tmp_path: Path) -> None:
    @af.asset(adds_partitions=["flies"])
    def odd() -> int:
        return 1

    with pytest.raises(DefinitionError, match=r"adds_partitions= names `flies`.*(\n.*)*did you mean `files`"):
        project(tmp_path, odd, child_alone).plan()


def test_by_hand_names_and_keys_are_checked_too(tmp_path: Path) -> None:
    p = project(tmp_path, child_alone)
    with pytest.raises(PartitionError, match="no asset has dynamic partitions `flies`") as found:
        p.add_partitions("flies", ["a"])
    assert found.value.hint == "did you mean `files`?"
    p.add_partitions("files", ["alpha"])
    with pytest.raises(UnknownPartitionError, match="have no key 'alpa'") as unknown:
        p.remove_partitions("files", ["alpa"])
    assert unknown.value.hint == "did you mean `alpha`?"


# --- failures ---


def test_a_listing_that_fails_is_to_blame(tmp_path: Path) -> None:
    keys(tmp_path, "a")
    p = project(tmp_path, listing, child, together)
    p.materialize()
    (tmp_path / "keys.txt").unlink()
    run = p.materialize(force=True)
    assert ends(run) == {"listing": "failed", "child@a": "skipped", "together": "skipped"}
    assert {step.caused_by for step in run.steps[1:]} == {"listing"}
    assert p.partitions("files") == ("a",)
    assert p.load("together") == ["A"]


def test_without_its_listing_a_fan_in_never_runs(tmp_path: Path) -> None:
    """Nothing leads from the listing to the fan-in but the partitions: it would see none, and publish that."""
    p = project(tmp_path, listing, child_alone, together)
    run = p.materialize()
    assert ends(run) == {"listing": "failed", "together": "skipped"}
    assert run.step("together").caused_by == "listing"  # type: ignore[union-attr]


def test_children_that_are_known_run_without_their_listing(tmp_path: Path) -> None:
    p = project(tmp_path, listing, child_alone, together)
    p.add_partitions("files", ["a"])
    assert ends(p.materialize()) == {"listing": "failed", "child@a": "materialized", "together": "skipped"}


def test_a_listing_is_tried_again_before_anything_is_given_up(tmp_path: Path) -> None:
    @af.asset(key="listing", adds_partitions=["files"], retry=1)
    def flaky(context: af.Context) -> int:
        context.add_partitions("files", [f"k{context.attempt}"])
        if context.attempt == 1:
            raise ValueError("once")
        return 1

    p = project(tmp_path, flaky, child, together)
    assert p.materialize().ok
    assert p.partitions("files") == ("k2",)


def test_a_child_that_fails_stops_only_the_fan_in(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b", "c")
    (tmp_path / "broken-b").touch()
    p = project(tmp_path, listing, child, together)
    run = p.materialize()
    assert ends(run) == {
        "listing": "materialized", "child@a": "materialized", "child@b": "failed", "child@c": "materialized",
        "together": "skipped",
    }  # fmt: skip
    assert run.step("together").caused_by == "child@b"  # type: ignore[union-attr]
    (tmp_path / "broken-b").unlink()
    notes(tmp_path)
    assert ends(p.materialize()) == {"child@b": "materialized", "together": "materialized"}
    assert notes(tmp_path) == ["b", "together"]
    assert p.load("together") == ["A", "B", "C"]


def test_fail_fast_ends_the_run_with_the_listing(tmp_path: Path) -> None:
    p = project(tmp_path, listing, child_alone, together)
    p.add_partitions("files", ["a"])
    run = p.materialize(fail_fast=True)
    assert ends(run) == {"listing": "failed"}
    assert not run.ok


def test_a_plan_that_cannot_be_made_during_a_run_ends_it(tmp_path: Path) -> None:
    @af.asset(partitions=FILES)
    def picky(context: af.Context) -> int:
        return 1

    @af.asset(partitions=FILES, inputs={"picky": af.Dep("picky", mapping=lambda key: {"a": "b"}[key])})
    def reader(picky: Any) -> int:
        return 1

    keys(tmp_path, "c")
    p = project(tmp_path, listing, picky, reader)
    with pytest.raises(PartitionError, match=r"asset `reader`, input `picky`: mapping function .* for partition 'c'"):
        p.materialize()
    (row,) = p.runs()
    assert str(row.status) == "failed"
    assert row.counts["materialized"] == 1


# --- what is asked for ---


def test_a_plan_says_that_partitions_may_come(tmp_path: Path) -> None:
    keys(tmp_path, "a")
    p = project(tmp_path, listing, child, together)
    plan = p.plan()
    assert [step.asset for step in plan.steps] == ["listing", "together"]
    assert plan.to_json()["notes"] == [
        "partitions `files` may change when `listing` has run; what follows from that is planned then"
    ]
    p.materialize()
    assert p.plan().notes == ()


def test_only_the_listing(tmp_path: Path) -> None:
    keys(tmp_path, "a")
    p = project(tmp_path, listing, child, together)
    assert ends(p.materialize("listing", only=True)) == {"listing": "materialized"}
    assert ends(p.materialize("child", only=True)) == {"child@a": "materialized"}


def test_a_fan_in_asked_for_takes_the_listing_and_the_children(tmp_path: Path) -> None:
    @af.asset
    def apart() -> int:
        return 1

    keys(tmp_path, "a")
    p = project(tmp_path, listing, child, together, apart)
    assert set(ends(p.materialize("together"))) == {"listing", "child@a", "together"}


def test_force_runs_each_step_once(tmp_path: Path) -> None:
    keys(tmp_path, "a", "b")
    p = project(tmp_path, listing, child, together)
    p.materialize()
    notes(tmp_path)
    run = p.materialize(force=True)
    assert list(ends(run).values()) == ["materialized"] * 4
    assert sorted(notes(tmp_path)) == ["a", "b", "together"]


def test_a_glob_takes_the_keys_that_come(tmp_path: Path) -> None:
    keys(tmp_path, "a1", "a2", "b1")
    p = project(tmp_path, listing, child)
    p.add_partitions("files", ["a1"])
    assert set(ends(p.materialize("child", partitions="a*"))) == {"listing", "child@a1", "child@a2"}


def test_two_listings_for_one_definition(tmp_path: Path) -> None:
    @af.asset(adds_partitions=["files"])
    def left(context: af.Context) -> int:
        context.add_partitions("files", ["l"])
        return 1

    @af.asset(adds_partitions=["files"])
    def right(context: af.Context) -> int:
        context.add_partitions("files", ["r"])
        return 1

    p = project(tmp_path, left, right, child_alone, together, workers=1)
    assert ends(p.materialize()) == dict.fromkeys(["left", "right", "child@l", "child@r", "together"], "materialized")


def test_in_memory(tmp_path: Path) -> None:
    @af.asset(adds_partitions=["files"])
    def listing(context: af.Context) -> int:
        context.set_partitions("files", ["b", "a"])
        return 1

    @af.asset
    def total(child: dict[str, str]) -> str:
        return "".join(child.values())

    assert af.materialize([listing, child_alone, total])["total"] == "BA"
