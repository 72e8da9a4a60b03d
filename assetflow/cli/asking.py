"""From the options of a command to what is asked of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assetflow.errors import UsageError
from assetflow.project.request import Ask, parse_config


def ask_of(given: Mapping[str, Any]) -> Ask:
    """The request that the options of `assetflow.cli.options.planning` make."""
    check_ranges(given)
    return Ask(
        selection=tuple(given["selection"]),
        partitions=tuple(given["partitions"]),
        first=given["first"],
        last=given["last"],
        only=given["only"],
        force=given["force"],
        freshness=not given["no_freshness"],
        config=parse_config(given["config"]),
    )


def check_ranges(given: Mapping[str, Any]) -> None:
    """Partitions are asked for one way or the other, never both, of which one would be left out in silence."""
    if given["partitions"] and (given["first"] is not None or given["last"] is not None):
        raise UsageError(
            "--partition and --from/--to ask for partitions in two ways",
            hint="use one of them; `--partition FIRST..LAST` is a range too",
        )


def split_partition(text: str) -> tuple[str, str | None]:
    """`ASSET@PARTITION` as its two parts; the partition is None where there is no `@`."""
    asset, at, partition = text.partition("@")
    return asset, partition if at else None
