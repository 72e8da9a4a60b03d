"""Files that commands write because they were asked to."""

from __future__ import annotations

import os
from pathlib import Path

from assetflow.errors import UsageError


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; UsageError with the reason when that is not possible."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot write `{path}`: {error.strerror}", hint="choose another place with -o") from error
