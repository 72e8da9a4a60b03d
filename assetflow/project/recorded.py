"""Questions about what was recorded: which asset partitions there are records of, and the lineage of a past value."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assetflow.catalog.rows import Lineage
from assetflow.errors import CatalogUnwritableError, UnknownAssetError, ValueNotFoundError, did_you_mean
from assetflow.model.clock import from_text, to_text
from assetflow.model.keys import show
from assetflow.model.record import Partition

if TYPE_CHECKING:
    from assetflow.project.project import Project


def check_recorded(project: Project, asset: str, partition: Partition = None) -> None:
    """An error with the nearest name for an asset, or a partition of it, that is neither declared nor recorded."""
    if asset in project.graph:
        if partition is None or project.catalog.history(asset, partition, limit=1):
            return
        project.universe().check_partition(asset, partition)
    elif not project.catalog.history(asset, partition, limit=1):
        raise UnknownAssetError(
            f"no asset has the key `{asset}`", hint=did_you_mean(asset, project.graph.keys), asset=asset
        )


def lineage(
    project: Project,
    asset: str,
    partition: Partition = None,
    *,
    depth: int | None = None,
    at: str | datetime | None = None,
    environment: str | None = None,
) -> Lineage:
    """What the published value was made from, and what was made from it.

    `at` asks about the value that was published then (an instant), or about one materialization (its id).
    """
    check_recorded(project, asset, partition)
    with suppress(CatalogUnwritableError):  # what was folded is there anyway
        project.catalog.keep_notices(project.sync_catalog().notices)
    materialization = moment = None
    shown_in = environment or project.settings.environment
    if isinstance(at, datetime):
        moment = to_text(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    elif at is not None:
        row = project.catalog.materialization(at)
        if row is not None and (row.asset != asset or partition not in (None, row.partition)):
            raise ValueNotFoundError(
                f"`{at}` is a materialization of `{show(row.asset, row.partition)}`, not of `{show(asset, partition)}`",
                hint=f"`assetflow history {asset}` lists those of `{asset}`",
            )
        materialization, moment = (at, None) if row is not None else (None, instant_of(at, asset, partition))
    found = project.catalog.lineage(
        asset, partition, materialization=materialization, moment=moment, depth=depth, environment=shown_in
    )
    if materialization is None and (partition is not None or not _is_partitioned(project, asset)):
        published = published_at(project, asset, partition, moment, environment=shown_in)
        if published is None and moment is not None and not (found.upstream or found.downstream):
            raise ValueNotFoundError(
                f"`{show(asset, partition)}` was not published at {moment} in `{shown_in}`",
                hint=f"`assetflow history {asset}` lists what was",
            )
        found = replace(found, materialization=published)
    return found


def _is_partitioned(project: Project, asset: str) -> bool:
    return asset in project.graph and project.graph.specs[asset].partitions is not None


def published_at(
    project: Project, asset: str, partition: Partition, moment: str | None, *, environment: str
) -> str | None:
    """The materialization that an environment showed at an instant (UTC text), or shows now; None when there is none.

    What an environment has no pointer of, it shows as `prod` has it.
    """
    if not project.settings.catalog_root.is_dir():
        return None
    return project.catalog.published(asset, partition, moment=moment, environment=environment)


def instant_of(at: str, asset: str, partition: Partition) -> str:
    """An instant as the catalog spells it; ValueNotFoundError when the text is none."""
    try:
        return to_text(from_text(at))
    except ValueError:
        raise ValueNotFoundError(
            f"{at!r} is no materialization of `{show(asset, partition)}`, and no instant",
            hint=f"`assetflow history {asset}` lists them; an instant is written like 2026-01-31T12:00:00Z",
        ) from None
