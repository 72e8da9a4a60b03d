"""Ticks of a watch over real files: what is saved runs, and nothing else does."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

import assetflow as af
from tests.watch.making import PATIENCE, TWO, fails, made, ran, save, saw, until, watching, write

NUMBERS = TWO["assets/numbers.py"]


def test_what_is_saved_runs_and_what_differs_is_told(tmp_path: Path) -> None:
    project = write(tmp_path, TWO)
    with watching(project) as watch:
        first = next(watch)
        assert ran(first) == {"numbers": "materialized", "total": "materialized", "apart": "materialized"}
        assert (first.number, first.changes, first.ok) == (1, (), True)

        save(project / "assets/shared.py", "def scale() -> int:\n    return 20\n")
        tick = until(watch, made("numbers"))
        assert "shared.py" in [Path(change.path).name for change in tick.changes]
        assert ran(tick) == {"numbers": "materialized", "total": "materialized"}
        assert {found.asset: found.describe() for found in tick.differences} == {
            "numbers": "`m` changed",
            "total": "other content",
        }

        save(project / "assets/numbers.py", NUMBERS.replace("[1, 2, 3]}", '[1, 2, 3, 4], "k": ["a"] * 4}'))
        tick = until(watch, made("numbers"))
        assert tick.differences[0].describe() == "+1 row, new `k`, `n`, `m` changed"

        save(project / "assets/numbers.py", NUMBERS.replace("[1, 2, 3]", "[1.0, 2.0]"))
        tick = until(watch, made("numbers"))
        assert tick.differences[0].describe() == (
            "-2 rows, no more `k`, `n` now Float64 (was Int64), `m` now Float64 (was Int64)"
        )

        save(project / "assets/numbers.py", NUMBERS.replace("[1, 2, 3]", "[1.0, 2.0]  # floats\n    "))
        tick = until(watch, saw("numbers.py"))
        assert tick.plan is not None
        assert tick.plan.is_empty, "a comment is no change"
        save(project / "assets/numbers.py", "\n" + NUMBERS)
        tick = until(watch, lambda tick: "numbers" in ran(tick))
        assert ran(tick)["numbers"] == "materialized", "the shared module changed since that version was made"
        save(project / "assets/shared.py", TWO["assets/shared.py"])
        tick = until(watch, lambda tick: bool(ran(tick)))
        assert ran(tick)["numbers"] == "materialized"
    assert af.Project.load(project).load("total") == 60


def test_what_is_broken_is_told_with_its_place_and_the_next_good_save_goes_on(tmp_path: Path) -> None:
    project = write(tmp_path, TWO)
    with watching(project, "total") as watch:
        assert ran(next(watch)) == {"numbers": "materialized", "total": "materialized"}

        save(project / "assets/shared.py", "def scale() -> int\n    return 20\n")
        tick = until(watch, fails("SyntaxError"))
        assert isinstance(tick.error, af.DefinitionError)
        assert [(problem.file, problem.line) for problem in tick.error.problems] == [("assets/shared.py", 1)]
        assert (tick.plan, tick.result, tick.ok) == (None, None, False)
        assert "assets/shared.py:1" in str(tick.error), "an error comes whole from the worker"
        assert af.Project.load(project).catalog.runs()[0].status == "succeeded", "the last good state stays"

        save(project / "assets/shared.py", "")
        until(watch, fails("cannot import `scale` from `assets/shared.py`"))
        (project / "assets/shared.py").unlink()
        until(watch, fails("No module named 'shared'"))
        save(project / "assets/shared.py", "def scale() -> int:\n    return 1 // 0\n")
        tick = until(watch, lambda tick: tick.error is None)
        assert ran(tick) == {"numbers": "failed", "total": "skipped"}
        assert not tick.ok

        save(project / "assets/shared.py", "def scale() -> int:\n    return 30\n")
        assert ran(until(watch, made("numbers")))["total"] == "materialized"


def test_sources_are_watched_and_equal_content_is_cut_off(tmp_path: Path) -> None:
    project = write(
        tmp_path,
        {
            "assets/sales.py": """
import polars as pl
import assetflow as af

sales = af.source("sales", path="data/sales/*.csv")


@af.asset
def rows(sales: pl.DataFrame) -> pl.DataFrame:
    return sales.sort("id")


@af.asset
def count(rows: pl.DataFrame) -> int:
    return rows.height
""",
            "data/sales/a.csv": "id\n1\n2\n",
        },
    )
    with watching(project) as watch:
        assert ran(next(watch))["count"] == "materialized"
        save(project / "data/sales/b.csv", "id\n3\n")
        tick = until(watch, made("rows"))
        assert tick.differences[0].describe() == "+1 row, `id` changed"
        save(project / "data/sales/b.csv", "id\n03\n")
        assert ran(until(watch, lambda tick: "rows" in ran(tick))) == {"rows": "materialized", "count": "unchanged"}
        save(project / "data/sales/notes.txt", "no part of the source")
        (project / "data/sales/a.csv").touch()
        tick = until(watch, saw("a.csv"))
        assert tick.plan is not None
        assert tick.plan.is_empty, "a touch is no change"
        shutil.rmtree(project / "data")
        tick = until(watch, lambda tick: tick.error is not None or not tick.ok or bool(ran(tick)))
        write(project, {"data/sales/a.csv": "id\n1\n"})
        tick = until(watch, made("rows"))
        assert af.Project.load(project).load("count") == 1


def test_assets_come_and_go_and_move(tmp_path: Path) -> None:
    project = write(tmp_path / "project", TWO)
    with watching(project) as watch:
        next(watch)
        save(
            project / "assets/more.py",
            "import assetflow as af\n\n\n@af.asset\ndef more(apart: int) -> int:\n    return apart\n",
        )
        assert ran(until(watch, made("more"))) == {"more": "materialized"}

        (project / "assets/deep").mkdir()
        (project / "assets/more.py").rename(project / "assets/deep/more.py")
        tick = until(watch, lambda tick: tick.plan is not None and "more" in tick.plan.verdicts)
        (project / "assets/deep").rename(project / "assets/deeper")
        tick = until(watch, lambda tick: any(change.path.endswith("deeper") for change in tick.changes))
        assert tick.plan is not None
        assert "more" in tick.plan.verdicts
        assert tick.plan.is_empty
        shutil.rmtree(project / "assets/deeper")
        tick = until(watch, lambda tick: tick.plan is not None and "more" not in tick.plan.verdicts)
        assert tick.ok

        (project / "assets").rename(project / "elsewhere")
        tick = until(watch, lambda tick: tick.error is not None)
        (project / "elsewhere").rename(project / "assets")
        until(watch, lambda tick: tick.ok and tick.plan is not None and tick.plan.is_empty)
        project.rename(tmp_path / "moved")
        assert isinstance(until(watch, fails("cannot be entered")).error, af.UsageError)
        (tmp_path / "moved").rename(project)
        until(watch, lambda tick: tick.ok and tick.plan is not None and tick.plan.is_empty)
        (project / "assets/.numbers.py.swp").write_text("x")
        (project / "assets/numbers.py~").write_text("x")
        (project / "assets/__pycache__").mkdir()
        (project / "assets/__pycache__/numbers.cpython-311.pyc").write_text("x")
        save(project / "assets/shared.py", "def scale() -> int:\n    return 11\n")
        tick = until(watch, made("numbers"))
        assert not [change for change in tick.changes if change.path.endswith((".swp", "~", ".pyc", "__pycache__"))]


def test_settings_count_and_a_branch_of_hundreds_of_files_is_one_plan(tmp_path: Path) -> None:
    project = write(tmp_path, {**TWO, "pyproject.toml": "[tool.assetflow]\n"})
    many = {
        f"assets/branch/part{at:03}.py": f"import assetflow\n\n\n@assetflow.asset\ndef part{at:03}():\n    return 1\n"
        for at in range(300)
    }
    with watching(project, "apart or group:branch", debounce=0.3) as watch:
        first = next(watch)
        assert isinstance(first.error, af.UsageError), "no such group yet"
        write(project, many)
        tick = until(watch, lambda tick: sum(status == "materialized" for status in ran(tick).values()) > 0, at_most=3)
        total = len(ran(tick))
        while total < 301:
            total += len(ran(next(watch)))
        assert total == 301
        assert tick.number <= 4

        write(
            project,
            {"other/late.py": "import assetflow\n\n\n@assetflow.asset(group='branch')\ndef late():\n    return 1\n"},
        )
        save(project / "pyproject.toml", '[tool.assetflow]\nassets = ["assets", "other"]\n')
        assert made("late")(until(watch, made("late"), at_most=3))
        save(project / "pyproject.toml", '[tool.assetflow]\nassetz = ["assets"]\n')
        assert isinstance(until(watch, fails("assetz")).error, af.UsageError)
        save(project / "pyproject.toml", "[tool.assetflow]\n")
        tick = until(watch, lambda tick: tick.ok)
        assert tick.plan is not None
        assert tick.plan.is_empty


def test_only_projects_of_files_are_watched() -> None:
    @af.asset
    def one() -> int:
        return 1

    with pytest.raises(af.UsageError, match="cannot be watched"):
        af.Project(assets=[one]).watch()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"debounce": -1}, "debounce of -1 s"),
        ({"debounce": "1"}, "debounce is '1', which is no number"),
        ({"workers": 0}, "0 workers"),
        ({"debouce": 1}, "did you mean `debounce`"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, float | str], message: str) -> None:
    project = af.Project.load(write(tmp_path, TWO))
    with pytest.raises((af.UsageError, TypeError), match=message):
        project.watch(**options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_module_that_hangs_when_it_is_imported_is_left_for_the_next_save(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    os.mkfifo(tmp_path / "gate")
    shared = tmp_path / "assets/shared.py"
    with watching(tmp_path) as watch:
        next(watch)
        answered = threading.Event()

        def go_on() -> None:
            with open(tmp_path / "gate", "w"):  # opens when the module reads it, which waits until this is closed
                save(shared, TWO["assets/shared.py"].replace("10", "20"))
                answered.wait(PATIENCE)

        person = threading.Thread(target=go_on, daemon=True)
        person.start()
        save(shared, "open('gate').read()\n" + TWO["assets/shared.py"])
        tick = next(watch)
        answered.set()
        person.join()
        assert tick.ok
        assert ran(tick)["total"] == "materialized"
        assert [Path(change.path).name for change in tick.changes] == ["shared.py"]


def test_files_that_are_being_written_are_loaded_again_before_they_are_called_broken(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    shared = tmp_path / "assets/shared.py"
    good = TWO["assets/shared.py"].replace("10", "30")
    with watching(tmp_path) as watch:
        next(watch)
        save(shared, f"from pathlib import Path\nPath(__file__).write_text({good!r})\nraise RuntimeError('half')\n")
        tick = next(watch)
        assert tick.error is None
        assert ran(tick)["total"] == "materialized"


def test_an_interrupt_that_a_module_raises_is_told_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    with watching(tmp_path) as watch:
        next(watch)
        save(tmp_path / "assets/shared.py", "\nraise KeyboardInterrupt\n")
        assert "at `assets/shared.py:2`" in str(next(watch).error)


def test_a_source_behind_a_link_is_watched_where_it_is(tmp_path: Path) -> None:
    source = """
import polars as pl

import assetflow as af

af.source("raw", path="data.csv")


@af.asset
def size(raw: pl.DataFrame) -> int:
    return raw.height
"""
    place = write(tmp_path / "project", {"assets/a.py": source})
    real = write(tmp_path, {"elsewhere/real.csv": "n\n1\n"}) / "elsewhere/real.csv"
    (place / "data.csv").symlink_to("../elsewhere/real.csv")
    with watching(place) as watch:
        next(watch)
        real.write_text("n\n1\n2\n")
        assert ran(until(watch, lambda tick: bool(ran(tick)))) == {"size": "materialized"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_named_pipe_in_an_asset_folder_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    os.mkfifo(tmp_path / "assets/pipe.py")
    assert len(list(af.Project.load(tmp_path).plan().steps)) == 3


def test_modules_that_import_each_other_are_told_in_the_words_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    write(tmp_path, {"assets/shared.py": "from amounts import late\n" + TWO["assets/shared.py"]})
    write(tmp_path, {"assets/amounts.py": "from shared import scale\nlate = 1\n"})
    with pytest.raises(af.DefinitionError) as caught:
        af.Project.load(tmp_path).plan()
    problem = caught.value.problems[0]
    assert problem.message == "ImportError: cannot import `late` from `assets/amounts.py`"
    assert "lead back here" in str(problem.hint)
