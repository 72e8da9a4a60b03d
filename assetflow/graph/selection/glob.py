"""Globs over asset keys and other names, turned into regular expressions that never backtrack far."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\*\*+/|\*\*+|\*|\?|[^*?]+")


def is_glob(pattern: str) -> bool:
    """Whether the pattern can match other texts than itself."""
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=512)
def key_glob(pattern: str) -> re.Pattern[str]:
    """The expression for a glob over keys, to be used with `match`.

    `?` is one character and `*` any number of them within a segment; `**` is any text across segments, and
    `**/` any number of leading segments, none included. The pattern `*` alone is every key.
    """
    return _compile("**" if pattern == "*" else pattern, within="[^/]")


@lru_cache(maxsize=512)
def text_glob(pattern: str) -> re.Pattern[str]:
    """The expression for a glob over plain names, without segments: `*` is any text, `?` one character."""
    return _compile(pattern, within=".")


def _compile(pattern: str, *, within: str) -> re.Pattern[str]:
    """Join the fixed pieces between wildcards so that each is looked for once.

    Between two wildcards the earliest place of a fixed piece is as good as any later one, so all pieces but
    the last are atomic groups: matching stays polynomial however many wildcards a pattern has.
    """
    tokens = _TOKEN.findall(pattern)
    chunks: list[str] = [""]  # parted by `**`
    for token in tokens:
        if token.startswith("**"):
            # `**/x` means x at the start of a segment, at any depth
            chunks.append(r"(?<![^/])" if token.endswith("/") else "")
        elif token == "*":
            chunks[-1] += "\0"  # parts the pieces of a chunk
        elif token == "?":
            chunks[-1] += within
        else:
            chunks[-1] += re.escape(token)
    parts = []
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        body = _chunk(chunk.split("\0"), within=within, anchored=last)
        if number:
            body = f".*?{body}"
        parts.append(body if last else f"(?>{body})")
    return re.compile("".join(parts) + r"\Z", re.DOTALL)


def _chunk(pieces: list[str], *, within: str, anchored: bool) -> str:
    text = pieces[0]
    for number, piece in enumerate(pieces[1:], start=1):
        if anchored and number == len(pieces) - 1:
            text += f"{within}*{piece}"
        else:
            text += f"(?>{within}*?{piece})"
    return text
