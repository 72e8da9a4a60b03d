"""What is promised of every installation, where nothing but the declared dependencies can be imported."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

ASSETS = """
from datetime import UTC, datetime

import polars as pl
import assetflow as af

sales_csv = af.source("sales_csv", path="sales.csv")


@af.asset
def sales(sales_csv: pl.LazyFrame) -> pl.LazyFrame:
    return sales_csv.filter(pl.col("amount") > 0).select("day", twice=pl.col("amount").map_elements(float) * 2)


@af.asset
def seen() -> pl.DataFrame:
    start = datetime(2024, 1, VERSION, tzinfo=UTC)
    return pl.DataFrame({"id": [1, 2, 3], "at": [start] * 3, "all": [[start]] * 3})


@af.asset(row_key="at")
def instants() -> pl.DataFrame:
    return pl.DataFrame({"at": [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 2 + VERSION)], "x": VERSION})
"""

PLAIN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
from assetflow.__main__ import main
main()
"""


def undeclared() -> set[str]:
    """The modules of every package that a plain `pip install` does not bring along."""
    lines: list[str] = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    wanted = {"assetflow"}
    while lines:
        line = lines.pop()
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0].lower().replace("_", "-")
        if "extra ==" not in line and name not in wanted and _is_there(name):
            wanted.add(name)
            lines += metadata.requires(name) or ()
    return {
        module
        for module, names in metadata.packages_distributions().items()
        if not any(name.lower().replace("_", "-") in wanted for name in names)
    }


def _is_there(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def plain(folder: Path, *arguments: str) -> str:
    """What a command prints in an installation without anything undeclared."""
    code = f"HIDDEN = {undeclared()!r}\n{PLAIN}"
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder: Path, version: int) -> None:
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text("[tool.assetflow]\n")
    (folder / "sales.csv").write_text("day,amount,note\n2024-01-01,3,a\n")
    (folder / "assets" / "all.py").write_text(ASSETS.replace("VERSION", str(version)))


def test_columns_are_followed_and_instants_compared_by_a_plain_installation(tmp_path: Path) -> None:
    assert {"pyarrow", "pandas", "pytest"} <= undeclared()
    for version in (1, 2):
        write(tmp_path, version)
        plain(tmp_path, "materialize")
    followed = plain(tmp_path, "query", "from column_lineage", "--format", "csv").split()
    assert "sales,day,sales_csv,amount,filter" in followed
    assert "sales,day,sales_csv,day,value" in followed
    told = plain(tmp_path, "diff", "seen")
    assert "3 changed" in told
    assert "at: 2024-01-01T00:00:00 → 2024-01-02T00:00:00" in told
    assert "added    at=2024-01-04T00:00:00" in plain(tmp_path, "diff", "instants")
    assert "2024-01-02" in plain(tmp_path, "show", "seen")
