"""Code versions as they were last found, with what each rested on: a file in the cache folder, deleted at any time.

It holds plain functions (see `plain`) by file and qualified name, what the names in them stood for, and the versions of
assets that are such functions. Nothing here is believed: `plain` compares it with the loaded project first.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import field
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from assetflow import __version__
from assetflow.define.code.components import CodeFingerprint, Component, ComponentKind
from assetflow.define.code.digest import ALGORITHM
from assetflow.values import dataclass
from assetflow.whole_file import keep

_MAGIC = "assetflow-version-memo"
_FORMAT = 1

Key = tuple[str, str]
"""A function by the path of its file and its qualified name."""

Target = Key | str
"""What a name stands for: a plain function, or for anything else a digest of all that is reached through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFunction:
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
            return cls._from_json(json.loads(body))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    @classmethod
    def _from_json(cls, data: Any) -> VersionMemo:
        paths: list[str] = data["paths"]
        modules = {}
        for path, (content, functions, names) in zip(paths, data["modules"], strict=True):
            modules[path] = KnownModule(
                content,
                {
                    qualname: PlainFunction(
                        name=name, line=line, params=params, record=record, names=tuple(used),
                        decorators=tuple(decorators),
                    )
                    for qualname, name, line, params, record, used, decorators in functions
                },
                {
                    dotted: target if target.__class__ is str else (paths[target[0]], target[1])
                    for dotted, target in names.items()
                },
            )  # fmt: skip
        kinds = {kind.value: kind for kind in ComponentKind}
        components = [
            Component(name=name, kind=kinds[kind], hash=hexdigest, text=text)
            for name, kind, hexdigest, text in data["components"]
        ]
        versions = {
            asset: (
                (paths[place], qualname),
                CodeFingerprint(
                    version=version, components=tuple([components[number] for number in numbers]),
                    packages=tuple([(package, exact) for package, exact in packages]), problems=(),
                ),
            )
            for asset, place, qualname, version, numbers, packages in data["versions"]
        }  # fmt: skip
        return cls(modules, versions)

    def save(self, path: Path, tag: str) -> None:
        """Write the memo beside its old file and move it there; where that cannot be, it costs time only."""
        body = json.dumps(self._to_json(), separators=(",", ":")).encode()
        keep(path, _heading(body, tag) + b"\n" + body)

    def _to_json(self) -> Any:
        places = {path: number for number, path in enumerate(self.modules)}
        numbers: dict[Component, int] = {}
        versions = []
        for asset, ((path, qualname), found) in self.versions.items():
            listed = [numbers.setdefault(component, len(numbers)) for component in found.components]
            versions.append([asset, places[path], qualname, found.version, listed, found.packages])
        return {
            "paths": list(self.modules),
            "modules": [
                [
                    module.content,
                    [
                        [name, known.name, known.line, known.params, known.record, known.names, known.decorators]
                        for name, known in module.functions.items()
                    ],
                    {
                        dotted: target if isinstance(target, str) else [places[target[0]], target[1]]
                        for dotted, target in module.names.items()
                    },
                ]
                for module in self.modules.values()
            ],
            "components": [[each.name, each.kind.value, each.hash, each.text] for each in numbers],
            "versions": versions,
        }  # fmt: skip


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
