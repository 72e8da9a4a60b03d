"""Problems that are there only because a file could not be loaded: what it would have declared is missed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from assetflow.errors import Problem

_MISSED = re.compile(
    r"no asset is called `([^`]+)`|parameter `([^`]+)` is neither an asset"
    r"|depends on `([^`]+)`, which no definition has"
)
_OF_PARTITIONS = re.compile(r"the parameter `\$(partition\w*|window_start|window_end)` is not known")
_WORD = re.compile(r"[\w-]+")


def without_consequences(problems: Iterable[Problem], project: Path) -> tuple[Problem, ...]:
    """The problems without those that follow from a file that failed: a name that stands in it is no unknown name.

    A query whose partitions are not known has no parameters of partitions: that is one problem, not two.
    """
    found = tuple(problems)
    words: set[str] = set()
    for file in {each.file for each in found if each.slug == "module" and each.file}:
        try:
            words |= set(_WORD.findall((project / file).read_text("utf-8", errors="replace")))
        except OSError:
            continue
    unknown = {each.file for each in found if each.slug == "partitions_like"}
    return tuple(
        each
        for each in found
        if not (_names_missing(each) & words) and not (each.file in unknown and _OF_PARTITIONS.search(each.message))
    )


def _names_missing(problem: Problem) -> set[str]:
    """The last segment of the name that nothing declares, if that is what the problem is."""
    match = _MISSED.search(problem.message)
    return set() if match is None else {next(name for name in match.groups() if name).rpartition("/")[2]}
