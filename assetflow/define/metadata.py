"""Facts about a value that are more than numbers and text: markdown, links, images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assetflow.values import dataclass


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text to be read as markdown, as a fact of `Result(metadata=…)` or `context.add_metadata(…)`."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address that belongs to a value, with the words to show for it."""

    url: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: the bytes of a PNG, JPEG, GIF, WebP or SVG file, the path of one, or a matplotlib figure."""

    content: bytes | str | Path | Any
