"""What the catalog knows about code versions, read in portions that grow with how much of it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assetflow.catalog.reader import Reader

_COMPONENTS = """
with first as (select asset as id from inside.assets where key = $asset),
wanted as (
    select distinct asset, code_version from inside.code, first where asset = id and code_version = $code_version
    union
    (select asset, code_version from (
            select asset, code_version, max(recorded_at) as newest from inside.code, first
            where asset > id - $around and asset < id + $around group by all)
        qualify row_number() over (partition by asset order by newest desc) <= $versions))
select a.key, w.code_version, c.component, c.hash
from wanted w
join inside.assets a on a.asset = w.asset
left join inside.code_components c on c.asset = w.asset and c.code_version = w.code_version"""

_ANNOUNCED = """
select a.key, w.code_version, c.component, c.hash
from (select unnest($assets) as key, unnest($versions) as code_version) w
join inside.assets a on a.key = w.key
join inside.code d on d.asset = a.asset and d.code_version = w.code_version
left join inside.code_components c on c.asset = a.asset and c.code_version = w.code_version"""

_VERSIONS = 2
"""Of each asset around, the newest so many code versions are read: what is published is hardly ever older."""

_GROWTH = 8


class RecordedCode:
    """The code versions in one open file of the catalog.

    A plan asks for one asset after the other. The first question is answered alone, each further one together with more
    of the assets that were recorded about when its asset was: few questions are cheap, and many are few queries.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._recorded: set[tuple[str, ...]] | None = None
        self._components: dict[tuple[str, str], dict[str, str]] = {}
        self._looked: set[str] = set()
        self._around = 0

    def has(self, asset: str, code_version: str) -> bool:
        """Whether that code of the asset was ever recorded."""
        if self._recorded is None:
            self._recorded = set(self._reader.rows("select distinct asset, code_version from code_versions"))
        return (asset, code_version) in self._recorded

    def need(self, versions: Iterable[tuple[str, str]]) -> None:
        """Read code versions that will be asked for together; one that was never recorded is asked for by itself."""
        wanted = sorted(set(versions) - self._components.keys())
        if len(wanted) > 1:
            assets, codes = zip(*wanted, strict=True)
            self._keep(self._reader.rows(_ANNOUNCED, {"assets": list(assets), "versions": list(codes)}))

    def components(self, asset: str, code_version: str) -> Mapping[str, str] | None:
        """The components of a code version by name; None when it was never recorded."""
        key = asset, code_version
        if key not in self._components:
            alone = asset in self._looked
            self._read(asset, code_version, around=0 if alone else self._around)
            self._around = self._around if alone else max(1, self._around) * _GROWTH
        return self._components.get(key)

    def _read(self, asset: str, code_version: str, *, around: int) -> None:
        rows = self._reader.rows(
            _COMPONENTS,
            {"asset": asset, "code_version": code_version, "around": around, "versions": _VERSIONS},
        )
        self._keep(rows)

    def _keep(self, rows: Iterable[tuple[str, str, str | None, str | None]]) -> None:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for key, version, component, digest in rows:
            components = found.setdefault((key, version), {})
            if component is not None and digest is not None:
                components[component] = digest
        self._components.update(found)
        self._looked.update(key for key, _ in found)
