"""Code versions are the same in every process, on every Python, with and without the cache."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetflow.define.code.analysis import read_symbols
from assetflow.define.code.graph import Node, seal
from assetflow.define.code.values import Encoder
from assetflow.define.fingerprint import Fingerprinter, ParseCache
from assetflow.define.modules import ModuleSpace

REPOSITORY = Path(__file__).resolve().parents[2]

SOURCE = '''
import enum, functools, os
import dataclasses

NAMES = frozenset({"a", "b", "c", "d"})
TABLE = {"x": {1, 2, 3}, "y": (1.5, None, b"z", 10**30)}

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Row:
    name: "str"
    size: int = 3

def deco(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)
    return wrapper

@deco
def helper(x, *, y=(1, 2)):
    """Doc."""
    match x:
        case {"a": [first, *rest], **others} if first:
            return first, rest, others
        case Row(name=name) | [Row(name=name), _]:
            return name
    try:
        with open(x) as f, open(x) as g:
            return f"{x!r:>{y}} {x=} {{}}" f"and {f.read()}" + g.read()
    except* ValueError as error:
        raise RuntimeError from error
    finally:
        del x

async def gather(rows):
    async for row in rows:
        yield [r async for r in row if (z := r)], z

def asset(rows: list[int], *rest: "int", **more) -> dict[str, int]:
    import math as m
    total = lambda q, /, w=2: q ** w @ m.floor(q) // 3
    return {r: helper(r)[1:2, ::3, ...] for r in rows if r in NAMES and Color.RED}, TABLE, total, gather, Row, os.sep
'''

VERSION_SCRIPT = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from assetflow.define.fingerprint import Fingerprinter
from assetflow.define.modules import ModuleSpace
root = pathlib.Path(sys.argv[2])
module = ModuleSpace(root, [root]).load(root / "a.py")
found = Fingerprinter(root=root, environ={}).fingerprint(module.asset)
assert not found.problems, found.problems
print(found.version)
for component in found.components:
    print(component.name, component.hash)
"""

TREE_SCRIPT = """
import sys, types
sys.path.insert(0, sys.argv[1])
stand_in = types.ModuleType("xxhash")
stand_in.xxh3_128_hexdigest = lambda data: __import__("hashlib").md5(data).hexdigest()
stand_in.xxh3_128 = stand_in.xxh3_128_hexdigest
sys.modules["xxhash"] = stand_in
from assetflow.define.code.analysis import read_symbols
for symbol in read_symbols(open(sys.argv[2]).read()).raw:
    print(symbol)
"""


def run(python: str, script: str, *arguments: str, seed: str = "0") -> str:
    """What a script prints in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", script, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def other_pythons() -> list[str]:
    """Interpreters of other versions: on the path, or named in ASSETFLOW_TEST_PYTHONS."""
    named = os.environ.get("ASSETFLOW_TEST_PYTHONS", "").split(os.pathsep)
    found = [shutil.which(f"python3.{minor}") for minor in range(11, 16)]
    usable = []
    for python in [*named, *found]:
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            usable.append(python)
    return usable


def version_at(root: Path, cache: ParseCache | None = None) -> str:
    module = ModuleSpace(root, [root]).load(root / "a.py")
    found = Fingerprinter(root=root, environ={}, cache=cache).fingerprint(module.asset)
    assert found.problems == ()
    return found.version


def test_hash_seeds_and_folders_do_not_count(tmp_path: Path) -> None:
    printed = set()
    for seed in ("0", "1", "4711"):
        root = tmp_path / seed
        root.mkdir()
        (root / "a.py").write_text(SOURCE)
        printed.add(run(sys.executable, VERSION_SCRIPT, str(REPOSITORY), str(root), seed=seed))
    assert len(printed) == 1


def test_trees_are_the_same_for_every_python(tmp_path: Path) -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python was found")
    (tmp_path / "a.py").write_text(SOURCE)
    arguments = (TREE_SCRIPT, str(REPOSITORY), str(tmp_path / "a.py"))
    expected = run(sys.executable, *arguments)
    for python in pythons:
        assert run(python, *arguments) == expected, python


def test_versions_are_the_same_for_every_python(tmp_path: Path) -> None:
    check = "import xxhash"
    pythons = [
        python
        for python in other_pythons()
        if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    ]
    if not pythons:
        pytest.skip("no other Python with xxhash was found")
    (tmp_path / "a.py").write_text(SOURCE)
    arguments = (VERSION_SCRIPT, str(REPOSITORY), str(tmp_path))
    expected = run(sys.executable, *arguments)
    for python in pythons:
        assert run(python, *arguments) == expected, python


# --- properties ------------------------------------------------------------------------------------------------------

LINES = SOURCE.splitlines()
OPEN_LINES = [number for number, line in enumerate(LINES) if not line.startswith('"')]


def digests(source: str) -> list[tuple[str, str]]:
    """Qualified names and digests of everything a source holds."""
    found = read_symbols(source)
    assert found.error is None
    return sorted((symbol[1], symbol[4]) for symbol in found.raw)


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.sampled_from(OPEN_LINES), max_size=8),
    comment=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20),
)
def test_comments_and_blank_lines_anywhere_change_nothing(places: list[int], comment: str) -> None:
    lines = list(LINES)
    for place in sorted(places, reverse=True):
        lines.insert(place, f"      # {comment}")
        lines.insert(place, "")
        lines.insert(place, "  ")
    assert digests("\n".join(lines)) == digests(SOURCE)


NAME = st.sampled_from(["a", "b", "ab", "c"])
LITERAL = st.one_of(
    st.integers(0, 3),
    st.booleans(),
    st.none(),
    st.text("ab\n' ", max_size=3),
    st.sampled_from([0.0, 1.0, 1j, b"a", ...]),
).map(repr)
EXPRESSION = st.recursive(
    st.one_of(NAME, LITERAL),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "and", "or", "<", "in"]), inner).map(lambda t: f"({' '.join(t)})"),
        st.tuples(inner, NAME).map(lambda t: f"({t[0]}).{t[1]}"),
        st.tuples(inner, st.lists(inner, max_size=2)).map(lambda t: f"({t[0]})({', '.join(t[1])})"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.tuples(NAME, inner).map(lambda t: f"(lambda {t[0]}: {t[1]})"),
        st.tuples(inner, NAME, inner).map(lambda t: f"[{t[0]} for {t[1]} in {t[2]}]"),
        st.tuples(NAME, inner).map(lambda t: f"f(**{{'{t[0]}': {t[1]}}})"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(one=EXPRESSION, two=EXPRESSION)
def test_trees_that_differ_have_digests_that_differ(one: str, two: str) -> None:
    same = ast.dump(ast.parse(one, mode="eval")) == ast.dump(ast.parse(two, mode="eval"))
    first, second = (digests(f"def f(a, b):\n    return {text}\n") for text in (one, two))
    assert (first == second) is same


class Nobody:
    """A host for values without code."""

    def reference(self, value: object) -> str | None:
        return None

    def is_followed(self, value: object) -> bool:
        return False

    def external(self, value: object) -> str | None:
        return None

    def opaque(self, value: object, reason: str) -> str:
        raise AssertionError(reason)


PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 2),
        st.floats(allow_nan=False),
        st.text(max_size=3),
        st.binary(max_size=2),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.frozensets(st.integers(-3, 3), max_size=3),
    ),
    max_leaves=8,
)


def strictly(value: object) -> str:
    """A text that shows type, sign and order, sets sorted."""
    if isinstance(value, frozenset):
        return f"frozenset{sorted(value)}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{', '.join(strictly(part) for part in value)}]"
    if isinstance(value, dict):
        return f"dict[{', '.join(f'{strictly(k)}: {strictly(v)}' for k, v in value.items())}]"
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=150, deadline=None)
@given(one=PLAIN, two=PLAIN)
def test_values_that_differ_have_texts_that_differ(one: object, two: object) -> None:
    encoder = Encoder(Nobody(), ())
    assert (encoder.encode(one) == encoder.encode(two)) is (strictly(one) == strictly(two))


@settings(max_examples=80, deadline=None)
@given(data=st.data(), count=st.integers(1, 6))
def test_digests_of_graphs_do_not_depend_on_the_order_of_discovery(data: st.DataObject, count: int) -> None:
    links = [
        [(label, data.draw(st.integers(0, count - 1))) for label in ("x", "y")[: data.draw(st.integers(0, 2))]]
        for _ in range(count)
    ]
    owns = [data.draw(st.sampled_from(["p", "q"])) for _ in range(count)]

    def graph() -> list[Node]:
        nodes = [Node(f"n{i}", None, short="n", own=owns[i]) for i in range(count)]
        for node, targets in zip(nodes, links, strict=True):
            node.links = [(label, nodes[target]) for label, target in targets]
        return nodes

    one, two = graph(), graph()
    for start in data.draw(st.permutations(range(count))):
        seal(two[start])
    assert [seal(node) for node in one] == [seal(node) for node in two]


# --- the cache -------------------------------------------------------------------------------------------------------


def settled(cache: Path) -> None:
    """Make the cache younger than the files it speaks of, so that their times are trusted."""
    later = time.time() + 60
    os.utime(cache, (later, later))


def test_a_cached_analysis_gives_the_same_version(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    path = tmp_path / "cache" / "parsed"
    cache = ParseCache.load(path)
    first = version_at(tmp_path, cache)
    assert cache.save()
    settled(path)
    again = ParseCache.load(path)
    assert version_at(tmp_path, again) == first
    assert not again.save(), "nothing was new"


@pytest.mark.parametrize("replaced", [False, True], ids=["written in place", "replaced by another file"])
def test_other_content_of_the_same_size_and_time_is_noticed(tmp_path: Path, replaced: bool) -> None:
    file, path = tmp_path / "a.py", tmp_path / "cache"
    file.write_text("def asset(): return 1\n")
    stamp = file.stat().st_mtime_ns
    cache = ParseCache.load(path)
    before = cache.symbols(str(file))
    cache.save()
    settled(path)
    written = tmp_path / "new.py" if replaced else file
    written.write_text("def asset(): return 2\n")
    os.utime(written, ns=(stamp, stamp))
    written.replace(file)
    after = ParseCache.load(path).symbols(str(file))
    assert before is not None
    assert after is not None
    assert before.to_json() != after.to_json()


def test_a_file_as_young_as_the_cache_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def asset(): return 1\n")
    stamp = file.stat().st_mtime_ns
    cache = ParseCache.load(tmp_path / "cache")
    before = cache.symbols(str(file))
    cache.save()
    file.write_text("def asset(): return 2\n")
    os.utime(file, ns=(stamp, stamp))
    after = ParseCache.load(tmp_path / "cache").symbols(str(file))
    assert before is not None
    assert after is not None
    assert before.to_json() != after.to_json()


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x00\xff" * 40, "half", "flip", "foreign"])
def test_a_damaged_or_foreign_cache_is_ignored(tmp_path: Path, damage: bytes | str) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    path = tmp_path / "parsed"
    cache = ParseCache.load(path)
    expected = version_at(tmp_path, cache)
    cache.save()
    good = path.read_bytes()
    damaged = {
        "half": good[: len(good) // 2],
        "flip": good[:-20] + bytes([good[-20] ^ 1]) + good[-19:],
        "foreign": good.replace(b"assetflow-parse-cache", b"another-parse-cache", 1),
    }
    path.write_bytes(damage if isinstance(damage, bytes) else damaged[damage])
    again = ParseCache.load(path)
    assert version_at(tmp_path, again) == expected
    assert again.save(), "it was analyzed anew"


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    (tmp_path / "folder").write_text("a file where the folder should be")
    cache = ParseCache.load(tmp_path / "folder" / "parsed")
    assert version_at(tmp_path, cache)
    assert not cache.save()


def test_a_file_that_does_not_parse_is_kept_with_its_error() -> None:
    found = read_symbols("def f(:\n")
    assert found.error is not None
    assert "SyntaxError" in found.error
