"""Rows 5 and 6: many trivial assets, first run, everything durable, whole process; independent and as a chain.

    python benchmarks/steps.py [--assets N] [--repeat N]

The peer is doit with the same number of tasks that write the same files. doit flushes nothing to the disk; assetflow
does, before it says that a step has ended. Prints one JSON document. `--assets 100000 --repeat 1` is row 6.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from measure import alternate, assetflow, compared, is_installed, process, put_aside, report, scratch
from projects import doit, trivial


def contest(folder: Path, count: int, repeat: int, *, chain: bool) -> dict[str, Any]:
    """assetflow and, where it is installed, doit; each begins without state."""
    project = trivial(folder / "project", count, chain=chain)
    catalog = project / "catalog"
    contestants = {
        "assetflow": process(assetflow("materialize", "-q"), cwd=project, prepare=lambda: put_aside(catalog)),
    }
    if is_installed("doit"):
        peer = doit(folder / "doit", count, chain=chain)

        def fresh() -> None:
            put_aside(peer / "out", *peer.glob("state.db*"))
            (peer / "out").mkdir()

        contestants["doit"] = process([sys.executable, "-m", "doit", "run"], cwd=peer, prepare=fresh)
    else:
        contestants["python"] = process([sys.executable, "-c", "import polars, duckdb"], cwd=project)
    seconds = alternate(contestants, repeat=repeat)
    made = sum(1 for _ in (project / "catalog" / "store").rglob("*.json"))
    if made != count:
        raise SystemExit(f"{made} values were made instead of {count}: nothing can be said about their speed")
    result = compared(seconds, ours="assetflow", floor=list(contestants)[1])
    result["milliseconds_per_step"] = round(1000 * result["seconds"]["assetflow"] / count, 4)
    return result


def main() -> None:
    """Measure both shapes and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with scratch() as folder:
        results = {
            name: contest(folder / name, options.assets, options.repeat, chain=name == "chain")
            for name in ("independent", "chain")
        }
    report(
        "5: first run of trivial assets", results, goal="under 1 ms a step, and at most 2 times doit",
        assets=options.assets,
    )  # fmt: skip


if __name__ == "__main__":
    main()
