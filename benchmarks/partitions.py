"""Row 11: ten years of hours by a hundred assets, 8.8 million asset partitions, as ranges; and a smaller world fresh.

    python benchmarks/partitions.py [--assets N] [--years N] [--fresh-assets N] [--fresh-years N] [--repeat N]

In one process, over snapshots made in memory. What nothing is recorded of stays ranges, whatever its number. *Warm* is
all of them made and planned from the memo of an earlier plan; *cold* compares every record, of fewer partitions.
`memory` is the most that planning itself held at once, in MB. The floor reads as many rows as the cold plan of the same
columns from DuckDB once, as a snapshot does that knows nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import duckdb
from measure import alternate, compared, report, timed
from verdicts import NOW, TAG, fresh_basis, layered, memo_of, memory, planned_from

from assetflow.graph.graph import AssetGraph
from assetflow.model.partitions import HourlyPartitions
from assetflow.model.plan import Plan
from assetflow.model.record import Snapshot
from assetflow.model.version import AssetVersions, CodeVersion
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import build_plan

LAST = 2024


def hours(years: int) -> HourlyPartitions:
    """The hours of so many years in New York, with every change of the clocks."""
    return HourlyPartitions(f"{LAST - years}-01-01", f"{LAST}-01-01", tz="America/New_York")


def nothing_made(assets: int, partitions: HourlyPartitions) -> Basis:
    """A basis of layered assets of which nothing is recorded."""
    specs = layered(assets, partitions)
    versions = {each.key: AssetVersions(code=CodeVersion(version="c1:x")) for each in specs}
    return Basis(graph=AssetGraph(specs), versions=versions, snapshot=Snapshot.empty(), as_of=NOW)


def planned(basis: Basis, work: int) -> Plan:
    """The plan of everything, also as the document that is printed."""
    plan = build_plan(basis, Request(targets=dict.fromkeys(basis.graph.keys)))
    plan.to_json()
    if plan.work != work:
        raise SystemExit(f"the plan holds {plan.work} steps instead of {work}")
    return plan


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--fresh-assets", type=int, default=2)
    parser.add_argument("--fresh-years", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    empty = nothing_made(options.assets, hours(options.years))
    whole = fresh_basis(layered(options.assets, hours(options.years)), held=False)
    memo = memo_of(whole).to_text(tag=TAG)
    made = fresh_basis(layered(options.fresh_assets, hours(options.fresh_years)))
    count = options.assets * hours(options.years).count(NOW)
    kept = options.fresh_assets * hours(options.fresh_years).count(NOW)
    con = duckdb.connect()
    con.execute(
        "create table r as select i, 'd1:' || i as d, 'c1:' || i as c, 'i1:' || i as f from range(?) t(i)", [kept]
    )
    work: dict[str, Callable[[], Any]] = {
        "all_missing": lambda: planned(empty, count),
        "warm_all_fresh": lambda: planned_from(memo, whole, work=range(1)),
        "cold_all_fresh": lambda: planned(made, 0),
        "duckdb": lambda: con.execute("select * from r").fetchall(),
    }
    peaks = {name: memory(each) for name, each in work.items()}
    seconds = alternate({name: timed(each) for name, each in work.items()}, repeat=options.repeat)
    report(
        "11: millions of asset partitions",
        {
            "all_missing": compared(seconds, ours="all_missing", floor="duckdb"),
            "warm_all_fresh": compared(seconds, ours="warm_all_fresh", floor="duckdb"),
            "cold_all_fresh": compared(seconds, ours="cold_all_fresh", floor="duckdb"),
        },
        goal="8.8 million as ranges under 1 s; 10 million with records under 5 s",
        asset_partitions={"all_missing": count, "warm_all_fresh": count, "cold_all_fresh": kept, "duckdb": kept},
        memo_bytes=len(memo),
        memory=peaks,
    )


if __name__ == "__main__":
    main()
