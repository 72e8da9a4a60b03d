"""Nearest keys among many, as `errors.did_you_mean` finds them, at a cost that fits thousands of typos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from assetflow.errors import did_you_mean

_CANDIDATES = 25


class NearestKeys:
    """An index of known keys by letter pairs; spellings are compared with the few keys that share most."""

    __slots__ = ("_by_pair",)

    def __init__(self, keys: Iterable[str]) -> None:
        self._by_pair: dict[str, list[str]] = {}
        for key in keys:
            for pair in _pairs(key):
                self._by_pair.setdefault(pair, []).append(key)

    def hint(self, name: str) -> str | None:
        """A hint sentence with the known key nearest to `name`, or None when none is near."""
        return did_you_mean(name, self._candidates(name))

    def _candidates(self, name: str) -> list[str]:
        shared: Counter[str] = Counter()
        for pair in _pairs(name):
            shared.update(self._by_pair.get(pair, ()))
        # equal counts are settled by length, then key: a short key that shares all its pairs is the nearer
        # one
        ranked = sorted(shared.items(), key=lambda item: (-item[1], len(item[0]), item[0]))
        return [key for key, _ in ranked[:_CANDIDATES]]


def _pairs(key: str) -> set[str]:
    padded = f"^{key.lower()}$"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}
