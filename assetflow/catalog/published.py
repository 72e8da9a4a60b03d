"""What is published in an environment, read from the catalog as it is needed: nothing, some partitions, or an asset.

Everything comes from the one file that the snapshot was read from, however late it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from assetflow.catalog.ids import id_text
from assetflow.catalog.reader import Reader
from assetflow.model.record import Current, Partition, StoredAs

TIME = "strftime({0}, '%Y-%m-%dT%H:%M:%S.%fZ')"

CURRENT = f"""
    {id_text("m.m", "x")}, m.data_version, m.code_version, m.config_version, m.input_fingerprint, m.dependencies,
    m.uri, cast(m.payload as varchar), x.text, {{order}}, {TIME.format("m.finished_at")}"""

_POINTERS = f"""
select a.key, q.key, {CURRENT.format(order='p."order"')}
from inside.pointers p
join inside.environments v on v.environment = p.environment and v.name = $environment
join inside.assets a on a.asset = p.asset
left join inside.partitions q on q.partition = p.partition
left join inside.materializations m on m.m = p.m
left join inside.prefixes x on x.prefix = p.m >> 32
where {{wanted}}
order by p.asset, p.partition"""

_ALONE = "p.partition = 0"
_OF_ASSETS = "p.partition <> 0 and a.key in (select unnest($assets))"
_SINGLE = """(p.asset, p.partition) in (
    select b.asset, r.partition
    from (select unnest($assets) as asset, unnest($keys) as key) w
    join inside.assets b on b.key = w.asset
    join inside.partitions r on r.key = w.key)"""

_OBJECTS = """
select a.key, q.key, m.uri, m.bytes
from inside.pointers p
join inside.environments v on v.environment = p.environment and v.name = $environment
join inside.assets a on a.asset = p.asset and a.key in (select unnest($assets))
left join inside.partitions q on q.partition = p.partition
left join inside.materializations m on m.m = p.m"""

_COUNTS = """
select a.key, count(p.m)
from inside.pointers p
join inside.environments v on v.environment = p.environment and v.name = $environment
join inside.assets a on a.asset = p.asset
where p.partition <> 0
group by a.key"""

_MANY = 4
"""When more than one in so many partitions of an asset are asked for, all are read."""
_PATIENCE = 8
"""After so many questions for single partitions of an asset, all are read."""

Places = Mapping[str, Iterable[str] | None]


class Published(Mapping[str, Mapping[Partition, Current]]):
    """The published materializations by asset and partition, those of an environment over those of its parents.

    Unpartitioned assets are read at once, partitions when they are asked for; `need` reads many together.
    """

    def __init__(self, reader: Reader, chain: Sequence[str], assets: Collection[str] | None) -> None:
        self._reader = reader
        self._chain = tuple(chain)
        self._assets: dict[str, AssetRecords] = {}
        counts: dict[str, int] = {}
        for environment in self._chain:
            for key, count in reader.rows(_COUNTS, {"environment": environment}):
                counts[key] = counts.get(key, 0) + count
        for key, count in counts.items():
            if count:
                self._assets[key] = AssetRecords(self, key, at_most=count, is_exact=len(self._chain) == 1)
        for key, partition, record in self._rows(_ALONE, {}):
            self._of(key).put(partition, record)
        wanted = None if assets is None else set(assets)
        for key in [key for key, records in self._assets.items() if records.is_empty()]:
            del self._assets[key]
        if wanted is not None:
            self._assets = {key: records for key, records in self._assets.items() if key in wanted}

    def __getitem__(self, asset: str) -> Mapping[Partition, Current]:
        return self._assets[asset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._assets)

    def __len__(self) -> int:
        return len(self._assets)

    def need(self, places: Places) -> None:
        """Read what will be looked at: partitions of assets, or (None) all of an asset."""
        whole: list[str] = []
        assets: list[str] = []
        keys: list[str] = []
        for asset, partitions in places.items():
            records = self._assets.get(asset)
            if records is None or records.is_whole:
                continue
            asked = None if partitions is None else records.unread(partitions)
            if asked is None:
                whole.append(asset)
            else:
                keys += asked
                assets += [asset] * len(asked)
        if whole:
            self.read_whole(whole)
        if keys:
            for asset, key in zip(assets, keys, strict=True):
                self._assets[asset].put(key, None)
            for asset, partition, record in self._rows(_SINGLE, {"assets": assets, "keys": keys}):
                self._assets[asset].put(partition, record)

    def count(self) -> int:
        """How many partitions have a record, at the most."""
        return sum(records.at_most for records in self._assets.values())

    def objects(self, assets: Iterable[str]) -> Iterable[StoredAs]:
        """The stored objects of whole assets; where something else or nothing hides it, none of a parent."""
        asked = {"assets": sorted(set(assets) & self._assets.keys())}
        if not asked["assets"]:
            return []
        if len(self._chain) == 1:
            return self._reader.rows(f"{_OBJECTS} where p.m is not null", {"environment": self._chain[0], **asked})
        found: dict[tuple[str, Partition], StoredAs] = {}
        for environment in reversed(self._chain):
            for row in self._reader.rows(_OBJECTS, {"environment": environment, **asked}):
                found[row[0], row[1]] = (row[0], row[1], row[2], row[3])
        return [stored for stored in found.values() if stored[2] is not None]

    def read_whole(self, assets: Sequence[str]) -> None:
        """Read all partitions of these assets."""
        for asset, partition, record in self._rows(_OF_ASSETS, {"assets": list(assets)}):
            self._of(asset).put(partition, record)
        for asset in assets:
            self._assets[asset].finish()

    def _of(self, asset: str) -> AssetRecords:
        records = self._assets.get(asset)
        if records is None:
            records = self._assets[asset] = AssetRecords(self, asset, at_most=0, is_exact=True)
        return records

    def _rows(self, wanted: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Partition, Current | None]]:
        """The records, those of parents first; None where a pointer to nothing hides what is below."""
        make = tuple.__new__
        sql = _POINTERS.format(wanted=wanted)
        for environment in reversed(self._chain):
            for row, cls in zip(self._reader.rows(sql, {"environment": environment, **params}), repeat(Current)):
                yield row[0], row[1], None if row[3] is None else make(cls, row[2:])


class AssetRecords(Mapping[Partition, Current]):
    """The published materializations of one asset, as far as they were read; what is missing is read when asked for."""

    __slots__ = ("_is_exact", "_key", "_patience", "_published", "_read", "at_most", "is_whole")

    def __init__(self, published: Published, key: str, *, at_most: int, is_exact: bool) -> None:
        self._published = published
        self._key = key
        self.at_most = at_most
        self._is_exact = is_exact
        self._read: dict[Partition, Current | None] = {None: None}
        self._patience = _PATIENCE
        self.is_whole = not at_most

    def put(self, partition: Partition, record: Current | None) -> None:
        """Take in what was read; None says that nothing is published."""
        self._read[partition] = record

    def finish(self) -> None:
        """All there is has been read."""
        self.is_whole = True
        self._read = {partition: record for partition, record in self._read.items() if record is not None}

    def is_empty(self) -> bool:
        """Whether nothing at all is published, as far as that is known without a look at the partitions."""
        return self.is_whole and not any(self._read.values())

    def unread(self, partitions: Iterable[str]) -> list[str] | None:
        """Those of the partitions that were not read yet; None when it takes less to read all."""
        limit = self.at_most // _MANY
        found: list[str] = []
        for partition in partitions:
            if partition not in self._read:
                found.append(partition)
                if len(found) > limit:
                    return None
        return found

    def __getitem__(self, partition: Partition) -> Current:
        found: Current | None = self.get(partition)
        if found is None:
            raise KeyError(partition)
        return found

    def get(self, partition: Partition, default: Any = None) -> Any:
        """The record of a partition, or the default."""
        if partition not in self._read and not self.is_whole:
            assert partition is not None
            self._patience -= 1
            self._published.need({self._key: [partition] if self._patience > 0 else None})
        found = self._read.get(partition)
        return default if found is None else found

    def __contains__(self, partition: object) -> bool:
        return (partition is None or isinstance(partition, str)) and self.get(partition) is not None

    def __iter__(self) -> Iterator[Partition]:
        if not self.is_whole:
            self._published.read_whole([self._key])
        return (partition for partition, record in self._read.items() if record is not None)

    def __len__(self) -> int:
        if self._is_exact and not self.is_whole:
            return self.at_most + (self._read[None] is not None)
        return sum(1 for _ in self)
