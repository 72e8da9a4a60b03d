"""The reference of the command line is current, and every error has its entry."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from assetflow import errors
from assetflow.cli.table import COMMANDS
from tests.cli.calling import REPOSITORY, environment

DOCS = REPOSITORY / "docs"


def all_errors() -> list[type[errors.AssetflowError]]:
    found: list[type[errors.AssetflowError]] = []
    stack: list[type[errors.AssetflowError]] = [errors.AssetflowError]
    while stack:
        each = stack.pop()
        found.append(each)
        stack.extend(sub for sub in each.__subclasses__() if sub.__module__.startswith("assetflow"))
    return sorted(found, key=lambda each: each.slug)


def test_the_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"],
        env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_reference_has_every_command() -> None:
    text = (DOCS / "cli.md").read_text("utf-8")
    for name in COMMANDS:
        assert f"### assetflow {name}\n" in text


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.slug)
def test_every_error_has_its_entry(error: type[errors.AssetflowError]) -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    entry = re.search(rf"^### {error.slug}\n\n`(\w+)`", text, re.MULTILINE)
    assert entry is not None
    assert entry[1] == error.__name__


def test_no_entry_is_about_an_error_that_does_not_exist() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == {error.slug for error in all_errors()}


def test_slugs_are_told_apart() -> None:
    slugs = [error.slug for error in all_errors()]
    assert len(slugs) == len(set(slugs))
