"""Row 14: closures of recorded lineage, up and down, over 1 and 10 million edges.

    python benchmarks/lineage.py [--edges N,N] [--repeat N]

A hundred layers of one asset with many partitions each, every partition reading ten of the layer below. The tables are
filled by SQL, because this row is about reading: what recording and folding cost, `catalog.py` measures. `near` starts
ten layers from the end of the walk (a closure of some thousand edges), `whole` at its beginning (a third of all edges
and more), `source` asks what was made from a version seen between two moments. The floor scans the columns of all edges
once.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import duckdb
from measure import Contestant, alternate, compared, report, scratch, timed

from assetflow.catalog import schema, views

LAYERS = 100
FAN_IN = 10
FILL = """
insert into inside.assets select i, format('asset{:03d}', i) from range($layers) t(i);
insert into inside.assets values (100000, 'raw');
insert into inside.partitions select i + 1, format('p{:07d}', i) from range($width) t(i);
insert into inside.environments values (1, 'prod');
insert into inside.prefixes values (1, 'run');
create temp table made as
    select ((1::bigint << 32) | i) as m, (i // $width)::integer as asset, (i % $width + 1)::integer as part, i
    from range($layers * $width) t(i);
insert into inside.materializations by name
    select m, asset, part as "partition", 1 as environment, 'd1:' || md5(i::varchar) as data_version,
        'c1:' || md5(asset::varchar) as code_version, '' as config_version,
        'i1:' || md5(i::varchar) as input_fingerprint,
        format('asset/{:x}.parquet', i) as uri, 'parquet' as format, 1000 as "rows", 9000 as bytes,
        timestamp '2026-01-31' as finished_at, m as same
    from made order by m;
insert into inside.pointers
    select 1, asset, part, m, 1, timestamp '2026-01-31' from made order by asset, part;
insert into inside.publications
    select 1, asset, part, m, 1, timestamp '2026-01-31', 'materialized' from made order by asset, part;
insert into inside.observations values ('seen', 1, 100000, 0, 'f1:1', '{}', 1, timestamp '2026-01-31');
insert into inside.edges
    select m, 100000, 0, null, 'f1:1', m, null from made where asset = $layers - 10 order by m;
insert into inside.edges
    select u.m, u.asset - 1, x + 1, (1::bigint << 32) | ((u.asset - 1) * $width + x), null, u.m,
        (1::bigint << 32) | ((u.asset - 1) * $width + x)
    from (select made.*, ((part - 1 + j * j) % $width) as x from made, range($fan) r(j) where asset > 0) u order by u.m;
"""


def fill(path: Path, edges: int) -> None:
    """A catalog with about that many edges."""
    width = max(1, edges // (LAYERS * FAN_IN))
    with duckdb.connect(str(path)) as con:
        schema.create(con, written_by="benchmark")
        for statement in views.STATEMENTS:
            con.execute(statement)
        filling = FILL.replace("$layers", str(LAYERS)).replace("$width", str(width)).replace("$fan", str(FAN_IN))
        for statement in filling.split(";\n"):
            if statement.strip():
                con.execute(statement)


def measured(path: Path, *, width: int, repeat: int) -> dict[str, Any]:
    """Every question beside the floor, in turns, from one connection as a reader has it."""
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set enable_progress_bar = false")

        def asking(sql: str) -> Contestant:
            return timed(lambda: con.execute(sql).fetchall())

        part = f"p{width // 2:07d}"
        last, near_top, near_end = f"asset{LAYERS - 1:03d}", "asset010", f"asset{LAYERS - 11:03d}"
        count = "select count(*), max(depth) from"
        questions = {
            "near_up": f"{count} upstream_of('{near_top}', '{part}')",
            "near_down": f"{count} downstream_of('{near_end}', '{part}')",
            "near_up_then": f"{count} upstream_of('{near_top}', '{part}', moment := timestamp '2026-02-01')",
            "whole_up": f"{count} upstream_of('{last}', '{part}')",
            "whole_down": f"{count} downstream_of('asset000', '{part}')",
            "source": f"{count} affected_by('raw', timestamp '2026-01-01', timestamp '2026-02-01')",
        }
        floor = "select count(*), max(m), max(same), max(input_m), max(input_same) from inside.edges where m % 2 >= 0"
        figures = alternate(
            {"scan": asking(floor), **{name: asking(sql) for name, sql in questions.items()}}, repeat=repeat
        )
        found = {name: con.execute(sql).fetchone() for name, sql in questions.items()}
        total = con.execute("select count(*) from inside.edges").fetchone()
    return {
        "edges": total[0] if total else 0,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "found": {name: row[0] for name, row in found.items() if row},
        **{name: compared(figures, ours=name, floor="scan") for name in questions},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", default="1000000,10000000")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    with scratch() as folder:
        for text in given.edges.split(","):
            edges = int(text)
            path = folder / f"{edges}.duckdb"
            fill(path, edges)
            results[text] = measured(path, width=max(1, edges // (LAYERS * FAN_IN)), repeat=given.repeat)
    report("14", results, goal="closure of one materialization over 10 million edges < 0.5 s")


if __name__ == "__main__":
    main()
