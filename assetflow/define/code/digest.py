"""One 128-bit digest over texts, each with its length, so that no two lists of texts share their bytes."""

from __future__ import annotations

from xxhash import xxh3_128_hexdigest

ALGORITHM = "c1"
"""The tag of the way code versions are made; it changes with every change that would give another version."""


def digest(tag: str, *parts: str) -> str:
    """32 hex digits over a type tag and texts of any content, lone surrogates included."""
    text = "".join([f"{len(tag)}:{tag}", *[f"{len(part)}:{part}" for part in parts]])
    return xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
