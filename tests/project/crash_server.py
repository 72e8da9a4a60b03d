"""Carries out a request in a fresh child process each time, with a fault point armed; imported once, so that is quick.

Reads lines of JSON `{"root", "fault", "seed"}` and answers each with the child's exit code (a signal is negative).
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import assetflow as af
from assetflow import faults
from assetflow.catalog import access, fold  # noqa: F401 (imported before the fork, as is all that they import)
from assetflow.project.project import Project


def work(root: str) -> int:
    """What a day brings: a run, new keys, a run that makes something of them, a look at everything."""
    fold.PACK_ABOVE = 1
    with Project.at(root, workers=2) as project:
        first = project.materialize()
        project.add_partitions("more", ["late"])
        second = project.materialize()
        third = project.materialize()
        return 0 if first.ok and second.ok and third.run_id is None else 1


def child(request: dict[str, str]) -> int:
    os.chdir(request["root"])
    quiet = os.open(os.path.join(request["root"], "child.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    faults.arm(request["fault"])
    try:
        return work(request["root"])
    except af.AssetflowError as error:
        print(type(error).__name__, error, error.hint, flush=True)
        return 3
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return 4


def main() -> None:
    for line in sys.stdin:
        process = os.fork()
        if not process:
            os._exit(child(json.loads(line)))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
