"""The tables inside `catalog.duckdb`, their version, and the way from an older version to this one.

The tables stand in the schema `inside` and may change from version to version; the views in `main` are stable.
Inside, everything is an integer: assets, partitions (0: none), environments, and a materialization is its run's number
shifted left by 32 plus its own number within the run; the views give the texts back. No table has an index: DuckDB's
cost crash safety, and the questions asked here are scans.

`same` of a materialization is the number of the first one that was folded of the same asset partition with the same
data version: whoever read any of them has read this value. Edges repeat it for both ends, so that a walk down needs no
other table; it is null for what was read of a source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from assetflow.errors import CatalogVersionError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    Connection: TypeAlias = DuckDBPyConnection
else:
    # the version is asked for where nothing may import duckdb
    Connection = Any

Migration = Callable[[Connection], None]

TABLES = """
create schema inside;
create table inside.meta(version integer, written_by varchar);
create table inside.settings(name varchar, value varchar);
create table inside.logs(log integer, name varchar, size bigint);
create table inside.segments(name varchar);

create table inside.assets(asset integer, key varchar);
create table inside.partitions(partition integer, key varchar);
create table inside.environments(environment integer, name varchar);
create table inside.prefixes(prefix integer, text varchar);

create table inside.runs(
    run integer, log integer, environment integer, selection json, options json, host varchar, pid bigint,
    process_started varchar, version varchar, steps integer, parent_run varchar, started_at timestamp);
create table inside.run_ends(run integer, status varchar, finished_at timestamp, counts json, error varchar);
create table inside.step_starts(
    run integer, step integer, asset integer, partition integer, attempt integer, started_at timestamp);
create table inside.steps(
    run integer, step integer, asset integer, partition integer, status varchar, attempts integer, seconds double,
    started_at timestamp, finished_at timestamp, causes json, error json, caused_by varchar, m bigint);
create table inside.attempts(
    run integer, step integer, asset integer, partition integer, attempt integer, status varchar,
    started_at timestamp, seconds double, error json);

create table inside.materializations(
    m bigint, asset integer, partition integer, environment integer, data_version varchar, code_version varchar,
    config json, config_version varchar, input_fingerprint varchar, dependencies varchar, uri varchar,
    format varchar, "rows" bigint, bytes bigint, "schema" json, column_versions json, payload json, metadata json,
    packages json, seconds double, started_at timestamp, finished_at timestamp, "order" bigint, same bigint,
    reads json, undeclared json, column_lineage json);
create table inside.edges(
    m bigint, input_asset integer, input_partition integer, input_m bigint, input_data_version varchar, same bigint,
    input_same bigint);
create table inside.publications(
    environment integer, asset integer, partition integer, m bigint, "order" bigint, moved_at timestamp,
    reason varchar);
create table inside.pointers(
    environment integer, asset integer, partition integer, m bigint, "order" bigint, moved_at timestamp);

create table inside.observations(
    id varchar, run integer, asset integer, partition integer, data_version varchar, detail json, "order" bigint,
    observed_at timestamp);
create table inside.events(
    id varchar, run integer, step integer, asset integer, partition integer, event_type varchar, key varchar,
    payload json, emitted_at timestamp);
create table inside.checks(
    id varchar, run integer, asset integer, partition integer, m bigint, name varchar, passed boolean,
    severity varchar, message varchar, metadata json, checked_at timestamp);
create table inside.dynamic(
    definition varchar, log integer, position bigint, added varchar[], removed varchar[], changed_at timestamp,
    "order" bigint);

create table inside.code(asset integer, code_version varchar, packages json, recorded_at timestamp);
create table inside.code_components(asset integer, code_version varchar, component varchar, hash varchar);
create table inside.code_texts(hash varchar, text varchar);

create table inside.definitions(
    asset varchar, "group" varchar, kind varchar, code_version varchar, config_version varchar, partitions varchar,
    policies json, upstreams varchar[], tags json, owners varchar[], description varchar, location varchar,
    definition varchar);
create table inside.outside(asset integer, partition integer);
create table inside.column_edges(
    asset varchar, "column" varchar, input_asset varchar, input_column varchar, kind varchar);
create table inside.ticks(environment varchar, number bigint, what varchar, detail json, ticked_at timestamp);
create table inside.scheduler(environment varchar, name varchar, value json, number bigint);
"""


def _dynamic_order(con: Connection) -> None:
    """The logical time of changes of dynamic keys; those before it stand in the order of their clocks."""
    con.execute('alter table inside.dynamic add column "order" bigint')
    con.execute('update inside.dynamic set "order" = 0')


def _reads(con: Connection) -> None:
    """What each materialization read of its inputs; nothing is known of the ones before, which is everything."""
    con.execute("alter table inside.materializations add column reads json")


def _equal_versions(con: Connection) -> None:
    """Version 3: `same` of materializations and edges."""
    con.execute("alter table inside.materializations add column same bigint")
    con.execute(
        """create temp table _same as select m, first_value(m) over (
               partition by asset, partition, data_version order by rowid) as same from inside.materializations"""
    )
    con.execute("update inside.materializations k set same = n.same from _same n where n.m = k.m")
    con.execute(
        """create or replace table inside.edges as
           select e.m, e.input_asset, e.input_partition, e.input_m, e.input_data_version, a.same, b.same as input_same
           from inside.edges e left join _same a on a.m = e.m left join _same b on b.m = e.input_m order by e.rowid"""
    )
    con.execute("drop table _same")


def _scheduler(con: Connection) -> None:
    """What the scheduler did and keeps."""
    con.execute(
        "create table inside.ticks(environment varchar, number bigint, what varchar, detail json, ticked_at timestamp)"
    )
    con.execute("create table inside.scheduler(environment varchar, name varchar, value json, number bigint)")


def _outside(con: Connection) -> None:
    """Partitions outside their definition; the next fold of the definitions fills it in."""
    con.execute("alter table inside.definitions add column definition varchar")
    con.execute("create table inside.outside(asset integer, partition integer)")


def _undeclared(con: Connection) -> None:
    """What each materialization read undeclared; nobody looked at those before."""
    con.execute("alter table inside.materializations add column undeclared json")


def _column_lineage(con: Connection) -> None:
    """Where the columns of each materialization come from; of the ones before nothing was seen."""
    con.execute("alter table inside.materializations add column column_lineage json")


MIGRATIONS: tuple[Migration, ...] = (
    _dynamic_order, _equal_versions, _reads, _scheduler, _outside, _undeclared, _column_lineage,
)  # fmt: skip
"""`MIGRATIONS[n]` takes a catalog of version n + 1 to version n + 2, inside the transaction of a fold."""


def schema_version(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The version that this assetflow writes."""
    return len(migrations) + 1


def create(con: Connection, *, written_by: str) -> None:
    """Make the tables in an empty database."""
    con.execute(TABLES)
    con.execute("insert into inside.meta values (?, ?)", [schema_version(), written_by])


def version_of(con: Connection) -> int:
    """The version a database holds; duckdb.Error when it is no catalog."""
    row = con.execute("select max(version) from inside.meta").fetchone()
    if row is None or row[0] is None:
        return 0
    return int(row[0])


def check_version(found: int, *, path: str, written_by: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """CatalogVersionError when the catalog is newer than this assetflow."""
    known = schema_version(migrations)
    if found > known:
        raise CatalogVersionError(
            f"`{path}` has catalog version {found}, written by assetflow {written_by}; this assetflow knows "
            f"versions up to {known}",
            hint=f"upgrade assetflow (at least {written_by}); the catalog was left as it is",
            found=found,
            known=known,
            written_by=written_by,
        )


def migrate(con: Connection, *, migrations: Sequence[Migration] = MIGRATIONS) -> bool:
    """Bring an older catalog to this version, step by step; whether there was anything to do."""
    found = version_of(con)
    if found >= schema_version(migrations):
        return False
    for step in migrations[found - 1 :]:
        step(con)
    con.execute("update inside.meta set version = ?", [schema_version(migrations)])
    return True
