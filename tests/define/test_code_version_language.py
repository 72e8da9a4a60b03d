"""The table of the language: one edit of each kind of Python, and whether it can change what a function makes.

`language.case` holds the cases: `=== name: changes|stays`, edits as Python literals, and files; the function is `x`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.define.test_code_version import build, version

Case = tuple[str, bool, list[tuple[str, str, str]], dict[str, str]]


def cases() -> list[Case]:
    """Every case of the file."""
    found: list[Case] = []
    for block in re.split(r"^=== ", Path(__file__).with_name("language.case").read_text(encoding="utf-8"), flags=re.M):
        if not block.strip():
            continue
        head, *parts = re.split(r"^--- ", block, flags=re.M)
        title, *edits = head.strip().splitlines()
        name, _, verdict = title.rpartition(": ")
        assert verdict in ("changes", "stays"), title
        read = []
        for edit in edits:
            file, _, change = edit.removeprefix("edit ").partition(": ")
            old, _, new = change.partition(" -> ")
            read.append((file, str(ast.literal_eval(old)), str(ast.literal_eval(new))))
        files = {part.partition("\n")[0]: part.partition("\n")[2].rstrip() + "\n" for part in parts}
        found.append((name, verdict == "changes", read, files))
    return found


def test_the_table_is_long_enough() -> None:
    assert len(cases()) >= 60
    assert len({name for name, *_ in cases()}) == len(cases())


@pytest.mark.parametrize(("name", "changes", "edits", "files"), [pytest.param(*case, id=case[0]) for case in cases()])
def test_an_edit(
    name: str, changes: bool, edits: list[tuple[str, str, str]], files: dict[str, str], tmp_path: Path
) -> None:
    edited = dict(files)
    for file, old, new in edits:
        assert old in edited[file], f"{name}: the edit does not apply"
        edited[file] = edited[file].replace(old, new)
    versions = []
    for folder, texts in (("one", files), ("two", edited)):
        root = tmp_path / folder
        versions.append(version(root, build(root, texts), "assets/a.py", "x", {}).version)
    assert (versions[0] != versions[1]) == changes
