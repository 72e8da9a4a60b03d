"""A worker as a process of its own, for systems without fork: its argument is the address, the key on stdin."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Client

from assetflow.watch.worker import Worker


def main() -> None:
    """Connect to the watch and carry out one order."""
    key = sys.stdin.buffer.read()
    connection = Client(sys.argv[1], authkey=key)
    code = Worker(connection).serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
