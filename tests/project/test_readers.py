"""Whoever reads the catalog from another process, with nothing but DuckDB, is never shut out and sees nothing half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from assetflow.catalog.views import MACROS, VIEWS
from tests.cli.calling import write

ROOT = Path(__file__).parents[2]

ASSETS = """
import polars as pl
import assetflow as af

raw = af.source("raw", path="raw.csv")
DAYS = af.StaticPartitions([f"{n:02}" for n in range(60)])

@af.asset(partitions=DAYS)
def day(context: af.Context, raw: pl.LazyFrame) -> pl.LazyFrame:
    context.emit("made", key=context.partition, payload={"n": 1})
    context.add_metadata(part=context.partition)
    return raw.with_columns(day=pl.lit(context.partition))

@af.asset(partitions=DAYS)
def narrow(day: pl.LazyFrame) -> pl.LazyFrame:
    return day.select("id")

@af.asset
def total(narrow: pl.LazyFrame) -> pl.LazyFrame:
    return narrow.group_by("id").len().sort("id")
"""

CALLS = {
    "upstream_of": "upstream_of('total')",
    "downstream_of": "downstream_of('raw')",
    "affected_by": "affected_by('raw', '2000-01-01', '2100-01-01')",
    "as_of": "as_of('2100-01-01')",
}

READER = """
import json, sys
from pathlib import Path
import duckdb
path, stop, sources = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
rounds, most = 0, {}
print("ready", flush=True)
while True:
    last = stop.exists()
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("begin")
        found = {name: len(con.execute(f"select * from {name}").fetchall()) for name in sources}
        views = con.execute("select view_name from duckdb_views() where schema_name = 'data'").fetchall()
        for (view,) in views:
            found["data." + view] = con.execute(f"select count(*) from data.{view}").fetchone()[0]
        half = con.execute('''
            select count(*) from asset_partitions p
            where not exists (select 1 from materializations m where m.id = p.materialization)
               or (p.asset = 'narrow'
                   and not exists (select 1 from lineage l where l.materialization = p.materialization))
        ''').fetchone()[0]
        assert half == 0, half
    for name in ("materializations", "lineage", "publications", "events"):
        assert found.get(name, 0) >= most.get(name, 0), (name, found, most)
    most = found
    rounds += 1
    if last:
        break
print(json.dumps({"rounds": rounds, "found": most}))
"""


def test_every_view_and_macro_is_read_during_a_run(tmp_path: Path) -> None:
    assert {name.partition("(")[0] for name in MACROS} == set(CALLS)
    write(tmp_path, {"assets/a.py": ASSETS, "raw.csv": "id,x\n1,2\n2,3\n"})
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    materialize = [sys.executable, "-m", "assetflow", "materialize", "-q"]
    subprocess.run([*materialize, "day@00"], cwd=tmp_path, env=environment, check=True)
    database, stop = tmp_path / "catalog" / "catalog.duckdb", tmp_path / "stop"
    sources = json.dumps([*sorted(VIEWS), *CALLS.values()])
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(database), str(stop), sources],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        done = subprocess.run(materialize, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        # folds what is pending, so that the reader's last look has everything
        subprocess.run([sys.executable, "-m", "assetflow", "runs", "-q"], cwd=tmp_path, env=environment, check=True)
        stop.touch()
        out, err = reader.communicate(timeout=60)
    finally:
        reader.kill()
        reader.wait()
    assert (done.returncode, reader.returncode, err) == (0, 0, ""), done.stderr + err
    seen = json.loads(out)
    assert seen["rounds"] >= 2
    found = seen["found"]
    assert (found["materializations"], found["metadata"], found["runs"]) == (121, 60, 2)
    assert (found["upstream_of('total')"], found["data.day"], found["data.total"]) == (180, 120, 2)
    assert found[CALLS["affected_by"]] == 121
