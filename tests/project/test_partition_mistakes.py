"""What people get wrong when they name partitions: empty lists, texts for lists, choices that exclude each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assetflow as af
from assetflow.errors import PartitionError, UsageError
from tests.cli.calling import assetflow, write

DAYS = af.DailyPartitions("2024-01-01", "2024-01-11")


@pytest.fixture
def project(tmp_path: Path) -> af.Project:
    @af.asset(partitions=DAYS)
    def day(context: af.Context) -> str:
        return str(context.partition)

    @af.asset(partitions=af.DynamicPartitions("files"))
    def parsed(context: af.Context) -> str:
        return str(context.partition)

    return af.Project(assets=[day, parsed], root=tmp_path)


# --- keys of dynamic partitions ---


@pytest.mark.parametrize("keys", ["abc", b"abc", None, 7], ids=["text", "bytes", "None", "a number"])
def test_keys_are_a_list_and_no_text_letter_by_letter(project: af.Project, keys: Any) -> None:
    for change in (project.add_partitions, project.remove_partitions):
        with pytest.raises(PartitionError, match="not a list"):
            change("files", keys)
    assert project.partitions("files") == ()


def test_dynamic_partitions_are_named_by_text(project: af.Project) -> None:
    with pytest.raises(PartitionError, match="named by text"):
        project.add_partitions(None, ["x"])  # type: ignore[arg-type]


def test_keys_come_and_go_by_their_thousands(project: af.Project) -> None:
    """Each key is looked up in a set: with a list, these would be compared two billion times."""
    many = [f"f{number}" for number in range(60_000)]
    assert project.add_partitions("files", [*many, *many[:5]]) == tuple(many)
    assert project.add_partitions("files", [*many, "new"]) == ("new",)
    assert project.remove_partitions("files", many[::2]) == tuple(many[::2])
    assert project.partitions("files") == (*many[1::2], "new")


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: af.StaticPartitions(None), "got None, not a list of keys"),  # type: ignore[arg-type]
        (lambda: af.StaticMapping("x"), "got 'x', not a table"),  # type: ignore[arg-type]
        (lambda: af.StaticMapping.by_downstream(["x"]), "not a table"),  # type: ignore[arg-type]
    ],
    ids=["no keys", "a text for a table", "a list for a table"],
)
def test_declared_wrong(declare: Callable[[], Any], words: str) -> None:
    with pytest.raises(PartitionError, match=words) as found:
        declare()
    assert found.value.hint


# --- what is asked for ---


def test_an_empty_list_names_nothing_and_never_everything(project: af.Project) -> None:
    for ask in ({"partitions": []}, {"selection": []}, {"partitions": ()}):
        with pytest.raises(UsageError, match="is empty: it names nothing"):
            project.materialize(**ask)  # type: ignore[arg-type]
    assert project.runs() == []
    for name in ("partitions", "selection"):
        with pytest.raises(UsageError, match=f"{name}= is an empty list"):
            af.RunRequest(**{name: []})  # type: ignore[arg-type]


def test_a_partition_is_text(project: af.Project) -> None:
    with pytest.raises(UsageError, match="partition 5 is a int, not text"):
        project.plan("day", partitions=[5])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="partition 5 is neither text nor a list"):
        project.plan("day", partitions=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"first": "2024-01-05"}, {"last": "2024-01-02"}, {"partitions": ["2024-01-04", "2024-01-09"]}]
)
def test_two_choices_without_a_partition_in_common(project: af.Project, options: Any) -> None:
    with pytest.raises(PartitionError, match=r"`day@2024-01-03` and `day@.*` share no partition"):
        project.plan("day@2024-01-03", **options)
    assert list(project.plan("day@2024-01-03..2024-01-05", first="2024-01-05").steps[0].partitions or ()) == [
        "2024-01-05"
    ]


# --- words ---


def test_a_mapping_function_is_named_as_its_author_knows_it(tmp_path: Path) -> None:
    text = """
import assetflow as af
AB = af.StaticPartitions(["a", "b"])

@af.asset(partitions=AB)
def up(context: af.Context) -> int:
    return 1

def neighbour(key):
    return None

@af.asset(partitions=AB, inputs={"up": af.Dep("up", mapping=neighbour)})
def down(up: int) -> int:
    return up
"""
    write(tmp_path, {"assets/main.py": text})
    ended = assetflow("plan", at=tmp_path)
    assert ended.code == 2
    assert "mapping function `assets.main.neighbour` for partition 'a' gives None" in ended.err


def test_a_mapping_function_is_the_same_however_often_the_project_is_loaded(tmp_path: Path) -> None:
    text = """
import assetflow as af
AB = af.StaticPartitions(["a", "b"])

@af.asset(partitions=AB)
def up(context: af.Context) -> int:
    return 1

@af.asset(partitions=AB, inputs={"up": af.Dep("up", mapping=lambda key: [key])})
def down(up: int) -> int:
    return up
"""
    write(tmp_path, {"assets/main.py": text})
    with af.Project.load(tmp_path) as first:
        edge = first.graph.specs["down"].inputs[0]
        before = first.graph.mapping("down", edge).fingerprint()
    with af.Project.load(tmp_path) as second:
        edge = second.graph.specs["down"].inputs[0]
        assert second.graph.mapping("down", edge).fingerprint() == before


def test_many_failures_of_one_asset_do_not_flood_the_screen(tmp_path: Path) -> None:
    text = """
import assetflow as af

@af.asset(partitions=af.StaticPartitions([f"k{{number}}" for number in range(40)]), batch={batch})
def broken(context: af.Context) -> dict:
    raise ValueError("no")
"""
    for batch, place in ((False, "alone"), (True, "together")):
        folder = write(tmp_path / place, {"assets/main.py": text.format(batch=batch)})
        ended = assetflow("materialize", at=folder)
        assert ended.code == 1
        lines = [line for line in ended.out.splitlines() if line.startswith("failed")]
        assert sum("broken@k" in line for line in lines) == 10
        assert next(line.split()[2:] for line in lines if "broken@k" not in line)[:2] == ["more", "partitions:"]
        assert "40 partitions" in lines[-1]
        assert "40 failed" in ended.out
        again = assetflow("materialize", "-v", at=folder)
        assert sum("broken@k" in line for line in again.out.splitlines() if line.startswith("failed")) == 40


# --- inputs that are not there ---

BLOCKED = """
import assetflow as af

def nowhere(key):
    raise ValueError("no")

@af.asset(partitions=af.DailyPartitions("2024-01-03", "2024-01-08"))
def up(context: af.Context) -> str:
    return context.partition

@af.asset(partitions=af.DailyPartitions("2024-01-0{start}", "2024-01-08"))
def down(up: str) -> int:
    return len(up)

@af.asset
def further(down: list[int]) -> int:
    return sum(down)

@af.asset(partitions=af.StaticPartitions(["a"]), inputs={{"picked": af.Dep("letter", mapping={mapping})}})
def picky(picked: str) -> str:
    return picked

@af.asset(partitions=af.StaticPartitions(["a"]))
def letter(context: af.Context) -> str:
    return context.partition

@af.asset
def other() -> int:
    return 1
"""


def test_an_asset_that_cannot_be_planned_hides_no_other(tmp_path: Path) -> None:
    fine, broken = {"start": 3, "mapping": "None"}, {"start": 1, "mapping": "nowhere"}
    write(tmp_path, {"assets/main.py": BLOCKED.format(**fine)})
    assert assetflow("materialize", at=tmp_path).code == 0
    write(tmp_path, {"assets/main.py": BLOCKED.format(**broken)})
    for command in ("list", "graph", "status", "list status:stale", "show down", "list --json"):
        ended = assetflow(*command.split(), at=tmp_path)
        assert ended.code == 0, command
        assert "down" in ended.out
    listed = {each["asset"]: each for each in assetflow("list", "--json", at=tmp_path).json}
    assert {asset for asset, each in listed.items() if each["verdict"] == "fresh"} == {"up", "other", "letter"}
    assert [asset for asset, each in listed.items() if each["problem"]] == ["down", "picky"]
    assert listed["down"]["partitions"] == {"count": 7, "materialized": 5}
    told = assetflow("list", at=tmp_path).err
    words = "`down@2024-01-01..2024-01-02` needs partitions of `up` that do not exist: 2024-01-01..2024-01-02"
    assert f"note: `down` cannot be planned: {words}\n" in told
    assert "note: `picky` cannot be planned: asset `picky`, input `letter`: mapping function" in told
    assert "ValueError: no" in told
    assert f"cannot be planned: {words}" in assetflow("status", at=tmp_path).out
    for command in ("plan", "materialize", "validate", "plan further"):
        assert assetflow(*command.split(), at=tmp_path).code == 2, command
    assert assetflow("materialize", "other", "down@2024-01-04", at=tmp_path).code == 0
    # what was seen meanwhile is not remembered as known
    write(tmp_path, {"assets/main.py": BLOCKED.format(**fine)})
    assert "everything is fresh" in assetflow("materialize", at=tmp_path).out
    assert assetflow("list", at=tmp_path).err == ""


LAST = """
import json
from pathlib import Path
import assetflow as af

keys = af.source("keys", path="keys.json")

@af.asset(adds_partitions=["files"])
def listing(context: af.Context, keys: list[str]) -> int:
    context.set_partitions("files", keys)
    return len(keys)

@af.asset(partitions=af.DynamicPartitions("files"))
def parsed(context: af.Context) -> str:
    return context.partition

@af.asset(inputs={"parsed": af.Dep("parsed", mapping=af.LastPartition())})
def newest(parsed: str) -> str:
    return parsed
"""


def test_what_a_step_of_the_plan_may_add_is_not_missing_yet(tmp_path: Path) -> None:
    write(tmp_path, {"assets/main.py": LAST, "keys.json": '["x", "y"]'})
    assert assetflow("plan", at=tmp_path).code == 0
    assert assetflow("materialize", at=tmp_path).code == 0
    with af.Project.load(tmp_path) as project:
        assert project.load("newest") == "y"
    write(tmp_path, {"keys.json": "[]"})
    ended = assetflow("materialize", at=tmp_path)
    assert ended.code == 2
    assert (
        "`newest` needs partitions of `parsed` that do not exist: the last partition (there is none yet)" in ended.err
    )
    assert "TimeWindowMapping" not in ended.err
    ended = assetflow("list", at=tmp_path)  # nothing may add a partition now
    assert (ended.code, ended.err.count("`newest` cannot be planned")) == (0, 1)
    assert assetflow("plan", at=tmp_path).code == 2
    write(tmp_path, {"keys.json": '["z"]'})
    assert assetflow("materialize", at=tmp_path).code == 0


def test_days_that_start_later_read_one_value(tmp_path: Path) -> None:
    @af.asset(partitions=DAYS)
    def day(context: af.Context) -> str:
        return str(context.partition)

    @af.asset(partitions=af.DailyPartitions("2024-01-03", "2024-01-06"))
    def later(day: str) -> str:
        return day

    @af.asset(
        partitions=af.DailyPartitions("2023-12-31", "2024-01-02"),
        inputs={"day": af.Dep("day", mapping=af.TimeWindowMapping(allow_nonexistent_upstream=True))},
    )
    def earlier(day: str | None) -> str:
        return str(day)

    p = af.Project(assets=[day, later, earlier], root=tmp_path)
    assert p.materialize().ok
    assert p.load("later") == {key: key for key in ("2024-01-03", "2024-01-04", "2024-01-05")}
    assert p.load("earlier") == {"2023-12-31": "None", "2024-01-01": "2024-01-01"}
