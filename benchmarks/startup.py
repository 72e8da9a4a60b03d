"""Row 1: `assetflow --version` and `--help`, whole process, against the import of click.

python benchmarks/startup.py [--repeat N]
"""

from __future__ import annotations

import argparse

from measure import alternate, assetflow, compared, process, python, report, scratch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    with scratch() as folder:
        contestants = {
            "click": process(python("import click"), cwd=folder),
            "version": process(assetflow("--version"), cwd=folder, says="assetflow"),
            "help": process(assetflow("--help"), cwd=folder, says="materialize"),
        }
        seconds = alternate(contestants, repeat=options.repeat)
    results = {name: compared(seconds, ours=name, floor="click") for name in ("version", "help")}
    report("1: version and help", results, goal="at most 2 times the import of click")


if __name__ == "__main__":
    main()
