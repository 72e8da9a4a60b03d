"""A catalog of the first version, brought to this one, has the tables a new one has."""

from __future__ import annotations

from pathlib import Path

import duckdb

from assetflow.catalog import schema

FIRST = Path(__file__).with_name("first_schema.sql").read_text()


def columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of every table, with their types, in the order in which inserts give their values."""
    rows = con.execute(
        "select table_name, list(column_name || ' ' || data_type order by column_index) from duckdb_columns() "
        "where schema_name = 'inside' group by table_name"
    ).fetchall()
    return dict(rows)


def test_a_catalog_of_the_first_version_becomes_what_a_new_one_is() -> None:
    with duckdb.connect() as old, duckdb.connect() as new:
        old.execute(FIRST)
        old.execute("insert into inside.meta values (1, '0.1.0')")
        schema.create(new, written_by="0.1.0")
        assert schema.migrate(old) == (schema.schema_version() > 1)
        assert schema.version_of(old) == schema.version_of(new) == schema.schema_version()
        assert columns(old) == columns(new)
