"""Partitions of several dimensions: the product of other definitions, or a chosen part of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, ClassVar, Self

from assetflow.errors import PartitionError, UnknownPartitionError, nearest
from assetflow.model import regions
from assetflow.model.partition_definition import KeyAxis, PartitionsDefinition
from assetflow.model.partition_text import SEPARATOR, check_key
from assetflow.model.regions import Operation, Region
from assetflow.model.time_partitions import TimePartitions
from assetflow.values import dataclass

# an axis that still grows gets this much room in an ordinal, so that ordinals stay the same while it does
_GROWING = 1 << 32


@dataclass(frozen=True, slots=True, init=False, repr=False)
class MultiPartitions(PartitionsDefinition):
    """The product of any number of named dimensions; with `sparse`, only the keys listed there.

    A key joins the dimensions' keys with `|` in alphabetical order of dimension names, and partitions are ordered in
    the same way. `sparse` holds such keys, or mappings of dimension to key. Dimensions may also be given as one
    mapping, for names that Python cannot spell.
    """

    kind: ClassVar[str] = "multi"

    dimensions: tuple[tuple[str, KeyAxis], ...]
    sparse: tuple[str, ...] | None
    _allowed: Region | None = field(compare=False)

    def __init__(
        self,
        dimensions: Mapping[str, PartitionsDefinition] | None = None,
        /,
        *,
        sparse: Iterable[str | Mapping[str, str]] | None = None,
        **more: PartitionsDefinition,
    ) -> None:
        given = {**(dimensions or {}), **more}
        if not given:
            raise PartitionError("multi-dimensional partitions have no dimensions", hint="name one at least")
        for name, each in given.items():
            _check_dimension(name, each)
        axes = tuple((name, each) for name, each in sorted(given.items()) if isinstance(each, KeyAxis))
        object.__setattr__(self, "dimensions", axes)
        object.__setattr__(self, "_allowed", None)
        object.__setattr__(self, "sparse", None)
        if sparse is not None:
            keys = tuple(dict.fromkeys(self._sparse_key(each) for each in sparse))
            object.__setattr__(self, "sparse", tuple(sorted(keys)))
            if not self._unbound():
                points = [self._coordinates(key) for key in keys]
                object.__setattr__(self, "_allowed", regions.of_points(points, depth=len(axes)))

    def _sparse_key(self, entry: str | Mapping[str, str]) -> str:
        if isinstance(entry, str):
            self._parts(entry)
            return entry
        return self.join(entry)

    def _unbound(self) -> bool:
        return any(axis.dynamic_names and not axis.is_bounded for axis in self.axes)

    # --- identity ---

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "dimensions": {name: axis.to_json() for name, axis in self.dimensions},
            "sparse": None if self.sparse is None else list(self.sparse),
        }

    def describe(self) -> str:
        text = " × ".join(f"{name} ({axis.describe()})" for name, axis in self.dimensions)
        return text if self.sparse is None else f"{text}, {len(self.sparse)} chosen"

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={axis!r}" for name, axis in self.dimensions)
        return f"MultiPartitions({inner}{'' if self.sparse is None else f', sparse={self.sparse!r}'})"

    # --- dimensions ---

    @property
    def axes(self) -> tuple[KeyAxis, ...]:
        return tuple(axis for _, axis in self.dimensions)

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.dimensions)

    def dimension(self, name: str) -> KeyAxis:
        """The definition of one dimension; a PartitionError with the nearest name when there is none."""
        for each, axis in self.dimensions:
            if each == name:
                return axis
        near = nearest(name, self.axis_names)
        hint = f"did you mean `{near}`?" if near else "dimensions are " + ", ".join(f"`{n}`" for n in self.axis_names)
        raise PartitionError(f"there is no dimension {name!r} in {self.describe()}", hint=hint)

    @property
    def time_dimension(self) -> str | None:
        """The name of the only dimension that is made of time windows; None with none or several."""
        names = [name for name, axis in self.dimensions if isinstance(axis, TimePartitions)]
        return names[0] if len(names) == 1 else None

    def split(self, key: str) -> dict[str, str]:
        """The key of each dimension; an UnknownPartitionError when the definition does not hold the key."""
        self.coordinates(key)
        return dict(zip(self.axis_names, self._parts(key), strict=True))

    def join(self, keys: Mapping[str, str] | None = None, /, **more: str) -> str:
        """The key that these keys of the dimensions make; each dimension has to be given."""
        given = {**(keys or {}), **more}
        for name in given:
            self.dimension(name)
        for name in self.axis_names:
            if name not in given:
                raise PartitionError(
                    f"dimension {name!r} has no key in {given!r}", hint="give a key for each dimension"
                )
        return SEPARATOR.join(check_key(given[name]) for name in self.axis_names)

    def _parts(self, key: str) -> list[str]:
        parts = key.split(SEPARATOR) if isinstance(key, str) else []
        if len(parts) != len(self.dimensions):
            shape = SEPARATOR.join(self.axis_names)
            raise UnknownPartitionError(
                f"{key!r} is not a partition of {self.describe()}", hint=f"keys look like `{shape}`", partition=key
            )
        return parts

    # --- ordinals ---

    def _coordinates(self, key: str) -> tuple[int, ...]:
        return tuple(axis.ordinal(part) for axis, part in zip(self.axes, self._parts(key), strict=True))

    def coordinates(self, key: str) -> tuple[int, ...]:
        found = self._coordinates(key)
        if self._allowed is not None and not regions.holds(self._allowed, found):
            raise self._not_chosen(key)
        return found

    def key_of(self, coordinates: Sequence[int]) -> str:
        return SEPARATOR.join(axis.key(each) for axis, each in zip(self.axes, coordinates, strict=True))

    def _radices(self) -> list[int]:
        return [axis.count() if axis.is_bounded and not axis.dynamic_names else _GROWING for axis in self.axes]

    def ordinal(self, key: str) -> int:
        """The key's place among all keys there can be; increasing in key order, with holes, stable under growth."""
        total = 0
        for radix, each in zip(self._radices(), self.coordinates(key), strict=True):
            total = total * radix + each
        return total

    def key(self, ordinal: int) -> str:
        found: list[int] = []
        rest = ordinal
        for radix in reversed(self._radices()[1:]):
            rest, each = divmod(rest, radix)
            found.append(each)
        coordinates = (rest, *reversed(found))
        if self._allowed is not None and not regions.holds(self._allowed, coordinates):
            raise PartitionError(f"{self.describe()} has no partition number {ordinal}")
        return self.key_of(coordinates)

    # --- what is there ---

    def region(self, as_of: datetime | None = None) -> Region:
        held = [axis.ordinals(as_of) for axis in self.axes]
        return self.allowed(regions.of_box([[(each.start, each.stop)] for each in held]))

    def allowed(self, region: Region) -> Region:
        if self._allowed is None:
            return region
        return regions.combine(region, self._allowed, depth=len(self.dimensions), operation=Operation.INTERSECTION)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or key.count(SEPARATOR) != len(self.dimensions) - 1:
            return False
        if not all(part in axis for axis, part in zip(self.axes, key.split(SEPARATOR), strict=True)):
            return False
        return self._allowed is None or regions.holds(self._allowed, self._coordinates(key))

    def window(self, key: str) -> tuple[datetime, datetime]:
        """The window of the only time dimension; a PartitionError with none or several."""
        name = self.time_dimension
        if name is None:
            raise PartitionError(
                f"{self.describe()} partitions have no single time dimension (asked for {key!r})",
                hint='ask a dimension: `definition.dimension("day").window(…)`',
            )
        return self.dimension(name).window(self.split(key)[name])

    def bind(self, keys: Mapping[str, Iterable[str]]) -> Self:
        if not any(name in keys for name in self.dynamic_names):
            return self
        bound = {name: axis.bind(keys) for name, axis in self.dimensions}
        if self.sparse is None:
            return type(self)(bound)
        # chosen keys that are not added yet, or removed, wait; they are no mistake of the definition
        there = [
            key
            for key in self.sparse
            if all(
                not axis.dynamic_names or part in axis
                for axis, part in zip(bound.values(), key.split(SEPARATOR), strict=True)
            )
        ]
        found = type(self)(bound, sparse=there)
        object.__setattr__(found, "sparse", self.sparse)
        return found

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for axis in self.axes for name in axis.dynamic_names))

    @property
    def is_bounded(self) -> bool:
        return all(axis.is_bounded for axis in self.axes)

    # --- errors ---

    def is_nominal(self, key: str) -> bool:
        parts = key.split(SEPARATOR)
        if len(parts) != len(self.dimensions):
            return False
        return all(axis.is_nominal(part) for axis, part in zip(self.axes, parts, strict=True))

    def _not_chosen(self, key: object) -> UnknownPartitionError:
        return UnknownPartitionError(
            f"partition {key!r} is not among the chosen ones of {self.describe()}",
            hint="add it to `sparse`, or ask for another",
            partition=key,
        )

    def unknown(self, key: object) -> UnknownPartitionError:
        try:
            self._coordinates(str(key))
        except UnknownPartitionError as error:
            return error
        return self._not_chosen(key)

    def not_there(self, key: str, as_of: datetime) -> UnknownPartitionError:
        for axis, part in zip(self.axes, self._parts(key), strict=True):
            if part not in axis.all(as_of):
                return axis.not_there(part, as_of)
        return self._not_chosen(key)


def _check_dimension(name: object, definition: object) -> None:
    check_key(name, what="dimension name")
    if isinstance(definition, MultiPartitions):
        raise PartitionError(
            f"dimension {name!r} has several dimensions itself", hint="give all dimensions to one MultiPartitions"
        )
    if not isinstance(definition, KeyAxis):
        raise PartitionError(
            f"dimension {name!r} is {definition!r}, not a partitions definition", hint="like `DailyPartitions(…)`"
        )
