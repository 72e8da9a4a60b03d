"""Code versions of things that are more than a plain function: made at run time, patched, wrapped, foreign, unseen."""

from __future__ import annotations

import dataclasses
import functools
import linecache
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from assetflow.define.fingerprint import CodeFingerprint, ComponentKind, Fingerprinter
from assetflow.define.modules import ModuleSpace


class Project:
    """A project of one file `assets/a.py`, loaded anew for every version asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.number = 0

    def load(self, source: str, **others: str) -> ModuleType:
        """Write `assets/a.py` and other files of that folder into a folder of their own, and load the first."""
        self.number += 1
        self.place = self.root / str(self.number)
        for name, text in {"a": source, **others}.items():
            path = self.place / "assets" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return ModuleSpace(self.place, [self.place / "assets", self.place]).load(self.place / "assets" / "a.py")

    def of(self, function: Any, **options: Any) -> CodeFingerprint:
        """The version of an object of the module loaded last."""
        version_of = options.pop("version_of", ())
        options.setdefault("environ", {})
        fingerprinter = Fingerprinter(root=self.place, import_roots=[self.place / "assets"], **options)
        return fingerprinter.fingerprint(function, version_of=version_of)

    def version(self, source: str, **others: str) -> str:
        """The version of `asset` in a source; it has no problems."""
        found = self.of(self.load(source, **others).asset)
        assert found.problems == ()
        return found.version


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def names(found: CodeFingerprint) -> set[str]:
    return {component.name for component in found.components}


MODEL = """
    from pydantic import BaseModel, field_validator
    def tidy(x): return x.strip()
    class Flight(BaseModel):
        carrier: {type}
        @field_validator("carrier")
        @classmethod
        def clean(cls, value): return {clean}(value)
    def asset(rows): return [Flight(carrier=r) for r in rows]
"""


def test_pydantic_models_count_by_fields_validators_and_what_those_call(project: Project) -> None:
    base = project.version(MODEL.format(type="str", clean="tidy"))
    assert base == project.version(MODEL.format(type="str", clean="tidy"))
    assert base != project.version(MODEL.format(type="bytes", clean="tidy"))
    assert base != project.version(MODEL.format(type="str", clean="repr"))
    assert base != project.version(MODEL.format(type="str", clean="tidy").replace("strip", "lstrip"))


def test_an_instance_of_a_pydantic_model_counts_by_its_values(project: Project) -> None:
    source = MODEL.format(type="str", clean="tidy") + "\n    F = Flight(carrier='{}')\n    def asset(): return F\n"
    assert project.version(source.format("AA")) == project.version(source.format("AA"))
    assert project.version(source.format("AA")) != project.version(source.format("BB"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Point = namedtuple('Point', 'x y')", "Point = namedtuple('Point', 'x z')"),
        ("Point = make_dataclass('Point', ['x', 'y'])", "Point = make_dataclass('Point', ['x', 'z'])"),
        ("Point = Enum('Point', 'x y')", "Point = Enum('Point', 'x z')"),
        ("Point = type('Point', (), {'x': 1})", "Point = type('Point', (), {'x': 2})"),
        ("Point = partial(max, 1)", "Point = partial(max, 2)"),
        ("Point = itemgetter('x')", "Point = itemgetter('y')"),
        ("Point = Decimal('1.0')", "Point = Decimal('1.00')"),
        ("Point = date(2013, 1, 1)", "Point = date(2013, 1, 2)"),
        ("Point = [1, {2: (3, 4)}]", "Point = [1, {2: (3, 5)}]"),
        ("Point = {'a': 1, 'b': 2}", "Point = {'b': 2, 'a': 1}"),
        ("Point = (1, True)", "Point = (1, 1)"),
        ("Point = 0.0", "Point = -0.0"),
        ("Point = max", "Point = min"),
        ("Point = object()", "Point = object"),
        ("Point = pl.col('a') + 1", "Point = pl.col('a') + 2"),
        ("Point = [pl.col('a')]", "Point = [pl.col('b')]"),
        ("Point = threading.Lock()", "Point = threading.RLock()"),
        ("Point = {'a': abs, 'b': lambda x: 1}", "Point = {'a': abs, 'b': lambda x: 2}"),
        ("Point = {'a': one, 'b': two}", "Point = {'a': two, 'b': one}"),
        ("Point = np.array([1, 2])", "Point = np.array([1, 3])"),
    ],
)
def test_values_made_at_import_count(project: Project, before: str, after: str) -> None:
    source = textwrap.dedent("""
        import threading
        from collections import namedtuple
        from dataclasses import make_dataclass
        from datetime import date
        from decimal import Decimal
        from enum import Enum
        from functools import partial
        from operator import itemgetter
        import numpy as np
        import polars as pl
        def one(): return 1
        def two(): return 2
        def asset(): return Point
    """)
    first = project.version(source + before + "\n")
    assert first == project.version(source + before + "\n")
    assert first != project.version(source + after + "\n")


def test_a_registry_filled_by_a_decorator_counts_by_what_is_in_it(project: Project) -> None:
    source = """
        STEPS = {{}}
        def step(fn):
            STEPS[fn.__name__] = fn
            return fn
        @step
        def first(x): return x + {}
        def asset(x): return [s(x) for s in STEPS.values()]
    """
    assert project.version(source.format(1)) != project.version(source.format(2))
    assert "assets/a.py:first" in names(project.of(project.load(source.format(1)).asset))


def test_closures_count_by_code_and_values(project: Project) -> None:
    source = """
        def make(n, fn):
            def asset(x): return fn(x) + n
            return asset
        def helper(x): return x {}
        asset = make({}, helper)
    """
    base = project.version(source.format("+ 1", 3))
    assert base == project.version(source.format("+ 1", 3))
    assert len({base, project.version(source.format("- 1", 3)), project.version(source.format("+ 1", 4))}) == 3


def test_two_assets_of_one_factory_differ(project: Project) -> None:
    module = project.load("def make(n):\n    return lambda x: x + n\none, two = make(1), make(2)\n")
    assert project.of(module.one).version != project.of(module.two).version


def test_a_patched_name_counts_by_what_it_stands_for_now(project: Project) -> None:
    module = project.load(
        "import m\ndef other(x): return x - 1\ndef asset(x): return m.f(x)\n", m="def f(x): return x\n"
    )
    before = project.of(module.asset)
    module.m.f = module.other
    after = project.of(module.asset)
    assert before.version != after.version
    assert "assets/a.py:other" in names(after)
    assert "assets/m.py:f" not in names(after)


def test_a_patched_method_counts(project: Project) -> None:
    module = project.load("class A:\n    def f(self): return 1\ndef g(self): return 2\ndef asset(): return A().f()\n")
    before = project.of(module.asset)
    module.A.f = module.g
    after = project.of(module.asset)
    assert before.version != after.version
    assert "assets/a.py:g" in names(after)


def test_functions_of_foreign_decorators_are_followed_inside(project: Project) -> None:
    source = """
        import contextlib, functools
        @contextlib.contextmanager
        def opened(x): yield x + {}
        @functools.singledispatch
        def kind(x): return 0
        @kind.register
        def of_int(x: int): return {}
        def asset(x):
            with opened(x) as y: return kind(y)
    """
    base = project.version(source.format(1, 1))
    assert base == project.version(source.format(1, 1))  # loaded anew, under another private module name
    assert base != project.version(source.format(2, 1))
    assert base != project.version(source.format(1, 2))
    assert base != project.version(source.format(1, 1).replace("x: int", "x: str"))


def test_generated_functions_count(project: Project) -> None:
    source = "exec('def asset(x): return x {} 1 + helper(x)')\ndef helper(x): return {}\n"
    base = project.version(source.format("+", 1))
    assert base == project.version(source.format("+", 1))
    assert base != project.version(source.format("-", 1))
    assert base != project.version(source.format("+", 2))
    found = project.of(project.load(source.format("+", 1)).asset)
    assert [c.kind for c in found.components if c.name == "assets/a.py:asset"] == [ComponentKind.GENERATED]


def test_functions_of_a_notebook_cell_are_read_from_it(project: Project) -> None:
    def cell(number: int, text: str) -> Callable[..., object]:
        file = f"<cell-{number}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, file, "exec"), space)
        function: Callable[..., object] = space["asset"]
        return function

    project.load("")
    first = project.of(cell(1, "def helper(x): return x\n\ndef asset(x):\n    return helper(x)\n"))
    again = project.of(cell(2, "# note\ndef asset(x): return helper(x)\ndef helper(x): return x\n"))
    other = project.of(cell(3, "def asset(x): return helper(x)\ndef helper(x): return -x\n"))
    assert first.version == again.version != other.version
    assert names(first) == {"__main__:asset", "__main__:helper"}


@pytest.mark.parametrize(
    "reading",
    [
        "os.environ['X']",
        "os.environ.get('X')",
        "os.getenv('X', default='d')",
        "getenv('X')",
        "short['X']",
        "'X' in os.environ",
        "os.environ[KEY]",
        "local()",
        "Reader.url()",
        "[os.environ[KEY] for _ in x]",
        "(lambda: environ.pop('X'))()",
    ],
)
def test_environment_variables_count_however_they_are_read(project: Project, reading: str) -> None:
    source = f"""
        import os
        from os import environ, environ as short, getenv
        KEY = "X"
        def local():
            import os as system
            from os import environ as other
            return system.environ.get("Y"), other["X"]
        class Reader:
            @staticmethod
            def url(): return os.environ["X"]
        def asset(x): return {reading}
    """
    module = project.load(source)
    versions = {project.of(module.asset, environ=given).version for given in ({}, {"X": ""}, {"X": "1"}, {"X": "2"})}
    assert len(versions) == 4
    assert "env:X" in names(project.of(module.asset))
    assert project.of(module.asset).version == project.of(module.asset, environ={"Z": "1"}).version


@pytest.mark.parametrize(
    "use",
    [
        "import m; return m.f(x)",
        "from m import f as g; return g(x)",
        "import m as k; h = k; return h.f(x)",
        "import m; return [m.f(y) for y in x]",
        "import importlib; return importlib.import_module('m').f(x)",
        "return __import__('m').f(x)",
        "import m; return getattr(m, 'f')(x)",
        "return top.f(x)",
        "return (lambda: top.f)()(x)",
        "return list(map(top.f, x))",
        "return x.apply(key=top.f)",
        "return K.g(x)",
        "return again(x)",
        "return table['f'](x)",
        "global late; late = top.f; return late(x)",
    ],
)
def test_a_helper_counts_however_it_is_reached(project: Project, use: str) -> None:
    source = f"""
        import m as top
        from m import f as again
        table = dict(f=top.f)
        class K:
            g = staticmethod(top.f)
        def asset(x): {use}
    """
    versions = {project.version(source, m=f"def f(x): return x + {n}\ndef other(x): return 0\n") for n in (1, 2)}
    assert len(versions) == 2
    assert "assets/m.py:f" in names(project.of(project.load(source, m="def f(x): return x\n").asset))


def test_the_decorator_of_assets_does_not_count_under_another_name(project: Project) -> None:
    source = """
        from functools import partial
        import assetflow as af
        mine = partial(af.asset, group="g", description="{}")
        @mine()
        def asset(): return 1
    """
    assert project.version(source.format("a")) == project.version(source.format("b"))


def test_classes_inside_functions_are_followed(project: Project) -> None:
    source = """
        def helper(x): return x + {}
        def make(n):
            class Local:
                def run(self, x): return helper(x) + n
            return Local
        KIND = make({})
        def asset(x): return KIND().run(x)
    """
    base = project.version(source.format(1, 2))
    assert len({base, project.version(source.format(2, 2)), project.version(source.format(1, 3))}) == 3


def test_objects_that_make_up_attributes_are_taken_as_they_are(project: Project) -> None:
    source = """
        import polars as pl
        class Anything:
            def __init__(self, n): self.__dict__["n"] = n
            def __getattr__(self, name): return Anything(name)
            def __call__(self): return 1
        THING = {{"a": Anything({}), "b": pl.col}}
        def asset(): return THING
    """
    assert project.version(source.format(1)) == project.version(source.format(1))
    assert project.version(source.format(1)) != project.version(source.format(2))


def test_lambdas_on_one_line_are_told_apart(project: Project) -> None:
    module = project.load("pair = (lambda x: x + 1, lambda x: x + 2)\nsame = (lambda x: x, lambda x: x)\n")
    assert project.of(module.pair[0]).version != project.of(module.pair[1]).version
    assert project.of(module.same[0]).version == project.of(module.same[1]).version


def test_bound_methods_and_partials_are_assets_too(project: Project) -> None:
    source = "class A:\n    def __init__(self, n): self.n = n\n    def f(self): return {}\nasset = A({}).f\n"
    base = project.version(source.format(1, 2))
    assert len({base, project.version(source.format(2, 2)), project.version(source.format(1, 3))}) == 3


def test_cycles_of_values_and_code_end(project: Project) -> None:
    source = """
        LOOP = [1]
        LOOP.append(LOOP)
        class Node:
            def __init__(self): self.me, self.n = self, {}
            def again(self): return Node(), TREE, asset
        TREE = Node()
        def asset(): return LOOP, TREE
    """
    assert project.version(source.format(1)) == project.version(source.format(1))
    assert project.version(source.format(1)) != project.version(source.format(2))


def test_long_chains_and_deep_expressions_need_no_recursion(project: Project) -> None:
    chain = "".join(f"def h{i}(x):\n    return h{i + 1}(x)\n" for i in range(5000))
    source = chain + "def h5000(x):\n    return {}\ndef asset(x):\n    return h0(x)\n"
    assert project.version(source.format("x")) != project.version(source.format("-x"))
    method_chain = "def asset(x):\n    return x" + ".f()" * 400 + "{}\n"
    assert project.version(method_chain.format("")) != project.version(method_chain.format(".g()"))


def test_long_cycles_are_told_apart(project: Project) -> None:
    def ring(last: str) -> str:
        functions = [f"def h{i}(x):\n    return h{(i + 1) % 300}(x)\n" for i in range(299)]
        return "".join(functions) + f"def h299(x):\n    return {last}\nasset = h0\n"

    assert project.version(ring("h0(x)")) == project.version(ring("h0(x)"))
    assert project.version(ring("h0(x)")) != project.version(ring("h0(-x)"))


# --- packages, files -------------------------------------------------------------------------------------------------


def installed(folder: Path, version: str) -> None:
    """Put a package with a version on disk, as an installer would."""
    place = folder / "site-packages"
    (place / "thing").mkdir(parents=True, exist_ok=True)
    (place / "thing" / "__init__.py").write_text("def f(x): return x\n")
    for old in place.glob("*.dist-info"):
        old.rename(place / f"my_thing-{version}.dist-info")
    metadata = place / f"my_thing-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: my-thing\nVersion: {version}\n")
    (metadata / "top_level.txt").write_text("thing\n")


@pytest.mark.parametrize(
    ("policy", "old", "new", "changes"),
    [
        ("major", "1.2.0", "1.3.0", False),
        ("major", "1.2.0", "2.0.0", True),
        ("major", "0.2.0", "0.2.9", False),
        ("major", "0.2.0", "0.3.0", True),
        ("exact", "1.2.0", "1.2.1", True),
        ("ignore", "1.2.0", "2.0.0", False),
    ],
)
def test_packages_count_by_policy_and_are_recorded_exactly(
    project: Project, monkeypatch: pytest.MonkeyPatch, policy: str, old: str, new: str, changes: bool
) -> None:
    found = []
    for version in (old, new):
        module = project.load("def asset(x):\n    from thing import f\n    return f(x)\n")
        installed(project.root, version)
        monkeypatch.setattr(sys, "path", [str(project.root / "site-packages"), *sys.path])
        found.append(project.of(module.asset, packages=policy))
        monkeypatch.undo()
    assert [dict(f.packages)["my-thing"] for f in found] == [old, new]
    assert (found[0].version != found[1].version) is changes
    assert ("package:my-thing" in names(found[0])) is (policy != "ignore")


def test_a_foreign_function_counts_by_its_name(project: Project) -> None:
    source = "from math import {} as rounded\ndef asset(x): return rounded(x)\n"
    assert project.version(source.format("floor")) != project.version(source.format("ceil"))


def test_declared_files_folders_modules_and_objects_count(project: Project) -> None:
    module = project.load("import m\ndef asset(x): return x\n", m="def f(x): return x\nK = 1\n")
    (project.place / "sql").mkdir()
    (project.place / "sql" / "x.sql").write_text("select 1")
    plain = project.of(module.asset)
    for declared in ("sql/x.sql", Path("sql"), "sql/*.sql", project.place / "sql" / "x.sql"):
        found = project.of(module.asset, version_of=[declared])
        assert found.problems == ()
        assert names(found) - names(plain) == {"file:sql/x.sql"}
        assert found.version != plain.version
    before = project.of(module.asset, version_of=["sql/x.sql"])
    (project.place / "sql" / "x.sql").write_text("select 2")
    assert before.version != project.of(module.asset, version_of=["sql/x.sql"]).version
    assert {"assets/m.py:f", "assets/m.py:K"} < names(project.of(module.asset, version_of=[module.m]))
    assert "assets/m.py:f" in names(project.of(module.asset, version_of=[module.m.f]))
    assert project.of(module.asset, version_of=[1]).version != project.of(module.asset, version_of=[2]).version


# --- what cannot be seen ---------------------------------------------------------------------------------------------


def the_problem(found: CodeFingerprint) -> str:
    assert len(found.problems) == 1
    return found.problems[0]


def test_a_file_that_is_missing_is_a_problem(project: Project) -> None:
    found = project.of(project.load("def asset(x): return x\n").asset, version_of=["sql/nowhere.sql"])
    assert "sql/nowhere.sql" in the_problem(found)


@pytest.mark.parametrize(
    "source",
    [
        "STATE = None\ndef start():\n    global STATE\n    STATE = gen()\nstart()\n",
        "STATE = {}\nSTATE['g'] = gen()\n",
        "STATE = {'g': 1}\nSTATE['h'] = [gen()]\n",
    ],
)
def test_state_that_cannot_be_seen_is_a_problem_that_names_it(project: Project, source: str) -> None:
    source = "def gen():\n    yield 1\n" + source + "def asset(): return STATE\n"
    problem = the_problem(project.of(project.load(source).asset))
    assert "assets/a.py:STATE" in problem
    assert "generator" in problem
    assert "code_version=" in problem


def test_a_closure_value_that_cannot_be_seen_is_a_problem(project: Project) -> None:
    source = "def make(g):\n    def asset(): return g\n    return asset\nasset = make(x for x in 'ab')\n"
    assert "cell g" in the_problem(project.of(project.load(source).asset))


def test_state_told_by_the_class_itself_is_no_problem(project: Project) -> None:
    source = """
        import threading
        class A:
            def __init__(self, n): self.n, self.g, self.lock = n, (x for x in "a"), threading.Lock()
            def __getstate__(self): return self.n
        STATE = A({})
        def asset(): return STATE
    """
    assert project.version(source.format(1)) != project.version(source.format(2))


def test_an_object_that_cannot_be_taken_apart_counts_by_its_definition(project: Project) -> None:
    source = """
        class Client:
            def __init__(self, url): self.url, self.rows = url, (x {} for x in "a")
        CLIENT = Client("{}")
        def asset(): return CLIENT
    """
    base = project.version(source.format("+ 1", "a"))
    assert base == project.version(source.format("+ 1", "a"))
    assert len({base, project.version(source.format("- 1", "a")), project.version(source.format("+ 1", "b"))}) == 3


def test_an_edit_after_loading_is_a_problem(project: Project) -> None:
    module = project.load("def asset(x): return x\n")
    (project.place / "assets" / "a.py").write_text("\n\n\n\ndef asset(x): return -x\n")
    assert "load the project again" in the_problem(project.of(module.asset))


def test_a_local_import_that_fails_is_a_problem(project: Project) -> None:
    found = project.of(project.load("def asset(x):\n    import m\n    return m.f(x)\n", m="1 / 0\n").asset)
    assert "ZeroDivisionError" in the_problem(found)


def test_names_that_are_missing_are_no_problem(project: Project) -> None:
    assert project.version("def asset(x): return nothing_of_that_name(x) + len(x)\n")


def test_objects_made_in_this_very_file_are_followed() -> None:
    """Outside the project folder and outside any installation: followed by source, as an edit would go unseen else."""
    fingerprinter = Fingerprinter(root=Path("/nowhere"), environ={})
    found = fingerprinter.fingerprint(outer)
    assert found.problems == ()
    assert {name.rpartition(":")[2] for name in names(found)} == {"outer", "inner", "Local"}


@dataclasses.dataclass
class Local:
    lock: Any = dataclasses.field(default_factory=threading.Lock)


@functools.cache
def inner(x: int) -> int:
    return x


def outer(x: int) -> object:
    return inner(x), Local()


def test_loading_and_looking_leave_the_path_alone(project: Project) -> None:
    before = list(sys.path)
    module = project.load("def asset(x):\n    from m import f\n    return f(x)\n", m="def f(x): return x\n")
    assert isinstance(module.asset, FunctionType)
    assert "assets/m.py:f" in names(project.of(module.asset))
    assert sys.path == before


def test_an_object_of_a_library_that_never_ends_is_said_not_followed_for_ever(project: Project) -> None:
    source = """
        from matplotlib.figure import Figure
        def made():
            figure = Figure()
            figure.subplots(2, 2)
            def asset(): return figure
            return asset
        asset = made()
    """
    problems = project.of(project.load(source).asset).problems
    assert len(problems) == 1
    assert "`Figure` that cannot be fingerprinted (it holds more than 100,000 objects of libraries)" in problems[0]
