"""Telling a damaged `catalog.duckdb` from a question that went wrong."""

from __future__ import annotations

from assetflow.catalog.disk import set_aside
from assetflow.catalog.engine import duckdb
from assetflow.catalog.reader import Reader
from assetflow.catalog.rows import Notice
from assetflow.catalog.sidecar import Paths

_KINDS = (
    duckdb.IOException,
    duckdb.InternalException,
    duckdb.FatalException,
    duckdb.SerializationException,
    duckdb.InvalidInputException,
)


def may_be_damage(error: duckdb.Error) -> bool:
    """Whether DuckDB raises this kind of error on a file that is no database, or no longer a whole one."""
    # a checksum that does not hold comes as the bare class
    return isinstance(error, _KINDS) or type(error) is duckdb.Error


def proven(paths: Paths) -> duckdb.Error | None:
    """The error that reading all of the file ends in, or None when every page of it can be read."""
    try:
        reader = Reader(paths.database)
        try:
            tables = reader.rows(
                "select table_name from duckdb_tables() where database_name = 'catalog' and schema_name = 'inside'"
            )
            if ("meta",) not in tables:
                return duckdb.IOException("it holds no catalog")
            for (name,) in tables:
                reader.rows(f'select max(columns(*)) from inside."{name}"')
        finally:
            reader.close()
    except duckdb.Error as error:
        return error if may_be_damage(error) else None
    return None


def put_away(paths: Paths, error: duckdb.Error) -> Notice:
    """Move a damaged `catalog.duckdb` away and say so; the caller folds, which makes a new one."""
    target = set_aside(paths.root, "catalog.duckdb", paths.database)
    paths.database.with_name(f"{paths.database.name}.wal").unlink(missing_ok=True)
    # a fold reads a copy, whose name says nothing to the user
    reason = str(error).strip().splitlines()[0].replace(str(paths.scratch), str(paths.database))
    return Notice(
        slug="catalog_damaged",
        message=f"`{paths.database}` was damaged ({reason}); it was made anew from the logs, nothing is lost",
        path=str(target),
        hint=f"the damaged file is `{target}`; delete it when you do not need it",
    )
