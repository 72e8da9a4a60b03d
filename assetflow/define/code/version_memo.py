"""Code versions as they were last found, with what each rested on: a file in the cache folder, deleted at any time.

It holds plain functions (see `plain`) by file and qualified name, what the names in them stood for, and the versions of
assets that are such functions. Nothing here is believed: `plain` compares it with the loaded project first.
"""

from __future__ import annotations

import marshal
import os
import sys
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple

from xxhash import xxh3_128_hexdigest

from assetflow import __version__
from assetflow.define.code.components import CodeFingerprint, Component, ComponentKind
from assetflow.define.code.digest import ALGORITHM
from assetflow.values import dataclass
from assetflow.whole_file import keep

_MAGIC = "assetflow-version-memo"
_FORMAT = 2

Key = tuple[str, str]
"""A function by the path of its file and its qualified name."""

Target = Key | str
"""What a name stands for: a plain function, or for anything else a digest of all that is reached through it."""


class PlainFunction(NamedTuple):
    """What tells one function: where it stands in its file, and everything its version takes from its own source.

    `record` is a digest of its symbol and the text of its definition, without the line; `names` are the dotted names
    that it and its annotations use, `decorators` those of what decorates it.
    """

    name: str
    line: int
    params: str
    record: str
    names: tuple[str, ...]
    decorators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownModule:
    """One file of the project: the digest of its content, its functions by qualified name, and what names stood for."""

    content: str
    functions: dict[str, PlainFunction] = field(default_factory=dict)
    names: dict[str, Target] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionMemo:
    """Modules by path, and by the name of a computation the key of its function with its code version."""

    modules: dict[str, KnownModule] = field(default_factory=dict)
    versions: dict[str, tuple[Key, CodeFingerprint]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, tag: str) -> VersionMemo:
        """The memo kept in a file for the same tag; an empty one if there is none that can be used."""
        try:
            heading, _, body = path.read_bytes().partition(b"\n")
            if heading != _heading(body, tag):
                return cls()
            return cls._of(marshal.loads(body))
        except (OSError, ValueError, EOFError, KeyError, TypeError):
            return cls()

    @classmethod
    def _of(cls, data: Any) -> VersionMemo:
        modules = {
            path: KnownModule(content, {name: PlainFunction._make(known) for name, known in functions.items()}, names)
            for path, (content, functions, names) in data["modules"].items()
        }
        kinds = {kind.value: kind for kind in ComponentKind}
        components = [
            Component(name=name, kind=kinds[kind], hash=hexdigest, text=text)
            for name, kind, hexdigest, text in data["components"]
        ]
        versions = {}
        for asset, (key, version, numbers, packages) in data["versions"].items():
            parts = tuple([components[number] for number in numbers])
            versions[asset] = key, CodeFingerprint(version=version, components=parts, packages=packages, problems=())
        return cls(modules, versions)

    def save(self, path: Path, tag: str) -> None:
        """Write the memo beside its old file and move it there; where that cannot be, it costs time only."""
        body = marshal.dumps(self._plain())
        keep(path, _heading(body, tag) + b"\n" + body)

    def _plain(self) -> Any:
        numbers: dict[tuple[str, str, str, str], int] = {}
        versions = {}
        for asset, (key, found) in self.versions.items():
            listed = tuple(
                [
                    numbers.setdefault((part.name, part.kind.value, part.hash, part.text), len(numbers))
                    for part in found.components
                ]
            )
            versions[asset] = key, found.version, listed, found.packages
        modules = {
            path: (module.content, {name: tuple(known) for name, known in module.functions.items()}, module.names)
            for path, module in self.modules.items()
        }
        return {"modules": modules, "components": list(numbers), "versions": versions}


def _heading(body: bytes, tag: str) -> bytes:
    """What tells a usable memo: format, algorithm, the fingerprinting code itself, Python, the tag, and a checksum."""
    tagged = xxh3_128_hexdigest(f"{tag} {sys.version} {__version__} {_own_files()}".encode())
    return f"{_MAGIC} {_FORMAT} {ALGORITHM} {tagged} {xxh3_128_hexdigest(body)}".encode()


def _own_files() -> str:
    """The files that compute code versions, by size and time: an upgrade never believes what older code concluded."""
    folder = Path(__file__).parent
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".py")]
        found.append(("fingerprint.py", os.stat(folder.parent / "fingerprint.py")))
    except OSError:  # packed into an archive, which has its version
        return ""
    return str(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in found))
