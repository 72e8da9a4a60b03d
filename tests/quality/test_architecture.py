"""The architecture as a test: rows, homes of third-party packages, imports at the top, module and function size."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "assetflow"

ROWS = {
    "values": 0,
    "errors": 1,
    "faults": 1,
    "whole_file": 1,
    "garbage": 1,
    "model": 2,
    "graph": 3,
    "define": 3,
    "catalog": 4,
    "store": 4,
    "planner": 5,
    "executor": 6,
    "project": 7,
    "watch": 8,
    "scheduler": 8,
    "testing": 8,
    "cli": 9,
    "web": 9,
}
"""Imports point down, or stay inside a package; never sideways, never up."""

FORBIDDEN = {
    ("planner", "catalog"),
    ("planner", "store"),
    ("planner", "define"),
    ("graph", "define"),
    ("define", "graph"),
}

HOMES = {
    "duckdb": {"catalog", "store", "define"},
    "_duckdb": {"catalog"},
    "polars": {"store", "planner"},
    "pyarrow": {"store"},
    "pandas": {"store"},
    "matplotlib": {"store"},
    "numpy": {"store"},
    "plotly": {"store"},
    "click": {"cli"},
    "rich": {"cli"},
    "watchfiles": {"watch"},
    "hypothesis": {"testing"},
    "pydantic": {"define", "store"},
    "cronsim": {"model"},
    "xxhash": {"model", "define", "store", "catalog", "project"},
}

LINES = 400
LONG_MODULES: frozenset[str] = frozenset()
"""Modules over the limit; the list may only shrink."""

FUNCTION_LINES = 50
PARAMETERS = 6


@dataclass(frozen=True)
class Import:
    """One imported module, and whether the import stands inside a function."""

    module: str
    line: int
    hidden: bool
    typing_only: bool


@cache
def modules() -> dict[str, ast.Module]:
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.Module) -> Iterator[Import]:
    stack: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while stack:
        node, hidden, typing_only = stack.pop()
        for child in ast.iter_child_nodes(node):
            inner = hidden or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            only = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, hidden, typing_only) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, "imports are absolute"
                assert child.module is not None
                yield Import(child.module, child.lineno, hidden, typing_only)
            stack.append((child, inner, only))


def row_of(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


def violations() -> Iterator[str]:
    for name, tree in modules().items():
        here = row_of(name)
        if here in ("__init__", "__main__"):
            continue
        for found in imports(tree):
            parts = found.module.split(".")
            where = f"{name}:{found.line}"
            if parts[0] == "assetflow":
                there = parts[1] if len(parts) > 1 else "__init__"
                if there in ("__init__",) or there == here:
                    continue
                if (here, there) in FORBIDDEN:
                    yield f"{where}: {here} must not import {there}"
                elif ROWS[there] >= ROWS[here]:
                    yield f"{where}: {here} (row {ROWS[here]}) imports {there} (row {ROWS[there]})"
            elif parts[0] in HOMES and here not in HOMES[parts[0]] and not found.typing_only:
                yield f"{where}: {parts[0]} is at home in {', '.join(sorted(HOMES[parts[0]]))}, not in {here}"


def test_imports_point_down_and_third_party_packages_stay_at_home() -> None:
    assert list(violations()) == []


def test_every_folder_has_a_row() -> None:
    folders = {row_of(name) for name in modules()} - {"__init__", "__main__"}
    assert folders <= ROWS.keys()


HEAVY = {
    "duckdb",
    "_duckdb",
    "polars",
    "pyarrow",
    "pandas",
    "matplotlib",
    "numpy",
    "plotly",
    "pydantic",
    "rich",
    "sqlglot",
    "cronsim",
    "pydantic_core",
}


def test_imports_inside_functions_are_heavy_ones_or_say_why() -> None:
    """What is hidden in a function is either a package too heavy for the path, or has a comment with the reason."""
    unexplained = []
    for name, tree in modules().items():
        lines = (PACKAGE / name).read_text().splitlines()
        for found in imports(tree):
            if not found.hidden or found.module.split(".")[0] in HEAVY:
                continue
            nearby = lines[max(0, found.line - 5) : found.line]
            if not any("#" in line for line in nearby):
                unexplained.append(f"{name}:{found.line}: {found.module}")
    assert unexplained == []


def test_modules_are_short() -> None:
    long = {name for name in modules() if len((PACKAGE / name).read_text().splitlines()) > LINES}
    assert long <= LONG_MODULES, "split these by concept"
    assert long >= LONG_MODULES, "the list of exceptions may shrink: take these out"


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without the docstring and the signature."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return 0 if not body else (node.end_lineno or 0) - body[0].lineno + 1


def test_functions_fit_on_a_screen() -> None:
    assert [
        f"{name}:{node.lineno} {node.name}" for name, node in functions() if code_lines(node) > FUNCTION_LINES
    ] == []


INTERFACE = {"model/cadenced_partitions.py"}
"""Signatures that the public interface fixes."""


def test_at_most_six_parameters_are_positional() -> None:
    wide = [
        f"{name}:{node.lineno} {node.name}"
        for name, node in functions()
        if name not in INTERFACE
        and len([arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg not in ("self", "cls")])
        > PARAMETERS
    ]
    assert wide == []


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "base", "common", "misc"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [name for name in modules() if Path(name).stem == word] == []


def test_public_classes_and_functions_have_docstrings() -> None:
    bare = []
    for name, tree in modules().items():
        for node in tree.body:
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if named and any(ast.unparse(mark) == "overload" for mark in node.decorator_list):
                continue
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
                bare.append(f"{name}:{node.lineno} {node.name}")
    assert bare == []


def test_every_module_says_what_it_is() -> None:
    assert [name for name, tree in modules().items() if ast.get_docstring(tree) is None] == []
