"""Rows 2 and 3: `materialize` with nothing to do, whole process.

    python benchmarks/null_build.py [--assets N] [--repeat N]

The peer is doit over as many tasks, all up to date, each with its target and, but for the first, a file it depends on;
without doit the floor is the import of click. `--assets 10000` is row 3. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from measure import Contestant, alternate, assetflow, compared, is_installed, process, python, report, scratch
from projects import doit, trivial


def contestants(folder: Path, count: int) -> dict[str, Contestant]:
    """Built projects, so that what is measured finds nothing to do."""
    project = trivial(folder / "project", count, chain=True)
    build = process(assetflow("materialize", "-q"), cwd=project)
    build()
    time.sleep(0.1)  # a stamp is not left for files that changed a moment ago
    build()
    found = {
        "assetflow": process(assetflow("materialize"), cwd=project, says="fresh"),
        "click": process(python("import click"), cwd=project),
    }
    if is_installed("doit"):
        peer = doit(folder / "doit", count, chain=True)
        found["doit"] = process([sys.executable, "-m", "doit", "run"], cwd=peer)
        found["doit"]()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    with scratch() as folder:
        taking_part = contestants(folder, options.assets)
        seconds = alternate(taking_part, repeat=options.repeat)
    floor = "doit" if "doit" in seconds else "click"
    result = compared(seconds, ours="assetflow", floor=floor)
    report("2: nothing to do", result, goal="at most 1 time doit", assets=options.assets)


if __name__ == "__main__":
    main()
