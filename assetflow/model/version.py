"""Fingerprints: type-tagged, length-prefixed, 128 bits, the same on every machine, and the versions built from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from xxhash import xxh3_128, xxh3_128_hexdigest

from assetflow.values import dataclass

_TAGS: dict[type, bytes] = {type(None): b"n", bool: b"b", int: b"i", float: b"f", bytes: b"y"}

INPUT_ALGORITHM = "i1"
CONFIG_ALGORITHM = "g1"
"""Tag of the fingerprint of one config value."""


def encode(value: object) -> bytes:
    """One plain value or (nested) sequence or mapping of them as bytes that no other value shares.

    Accepts None, bool, int, float, str, bytes, sequences and mappings with text keys (order of a mapping does not
    count); TypeError for anything else, because what cannot be encoded must never become a constant.
    """
    if type(value) is str:  # what nearly everything comes down to
        body = value.encode("utf-8", "surrogatepass")
        return b"s%d:%b" % (len(body), body)
    tag = _TAGS.get(type(value))
    if tag is not None:
        body = value if isinstance(value, bytes) else b"" if value is None else repr(value).encode()
        return b"%b%d:%b" % (tag, len(body), body)
    if isinstance(value, Mapping):
        parts = [encode(str(key)) + encode(value[key]) for key in sorted(value, key=str)]
        tag = b"m"
    elif isinstance(value, (list, tuple)):
        parts = [encode(item) for item in value]
        tag = b"l"
    else:
        raise TypeError(f"cannot encode a {type(value).__name__} into a fingerprint")
    return tag + str(len(parts)).encode() + b":" + b"".join(parts)


def fingerprint(algorithm: str, *parts: object) -> str:
    """`algorithm:hex` over the parts, 128 bits."""
    return f"{algorithm}:{xxh3_128_hexdigest(encode((algorithm, *parts)))}"


def input_fingerprint(inputs: Iterable[tuple[str, str | None, str]], config_version: str) -> str:
    """The hash over (upstream, partition, version read) of every input, in the order given, with the config.

    Written out by hand instead of through `encode`, since it runs once per asset partition.
    """
    digest = xxh3_128((INPUT_ALGORITHM + config_version).encode("utf-8", "surrogatepass"))
    for upstream, partition, version in inputs:
        key = "n" if partition is None else f"s{len(partition)}:{partition}"
        digest.update(f"|{len(upstream)}:{upstream}{key}{len(version)}:{version}".encode("utf-8", "surrogatepass"))
    return f"{INPUT_ALGORITHM}:{digest.hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVersion:
    """What an asset's logic is now: the version, and the components it was made of, for explanations.

    `version` is None when the code could not be fingerprinted; `problems` then says why, and the asset is never
    fresh.
    """

    version: str | None
    components: tuple[tuple[str, str], ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetVersions:
    """Everything about one declared asset that decides freshness apart from data: its code and its config.

    `config` holds (field, value fingerprint) pairs: values that are secret never show.
    """

    code: CodeVersion
    config: tuple[tuple[str, str], ...] = ()

    @property
    def config_version(self) -> str:
        """The recorded form of the config."""
        return config_version(self.config)


def config_version(fields: Sequence[tuple[str, str]]) -> str:
    """The config as text that names its fields: canonical JSON of field fingerprints; empty for no config.

    It is recorded as it stands, so that a later comparison can say which field changed.
    """
    return json.dumps(dict(sorted(fields)), separators=(",", ":"), ensure_ascii=False) if fields else ""
