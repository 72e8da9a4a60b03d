"""How errors end a command that are nobody's fault but ours, and words that are hard to read otherwise."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assetflow.cli.failures import report
from assetflow.cli.run_text import own_frames
from assetflow.cli.screen import Screen
from assetflow.cli.session import Session
from assetflow.cli.words import amount, duration, fresh_words, size
from tests.cli.calling import assetflow, environment, process, write


def reported(*args: str, **environ: str) -> tuple[int, str, str]:
    """The exit code and the streams after an error that nobody expected."""
    out, err = io.StringIO(), io.StringIO()
    session = Session(screen=Screen(out, err, environ), environ=environ, cwd=Path(), verbose="-v" in args)
    try:
        {}["what we forgot"]
    except KeyError as error:
        code = report(error, session, args)
    return code, out.getvalue(), err.getvalue()


def test_an_unexpected_error_is_one_line_and_where_to_report_it() -> None:
    code, out, err = reported()
    assert (code, out) == (70, "")
    assert err == (
        "error: something went wrong inside assetflow: KeyError: 'what we forgot'\n"
        "\nhint: this is a bug in assetflow; please report it with the traceback that `-v` shows\n"
    )


@pytest.mark.parametrize(("args", "environ"), [(("-v",), {}), ((), {"ASSETFLOW_DEBUG": "1"})])
def test_its_traceback_is_shown_on_demand(args: tuple[str, ...], environ: dict[str, str]) -> None:
    code, _out, err = reported(*args, **environ)
    assert code == 70
    assert "Traceback (most recent call last)" in err
    assert err.rstrip().endswith("KeyError: 'what we forgot'")


def test_it_is_a_document_too() -> None:
    _code, out, _err = reported("--json")
    assert json.loads(out)["error"]["slug"] == "internal"


CHAINED = """\
Traceback (most recent call last):
  File "/home/ada/shop/assets/first.py", line 3, in first
    1 / 0
ZeroDivisionError: division by zero

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/ada/shop/assets/shop.py", line 7, in total
    return frame.select("nope")
           ^^^^^^^^^^^^^^^^^^^^
  File "/home/ada/shop/.venv/lib/python3.12/site-packages/polars/frame.py", line 9000, in select
    self.collect()
  File "/usr/lib/python3.12/functools.py", line 3, in wrapper
    return call()
polars.exceptions.ColumnNotFoundError: nope

Resolved plan until failure:
    SELECT
"""


def test_of_a_traceback_the_frames_of_the_project_are_left() -> None:
    assert own_frames(CHAINED, "/home/ada/shop") == (
        '  File "assets/shop.py", line 7, in total\n'
        '    return frame.select("nope")\n'
        "polars.exceptions.ColumnNotFoundError: nope\n"
        "Resolved plan until failure:\n"
        "    SELECT"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.004, "0.00 s"), (0.123, "0.12 s"), (1.0, "1.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"),
        (185, "3 min 05 s"), (3_599.7, "1 h 00 min"), (7_800, "2 h 10 min"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_amounts_and_sizes() -> None:
    assert [amount(count, "row") for count in (0, 1, 336_776)] == ["0 rows", "1 row", "336,776 rows"]
    assert [size(count) for count in (0, 1023, 1024, 5 * 1024**3)] == ["0 B", "1023 B", "1.0 KiB", "5.0 GiB"]


def test_asset_partitions_are_told_from_assets() -> None:
    assert fresh_words(12, 12) == "everything is fresh: 12 assets"
    assert fresh_words(1, 1) == "everything is fresh: 1 asset"
    assert fresh_words(2, 366) == "everything is fresh: 366 asset partitions of 2 assets"
    assert fresh_words(0, 0).startswith("nothing to do")


@pytest.mark.parametrize(
    "args", [("list",), ("status",), ("plan",), ("show", "one"), ("graph",), ("lineage", "one"), ("history", "one")]
)
def test_every_command_says_what_it_found_damaged(args: tuple[str, ...], tmp_path: Path) -> None:
    root = write(
        tmp_path, {"assets/one.py": "import assetflow as af\n\n\n@af.asset\ndef one() -> int:\n    return 1\n"}
    )
    assert assetflow("materialize", at=root).code == 0
    (root / "catalog" / "catalog.duckdb").write_bytes(b"garbage")
    (log,) = (root / "catalog" / "log").glob("*.jsonl")
    first, second, *others = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([first, second.replace(b'"', b"?", 1), *others]))
    ended = assetflow(*args, "--json", at=root)
    assert (ended.code, ended.err.count("was damaged"), ended.err.count(" is damaged")) == (0, 1, 1)


def test_a_run_that_used_native_libraries_ends_in_silence(tmp_path: Path) -> None:
    asset = (
        "import assetflow as af\nimport duckdb\n\n\n@af.asset\ndef one() -> duckdb.DuckDBPyRelation:\n"
        '    return duckdb.sql("select 1 as x")\n'
    )
    write(tmp_path, {"pyproject.toml": "[tool.assetflow]\n", "assets/one.py": asset})
    ended = process("materialize", "-q", at=tmp_path)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="a working folder cannot be removed there")
def test_a_working_folder_that_was_removed_is_no_traceback(tmp_path: Path) -> None:
    write(tmp_path, {"assets/one.py": "import assetflow as af\n\n@af.asset\ndef one() -> int:\n    return 1\n"})
    (tmp_path / "gone").mkdir()
    run = f"cd gone && rmdir ../gone && exec {sys.executable} -m assetflow"
    for words, code in ((f"-C {tmp_path} materialize", 0), ("plan", 2)):
        (tmp_path / "gone").mkdir(exist_ok=True)
        ended = subprocess.run(
            ["sh", "-c", f"{run} {words}"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in ended.stderr
        assert ended.returncode == code, ended.stderr


def test_logs_of_a_step_that_the_run_did_not_have_name_the_nearest(tmp_path: Path) -> None:
    text = """import assetflow as af
days = af.StaticPartitions(["first", "second"])

@af.asset(partitions=days)
def daily() -> int:
    print("said")
    return 1
"""
    write(tmp_path, {"assets/daily.py": text})
    assert process("materialize", at=tmp_path).code == 0
    for place, message, hint in (
        ("dayly", "had no step `dayly`", "did you mean `daily`?"),
        ("daily@firts", "had no step `daily@firts`", "did you mean `first`?"),
    ):
        ended = process("logs", "last", place, at=tmp_path)
        assert ended.code == 2
        assert message in ended.err
        assert hint in ended.err
    (output,) = (tmp_path / "catalog" / "log" / "output").iterdir()
    with open(output, "a") as file:
        file.write('5\n{"text": 1}\nnot json\n')
    assert process("logs", "last", "daily@first", at=tmp_path).out.endswith("daily@first │ said\n")
