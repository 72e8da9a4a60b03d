"""Where an object lies below the store root, safe on every file system.

`<asset segments>/[@<partition>/]<version hex><suffix>`. Partition keys are any text, so they are
percent-encoded; what a file system could confuse with another name (letter case, a reserved device name, a
trailing dot) or refuse (length) gets a hash of the exact text appended, so two keys never share a folder.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from xxhash import xxh3_128_hexdigest

_MAX_NAME = 80
_HASH_DIGITS = 16
_ORDINARY = re.compile(r"[a-z0-9_-]{1,80}").fullmatch
"""What nearly every name is: nothing in it is encoded, and only a reserved one is ambiguous."""
_RESERVED = frozenset(["con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))])


def asset_folder(asset: str, partition: str | None = None) -> str:
    """The posix path of the folder that holds all objects of an asset partition."""
    parts = [safe_name(segment) for segment in asset.split("/")]
    if partition is not None:
        parts.append("@" + safe_name(partition))
    return "/".join(parts)


def safe_name(text: str) -> str:
    """One file name for one text: readable where it can be, different for different texts everywhere."""
    if _ORDINARY(text) and text not in _RESERVED:
        return text
    # `~` marks the hash, so it has to be encoded in the text itself
    encoded = quote(text, safe="", errors="surrogatepass").replace("~", "%7E")
    if not _is_ambiguous(text, encoded):
        return encoded
    digest = xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))[:_HASH_DIGITS]
    return f"{encoded[:_MAX_NAME].rstrip('.')}~{digest}"


def _is_ambiguous(text: str, encoded: str) -> bool:
    return (
        not text
        or len(encoded) > _MAX_NAME
        or text != text.lower()
        or text.endswith(".")
        or text.startswith(".")
        or text.split(".", 1)[0] in _RESERVED
    )
