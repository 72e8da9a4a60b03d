"""Definitions of partitions that change after data exists, keys that change by command, and requests that go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assetflow as af
from assetflow.errors import PartitionError, UnknownPartitionError, ValueNotFoundError
from tests.cli.calling import Ended, assetflow, write

DAYS = af.DailyPartitions("2024-01-01", "2024-01-05")
LETTERS = af.StaticPartitions(["x", "y"])


def project(root: Path, partitions: Any) -> af.Project:
    @af.asset(partitions=partitions)
    def a(context: af.Context) -> pl.DataFrame:
        return pl.DataFrame({"k": [context.partition or "whole"]})

    @af.asset
    def total(a: pl.DataFrame) -> list[str]:
        return a["k"].to_list()

    return af.Project(assets=[a, total], root=root)


def planned(p: af.Project) -> dict[str, list[str] | None]:
    return {step.asset: None if step.partitions is None else list(step.partitions) for step in p.plan().steps}


# --- definitions that change ---


@pytest.mark.parametrize(
    ("before", "after", "missing", "outside"),
    [
        (DAYS, af.DailyPartitions("2024-01-03", "2024-01-05"), [], 2),
        (DAYS, af.DailyPartitions("2023-12-31", "2024-01-05"), ["2023-12-31"], 0),
        (DAYS, af.DailyPartitions("2024-01-01", "2024-01-03"), [], 2),
        (DAYS, af.DailyPartitions("2024-01-01", "2024-01-03", fmt="%Y%m%d"), ["20240101", "20240102"], 4),
        (DAYS, af.DailyPartitions("2024-01-01", "2024-01-05", exclude=["0 0 2 * *"]), [], 1),
        (LETTERS, af.StaticPartitions(["y"]), [], 1),
        (LETTERS, af.StaticPartitions(["x", "z"]), ["z"], 1),
        (LETTERS, af.StaticPartitions(["y", "x"]), [], 0),
        (LETTERS, None, None, 2),
        (None, LETTERS, ["x", "y"], 1),
        (
            LETTERS,
            af.MultiPartitions(letter=LETTERS, size=af.StaticPartitions(["l"])),
            ["x|l", "y|l"],
            2,
        ),
    ],
    ids=[
        "start later", "start earlier", "end earlier", "another format", "one excluded", "key removed",
        "key renamed", "another order", "no partitions any more", "partitions now", "one more dimension",
    ],
)  # fmt: skip
def test_what_was_made_is_kept_and_what_is_there_now_is_planned(
    tmp_path: Path, before: Any, after: Any, missing: list[str] | None, outside: int
) -> None:
    project(tmp_path, before).materialize()
    p = project(tmp_path, after)
    made = len(p.history("a"))
    assert planned(p).get("a", []) == missing
    listing = p.assets("a")[0]
    assert listing.outside == outside
    assert p.materialize().ok
    assert p.plan().is_empty
    there = None if after is None else list(p.universe().all("a") or ())
    # `total` and a load of the whole read exactly what the definition has
    assert p.load("total") == (["whole"] if there is None else there)
    if there:
        assert p.load("a", as_type=pl.DataFrame).height == len(there)
    # nothing that was ever made is gone
    assert len(p.history("a")) == made + (1 if missing is None else len(missing))
    rows = p.query("select count(*) as n from asset_partitions where asset = 'a'")[0]["n"]
    assert rows == p.assets("a")[0].outside + (1 if there is None else len(there))
    back = project(tmp_path, before)
    assert "a" not in planned(back)
    assert back.materialize().ok
    assert back.load("total") == (["whole"] if before is None else list(before.keys()))


@pytest.mark.parametrize(
    "after",
    [
        af.DailyPartitions("2024-01-01", "2024-01-05", tz="Asia/Tokyo"),
        af.DailyPartitions("2024-01-01", "2024-01-05", hour_offset=6),
        af.CronPartitions("0 0 * * 0-4,6", "2024-01-01", "2024-01-05", fmt="%Y-%m-%d"),
    ],
    ids=["another zone", "another hour", "another cadence"],
)
def test_windows_that_move_are_a_change_of_what_sees_them(tmp_path: Path, after: Any) -> None:
    def versions(partitions: Any) -> af.Project:
        @af.asset(partitions=partitions)
        def sees(context: af.Context) -> str:
            return str(context.window)

        @af.asset(partitions=partitions)
        def blind() -> int:
            return 1

        return af.Project(assets=[sees, blind], root=tmp_path)

    versions(DAYS).materialize()
    p = versions(after)
    (step,) = p.plan().steps
    assert step.asset == "sees"
    assert [cause.to_json() for cause in step.causes] == [{"kind": "code_changed", "components": ["partitions="]}]
    assert p.materialize().ok
    assert p.plan().is_empty


def test_keys_that_were_declared_are_added_by_hand_from_now_on(tmp_path: Path) -> None:
    project(tmp_path, LETTERS).materialize()
    p = project(tmp_path, af.DynamicPartitions("letters"))
    assert (p.assets("a")[0].partitions, p.assets("a")[0].outside) == ((0, 0), 2)
    p.add_partitions("letters", ["y"])
    assert planned(p) == {"total": None}
    assert p.assets("a")[0].outside == 1


def test_what_is_kept_is_read_by_its_key(tmp_path: Path) -> None:
    project(tmp_path, LETTERS).materialize()
    p = project(tmp_path, af.StaticPartitions(["y", "z"]))
    assert p.load("a", partition="x", as_type=pl.DataFrame)["k"].to_list() == ["x"]
    with pytest.raises(ValueNotFoundError):
        p.load("a", partition="z")
    with pytest.raises(UnknownPartitionError):
        p.load("a", partition="w")
    assert len(p.lineage("a", "x").upstream) == 0
    assert [row.partition for row in p.history("a", "x")] == ["x"]


def in_sql(p: af.Project) -> tuple[list[str], list[str]]:
    """The rows of the whole in SQL, and the partitions that are marked as outside."""
    rows = p.query("select k from data.a order by k")
    marked = p.query("select partition from asset_partitions where outside and asset = 'a' order by 1")
    return [row["k"] for row in rows], [row["partition"] for row in marked]


@pytest.mark.parametrize(
    ("after", "rows", "outside"),
    [
        (LETTERS, ["x", "y"], []),
        (af.StaticPartitions(["y"]), ["y"], ["x"]),
        (af.StaticPartitions(["y", "z"]), ["y", "z"], ["x"]),
        (None, ["whole"], ["x", "y"]),
    ],
    ids=["as before", "one gone", "one gone and one new", "no partitions"],
)
def test_a_whole_in_sql_is_what_the_definition_has(
    tmp_path: Path, after: Any, rows: list[str], outside: list[str]
) -> None:
    project(tmp_path, LETTERS).materialize()
    with project(tmp_path, after) as p:
        p.materialize()
        assert in_sql(p) == (rows, outside)
    with project(tmp_path, LETTERS) as p:
        p.materialize()
        found, marked = in_sql(p)
        assert (found, marked) == (["x", "y"], [None] if after is None else ["z"] if "z" in rows else [])
        p.catalog.rebuild()
        p.materialize()
        assert in_sql(p) == (found, marked)


def test_a_whole_in_sql_follows_keys_that_come_and_go(tmp_path: Path) -> None:
    with project(tmp_path, af.DynamicPartitions("letters")) as p:
        p.add_partitions("letters", ["x", "y"])
        p.materialize()
        assert in_sql(p) == (["x", "y"], [])
        p.remove_partitions("letters", ["x"])
        assert in_sql(p) == (["y"], ["x"])
        p.add_partitions("letters", ["x"])
        assert in_sql(p) == (["x", "y"], [])


PARTS = """
import assetflow as af

@af.asset(partitions=af.StaticPartitions({keys}))
def a(context: af.Context) -> str:
    return context.partition
"""


def test_what_is_kept_is_shown_and_marked(tmp_path: Path) -> None:
    write(tmp_path, {"assets/a.py": PARTS.format(keys=["x", "y"])})
    assert assetflow("materialize", at=tmp_path).code == 0
    write(tmp_path, {"assets/a.py": PARTS.format(keys=["y"])})
    shown = assetflow("show", "a@x", at=tmp_path)
    assert (shown.code, shown.err) == (0, "")
    assert "a@x  outside the definition" in shown.out
    document = assetflow("show", "a@x", "--json", at=tmp_path).json
    assert (document["outside_definition"], document["current"]["partition"], document["causes"]) == (True, "x", [])
    assert not assetflow("show", "a@y", "--json", at=tmp_path).json["outside_definition"]
    assert "'w' is not a partition of static (y)" in assetflow("show", "a@w", at=tmp_path).err


def test_a_run_says_how_many_steps_came_on_the_way(tmp_path: Path) -> None:
    text = """
import assetflow as af

@af.asset(adds_partitions=["files"])
def listing(context: af.Context) -> int:
    context.set_partitions("files", ["x", "y"])
    return 1

@af.asset(partitions=af.DynamicPartitions("files"))
def parsed(context: af.Context) -> str:
    return context.partition
"""
    write(tmp_path, {"assets/a.py": text})
    run = assetflow("materialize", "--json", at=tmp_path).json["run_id"]
    assert "3 materialized, of 1 planned and 2 for partitions that came" in assetflow("run", run, at=tmp_path).out


def test_one_more_dimension_in_the_middle_of_a_graph(tmp_path: Path) -> None:
    def chain(partitions: Any) -> af.Project:
        @af.asset(partitions=partitions)
        def first(context: af.Context) -> str:
            return str(context.partition)

        @af.asset(partitions=partitions)
        def second(first: str) -> str:
            return first + first

        return af.Project(assets=[first, second], root=tmp_path)

    chain(LETTERS).materialize()
    p = chain(af.MultiPartitions(letter=LETTERS, n=af.StaticPartitions(["1", "2"])))
    assert planned(p) == {"first": ["x|1", "x|2", "y|1", "y|2"], "second": ["x|1", "x|2", "y|1", "y|2"]}
    p.materialize()
    assert p.load("second", partition="y|2") == "y|2y|2"
    assert [listing.outside for listing in p.assets()] == [2, 2]


# --- mappings that return nonsense ---


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda key: "nowhere", "'nowhere' is not a partition of static (x, y)"),
        (lambda key: 7, "gives 7, not a key or keys"),
        (lambda key: [key, 7], "gives 7, which is not text"),
        (lambda key: None, "gives None, not a key or keys"),
        (lambda key: {key: 1}, "not a key or keys"),
        (lambda key: b"x", "not a key or keys"),
        (lambda key: key[9], "failed for partition 'x': IndexError"),
        (lambda: "x", "failed for partition 'x': TypeError"),
    ],
    ids=["unknown key", "a number", "a number inside", "None", "a table", "bytes", "it raises", "no parameter"],
)
def test_a_mapping_that_says_nonsense(tmp_path: Path, function: Any, words: str) -> None:
    @af.asset(partitions=LETTERS)
    def upstream(context: af.Context) -> int:
        return 1

    @af.asset(partitions=LETTERS, inputs={"up": af.Dep("upstream", mapping=function)})
    def reader(up: Any) -> int:
        return 1

    p = af.Project(assets=[upstream, reader], root=tmp_path)
    with pytest.raises(PartitionError) as found:
        p.plan()
    assert "asset `reader`, input `upstream`" in found.value.message
    assert words in found.value.message
    assert found.value.hint


def test_a_mapping_that_is_no_mapping(tmp_path: Path) -> None:
    @af.asset(partitions=LETTERS)
    def upstream(context: af.Context) -> int:
        return 1

    @af.asset(partitions=LETTERS, inputs={"up": af.Dep("upstream", mapping={"x": "y"})})
    def reader(up: Any) -> int:
        return 1

    with pytest.raises(af.DefinitionError, match=r"StaticMapping\(\{upstream: downstream\}\)"):
        af.Project(assets=[upstream, reader], root=tmp_path).plan()


def test_a_partition_that_is_needed_and_not_there_is_named_in_the_plan(tmp_path: Path) -> None:
    @af.asset(partitions=af.DailyPartitions("2024-01-03", "2024-01-05"))
    def late(context: af.Context) -> int:
        return 1

    @af.asset(partitions=DAYS)
    def early(late: int) -> int:
        return late

    with pytest.raises(PartitionError, match=r"`early@2024-01-01\.\.2024-01-02` needs partitions of `late` that do"):
        af.Project(assets=[late, early], root=tmp_path).plan()


# --- requests, through the command line ---

ASSETS = """
import assetflow as af

DAYS = af.DailyPartitions("2024-01-01", "2024-01-11")
FILES = af.DynamicPartitions("files")

@af.asset(partitions=DAYS)
def day(context: af.Context) -> str:
    return context.partition

@af.asset(partitions=FILES)
def parsed(context: af.Context) -> str:
    return context.partition

@af.asset(partitions=af.StaticPartitions(["north", "south", "southwest"]))
def region(context: af.Context) -> str:
    return context.partition
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"assets/main.py": ASSETS})


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("materialize day --from 2024-01-05 --to 2024-01-02", "2024-01-05", "2024-01-02"),
        ("materialize day --from 2023-12-30", "2023-12-30", ""),
        ("materialize day --to 2024-02-30", "2024-02-30", ""),
        ("materialize day --partition 2024-01-11", "2024-01-11", ""),
        ("materialize day --partition tuesday", "tuesday", ""),
        ("materialize day --partition 2024-01-03..2024-01-01", "2024-01-03", ""),
        ("plan day@2024-01-03..2023-01-01", "2023-01-01", ""),
        ("plan region --partition nroth", "nroth", "did you mean `north`?"),
        ("plan region@east*", "east*", ""),
        ("plan parsed --partition x", "dynamic `files`", "there are none yet"),
        ("materialize day --from 2024-01-02 --partition 2024-01-03", "two ways", "use one of them"),
        ("show day@2025-01-01", "2025-01-01", ""),
    ],
)
def test_requests_that_go_wrong(folder: Path, words: str, message: str, hint: str) -> None:
    ended = assetflow(*words.split(), at=folder)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert message in ended.err
    assert hint in ended.err
    assert "\nhint: " in ended.err
    assert not (folder / "catalog" / "log").exists()


def test_a_zone_that_does_not_exist_is_a_definition_error(folder: Path) -> None:
    write(
        folder, {"assets/zone.py": 'import assetflow as af\nX = af.DailyPartitions("2024-01-01", tz="Europe/Pariss")\n'}
    )
    ended = assetflow("plan", at=folder)
    assert ended.code == 3
    assert "assets/zone.py:2" in ended.err
    assert "Europe/Pariss" in ended.err
    assert "Europe/Paris`" in ended.err


# --- backfills ---


def steps(ended: Ended) -> list[str]:
    return [step["partition"] for step in ended.json["steps"]]


def days(first: int, last: int) -> list[str]:
    return [f"2024-01-{day:02}" for day in range(first, last + 1)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("day --from 2024-01-03 --to 2024-01-05", days(3, 5)),
        ("day --from 2024-01-08", days(8, 10)),
        ("day --to 2024-01-02", days(1, 2)),
        ("day --partition 2024-01-09 --partition 2024-01-02", ["2024-01-02", "2024-01-09"]),
        ("day --partition 2024-01-0[12]", days(1, 2)),
        ("day --partition *-1?", ["2024-01-10"]),
        ("day --partition 2024-01-02..2024-01-03 --partition 2024-01-03..2024-01-04", days(2, 4)),
        ("day@2024-01-02..2024-01-04", days(2, 4)),
        ("day@2024-01-02 day@2024-01-06", ["2024-01-02", "2024-01-06"]),
        ("region --partition south*", ["south", "southwest"]),
    ],
)
def test_what_a_backfill_takes(folder: Path, words: str, expected: list[str]) -> None:
    ended = assetflow("materialize", *words.split(), "--json", at=folder)
    assert ended.code == 0, ended.err
    assert steps(ended) == expected
    assert steps(assetflow("materialize", *words.split(), "--json", at=folder)) == []


BREAKABLE = """
from pathlib import Path
import assetflow as af

@af.asset(partitions=af.DailyPartitions("2024-01-01", "2024-01-11"))
def day(context: af.Context) -> str:
    if Path("broken").exists() and context.partition in ("2024-01-02", "2024-01-05"):
        raise ValueError("no")
    return context.partition
"""


def test_a_backfill_goes_on_where_it_failed(folder: Path) -> None:
    write(folder, {"assets/main.py": BREAKABLE, "broken": ""})
    words = ("materialize", "day", "--from", "2024-01-01", "--to", "2024-01-06", "--json")
    ended = assetflow(*words, at=folder)
    assert ended.code == 1
    assert ended.json["counts"]["materialized"] == 4
    assert ended.json["counts"]["failed"] == 2
    (folder / "broken").unlink()
    ended = assetflow(*words, at=folder)
    assert ended.code == 0
    assert steps(ended) == ["2024-01-02", "2024-01-05"]


# --- the command for dynamic partitions ---


def test_keys_come_and_go_by_command(folder: Path) -> None:
    assert assetflow("partitions", "list", "files", at=folder).err == "partitions `files` have no key yet\n"
    assert assetflow("partitions", "add", "files", "b", "a", "b", at=folder).out == "added 2 keys to `files`\n"
    assert (
        assetflow("partitions", "add", "files", "a", "c", at=folder).out == "added 1 key to `files`, 1 there already\n"
    )
    assert assetflow("partitions", "add", "files", "c", at=folder).out == "nothing to add to `files`, 1 there already\n"
    assert assetflow("partitions", "list", "files", at=folder).out == "b\na\nc\n"
    assert steps(assetflow("materialize", "parsed", "--json", at=folder)) == ["b", "a", "c"]
    removed = assetflow("partitions", "remove", "files", "a", at=folder)
    assert removed.out == "removed 1 key from `files`; what was made for them is kept\n"
    assert assetflow("partitions", "list", "files", "--json", at=folder).json == {"name": "files", "keys": ["b", "c"]}
    listed = assetflow("list", "parsed", at=folder)
    assert "2 of 2, 1 outside" in listed.out
    assert "2 of 2 materialized, 1 partition outside the definition kept" in assetflow("show", "parsed", at=folder).out
    history = assetflow("history", "parsed", "--json", at=folder).json
    assert sorted(row["partition"] for row in history) == ["a", "b", "c"]


def test_dynamic_partitions_as_documents(folder: Path) -> None:
    assert assetflow("partitions", "add", "files", "a", "b", "--json", at=folder).json == {
        "name": "files", "added": ["a", "b"], "there": [],
    }  # fmt: skip
    assert assetflow("partitions", "add", "files", "b", "--json", at=folder).json == {
        "name": "files", "added": [], "there": ["b"],
    }  # fmt: skip
    assert assetflow("partitions", "list", "--json", at=folder).json == [
        {"name": "files", "count": 2, "assets": ["parsed"], "added_by": []}
    ]
    assert assetflow("partitions", "remove", "files", "b", "--json", at=folder).json == {
        "name": "files", "removed": ["b"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("list flies", "no asset has dynamic partitions `flies`", "did you mean `files`?"),
        ("add flies x", "no asset has dynamic partitions `flies`", "did you mean `files`?"),
        ("remove files alpa", "have no key 'alpa'", "did you mean `alpha`?"),
        ("remove files zzzz", "have no key 'zzzz'", "`assetflow partitions list files` shows all 1"),
        ("add files a|b", "'a|b'", ""),
        ("add files", "needs the argument KEY...", "--help"),
        ("ad files x", "has no command `ad`", "did you mean `add`?"),
    ],
)
def test_commands_that_go_wrong(folder: Path, words: str, message: str, hint: str) -> None:
    assert assetflow("partitions", "add", "files", "alpha", at=folder).code == 0
    ended = assetflow("partitions", *words.split(), at=folder)
    assert ended.code == 2
    assert message in ended.err
    assert hint in ended.err
    assert assetflow("partitions", "list", "files", at=folder).out == "alpha\n"


def test_a_project_without_dynamic_partitions(tmp_path: Path) -> None:
    write(tmp_path, {"assets/main.py": "import assetflow as af\n\n@af.asset\ndef a() -> int:\n    return 1\n"})
    ended = assetflow("partitions", "list", at=tmp_path)
    assert (ended.code, ended.out, ended.err) == (0, "", "no asset has dynamic partitions\n")
    assert "no asset is so partitioned" in assetflow("partitions", "add", "files", "x", at=tmp_path).err
