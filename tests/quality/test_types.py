"""Strict types: the package passes, and a user's file sees precise types through the decorators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_a_users_file_is_typed_precisely() -> None:
    """Unused ignores are errors under `--strict`, so the two wrong lines must really be found."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(HERE / "user_file.py")],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
