"""Versions that are believed from an earlier look are what a look at everything gives, after every kind of change."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType

import pytest

from assetflow.define.fingerprint import CodeFingerprint, Fingerprinter, ParseCache, VersionMemo
from assetflow.define.modules import ModuleSpace, asset_files
from tests.define.test_code_version import BASE, CHANGED, ENVIRON, UNCHANGED, Edit
from tests.define.test_code_version_language import cases

EDITS = [*UNCHANGED, *CHANGED]


@dataclass
class Lookout:
    """A project folder looked at again and again, each time with what the last look left in its memo."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.root / "catalog" / "versions"

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")

    def fingerprinter(self, cache: ParseCache | None = None) -> Fingerprinter:
        places = [self.root / "assets", self.root]
        return Fingerprinter(root=self.root, import_roots=places, environ=self.environ, cache=cache)

    def look(self) -> tuple[dict[str, CodeFingerprint], set[str]]:
        """Every function of every file with its version, and which versions were believed; leaves a memo behind."""
        space = ModuleSpace(self.root, [self.root / "assets", self.root])
        for path in asset_files(self.root):
            space.load(path)
        functions = {
            f"{path.relative_to(self.root).as_posix()}:{name}": value
            for path, module in space.by_path.items()
            for name, value in vars(module).items()
            if isinstance(value, FunctionType)
        }
        cache = ParseCache.load(self.root / "catalog" / "parsed")
        fingerprinter = self.fingerprinter(cache)
        memo = VersionMemo.load(self.file, "test")
        plain = fingerprinter.plain(memo, space.by_path, space.sources)
        known = plain.known(functions)
        found = {name: known.get(name) or fingerprinter.fingerprint(each) for name, each in functions.items()}
        cache.save()
        if not plain.is_settled(functions, found, len(known)):
            plain.remember(functions, found).save(self.file, "test")
        whole = self.fingerprinter()
        assert found == {name: whole.fingerprint(each) for name, each in functions.items()}
        space.close()
        return found, set(known)


def test_after_every_edit_of_the_table(tmp_path: Path) -> None:
    """One memo through all edits: each is made, looked at twice, and taken back."""
    lookout = Lookout(tmp_path, dict(ENVIRON))
    lookout.write(BASE)
    lookout.look()
    _, settled = lookout.look()
    assert len(settled) > 20
    believed = 0
    for edit in EDITS:
        lookout.environ = {**ENVIRON, **edit.environ}
        lookout.write(after(edit))
        before = believed
        believed += len(lookout.look()[1])
        assert believed > before, edit.name
        lookout.look()
        lookout.write(BASE)
        lookout.environ = dict(ENVIRON)
    assert believed > len(settled) * len(EDITS) / 2


def after(edit: Edit) -> dict[str, str]:
    text = textwrap.dedent(BASE[edit.file]) if not edit.old else BASE[edit.file].replace(edit.old, edit.new, 1)
    return {edit.file: text}


def test_after_every_edit_of_the_language(tmp_path: Path) -> None:
    for number, (_, _, edits, files) in enumerate(cases()):
        lookout = Lookout(tmp_path / str(number))
        lookout.write(files)
        lookout.look()
        edited = dict(files)
        for file, old, new in edits:
            edited[file] = edited[file].replace(old, new)
        lookout.write(edited)
        lookout.look()
        lookout.look()


FLIPPED = {
    "a constant": "LIMIT = FLAG\ndef helper(): return LIMIT\n",
    "a function under another name": "def one(): return 1\ndef two(): return 2\nhelper = two if FLAG else one\n",
    "a definition": "if FLAG:\n    def helper(): return 1\nelse:\n    def helper(): return 2\n",
    "a definition of the same text": "if FLAG:\n    def helper(): return 1\nelse:\n    def helper(): return 1\n",
    "a name that was patched": "def under(): return 1\ndef helper(): return under()\nif FLAG: under = lambda: 2\n",
    "a name that came": "def helper(): return len([])\nif FLAG: len = list\n",
    "a name that went": "X = 1\ndef helper(): return X\nif FLAG: del X\n",
    "a default": "def helper(n): return n\nhelper.__defaults__ = (FLAG,)\n",
    "a keyword default": "def helper(*, n): return n\nif FLAG: helper.__kwdefaults__ = {'n': 1}\n",
    "an attribute": "def under(): return 1\nunder.n = FLAG\ndef helper(): return under.n\n",
    "a docstring": "def under(): return 1\nunder.__doc__ = str(FLAG)\ndef helper(): return under.__doc__\n",
    "its code": "def other(): return 2\ndef helper(): return 1\nif FLAG: helper.__code__ = other.__code__\n",
    "its name": "def helper(): return 1\nif FLAG: helper.__qualname__ = 'other'\n",
    "what it says it wraps": "def other(): return 2\ndef helper(): return 1\nif FLAG: helper.__wrapped__ = other\n",
    "a decorator": "def deco(f): return (lambda: f() + 1)\ndef helper(): return 1\nif FLAG: helper = deco(helper)\n",
    "a decorator that leaves no trace": "import assetflow as af\nmark = af.asset if FLAG else (lambda f: f)\n"
    "@mark\ndef helper(): return 1\n",
    "a closure": "def make(n):\n    def inner(): return n\n    return inner\nhelper = make(FLAG)\n",
    "one of two made alike": "def make():\n    def inner(): return 1\n    return inner\n"
    "a = make()\nb = make() if FLAG else a\ndef helper(): return a() + b()\n",
    "a generated function": "exec(f'def helper(): return {FLAG}')\n",
    "generated under this file": "exec(compile(f'def helper(): return {FLAG}', __file__, 'exec'))\n",
    "generated at the same line with other parameters": "def helper(): return 1\n"
    "if FLAG: exec(compile('\\n\\ndef helper(*m): return 2', __file__, 'exec'))\n",
    "generated at the same line of another file": "def helper(): return 1\n"
    "if FLAG: exec(compile('\\n\\ndef helper(): return 2', 'elsewhere.py', 'exec'))\n",
    "an attribute of a class": "class K:\n    n = 1\nK.n = FLAG\ndef helper(): return K.n\n",
    "a method": "class K:\n    def m(self): return 1\nif FLAG: K.m = lambda self: 2\ndef helper(): return K().m()\n",
    "a module": "import math, cmath\nm = math if FLAG else cmath\ndef helper(): return m.sqrt(4)\n",
    "a function of a library": "from math import sin, cos\nf = sin if FLAG else cos\ndef helper(): return f(1)\n",
    "a function of another module": "import other\nif FLAG: other.helped = other.helped2\n"
    "def helper(): return other.helped()\n",
    "a module in a module": "import other\nif FLAG: other.inner = other\ndef helper(): return other.inner.helped()\n",
    "where it lives": "import other\nfrom types import FunctionType\ndef helper(): return helped()\n"
    "def helped(): return 3\nif FLAG: helper = FunctionType(helper.__code__, vars(other), 'helper')\n",
    "the file of the module": "def helper(): return 1\nif FLAG: __file__ = '/elsewhere.py'\n",
    "a recursion": "def odd(n): return n and even(n - 1)\ndef even(n): return not n or odd(n - 1)\n"
    "def helper(): return odd(3)\nif FLAG: even = odd\n",
    "a module that makes names up": "import other\nif FLAG: other.__getattr__ = lambda name: 7\n"
    "def helper(): return other.missing\n",
    "an annotation": "class A: n = FLAG\ndef helper(a: A): return 1\n",
    "an environment variable": "import os\ndef helper(): return os.environ.get('FLIPPED')\n",
    "an environment variable of a helper": "from os import getenv\ndef under(): return getenv('FLIPPED')\n"
    "def helper(): return under()\n",
}


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in FLIPPED.items()])
def test_a_change_without_an_edit(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lookout = Lookout(tmp_path)
    lookout.write(
        {
            "assets/a.py": f"import os\nFLAG = int(os.environ['FLIPPED'])\n{source}\ndef asset(): return helper()\n",
            "assets/b.py": "import a\ndef far(): return a.helper()\ndef apart(): return 5\n",
            "assets/other.py": "def helped(): return 1\ndef helped2(): return 2\ndef helped3(): return 3\nlocal = 1\n",
        }
    )
    for value in "01011":
        monkeypatch.setenv("FLIPPED", value)
        lookout.environ = dict(os.environ)
        _, believed = lookout.look()
    assert {"assets/b.py:apart", "assets/other.py:helped3"} <= believed


def test_an_edit_costs_what_it_touches(tmp_path: Path) -> None:
    """Lines move, comments come, one helper changes: versions that do not reach it are believed."""
    lookout = Lookout(tmp_path)
    helpers = "\n".join(f"def h{n}(): return {n}" + (f" + h{n - 1}()" if n % 5 else "") for n in range(20))
    users = "import shared\n" + "\n".join(f"def u{n}(): return shared.h{n}()" for n in range(20))
    lookout.write({"assets/shared.py": helpers, "assets/users.py": users})
    first, _ = lookout.look()
    lookout.write({"assets/shared.py": "# moved\n\n" + helpers.replace("return 7 ", "return 70 ")})
    second, believed = lookout.look()
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {f"assets/{place}{n}" for place in ("shared.py:h", "users.py:u") for n in (7, 8, 9)}
    assert believed == first.keys() - changed
    _, believed = lookout.look()
    assert believed == first.keys()


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "folder", "another tag"])
def test_a_memo_that_cannot_be_used_costs_time_only(damage: str, tmp_path: Path) -> None:
    lookout = Lookout(tmp_path)
    lookout.write(BASE)
    lookout.environ = dict(ENVIRON)
    first, _ = lookout.look()
    written = lookout.file.read_bytes()
    match damage:
        case "torn":
            lookout.file.write_bytes(written[:-40])
        case "flipped":
            lookout.file.write_bytes(written.replace(b"return", b"retorn", 1))
        case "empty":
            lookout.file.write_bytes(b"")
        case "folder":
            lookout.file.unlink()
            lookout.file.mkdir()
        case "another tag":
            VersionMemo.load(lookout.file, "test").save(lookout.file, "of another project")
    again, believed = lookout.look()
    assert again == first
    assert not believed
