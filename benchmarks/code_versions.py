"""Row 12: code versions of many assets over a module of helpers, from nothing and with the cache warm.

    python benchmarks/code_versions.py [--assets N] [--helpers N] [--repeat N]

In one process, modules loaded before; the floor is `ast.parse` of the same files.
"""

from __future__ import annotations

import argparse
import ast
import os
from pathlib import Path
from typing import Any

from measure import alternate, compared, put_aside, report, scratch, timed
from projects import trivial


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--helpers", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with scratch() as folder:
        project = trivial(folder / "project", options.assets, helpers=options.helpers)
        seconds = measured(project, options.repeat, options.assets)
    results = {name: compared(seconds, ours=name, floor="parse") for name in ("cold", "warm")}
    report(
        "12: code versions", results, goal="under 0.5 s from nothing, under 20 ms with the cache", assets=options.assets
    )


def measured(project: Path, repeat: int, assets: int) -> dict[str, list[float]]:
    """Seconds of the floor, of a look without a cache, and of one with it, each over freshly loaded definitions."""
    from assetflow.define.settings import load_settings
    from assetflow.project.loaded import load_project

    settings = load_settings(project, {})
    settings.catalog_root.mkdir()

    def look(*, cold: bool) -> float:
        if cold:
            put_aside(settings.cache_root)
        loaded = load_project(settings, os.environ)
        try:
            return timed(lambda: check(loaded.fingerprints, assets))()
        finally:
            if loaded.space is not None:
                loaded.space.close()

    sources = [path.read_text() for path in sorted((project / "assets").glob("*.py"))]
    return alternate(
        {
            "parse": timed(lambda: [ast.parse(source) for source in sources]),
            "cold": lambda: look(cold=True),
            "warm": lambda: look(cold=False),
        },
        repeat=repeat,
    )


def check(fingerprints: dict[str, Any], assets: int) -> None:
    """Every asset has a version, without a problem."""
    if len(fingerprints) != assets or any(found.problems for found in fingerprints.values()):
        raise SystemExit("not every asset has a code version")


if __name__ == "__main__":
    main()
