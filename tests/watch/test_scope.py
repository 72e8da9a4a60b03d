"""What is watched, and which changes matter: what a project loads, and nothing that an editor leaves beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import assetflow as af
from assetflow.model.change import Change, ChangeKind
from assetflow.watch.files import FileWatch
from assetflow.watch.reach import scope_of_loaded, scope_of_project
from assetflow.watch.scope import Scope
from tests.watch.making import write

SOURCES = """
import assetflow as af
from tools.text import clean

a = af.source("a", path="data/a.csv")
days = af.source("days", path="data/days/*/part-*.csv")
flat = af.source("flat", path="flat/*.txt")
folder = af.source("folder", path="raw")
outside = af.source("outside", path="OUTSIDE/far.csv")


@af.asset(version_of=["models/*.bin", "rules.toml"])
def asset(a: str) -> str:
    return clean(a)
"""


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    outside = write(tmp_path / "elsewhere", {"far.csv": "x"})
    project = write(
        tmp_path / "project",
        {
            "assets/sources.py": SOURCES.replace("OUTSIDE", str(outside)),
            "tools/text.py": "def clean(text: str) -> str:\n    return text\n",
            "pyproject.toml": "[tool.assetflow]\n",
            "data/a.csv": "x",
            "raw/one": "x",
            "models/m.bin": "x",
            "rules.toml": "",
        },
    )
    found = af.Project.load(project)
    return scope_of_loaded(found.loaded) | scope_of_project(found)


def matters(scope: Scope, path: str, kind: str = "modified", *, folder: bool = False) -> bool:
    place = path if os.path.isabs(path) else os.path.join(scope.root, path)
    return scope.matters(Change(path=place, kind=ChangeKind(kind)), is_folder=lambda _path: folder)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("assets/sources.py", "modified"),
        ("assets/new.py", "added"),
        ("assets/deep/query.sql", "added"),
        ("assets/sources.py", "deleted"),
        ("tools/text.py", "modified"),
        ("tools/__init__.py", "added"),
        ("tools.py", "added"),
        ("tools", "deleted"),
        ("assets", "deleted"),
        ("pyproject.toml", "modified"),
        ("data/a.csv", "modified"),
        ("data", "deleted"),
        ("data/days/monday/part-1.csv", "added"),
        ("data/days", "added"),
        ("flat/x.txt", "added"),
        ("raw/deep/any.thing", "added"),
        ("models/other.bin", "added"),
        ("rules.toml", "deleted"),
    ],
)  # fmt: skip
def test_what_decides_matters(scope: Scope, path: str, kind: str) -> None:
    assert matters(scope, path, kind)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("assets/.sources.py.swp", "added"),
        ("assets/4913", "added"),
        ("assets/sources.py~", "modified"),
        ("assets/.#sources.py", "added"),
        ("assets/#sources.py#", "added"),
        ("assets/sources.py.tmp.1234", "deleted"),
        ("assets/__pycache__/sources.cpython-311.pyc", "added"),
        ("assets/.hidden/module.py", "added"),
        ("assets", "modified"),
        ("catalog/log/run.jsonl", "modified"),
        ("catalog/catalog.duckdb", "modified"),
        ("catalog", "added"),
        (".git/index", "modified"),
        ("README.md", "modified"),
        ("data/b.csv", "modified"),
        ("data/days/monday/other.csv", "added"),
        ("flat/deep/x.txt", "added"),
        ("models/m.txt", "modified"),
    ],
)  # fmt: skip
def test_what_decides_nothing_does_not_matter(scope: Scope, path: str, kind: str) -> None:
    assert not matters(scope, path, kind)


def test_folders_that_come_matter_where_something_could_be_in_them(scope: Scope) -> None:
    assert matters(scope, "assets/new", "added", folder=True)
    assert matters(scope, "data/days/tuesday", "added", folder=True)
    assert not matters(scope, "flat/new", "added", folder=True)
    assert not matters(scope, "assets/__pycache__", "added", folder=True)


def test_whole_trees_are_listened_to_only_where_everything_counts(scope: Scope, tmp_path: Path) -> None:
    places = scope.places()
    root = tmp_path / "project"
    assert {str(root / name) for name in ("assets", "raw")} <= {place for place, whole in places.items() if whole}
    assert places[str(root)] is False, "its environments and catalogs are many folders"
    assert places[str(tmp_path / "elsewhere")] is False
    assert not any(place.startswith(str(root / "assets") + os.sep) for place in places), "covered by the tree"
    assert scope.matters(Change(path=str(tmp_path / "elsewhere" / "far.csv"), kind=ChangeKind.MODIFIED))


def test_polling_tells_the_same(tmp_path: Path) -> None:
    import queue

    heard: queue.Queue[tuple[Change, ...]] = queue.Queue()
    watch = FileWatch(heard.put, poll=True)
    try:
        assert watch.cover({str(tmp_path): True})
        assert not watch.cover({str(tmp_path): True}), "these are covered already"
        write(tmp_path, {"one.py": "x = 1\n"})
        found = {change.path for change in heard.get(timeout=60)}
        while str(tmp_path / "one.py") not in found:
            found |= {change.path for change in heard.get(timeout=60)}
    finally:
        watch.close()
