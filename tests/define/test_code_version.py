"""The table of code edits: what each edit does to the code version of an asset, and which components it names."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assetflow.define.fingerprint import CodeFingerprint, Fingerprinter
from assetflow.define.modules import ModuleSpace

BASE = {
    "assets/report.py": '''
        import os
        from functools import partial, lru_cache

        import assetflow as af
        import shared.text as text
        import shared.text as named
        from shared.text import clean_name, Cleaner, Color, Row, LIMITS, scale
        from shared import shout
        from shared.star import *


        def helper(x):
            """Says nothing."""
            # a comment
            return x + 1


        @af.asset(description="A report", tags={"a": "b"})
        def report(rows: list, factor: float = text.FACTOR) -> list:
            """Make the report."""
            total = helper(rows)  # trailing
            return [clean_name(r) for r in rows] + [text.deep(total), factor]


        def with_class(rows):
            return Cleaner(3).run(rows)


        def with_enum(rows):
            return [r for r in rows if r == Color.RED]


        def with_model(rows):
            return [Row(name=r) for r in rows]


        def with_limits(rows):
            return [r for r in rows if r in LIMITS]


        def with_star(rows):
            return starred(rows)


        def with_reexport(rows):
            return shout(rows)


        def with_local_import(rows):
            import shared.late as late
            from shared.late import second as other

            return late.first(rows), other(rows)


        def with_module_value(rows):
            return apply(text, rows)


        def apply(module, rows):
            return getattr(module, "clean_name")(rows)


        def with_environment(rows):
            return os.environ["API_URL"], os.getenv("API_KEY", "none"), os.environ.get("API_MODE")


        double = partial(scale, by=2)


        def with_partial(rows):
            return double(rows)


        pair = (lambda r: r + 1), (lambda r: r + 2)
        first_of_pair, second_of_pair = pair


        def with_lambda(rows):
            return first_of_pair(rows)


        def even(n):
            return n == 0 or odd(n - 1)


        def odd(n):
            return n != 0 and even(n - 1)


        def with_recursion(rows):
            return even(len(rows))


        CLEANER = Cleaner(7)


        def with_instance(rows):
            return CLEANER.run(rows)


        def with_comprehension(rows):
            return {r: [helper(q) for q in range(r)] for r in rows if helper(r)}
    ''',
    "shared/__init__.py": """
        from shared.loud import shout
    """,
    "shared/loud.py": """
        def shout(x):
            return x.upper()
    """,
    "shared/late.py": """
        def first(x):
            return x[0]


        def second(x):
            return x[1]


        def third(x):
            return x[2]
    """,
    "shared/star.py": """
        FACTOR = 10


        def starred(x):
            return [y * FACTOR for y in x]


        def unstarred(x):
            return x
    """,
    "shared/text.py": '''
        import functools
        import re
        from dataclasses import dataclass
        from enum import Enum

        import polars as pl

        FACTOR = 2.5
        LIMITS = frozenset({"b", "a", "c"})
        NAMES = {"jfk": "Kennedy"}
        PATTERN = re.compile("[a-z]+")


        def timed(label):
            def wrap(fn):
                @functools.wraps(fn)
                def wrapper(*args):
                    return fn(*args), label

                return wrapper

            return wrap


        @timed("clean")
        def clean_name(x):
            return NAMES.get(x, x).strip() + PATTERN.pattern


        @functools.lru_cache(maxsize=3)
        def deep(x):
            return deeper(x)


        def deeper(x):
            return x * 3


        def scale(x, by=1):
            return x * by


        def unrelated(x):
            return pl.lit(x)


        class Base:
            def run(self, rows):
                return self.limit(rows)

            def limit(self, rows):
                return rows[: self.n]


        class Cleaner(Base):
            """Cleans."""

            size = 4

            def __init__(self, n):
                self.n = n

            @property
            def half(self):
                return self.n / 2

            def other(self):
                return deeper(self.n)


        class Color(Enum):
            RED = 1
            BLUE = 2


        @dataclass
        class Row:
            name: str
            width: int = 3
    ''',
}
ENVIRON = {"API_URL": "https://a.example", "API_KEY": "secret-1"}


@dataclass(frozen=True)
class Edit:
    """An edit of the base project, and what it does to one asset: the components that differ, none for no change."""

    name: str
    asset: str
    file: str
    old: str
    new: str
    differs: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)


REPORT, TEXT = "assets/report.py", "shared/text.py"

UNCHANGED = [
    Edit("comment", "report", REPORT, "# a comment", "# another comment\n            # and one more"),
    Edit("trailing comment", "report", REPORT, "  # trailing", ""),
    Edit("docstring", "report", REPORT, '"""Make the report."""', '"""Make it better."""'),
    Edit("docstring removed", "report", REPORT, '"""Make the report."""', ""),
    Edit("docstring of a helper", "report", REPORT, '"""Says nothing."""', '"""Says more."""'),
    Edit("docstring of a class", "with_class", TEXT, '"""Cleans."""', '"""Cleans all."""'),
    Edit("formatting", "report", REPORT, "helper(rows)  # trailing", "helper(\n                rows,\n            )"),
    Edit("quotes", "report", TEXT, '"Kennedy"', "'Kennedy'"),
    Edit("number spelling", "report", TEXT, "return x * 3", "return (x * 0x3)"),
    Edit("asset description", "report", REPORT, '"A report"', '"The report"'),
    Edit("asset tags", "report", REPORT, 'tags={"a": "b"}', 'tags={"a": "c"}'),
    Edit("unrelated function", "report", TEXT, "return pl.lit(x)", "return pl.lit(x + 1)"),
    Edit(
        "unrelated function added",
        "report",
        TEXT,
        "def scale(",
        "def more(x):\n            return x\n\n\n        def scale(",
    ),
    Edit("unrelated class", "report", TEXT, "BLUE = 2", "BLUE = 3"),
    Edit("blank lines above", "report", REPORT, "def helper(x)", "\n\n\n\n\n        def helper(x)"),
    Edit("annotation of a helper", "report", REPORT, "def helper(x)", "def helper(x: int) -> int"),
    Edit("annotation of a variable", "report", REPORT, "total = helper", "total: int = helper"),
    Edit("statement without effect", "report", REPORT, "return x + 1", "pass\n            return x + 1"),
    Edit("equal constant, other expression", "report", TEXT, "FACTOR = 2.5", "FACTOR = 5 / 2"),
    Edit("constant annotated", "report", TEXT, "FACTOR = 2.5", "FACTOR: float = 2.5"),
    Edit("order in a frozenset", "with_limits", TEXT, '{"b", "a", "c"}', '{"c", "b", "a"}'),
    Edit("starred name not used", "with_star", "shared/star.py", "return x\n", "return x + 1\n"),
    Edit("local import, other attribute", "with_local_import", "shared/late.py", "x[2]", "x[3]"),
    Edit("alias used elsewhere", "report", REPORT, "import shared.text as named", "import shared.text as renamed"),
    Edit("variable nobody reads", "report", REPORT, "", "", environ={"OTHER": "x"}),
    Edit("other asset", "report", REPORT, "return Cleaner(3)", "return Cleaner(4)"),
    Edit("the other lambda on the line", "with_lambda", REPORT, "r + 2", "r + 3"),
]

CHANGED = [
    Edit("body", "report", REPORT, "factor]", "factor, 1]", (f"{REPORT}:report",)),
    Edit("operator", "report", REPORT, "rows] +", "rows] *", (f"{REPORT}:report",)),
    Edit("return annotation of the asset", "report", REPORT, "-> list", "-> tuple", (f"{REPORT}:report",)),
    Edit("input annotation of the asset", "report", REPORT, "rows: list", "rows: set", (f"{REPORT}:report",)),
    Edit("helper", "report", REPORT, "return x + 1", "return x + 2", (f"{REPORT}:helper",)),
    Edit(
        "helper in a comprehension", "with_comprehension", REPORT, "return x + 1", "return x - 1", (f"{REPORT}:helper",)
    ),
    Edit("helper two modules down", "report", TEXT, "return x * 3", "return x * 4", (f"{TEXT}:deeper",)),
    Edit("behind lru_cache", "report", TEXT, "return deeper(x)", "return deeper(-x)", (f"{TEXT}:deep",)),
    Edit("constant", "report", TEXT, "FACTOR = 2.5", "FACTOR = 3.5", (f"{REPORT}:report", f"{TEXT}:FACTOR")),
    Edit("type of a constant", "with_star", "shared/star.py", "= 10", "= 10.0", ("shared/star.py:FACTOR",)),
    Edit("dictionary constant", "report", TEXT, '"Kennedy"', '"JFK"', (f"{TEXT}:NAMES",)),
    Edit("pattern", "report", TEXT, "[a-z]+", "[A-Z]+", (f"{TEXT}:PATTERN",)),
    Edit("set constant", "with_limits", TEXT, '"b", "a", "c"', '"b", "a", "d"', (f"{TEXT}:LIMITS",)),
    Edit(
        "decorator's wrapper", "report", TEXT, "return fn(*args), label", "return label, fn(*args)", (f"{TEXT}:timed",)
    ),
    Edit(
        "decorator's argument",
        "report",
        TEXT,
        '@timed("clean")',
        '@timed("cleaned")',
        (f"{TEXT}:clean_name", f"{TEXT}:timed"),
    ),
    Edit("decorated function", "report", TEXT, ".strip()", ".lstrip()", (f"{TEXT}:clean_name",)),
    Edit("decorator removed", "report", TEXT, '@timed("clean")\n', "\n", (f"{TEXT}:clean_name", f"{TEXT}:timed")),
    Edit("method", "with_class", TEXT, "self.n = n", "self.n = n + 1", (f"{TEXT}:Cleaner",)),
    Edit("method of a base class", "with_class", TEXT, "rows[: self.n]", "rows[self.n :]", (f"{TEXT}:Base",)),
    Edit("property", "with_class", TEXT, "self.n / 2", "self.n / 3", (f"{TEXT}:Cleaner",)),
    Edit("class attribute", "with_class", TEXT, "size = 4", "size = 5", (f"{TEXT}:Cleaner",)),
    Edit("helper of a method", "with_class", TEXT, "return x * 3", "return x * 5", (f"{TEXT}:deeper",)),
    Edit(
        "base class",
        "with_class",
        TEXT,
        "class Cleaner(Base)",
        "class Cleaner(object)",
        (f"{TEXT}:Base", f"{TEXT}:Cleaner"),
    ),
    Edit("member of an enum", "with_enum", TEXT, "RED = 1", "RED = 9", (f"{TEXT}:Color",)),
    Edit("field of a dataclass", "with_model", TEXT, "name: str", "name: bytes", (f"{TEXT}:Row",)),
    Edit("default of a field", "with_model", TEXT, "width: int = 3", "width: int = 4", (f"{TEXT}:Row",)),
    Edit(
        "through a star import", "with_star", "shared/star.py", "y * FACTOR", "y + FACTOR", ("shared/star.py:starred",)
    ),
    Edit("constant behind a star import", "with_star", "shared/star.py", "= 10", "= 11", ("shared/star.py:FACTOR",)),
    Edit("through a re-export", "with_reexport", "shared/loud.py", "upper", "lower", ("shared/loud.py:shout",)),
    Edit("local import of a module", "with_local_import", "shared/late.py", "x[0]", "x[9]", ("shared/late.py:first",)),
    Edit("local import of a name", "with_local_import", "shared/late.py", "x[1]", "x[9]", ("shared/late.py:second",)),
    Edit("module used as a value", "with_module_value", TEXT, "return x * by", "return by * x", (f"{TEXT}:scale",)),
    Edit("variable", "with_environment", REPORT, "", "", ("env:API_URL",), {"API_URL": "https://b.example"}),
    Edit("variable by getenv", "with_environment", REPORT, "", "", ("env:API_KEY",), {"API_KEY": "secret-2"}),
    Edit("variable that was absent", "with_environment", REPORT, "", "", ("env:API_MODE",), {"API_MODE": ""}),
    Edit("function in a partial", "with_partial", TEXT, "return x * by", "return x + by", (f"{TEXT}:scale",)),
    Edit("argument of a partial", "with_partial", REPORT, "by=2", "by=3", (f"{REPORT}:double",)),
    Edit("lambda", "with_lambda", REPORT, "r + 1", "r + 9", (f"{REPORT}:pair",)),
    Edit("mutual recursion", "with_recursion", REPORT, "n != 0 and", "n > 0 and", (f"{REPORT}:odd",)),
    Edit("state of an instance", "with_instance", REPORT, "Cleaner(7)", "Cleaner(8)", (f"{REPORT}:CLEANER",)),
    Edit("class of an instance", "with_instance", TEXT, "self.n / 2", "self.n / 4", (f"{TEXT}:Cleaner",)),
    Edit("default value", "with_partial", TEXT, "by=1", "by=0", (f"{TEXT}:scale",)),
    Edit(
        "called helper swapped",
        "report",
        REPORT,
        "text.deep(total)",
        "text.deeper(total)",
        (f"{REPORT}:report", f"{TEXT}:deep"),
    ),
    Edit(
        "import swapped",
        "with_reexport",
        REPORT,
        "from shared import shout",
        "from shared.late import first as shout",
        (f"{REPORT}:with_reexport", "shared/late.py:first", "shared/loud.py:shout"),
    ),
    Edit("parameter added", "even", REPORT, "def even(n):", "def even(n, *, m=0):", (f"{REPORT}:even",)),
]


def build(root: Path, files: dict[str, str]) -> ModuleSpace:
    """Write a project and give the space its files are loaded in."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return ModuleSpace(root, [root / "assets", root])


def version(root: Path, space: ModuleSpace, file: str, name: str, environ: dict[str, str]) -> CodeFingerprint:
    """The code version of a function of a project."""
    fingerprinter = Fingerprinter(root=root, import_roots=[root / "assets", root], environ=environ)
    found = fingerprinter.fingerprint(getattr(space.load(root / file), name))
    assert found.problems == ()
    return found


def differing(before: CodeFingerprint, after: CodeFingerprint) -> set[str]:
    """Names of the components that were added, removed or changed."""
    old, new = ({c.name: c.hash for c in f.components} for f in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def applied(tmp_path: Path, edit: Edit) -> tuple[CodeFingerprint, CodeFingerprint]:
    """The versions before and after an edit, in two folders, so that the place never counts."""
    old = textwrap.dedent(BASE[edit.file])
    assert edit.old in BASE[edit.file], "the edit does not apply"
    edited = {**BASE, edit.file: BASE[edit.file].replace(edit.old, edit.new, 1) if edit.old else old}
    versions = []
    for folder, files, environ in (("one", BASE, ENVIRON), ("two", edited, {**ENVIRON, **edit.environ})):
        root = tmp_path / folder
        space = build(root, files)
        versions.append(version(root, space, REPORT, edit.asset, environ))
        space.close()
    return versions[0], versions[1]


@pytest.mark.parametrize("edit", UNCHANGED, ids=lambda edit: edit.name)
def test_edits_that_leave_the_result_alone_leave_the_version_alone(tmp_path: Path, edit: Edit) -> None:
    before, after = applied(tmp_path, edit)
    assert differing(before, after) == set()
    assert before.version == after.version


@pytest.mark.parametrize("edit", CHANGED, ids=lambda edit: edit.name)
def test_edits_that_may_change_the_result_change_the_version_and_are_named(tmp_path: Path, edit: Edit) -> None:
    before, after = applied(tmp_path, edit)
    assert before.version != after.version
    assert differing(before, after) == set(edit.differs)


def test_version_is_tagged_with_its_algorithm(tmp_path: Path) -> None:
    space = build(tmp_path, BASE)
    found = version(tmp_path, space, REPORT, "report", ENVIRON)
    tag, _, digits = found.version.partition(":")
    assert tag == "c1"
    assert len(digits) == 32
    assert int(digits, 16) >= 0
    assert [c.name for c in found.components] == sorted(c.name for c in found.components)


def test_values_of_variables_are_nowhere_in_the_result(tmp_path: Path) -> None:
    space = build(tmp_path, BASE)
    found = version(tmp_path, space, REPORT, "with_environment", ENVIRON)
    assert "secret-1" not in repr(found)
    assert "https://a.example" not in repr(found)


def test_order_of_definitions_does_not_count(tmp_path: Path) -> None:
    first = "def asset(x):\n    return one(x) + K(x).two()\n\ndef one(x):\n    return x\n\n"
    methods = ["    def two(self):\n        return 2\n", "    def three(self):\n        return 3\n"]
    head = "class K:\n    def __init__(self, x):\n        self.x = x\n"
    one = {"assets/a.py": first + head + methods[0] + methods[1]}
    parts = first.split("\n\n")
    two = {"assets/a.py": head + methods[1] + methods[0] + "\n" + parts[1] + "\n\n" + parts[0] + "\n"}
    versions = [
        version(tmp_path / n, build(tmp_path / n, files), "assets/a.py", "asset", {})
        for n, files in (("one", one), ("two", two))
    ]
    assert versions[0].version == versions[1].version
    assert differing(versions[0], versions[1]) == set()


def test_moving_a_helper_to_another_module_does_not_count(tmp_path: Path) -> None:
    helper = "K = 3\n\ndef helper(x):\n    return x + K\n"
    asset = "def asset(x):\n    return helper(x)\n"
    one = {"assets/a.py": helper + asset}
    two = {"assets/a.py": "from lib.things import helper\n" + asset, "lib/things.py": helper}
    before, after = (
        version(tmp_path / n, build(tmp_path / n, files), "assets/a.py", "asset", {})
        for n, files in (("one", one), ("two", two))
    )
    assert before.version == after.version
    assert "lib/things.py:helper" in {c.name for c in after.components}
