"""What was published since an earlier moment, found without a look at what was published before.

Publications are only ever appended, each with its place. A position is how many there were, with a checksum over them
and over the names that their numbers stand for: a catalog made anew may number everything otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from assetflow.catalog.reader import Reader
from assetflow.model.record import Partition

_NAMES = ("assets", "partitions", "environments", "prefixes")

_NUMBERED = {
    "assets": "select asset as n, key as t from inside.assets",
    "partitions": "select partition as n, key as t from inside.partitions",
    "environments": "select environment as n, name as t from inside.environments",
    "prefixes": "select prefix as n, text as t from inside.prefixes",
}

_PUBLICATIONS = """
select count(*), cast(coalesce(sum(hash(environment, asset, partition, m, "order")), 0) as varchar)
from inside.publications where rowid < ?"""

_MOVED = """
select distinct a.key, q.key
from inside.publications p
join inside.environments v on v.environment = p.environment and list_contains(?, v.name)
join inside.assets a on a.asset = p.asset
left join inside.partitions q on q.partition = p.partition
where p.rowid >= ?"""

_END = 1 << 62


def position_of(reader: Reader, chain: Sequence[str]) -> str:
    """The position of the newest publication, as text for `moved_since` of a later catalog."""
    names = {name: _checksum(reader, name, _END) for name in _NAMES}
    return json.dumps([list(chain), reader.rows(_PUBLICATIONS, [_END])[0], names], separators=(",", ":"))


def moved_since(reader: Reader, chain: Sequence[str], position: str) -> Mapping[str, list[Partition]] | None:
    """The asset partitions that were published after a position; None when it is none of this catalog's."""
    try:
        then_chain, (count, checksum), names = json.loads(position)
        limits = {name: (int(names[name][0]), str(names[name][1])) for name in _NAMES}
        before = (int(count), str(checksum))
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    if then_chain != list(chain) or reader.rows(_PUBLICATIONS, [before[0]])[0] != before:
        return None
    if any(_checksum(reader, name, last) != (last, checksum) for name, (last, checksum) in limits.items()):
        return None
    moved: dict[str, list[Partition]] = {}
    for asset, partition in reader.rows(_MOVED, [list(chain), before[0]]):
        moved.setdefault(asset, []).append(partition)
    return moved


def _checksum(reader: Reader, name: str, last: int) -> tuple[int, str]:
    """The highest number of a kind of names up to a limit, and a checksum over the numbers and names up to there."""
    row = reader.rows(
        f"""select coalesce(max(n), 0), cast(coalesce(sum(hash(n, t)), 0) as varchar)
        from ({_NUMBERED[name]}) where n <= ?""",
        [last],
    )[0]
    return int(row[0]), str(row[1])
