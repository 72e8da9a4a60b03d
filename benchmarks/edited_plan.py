"""Row 4: one helper edited among many assets, or one asset that nothing reads, then `plan`, whole process.

    python benchmarks/edited_plan.py [--assets N] [--helpers N] [--repeat N]

The floor is a process that imports polars and duckdb and runs the project's modules as they are. Every round edits
anew, so that nothing can be remembered; beside it stands a plan after which nothing was edited.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from measure import Contestant, alternate, assetflow, compared, process, python, report, scratch
from projects import helper, settle, trivial

LOAD = "import sys, polars, duckdb; sys.path.insert(0, 'assets'); import glob, importlib; \
[importlib.import_module(name[7:-3]) for name in sorted(glob.glob('assets/*.py'))]"


def contestants(folder: Path, assets: int, helpers: int) -> dict[str, Contestant]:
    """Two built projects, planned again after another edit each round: of a helper in one, of an asset in the other."""
    shared, alone = (trivial(folder / name, assets, helpers=helpers) for name in ("helper", "leaf"))
    for project in (shared, alone):
        process(assetflow("materialize", "-q"), cwd=project)()
    last = f"helper{helpers - 1}"
    leaf = f"a{assets - 1:06d}"
    helpers_of = shared / "assets" / "shared.py"
    file = max((alone / "assets").glob("part*.py"))
    before = file.read_text()

    def edit_helper(plus: int) -> None:
        helpers_of.write_text("".join(helper(n, plus=plus if n == helpers - 1 else 0) for n in range(helpers)))

    def edit_leaf(plus: int) -> None:
        file.write_text(f"{before.rstrip()} + {plus}\n")

    return {
        "load": process(python(LOAD), cwd=shared, prepare=each_time(edit_helper, shared)),
        "plan": process(assetflow("plan"), cwd=shared, prepare=each_time(edit_helper, shared), says=last),
        "leaf": process(assetflow("plan"), cwd=alone, prepare=each_time(edit_leaf, alone), says=leaf),
        "nothing": process(assetflow("plan"), cwd=alone, says=leaf),
    }


def each_time(edit: Callable[[int], None], project: Path) -> Callable[[], None]:
    """An edit that is another one at every call, saved a while ago as far as anybody can see."""
    edits = count(1)

    def prepare() -> None:
        edit(next(edits))
        settle(project / "assets")
        time.sleep(0.02)

    return prepare


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--helpers", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with scratch() as folder:
        seconds = alternate(contestants(folder, options.assets, options.helpers), repeat=options.repeat)
    results = {name: compared(seconds, ours=name, floor="load") for name in ("plan", "leaf", "nothing")}
    report("4: plan after an edit", results, goal="at most 1.3 times the floor", assets=options.assets)


if __name__ == "__main__":
    main()
