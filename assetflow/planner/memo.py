"""What a plan found to hold, kept for the next one, which then looks at nothing but what has changed since.

A memo is a value that goes into planning and comes out of it. It never says that anything is fresh: it says which
comparisons came out equal, and under which conditions. `recall` decides what of that still counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from assetflow.model.record import Partition
from assetflow.model.regions import EMPTY, Region
from assetflow.model.version import fingerprint
from assetflow.values import dataclass

FORMAT = "memo1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one asset, as regions over the ordinals of its partitions (`WHOLE` for an unpartitioned one).

    `base` is the fingerprint of all that was compared beside records and partitions: code, config, dependencies and
    definitions. `looked` are the partitions whose record was looked at, `recorded` those of them that have one, `held`
    those of them whose record held in every comparison. `seen` are the partitions that were there of each partitioned
    upstream.
    """

    base: str
    upstreams: tuple[str, ...] = ()
    seen: Mapping[str, Region] = field(default_factory=dict)
    looked: Region = EMPTY
    recorded: Region = EMPTY
    held: Region = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """What is known of assets at one position of the published records of an environment.

    `sources` are the versions that the partitions of each source had; an error counts as a version.
    """

    environment: str = ""
    position: str = ""
    sources: Mapping[str, Mapping[Partition, str]] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)

    def to_text(self, *, tag: str) -> str:
        """The memo as text; `tag` names the version of everything that decides what a memo means."""
        body = json.dumps(
            {
                "environment": self.environment,
                "position": self.position,
                "sources": [[key, list(found.items())] for key, found in self.sources.items()],
                "known": {
                    key: [known.base, known.upstreams, known.seen, known.looked, known.recorded, known.held]
                    for key, known in self.known.items()
                },
            },
            separators=(",", ":"),
        )  # fmt: skip
        return f"{FORMAT} {fingerprint(FORMAT, tag, body)}\n{body}"

    @staticmethod
    def from_text(text: str, *, tag: str) -> Memo:
        """The memo that `to_text` wrote with that tag; an empty one for any other text, which is worth nothing."""
        head, _, body = text.partition("\n")
        if head != f"{FORMAT} {fingerprint(FORMAT, tag, body)}":
            return Memo()
        read = json.loads(body)
        shared: dict[Region, Region] = {}
        known = {}
        for key, (base, upstreams, seen, looked, recorded, held) in read["known"].items():
            known[key] = Known(
                base=base,
                upstreams=tuple(upstreams),
                seen={upstream: _region(region, shared) for upstream, region in seen.items()},
                looked=_region(looked, shared),
                recorded=_region(recorded, shared),
                held=_region(held, shared),
            )
        sources = {key: dict(found) for key, found in read["sources"]}
        return Memo(environment=read["environment"], position=read["position"], sources=sources, known=known)


def _region(read: list[Any], shared: dict[Region, Region]) -> Region:
    """The region that JSON made lists of; equal ones become one value, as the algebra likes them."""
    region = tuple((low, high, _region(inner, shared) if inner else EMPTY) for low, high, inner in read)
    return shared.setdefault(region, region)
