"""Memory of a run whose steps make large values: peak of the run's process, beside that of a run with tiny values.

    python benchmarks/memory.py [--steps N] [--megabytes N] [--workers N]

Every step returns so many megabytes. The ratio is the growth of the peak over the size of all values together: what
piles up would bring it to 1. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import environment, report, scratch

ASSETS = """
import assetflow as af

def heavy(size: int) -> bytes:
    return b"x" * size

for number in range({count}):
    af.asset_template(heavy).bind(f"a{{number:05}}", size={size})
"""

RUN = """
import resource, sys
import assetflow as af
with af.Project.at(".", executor=sys.argv[1]) as project:
    assert project.materialize(workers=int(sys.argv[2])).ok
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(folder: Path, executor: str, *, count: int, size: int, workers: int) -> int:
    """Kilobytes that the run's process held at most."""
    (folder / "assets").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.assetflow]\n")
    (folder / "assets" / "heavy.py").write_text(ASSETS.format(count=count, size=size))
    done = subprocess.run(
        [sys.executable, "-c", RUN, executor, str(workers)],
        cwd=folder, capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip
    return int(done.stdout)


def contest(folder: Path, executor: str, *, count: int, size: int, workers: int) -> dict[str, Any]:
    """Both runs with one executor."""
    tiny = peak(folder / "tiny", executor, count=count, size=1, workers=workers)
    large = peak(folder / "large", executor, count=count, size=size, workers=workers)
    grown = max(1, large - tiny)
    return {
        "kilobytes": {"tiny": tiny, "large": large},
        "ratio": round(grown * 1024 / (count * size), 4),
        "of": "growth of the peak / all values",
    }


def main() -> None:
    """Measure threads and processes and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    size = options.megabytes << 20
    with scratch() as folder:
        results = {
            executor: contest(folder / executor, executor, count=options.steps, size=size, workers=options.workers)
            for executor in ("thread", "process")
        }
    report(
        "memory of large values", results, goal="bounded: a few values at once, however many steps there are",
        steps=options.steps, megabytes=options.megabytes, workers=options.workers,
    )  # fmt: skip


if __name__ == "__main__":
    main()
