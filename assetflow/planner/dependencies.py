"""The declared dependencies of an asset as text that is recorded and compared: upstream keys and their mappings."""

from __future__ import annotations

from assetflow.model.version import fingerprint
from assetflow.planner.universe import Universe

MAPPING_ALGORITHM = "m1"


def dependencies_text(universe: Universe, asset: str) -> str:
    """One line per upstream: its key, and for a partitioned one the fingerprint of the mapping after a tab."""
    lines: dict[str, list[str]] = {}
    for edge in universe.graph.specs[asset].inputs:
        mapped = lines.setdefault(edge.upstream, [])
        if universe.definition(edge.upstream) is not None:
            mapped.append(universe.mapping_text(asset, edge))
    return "\n".join(
        key if not mapped else f"{key}\t{fingerprint(MAPPING_ALGORITHM, sorted(set(mapped)))}"
        for key, mapped in sorted(lines.items())
    )


def parse_dependencies(text: str) -> dict[str, str]:
    """Upstream key to mapping fingerprint, empty for an unpartitioned upstream."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, mapping = line.partition("\t")
        found[key] = mapping
    return found
