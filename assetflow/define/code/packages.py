"""Installed distributions by the module that code imports, and how much of a version counts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

PackagePolicy = Literal["major", "exact", "ignore"]


class Distributions:
    """Finds the distributions that provide a top-level module, without importing it.

    `folders` are the places to look in, `sys.path` where none are given. Names of metadata folders answer nearly
    every question; the files in them are read only for modules that are named unlike their distribution.
    """

    def __init__(self, folders: Sequence[str] | None = None) -> None:
        self._folders = tuple(sys.path if folders is None else folders)
        self._found: dict[str, tuple[tuple[str, str], ...]] = {}

    def providing(self, top: str) -> tuple[tuple[str, str], ...]:
        """(name, version) of each distribution behind a module, names normalized; empty when there is none."""
        found = self._found.get(top)
        if found is None:
            found = self._found[top] = self._find(top)
        return found

    def _find(self, top: str) -> tuple[tuple[str, str], ...]:
        version = self._by_folder_name.get(normalized(top))
        if version is not None:
            return ((normalized(top), version),)
        from importlib import metadata  # here: it costs milliseconds, and folders answer nearly every question

        names = sorted({normalized(name) for name in self._by_module.get(top, ())})
        return tuple((name, self._by_folder_name.get(name) or metadata.version(name)) for name in names)

    @cached_property
    def _by_folder_name(self) -> dict[str, str]:
        versions: dict[str, str] = {}
        for folder in self._folders:
            try:
                entries = os.listdir(folder or ".")
            except OSError:
                continue
            for entry in entries:
                if entry.endswith(".dist-info"):
                    name, _, version = entry.removesuffix(".dist-info").partition("-")
                    versions.setdefault(normalized(name), version)
        return versions

    @cached_property
    def _by_module(self) -> dict[str, list[str]]:
        from importlib import metadata  # here: it costs milliseconds, and folders answer nearly every question

        providers: dict[str, list[str]] = {}
        for distribution in metadata.distributions(path=list(self._folders)):
            top_level = (distribution.read_text("top_level.txt") or "").split()
            files = distribution.files or []
            tops = set(top_level) or {file.parts[0].partition(".")[0] for file in files if _is_code(file.name)}
            for top in tops:
                providers.setdefault(top, []).append(distribution.metadata["Name"])
        return providers


def _is_code(name: str) -> bool:
    return name.endswith((".py", ".so", ".pyd"))


def normalized(name: str) -> str:
    """The one spelling of a distribution name: lower case, with hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def counted_version(version: str, policy: PackagePolicy) -> str:
    """The part of a version that counts: all of it, or the leading part up to the first number that is not zero.

    So `2.1.0` counts as `2`, and `0.21.3` as `0.21`, where the second number is the one that breaks.
    """
    if policy == "exact":
        return version
    numbers: list[str] = []
    for number in version.partition("!")[2].split(".") if "!" in version else version.split("."):
        digits = re.match(r"\d+", number)
        if digits is None:
            break
        numbers.append(digits.group())
        if int(digits.group()) != 0:
            break
    return ".".join(numbers) or version
