"""Calling the command line: in this process with streams of its own, or as a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assetflow.cli.main import run

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    """The environment of this process without what would change the words of a command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASSETFLOW_", "PYTEST_"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        kept.pop(name, None)
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY), **extra}


def assetflow(*args: str, at: Path, stdin: str = "", environ: Mapping[str, str] | None = None) -> Ended:
    """Carry out a command in this process, as if the user stood in the folder `at`."""
    out, err, before, stood = io.StringIO(), io.StringIO(), sys.stdin, Path.cwd()
    os.chdir(at)
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            ended = run(args, environ=environment() if environ is None else environ)
    finally:
        sys.stdin = before
        os.chdir(stood)
    return Ended(code=ended.code, out=out.getvalue(), err=err.getvalue())


def process(*args: str, at: Path, environ: Mapping[str, str] | None = None) -> Ended:
    """Carry out a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "assetflow", *args],
        cwd=at, env=dict(environment() if environ is None else environ), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a project, by relative path, and return its folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root
