"""What is known of the determinism of assets: the findings of runs that verified it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetflow.project.project import Project

_LATEST = """
select payload ->> '$.asset' as asset, cast(payload as varchar) as payload, emitted_at, run_id from events
where event_type = $event and ($run is null or run_id = $run) and ($asset is null or payload ->> '$.asset' = $asset)
qualify row_number() over (
    partition by payload ->> '$.asset', payload ->> '$.partition' order by emitted_at desc, run_id desc) = 1
order by asset, payload ->> '$.partition' nulls first"""


def determinism(project: Project, run: str | None = None, *, asset: str | None = None) -> list[dict[str, Any]]:
    """The latest finding of each asset partition whose determinism was ever verified, or of one run or asset.

    Each has `asset`, `partition`, `deterministic`, `run_id`, and of values that differ `rounding`, `columns` and the
    first `rows`. Empty when `materialize` was never asked to verify.
    """
    from assetflow.executor.twice import EVENT  # here: whoever only looks loads nothing of what runs

    rows = project.query(_LATEST, {"event": EVENT, "run": run, "asset": asset})
    return [{**json.loads(row["payload"]), "run_id": row["run_id"]} for row in rows]
