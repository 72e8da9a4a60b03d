"""Files that commands write because they were asked to."""

from __future__ import annotations

from pathlib import Path

from assetflow.errors import UsageError
from assetflow.whole_file import write_whole


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; UsageError with the reason when that is not possible."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"cannot write `{path}`: {error.strerror}", hint="choose another place with -o") from error
