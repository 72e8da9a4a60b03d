"""What a command imports, and when the quick answer "everything is fresh" is given up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assetflow.cli.table import COMMANDS
from assetflow.project.stamp import read_stamp, request_words, stamp_path
from tests.cli.calling import Ended, assetflow, environment, write

HEAVY = {"polars", "duckdb", "_duckdb", "pydantic", "rich", "sqlglot", "pyarrow", "pandas"}

SHOP = {
    "pyproject.toml": "[tool.assetflow]\nconfig.total.tax = 0\n",
    "assets/shop.py": """
import os
from pathlib import Path

from prices import price

import assetflow as af

orders = af.source("orders", path="data/orders.txt")
notes = af.source("notes", path="data/notes/*.txt")


@af.asset
def total(orders: str, tax: int = 0) -> int:
    return sum(price(line) for line in orders.split()) + tax


@af.asset(deps=[notes])
def region() -> str:
    return os.environ.get("REGION", "nowhere")
""",
    "assets/prices.py": "def price(line: str) -> int:\n    return int(line)\n",
    "data/orders.txt": "1 2 3",
    "data/notes/a.txt": "a",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in which everything is fresh, and known to be."""
    write(tmp_path, SHOP)
    assert assetflow("materialize", at=tmp_path).code == 0
    stamped(tmp_path)
    return tmp_path


def stamped(root: Path) -> Ended:
    """Ask again until the answer has left a stamp: right after a file was written, it must not."""
    stamps = root / "catalog" / "cache" / "stamps"
    for _ in range(50):
        ended = assetflow("materialize", at=root)
        if stamps.is_dir() and any(stamps.iterdir()):
            return ended
    raise AssertionError("no stamp was written")


def imported(*args: str, at: Path) -> set[str]:
    """The modules that a command imports, in a process of its own."""
    code = (
        "import sys, json\n"
        "from assetflow.cli.main import run\n"
        f"run({list(args)!r})\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=at, env=environment(), capture_output=True, text=True, timeout=120
    )
    found: list[str] = json.loads(done.stderr.splitlines()[-1])
    return set(found)


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("args", [("--help",), ("--version",), ()])
def test_help_and_version_import_no_row_below(args: tuple[str, ...], tmp_path: Path) -> None:
    modules = imported(*args, at=tmp_path)
    assert not heavy(modules)
    assert {name for name in modules if name.startswith("assetflow.")} <= {
        "assetflow.cli",
        "assetflow.cli.main",
        "assetflow.cli.options",
        "assetflow.values",
        "assetflow.cli.screen",
        "assetflow.cli.session",
        "assetflow.cli.table",
    }


@pytest.mark.parametrize("command", ["materialize", "init"])
def test_the_first_commands_are_described_without_heavy_imports(command: str, tmp_path: Path) -> None:
    assert not heavy(imported(command, "--help", at=tmp_path))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_is_there(name: str, tmp_path: Path) -> None:
    ended = assetflow(name, "--help", at=tmp_path)
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: assetflow {name}")


@pytest.mark.parametrize("args", [("materialize",), ("materialize", "--json"), ("materialize", "--workers", "2")])
def test_nothing_to_do_imports_neither_engines_nor_the_project(args: tuple[str, ...], shop: Path) -> None:
    modules = imported(*args, at=shop)
    assert not heavy(modules)
    assert not any(str(getattr(sys.modules.get(name), "__file__", "")).startswith(str(shop)) for name in modules)
    assert "assetflow.planner.build" not in modules
    assert "assetflow.define.load" not in modules


def test_a_plan_imports_nothing_of_what_runs(shop: Path) -> None:
    edit_helper(shop)
    modules = imported("plan", at=shop)
    assert "assetflow.planner.build" in modules
    unneeded = {"executor.run", "executor.recording", "executor.query", "project.running", "graph.selection"}
    assert not {f"assetflow.{name}" for name in unneeded} & modules


def test_the_quick_answer_has_the_words_and_the_shape_of_the_slow_one(shop: Path) -> None:
    quick = assetflow("materialize", at=shop)
    quick_json = assetflow("materialize", "--json", at=shop).json
    for stamp in (shop / "catalog" / "cache" / "stamps").iterdir():
        stamp.unlink()
    slow_json = assetflow("materialize", "--json", at=shop).json
    for stamp in (shop / "catalog" / "cache" / "stamps").iterdir():
        stamp.unlink()
    assert assetflow("materialize", at=shop) == quick
    assert quick.out == "everything is fresh: 2 assets\n"
    for document in (quick_json, slow_json):
        del document["started_at"], document["finished_at"]
    assert quick_json == slow_json
    assert quick_json["run_id"] is None
    assert quick_json["counts"]["fresh"] == 2


def edit_helper(root: Path) -> None:
    write(root, {"assets/prices.py": "def price(line: str) -> int:\n    return 2 * int(line)\n"})


def edit_without_change_of_size_or_time(root: Path) -> None:
    path = root / "assets" / "prices.py"
    before = path.stat()
    path.write_text(path.read_text().replace("int(line)", "len(line)"[:9]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def new_asset_file(root: Path) -> None:
    write(root, {"assets/more.py": "import assetflow as af\n\n\n@af.asset\ndef more() -> int:\n    return 1\n"})


def new_asset_folder(root: Path) -> None:
    write(root, {"assets/deep/er/more.py": "import assetflow as af\n\n\n@af.asset\ndef more() -> int:\n    return 1\n"})


def delete_object(root: Path) -> None:
    for path in (root / "catalog" / "store" / "total").rglob("*.json"):
        path.unlink()


def edit_source(root: Path) -> None:
    write(root, {"data/orders.txt": "1 2 4"})


def new_file_of_a_glob(root: Path) -> None:
    write(root, {"data/notes/b.txt": "b"})


def change_settings(root: Path) -> None:
    write(root, {"pyproject.toml": "[tool.assetflow]\nconfig.total.tax = 5\n"})


def materialize_otherwise(root: Path) -> None:
    assert assetflow("materialize", "-p", "total.tax=7", at=root).code == 0


def a_module_that_comes_before(root: Path) -> None:
    """`prices` could now be a package, which wins over a module of that name."""
    write(root, {"assets/prices/__init__.py": "def price(line: str) -> int:\n    return 3 * int(line)\n"})


@pytest.mark.parametrize(
    "change",
    [
        edit_helper, edit_without_change_of_size_or_time, new_asset_file, new_asset_folder, delete_object, edit_source,
        new_file_of_a_glob, change_settings, materialize_otherwise, a_module_that_comes_before,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_every_change_is_noticed(change: Callable[[Path], None], shop: Path) -> None:
    change(shop)
    ended = assetflow("materialize", "--json", at=shop)
    assert ended.code == 0, ended.err
    assert ended.json["run_id"] is not None
    assert {step["status"] for step in ended.json["steps"]} & {"materialized", "reused"}


def test_a_variable_that_an_asset_reads_is_noticed(shop: Path) -> None:
    ended = assetflow("materialize", "--json", at=shop, environ=environment(REGION="north"))
    assert [step["asset"] for step in ended.json["steps"]] == ["region"]


def test_a_setting_from_the_environment_is_noticed(shop: Path) -> None:
    ended = assetflow("materialize", "--json", at=shop, environ=environment(ASSETFLOW_CONFIG__TOTAL__TAX="9"))
    assert [step["asset"] for step in ended.json["steps"]] == ["total"]


def test_a_variable_that_nobody_reads_changes_nothing(shop: Path) -> None:
    ended = assetflow("materialize", at=shop, environ=environment(ELSEWHERE="1"))
    assert ended.out == "everything is fresh: 2 assets\n"


def test_a_broken_project_is_noticed(shop: Path) -> None:
    write(shop, {"assets/prices.py": "def price(:"})
    assert assetflow("materialize", at=shop).code == 3


TIMED = """
from datetime import datetime, timedelta, timezone

import assetflow as af

now = datetime(2026, 1, 1, tzinfo=timezone.utc)


@af.asset(partitions=af.DailyPartitions("{start}"))
def days() -> int:
    return 1


@af.asset(freshness=af.FreshnessPolicy(max_age=timedelta(hours=1)))
def hourly() -> int:
    return 1
"""


@pytest.mark.parametrize(("selection", "within"), [("days", timedelta(days=1)), ("hourly", timedelta(hours=1))])
def test_a_stamp_ends_when_time_alone_makes_work(selection: str, within: timedelta, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    write(tmp_path, {"assets/timed.py": TIMED.format(start=today - timedelta(days=2))})
    for _ in range(50):
        assert assetflow("materialize", selection, at=tmp_path).code == 0
        words = request_words(
            [selection], partitions=(), first=None, last=None, only=False, freshness=True, environment="prod"
        )
        path = stamp_path(tmp_path / "catalog" / "cache", words)
        stamp = read_stamp(path, environment(), int(datetime.now(UTC).timestamp() * 1e9))
        if stamp is not None:
            break
    else:
        raise AssertionError("no stamp was written")
    assert stamp.until is not None
    assert stamp.until <= int((datetime.now(UTC) + within).timestamp() * 1e9)
    assert read_stamp(path, environment(), stamp.until - 1) is not None
    assert read_stamp(path, environment(), stamp.until) is None


def test_a_run_of_plain_functions_imports_neither_an_event_loop_nor_what_the_catalog_does_not_use_of_duckdb(
    tmp_path: Path,
) -> None:
    numbers = "import assetflow as af\n\n\n@af.asset\ndef one() -> int:\n    return 1\n\n\n"
    numbers += "@af.asset\ndef two(one: int) -> int:\n    return one + 1\n"
    write(tmp_path, {"pyproject.toml": "[tool.assetflow]\n", "assets/numbers.py": numbers})
    modules = imported("materialize", "-q", at=tmp_path)
    assert "_duckdb" in modules
    assert not modules & {"asyncio", "ssl", "duckdb", "polars", "pydantic", "rich"}
