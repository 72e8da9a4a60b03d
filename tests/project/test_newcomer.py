"""Mistakes that newcomers make: each is named where it was made, with what to do next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import assetflow as af
from assetflow.errors import DefinitionError, Problem, QueryError, UnknownPartitionError
from assetflow.model.record import StepStatus

HEAD = "import assetflow as af\nimport polars as pl\n"


def project_of(root: Path, source: str, **files: str) -> af.Project:
    (root / "assets").mkdir()
    (root / "assets" / "mine.py").write_text(HEAD + source, "utf-8")
    for name, text in files.items():
        (root / "assets" / f"{name}.py").write_text(text, "utf-8")
    return af.Project.load(root, environ={})


def the_problem(project: af.Project) -> Problem:
    with pytest.raises(DefinitionError) as caught:
        project.plan()
    (problem,) = caught.value.problems
    return problem


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_misspelt_helper_is_named_with_its_file_and_the_nearest_one(tmp_path: Path) -> None:
    project = project_of(tmp_path, "from money import curency\n", money="def currency(): ...\n")
    problem = the_problem(project)
    assert problem.message == "ImportError: cannot import `curency` from `assets/money.py`"
    assert (problem.where, problem.hint) == ("assets/mine.py:3", "did you mean `currency`?")


def test_a_misspelt_module_of_the_project_is_no_package_to_install(tmp_path: Path) -> None:
    project = project_of(tmp_path, "import mony\n", money="")
    problem = the_problem(project)
    assert problem.message == "ModuleNotFoundError: No module named 'mony'"
    assert problem.hint == "did you mean `money`? Otherwise install `mony`"


def test_a_module_that_is_like_none_of_the_project_is_to_be_installed(tmp_path: Path) -> None:
    project = project_of(tmp_path, "import pandaz_of_nobody\n")
    assert the_problem(project).hint == "install `pandaz_of_nobody`, or correct the import"


def test_a_name_that_assetflow_does_not_have(tmp_path: Path) -> None:
    project = project_of(tmp_path, "@af.aset\ndef one() -> int:\n    return 1\n")
    problem = the_problem(project)
    assert problem.message == "AttributeError: module 'assetflow' has no attribute 'aset'"
    assert problem.hint == "did you mean `asset`?"


# --- an asset that reads itself --------------------------------------------------------------------------------------


def test_an_unpartitioned_asset_cannot_read_itself(tmp_path: Path) -> None:
    project = project_of(tmp_path, "@af.asset\ndef count(count: int) -> int:\n    return count + 1\n")
    problem = the_problem(project)
    assert problem.slug == "own_value"
    assert problem.message == "asset `count` reads itself"
    assert problem.hint is not None
    assert "context.previous()" in problem.hint


DAYS = 'DAYS = af.DailyPartitions("2024-01-01", "2024-01-04")\n'


@pytest.mark.parametrize(
    "mapping",
    ["None", "af.IdentityMapping()", "af.AllPartitions()", "af.LastPartition()", "af.TimeWindowMapping(-1, 0)"],
)
def test_a_partition_cannot_wait_for_itself(tmp_path: Path, mapping: str) -> None:
    source = f"""{DAYS}
@af.asset(partitions=DAYS, inputs={{"before": af.Dep("total", mapping={mapping})}})
def total(before: list[int]) -> int:
    return 1
"""
    problem = the_problem(project_of(tmp_path, source))
    assert problem.slug == "own_value"
    assert problem.hint is not None
    assert "TimeWindowMapping(-1, -1)" in problem.hint


def test_a_partition_may_read_the_ones_before_it(tmp_path: Path) -> None:
    source = f"""{DAYS}
@af.asset(partitions=DAYS, inputs={{"before": af.Dep("total", mapping=af.TimeWindowMapping(-1, -1))}})
def total(before: int | None) -> int:
    return (before or 0) + 1
"""
    project = project_of(tmp_path, source)
    assert project.materialize("total").counts["materialized"] == 3
    assert project.load("total", partition="2024-01-03") == 3


# --- values of another type ------------------------------------------------------------------------------------------


def error_of(project: af.Project, asset: str) -> str:
    steps = [step for step in project.materialize().steps if step.asset == asset]
    assert [step.status for step in steps] == [StepStatus.FAILED]
    return steps[0].error or ""


def test_a_text_read_as_a_frame_is_told_in_our_words_alone(tmp_path: Path) -> None:
    source = """
@af.asset
def text() -> str:
    return "hello"

@af.asset
def table(text: pl.DataFrame) -> pl.DataFrame:
    return text
"""
    error = error_of(project_of(tmp_path, source), "table")
    assert "is stored as text and cannot be loaded as `polars.DataFrame` (hint: annotate the input as `str`" in error
    assert "pydantic" not in error


def test_none_is_called_none(tmp_path: Path) -> None:
    source = """
@af.asset
def nothing():
    pass

@af.asset
def number(nothing: int) -> int:
    return nothing
"""
    error = error_of(project_of(tmp_path, source), "number")
    assert "annotate the input as `None`" in error


# --- questions -------------------------------------------------------------------------------------------------------


def test_a_query_without_its_parameters_says_how_to_give_them(tmp_path: Path) -> None:
    project = project_of(tmp_path, "")
    with pytest.raises(QueryError) as caught:
        project.query("select $asset, $moment")
    assert "asset" in caught.value.message
    assert caught.value.hint is not None
    assert "-p asset=…" in caught.value.hint
    assert "-p moment=…" in caught.value.hint


def test_the_nearest_view_is_one_of_the_documented_ones(tmp_path: Path) -> None:
    project = project_of(tmp_path, "")
    with pytest.raises(QueryError) as caught:
        project.query("select * from event")
    assert caught.value.hint == "did you mean `events`?"


def test_a_plan_prints_as_a_line_per_step(tmp_path: Path) -> None:
    project = project_of(tmp_path, f"{DAYS}\n@af.asset(partitions=DAYS)\ndef day() -> int:\n    return 1\n")
    assert str(project.plan()) == "run day (3 partitions): never materialized\n3 to run, 0 fresh"


def test_removing_a_dynamic_partition_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    source = """
@af.asset(partitions=af.DynamicPartitions("files"))
def parsed(context: af.Context) -> str | None:
    return context.partition
"""
    project = project_of(tmp_path, source)
    hints = []
    for key in ("a.csv", "b.csv", "zzz"):
        with pytest.raises(UnknownPartitionError) as caught:
            project.remove_partitions("files", [key])
        hints.append(caught.value.hint)
        project.add_partitions("files", ["a.csv"])
    assert hints == ["there are none yet", "did you mean `a.csv`?", "`assetflow partitions list files` shows all 1"]


# --- on the screen ---------------------------------------------------------------------------------------------------


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assetflow", *arguments],
        cwd=root, text=True, encoding="utf-8", capture_output=True, timeout=120, check=True,
    )  # fmt: skip


def test_partitions_added_during_a_run_have_their_line(tmp_path: Path) -> None:
    source = """
FILES = af.DynamicPartitions("files")

@af.asset(adds_partitions=["files"])
def listing(context: af.Context) -> int:
    context.set_partitions("files", ["a", "b"])
    return 2

@af.asset(partitions=FILES, deps=[listing])
def parsed(context: af.Context) -> str | None:
    return context.partition
"""
    project_of(tmp_path, source).close()
    done = command(tmp_path, "materialize")
    first, second = done.stdout.splitlines()[:2]
    assert first.split()[:2] == ["materialized", "listing"]
    assert second.split()[:4] == ["materialized", "parsed", "2", "partitions"]
    assert [line.partition(" may ")[0] for line in done.stderr.splitlines()] == ["note: partitions `files`"]


def test_a_query_that_made_a_damaged_catalog_anew_says_so(tmp_path: Path) -> None:
    project = project_of(tmp_path, "@af.asset\ndef one() -> int:\n    return 1\n")
    project.materialize()
    project.close()
    (tmp_path / "catalog" / "catalog.duckdb").write_text("rubbish", "utf-8")
    done = command(tmp_path, "query", "select asset from steps", "--format", "csv")
    assert done.stdout.split() == ["asset", "one"]
    assert "was damaged" in done.stderr
    assert "nothing is lost" in done.stderr


# --- files that cannot be loaded -------------------------------------------------------------------------------------


def test_a_file_that_raises_what_is_no_exception_is_a_problem_of_that_file(tmp_path: Path) -> None:
    project = project_of(tmp_path, "class Stop(BaseException): ...\nraise Stop('enough')\n")
    problem = the_problem(project)
    assert (problem.message, problem.where) == ("Stop: enough", "assets/mine.py:4")


def test_links_that_lead_back_are_followed_once(tmp_path: Path) -> None:
    project = project_of(tmp_path, "@af.asset\ndef one() -> int:\n    return 1\n")
    (tmp_path / "assets" / "again").symlink_to(".")
    assert project.graph.keys == ("one",)


def test_a_link_to_itself_is_a_problem_of_that_file(tmp_path: Path) -> None:
    project = project_of(tmp_path, "")
    (tmp_path / "assets" / "loop.py").symlink_to("loop.py")
    assert the_problem(project).file == "assets/loop.py"
