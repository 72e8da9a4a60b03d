"""Row 4: one helper edited among many assets, then `plan`, whole process.

    python benchmarks/edited_plan.py [--assets N] [--helpers N] [--repeat N]

The floor is a process that imports polars and duckdb and runs the project's modules as they are. Every round edits
the helper anew, so that nothing can be remembered.
"""

from __future__ import annotations

import argparse
import time
from itertools import count
from pathlib import Path

from measure import Contestant, alternate, assetflow, compared, process, python, report, scratch
from projects import helper, settle, trivial

LOAD = "import sys, polars, duckdb; sys.path.insert(0, 'assets'); import glob, importlib; \
[importlib.import_module(name[7:-3]) for name in sorted(glob.glob('assets/*.py'))]"


def contestants(folder: Path, assets: int, helpers: int) -> dict[str, Contestant]:
    """A built project, planned again after another edit of one helper each round."""
    project = trivial(folder, assets, helpers=helpers)
    process(assetflow("materialize", "-q"), cwd=project)()
    edits = count(1)

    def edit() -> None:
        plus = next(edits)
        changed = "".join(helper(number, plus=plus if number == helpers - 1 else 0) for number in range(helpers))
        (project / "assets" / "shared.py").write_text(changed)
        settle(project / "assets")
        time.sleep(0.02)

    return {
        "load": process(python(LOAD), cwd=project, prepare=edit),
        "plan": process(assetflow("plan"), cwd=project, prepare=edit, says=f"helper{helpers - 1}"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--helpers", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with scratch() as folder:
        seconds = alternate(contestants(folder / "project", options.assets, options.helpers), repeat=options.repeat)
    result = compared(seconds, ours="plan", floor="load")
    report("4: plan after an edit", result, goal="at most 1.3 times the floor", assets=options.assets)


if __name__ == "__main__":
    main()
