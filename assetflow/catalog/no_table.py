"""Why a query finds no table: what there is under the name that was meant, in words of assets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assetflow.catalog.schema import Connection
from assetflow.errors import QueryError, did_you_mean

_MISSING = re.compile(r"Table with name (.+) does not exist!")


def in_words(con: Connection, sql: str, error: QueryError) -> QueryError:
    """The error of a query in words, where it names a table of the schema `data`; else the same."""
    found = _MISSING.search(error.message)
    if found is None:
        return error
    name = found.group(1)
    written = rf'(?:"{re.escape(name)}"|{re.escape(name)}\b)'
    assets = dict(con.execute("select asset, kind from assets").fetchall())
    meant = next((asset for asset in assets if asset.lower() == name.lower()), None)
    if re.search(rf'\b"?data"?\s*\.\s*{written}', sql, re.IGNORECASE) is None:
        return error
    if meant is None:
        hint = did_you_mean(name, assets) or "`assetflow list` names all assets"
        return QueryError(f"there is no table `data.{name}`, and no asset of that name", hint=hint)
    if assets[meant] == "source":
        return QueryError(
            f"`{meant}` is a source, and `data` has what was materialized",
            hint="read its file, for example `from 'data/file.csv'`, or an asset that reads it",
        )
    is_table = _is_published(con, meant)
    if is_table is None:
        return QueryError(
            f"nothing is published of `{meant}` in `prod`, so that there is no table {_table(meant)}",
            hint=f"run `assetflow materialize {meant}`",
        )
    return QueryError(
        f"the value of `{meant}` is no table that can be queried",
        hint=f'`assetflow show {meant}` shows it, and `project.load("{meant}")` gives it back',
    )


def _is_published(con: Connection, asset: str) -> bool | None:
    """Whether what is published of an asset is a table; None where nothing is."""
    rows: Iterable[tuple[str]] = con.execute(
        "select distinct format from asset_partitions where environment = 'prod' and asset = ?", [asset]
    ).fetchall()
    formats = {each for (each,) in rows}
    return formats == {"parquet"} if formats else None


def _table(asset: str) -> str:
    return f"`data.{asset}`" if re.fullmatch(r"\w+", asset) else f'`data."{asset}"`'
