"""Partitions whose keys are listed: static ones in the definition, dynamic ones in the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, ClassVar, Self

from assetflow.errors import PartitionError, UnknownPartitionError, nearest
from assetflow.model.partition_definition import KeyAxis
from assetflow.model.partition_text import check_key, check_keys
from assetflow.model.texts import first_of
from assetflow.values import dataclass


class _ListedPartitions(KeyAxis):
    """What static and dynamic partitions share: keys in a list, found by a table."""

    __slots__ = ()

    _places: Mapping[str, int]

    def _listed(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _table(self) -> Mapping[str, int]:
        raise NotImplementedError

    def ordinals(self, as_of: datetime | None = None) -> range:
        return range(len(self._listed()))

    def ordinal(self, key: str) -> int:
        found = self._table().get(key) if isinstance(key, str) else None
        if found is None:
            raise self.unknown(key)
        return found

    def places(self, keys: Sequence[str]) -> Iterable[int | None]:
        table = self._table()
        return [table.get(key) if isinstance(key, str) else None for key in keys]

    def key(self, ordinal: int) -> str:
        listed = self._listed()
        if not 0 <= ordinal < len(listed):
            raise PartitionError(f"{self.describe()} has no partition number {ordinal}")
        return listed[ordinal]

    def texts(self, low: int, high: int) -> Iterator[str]:
        return iter(self._listed()[low:high])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._table()

    def unknown(self, key: object) -> UnknownPartitionError:
        listed = self._listed()
        near = nearest(key, listed) if isinstance(key, str) else None
        if near is not None:
            hint = f"did you mean `{near}`?"
        elif not listed:
            hint = "there are none yet"
        else:
            hint = "keys are " + first_of([f"`{each}`" for each in listed], 10)
        return UnknownPartitionError(f"{key!r} is not a partition of {self.describe()}", hint=hint, partition=key)

    def not_there(self, key: str, as_of: datetime) -> UnknownPartitionError:
        return self.unknown(key)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class StaticPartitions(_ListedPartitions):
    """A fixed list of keys, in the order given."""

    kind: ClassVar[str] = "static"

    listed: tuple[str, ...]
    _places: Mapping[str, int] = field(compare=False)

    def __init__(self, keys: Iterable[str]) -> None:
        listed = check_keys(keys, what="static partitions")
        if not listed:
            raise PartitionError("static partitions have no keys", hint="list one key at least")
        object.__setattr__(self, "listed", listed)
        object.__setattr__(self, "_places", {key: place for place, key in enumerate(listed)})

    def _listed(self) -> tuple[str, ...]:
        return self.listed

    def _table(self) -> Mapping[str, int]:
        return self._places

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "keys": list(self.listed)}

    def describe(self) -> str:
        shown = ", ".join(self.listed[:3])
        if len(self.listed) <= 3:
            return f"static ({shown})"
        return f"static ({shown}, … {len(self.listed)} keys)"

    def __repr__(self) -> str:
        return f"StaticPartitions({list(self.listed)!r})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class DynamicPartitions(_ListedPartitions):
    """Keys that are added and removed while the project lives; the catalog holds them under `name`.

    `bind` gives the definition with its keys known, in the order they were added. Without that it has no keys, and
    every question about them is a PartitionError. The keys are no part of `to_json` and `fingerprint`.
    """

    kind: ClassVar[str] = "dynamic"

    name: str
    bound: tuple[str, ...] | None
    _places: Mapping[str, int] = field(compare=False)

    def __init__(self, name: str, bound: Iterable[str] | None = None) -> None:
        object.__setattr__(self, "name", check_key(name, what="name of dynamic partitions"))
        listed = None if bound is None else check_keys(bound, what=f"dynamic partitions `{name}`")
        object.__setattr__(self, "bound", listed)
        object.__setattr__(self, "_places", {key: place for place, key in enumerate(listed or ())})

    def _listed(self) -> tuple[str, ...]:
        if self.bound is None:
            raise PartitionError(
                f"the keys of dynamic partitions `{self.name}` are not known here",
                hint=f'they live in the catalog: bind them with `definition.bind({{"{self.name}": keys}})`',
            )
        return self.bound

    def _table(self) -> Mapping[str, int]:
        self._listed()
        return self._places

    def bind(self, keys: Mapping[str, Iterable[str]]) -> Self:
        return type(self)(self.name, keys[self.name]) if self.name in keys else self

    @property
    def dynamic_names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def is_bounded(self) -> bool:
        return self.bound is not None

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name}

    def describe(self) -> str:
        return f"dynamic `{self.name}`"

    def __repr__(self) -> str:
        return (
            f"DynamicPartitions({self.name!r})"
            if self.bound is None
            else f"DynamicPartitions({self.name!r}, {self.bound!r})"
        )
