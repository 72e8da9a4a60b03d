"""The program `assetflow`, also as `python -m assetflow`."""

from __future__ import annotations

import os
import sys
import threading


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # here, so that `import assetflow.__main__` runs and imports nothing
    from assetflow.cli.main import run
    from assetflow.cli.screen import stand_in_for_closed

    stand_in_for_closed()
    ended = run(sys.argv[1:], alone=True)
    if ended.threads_left:
        # a canceled step may sleep or compute for hours in a thread that nobody can stop, or wait for a program
        from assetflow.executor.programs import end_programs

        end_programs()
        os._exit(ended.code)
    if threading.active_count() > 1 or "multiprocessing" in sys.modules:
        # only then: most commands leave nothing
        from assetflow.cli.leaving import wait_for_rest

        wait_for_rest(sys.stderr)
    sys.exit(ended.code)


if __name__ == "__main__":
    main()
