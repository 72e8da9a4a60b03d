"""Projects made for benchmarks: trivial assets, alone or in a chain, for assetflow and for doit."""

from __future__ import annotations

import os
import time
from pathlib import Path

SETTLED = 5.0
"""Seconds by which files are dated back: what was saved a moment ago is rightly not trusted by its time stamp."""


def trivial(folder: Path, count: int, *, chain: bool = False, files: int = 10, helpers: int = 0) -> Path:
    """A project of `count` assets that return a number, over `files` files; with `chain` each reads the one before.

    With `helpers` there is a module of so many functions, of which every asset calls one.
    """
    assets = folder / "assets"
    assets.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.assetflow]\n")
    if helpers:
        (assets / "shared.py").write_text("".join(helper(number) for number in range(helpers)))
    per_file = -(-count // files)
    for first in range(0, count, per_file):
        lines = ["import assetflow as af\n"] + ["import shared\n"] * bool(helpers)
        for number in range(first, min(first + per_file, count)):
            reads = f"a{number - 1:06d}: int" if chain and number else ""
            value = f"a{number - 1:06d} + 1" if reads else str(number)
            if helpers:
                value = f"shared.helper{number % helpers}({value})"
            lines.append(f"\n\n@af.asset\ndef a{number:06d}({reads}) -> int:\n    return {value}\n")
        (assets / f"part{first:06d}.py").write_text("".join(lines))
    settle(folder)
    return folder


def helper(number: int, *, plus: int = 0) -> str:
    """The source of one helper; `plus` makes it another one."""
    called = f"helper{number - 1}(value)" if number % 10 else "value"
    return f"\n\ndef helper{number}(value):\n    return {called} + {number + plus}\n"


def doit(folder: Path, count: int, *, chain: bool = False) -> Path:
    """The same for doit: every task writes its number to a file, with the one before as a dependency in a chain."""
    folder.mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "dodo.py").write_text(f"""
from pathlib import Path

DOIT_CONFIG = {{"verbosity": 0, "dep_file": "state.db"}}


def write(number):
    before = Path(f"out/{{number - 1}}.json")
    value = int(before.read_text()) + 1 if {chain} and number else number
    Path(f"out/{{number}}.json").write_text(str(value))


def task_all():
    for number in range({count}):
        yield {{
            "name": str(number),
            "actions": [(write, [number])],
            "targets": [f"out/{{number}}.json"],
            "file_dep": [f"out/{{number - 1}}.json"] if {chain} and number else [],
            "uptodate": [True],
        }}
""")
    return folder


def settle(folder: Path) -> None:
    """Date all files and folders back, as if they had been saved a while ago."""
    then = time.time() - SETTLED
    for place in [*folder.rglob("*"), folder]:
        os.utime(place, (then, then))
