"""What every partitions definition can do: keys, ordinals, windows, sets, text and JSON."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

from assetflow.errors import PartitionError, UnknownPartitionError
from assetflow.model import regions
from assetflow.model.regions import Interval, Region
from assetflow.model.subset import PartitionSubset
from assetflow.model.subset_text import match_keys, parse_subset, show_subset, stored_subset, subset_between


class PartitionsDefinition(ABC):
    """How an asset is cut into partitions: a frozen, hashable value without a clock.

    A *key* is the text that names a partition. An *ordinal* is its place in the definition, stable while partitions
    are added at the end. `as_of` is the aware instant that decides which partitions are there; None means all there
    will ever be, which is a PartitionError for time partitions without an `end`.
    """

    __slots__ = ()

    kind: ClassVar[str]

    # --- identity ---

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The definition as JSON that `partitions_from_json` reads back; dynamic keys are not part of it."""

    @abstractmethod
    def describe(self) -> str:
        """A short description for people, like `daily from 2013-01-01`."""

    def fingerprint(self) -> str:
        """Canonical text that is equal for equal definitions, in any process."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def __str__(self) -> str:
        return self.describe()

    # --- axes: one for all but multi-dimensional definitions ---

    @property
    @abstractmethod
    def axes(self) -> tuple[KeyAxis, ...]:
        """The one-dimensional definitions this one is made of, in the order of the key; itself when it is one."""

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The dimension names, in the order of `axes`; one empty name for a definition that is one-dimensional."""
        return ("",)

    @abstractmethod
    def coordinates(self, key: str) -> tuple[int, ...]:
        """The key's ordinal on every axis; an UnknownPartitionError when the definition does not hold the key."""

    @abstractmethod
    def key_of(self, coordinates: Sequence[int]) -> str:
        """The key with these ordinals, one per axis."""

    @abstractmethod
    def ordinal(self, key: str) -> int:
        """The key's ordinal; an UnknownPartitionError when the definition does not hold the key."""

    @abstractmethod
    def key(self, ordinal: int) -> str:
        """The key with this ordinal; a PartitionError when there is none."""

    # --- what is there ---

    @abstractmethod
    def region(self, as_of: datetime | None = None) -> Region:
        """The partitions there at the instant, as nested intervals of ordinals."""

    def allowed(self, region: Region) -> Region:
        """The part of a region that the definition holds: all of it, unless it is sparse."""
        return region

    @abstractmethod
    def __contains__(self, key: object) -> bool:
        """Whether the key belongs to the definition, at whatever time it comes to be there."""

    def keys(self, as_of: datetime | None = None) -> Sequence[str]:
        """The keys there at the instant, in order, as a sequence that makes each key when it is asked for."""
        return self.all(as_of).keys()

    def count(self, as_of: datetime | None = None) -> int:
        """The number of partitions there at the instant."""
        return regions.size(self.region(as_of), depth=len(self.axes))

    def all(self, as_of: datetime | None = None) -> PartitionSubset:
        """All partitions there at the instant, as a subset."""
        return PartitionSubset(self, self.region(as_of))

    def empty(self) -> PartitionSubset:
        """The subset that holds nothing."""
        return PartitionSubset(self)

    # --- sets ---

    def subset(self, keys: Iterable[str], *, as_of: datetime | None = None) -> PartitionSubset:
        """The subset of these keys; an UnknownPartitionError for the first that is not there.

        Without `as_of` every key of the definition is accepted, also one whose time has not come.
        """
        points: list[tuple[int, ...]] = []
        if isinstance(keys, (str, bytes)):
            raise PartitionError(f"subset got the single text {keys!r}", hint=f"give a list of keys: [{keys!r}]")
        for key, point in self._points(keys):
            if point is None:
                raise self.unknown(key)
            points.append(point)
        found = PartitionSubset(self, regions.of_points(points, depth=len(self.axes)))
        if as_of is not None:
            late = found - self.all(as_of)
            if late:
                raise self.not_there(late.first(), as_of)
        return found

    def known(self, keys: Iterable[str]) -> tuple[PartitionSubset, tuple[str, ...]]:
        """The subset of those keys that the definition holds, and the other keys in their order."""
        points, unknown = [], []
        for key, point in self._points(keys):
            if point is None:
                unknown.append(key)
            else:
                points.append(point)
        return PartitionSubset(self, regions.of_points(points, depth=len(self.axes))), tuple(unknown)

    def _points(self, keys: Iterable[str]) -> Iterable[tuple[str, tuple[int, ...] | None]]:
        """Every key with its ordinals, None for a key that the definition does not hold."""
        for key in keys:
            try:
                yield key, self.coordinates(key)
            except UnknownPartitionError:
                yield key, None

    def parse(self, text: str | Iterable[str], *, as_of: datetime | None = None) -> PartitionSubset:
        """The subset that a user wrote: keys, `first..last`, globs, `*`, comma lists, or several such texts.

        With `as_of`, only what is there at that instant; a key or a pattern that is not is an UnknownPartitionError.
        """
        return parse_subset(self, text, as_of)

    def between(
        self, first: str | None = None, last: str | None = None, *, as_of: datetime | None = None
    ) -> PartitionSubset:
        """The partitions from one key to another, both included; None leaves that side open."""
        return subset_between(self, first, last, as_of)

    def print_subset(self, subset: PartitionSubset) -> str:
        """The subset as text that `parse` reads back."""
        return show_subset(self, subset)

    def subset_from_json(self, data: Mapping[str, Any]) -> PartitionSubset:
        """The subset that `PartitionSubset.to_json` wrote; an UnknownPartitionError for keys no longer known."""
        return stored_subset(self, data)

    # --- errors ---

    @abstractmethod
    def unknown(self, key: object) -> UnknownPartitionError:
        """The error for a key that the definition does not hold: with the nearest key, or the range it missed."""

    @abstractmethod
    def not_there(self, key: str, as_of: datetime) -> UnknownPartitionError:
        """The error for a key of the definition that is not there at the instant."""

    def is_nominal(self, key: str) -> bool:
        """Whether the text is a key of this kind, also one that lies outside the start and end."""
        return key in self

    # --- time and dynamic keys, for the kinds that have them ---

    def window(self, key: str) -> tuple[datetime, datetime]:
        """The half-open window `[start, end)` of the key, as aware datetimes in the definition's zone."""
        raise PartitionError(f"{self.describe()} partitions have no time window (asked for {key!r})")

    def key_at(self, instant: datetime) -> str | None:
        """The key whose window holds the aware instant; None where no partition of the definition does."""
        raise PartitionError(f"{self.describe()} partitions have no time window (asked for {instant.isoformat()})")

    def bind(self, keys: Mapping[str, Iterable[str]]) -> Self:
        """The definition with the keys of its dynamic partitions known, given by their names; others are ignored."""
        return self

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        """The names of the dynamic partitions this definition needs bound."""
        return ()

    @property
    def is_bounded(self) -> bool:
        """Whether the definition says itself which partitions there will ever be, without `as_of`."""
        return True


class KeyAxis(PartitionsDefinition):
    """A definition of one dimension: its ordinals run from 0 without holes."""

    __slots__ = ()

    @abstractmethod
    def ordinals(self, as_of: datetime | None = None) -> range:
        """The ordinals of the partitions there at the instant: always `range(0, count)`."""

    @property
    def axes(self) -> tuple[KeyAxis, ...]:
        return (self,)

    def region(self, as_of: datetime | None = None) -> Region:
        held = self.ordinals(as_of)
        return regions.of_intervals([(held.start, held.stop)])

    def count(self, as_of: datetime | None = None) -> int:
        return len(self.ordinals(as_of))

    def coordinates(self, key: str) -> tuple[int, ...]:
        return (self.ordinal(key),)

    def places(self, keys: Sequence[str]) -> Iterable[int | None]:
        """The ordinal of every key, None for a key that the definition does not hold, faster than one by one."""
        return (None if point is None else point[0] for _, point in super()._points(keys))

    def _points(self, keys: Iterable[str]) -> Iterable[tuple[str, tuple[int, ...] | None]]:
        listed = list(keys)
        for key, place in zip(listed, self.places(listed), strict=True):
            yield key, None if place is None else (place,)

    def key_of(self, coordinates: Sequence[int]) -> str:
        (ordinal,) = coordinates
        return self.key(ordinal)

    def texts(self, low: int, high: int) -> Iterable[str]:
        """The keys of the ordinals low ≤ n < high, faster than one by one."""
        return map(self.key, range(low, high))

    def matching(self, pattern: str, held: range) -> tuple[Interval, ...]:
        """The intervals of those ordinals in `held` whose keys match the glob pattern, in order."""
        return match_keys(pattern, zip(held, self.texts(held.start, held.stop), strict=True))
