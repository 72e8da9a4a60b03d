"""What a drawing of the graph tells of an asset that is clicked: where it is declared, its newest value, its facts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from assetflow.model.record import Current
from assetflow.project.accept import ACCEPTED
from assetflow.project.facts import fact_text
from assetflow.project.listing import AssetListing

if TYPE_CHECKING:
    from assetflow.project.project import Project

Facts = list[tuple[str, str]]

_MADE = 'select id, format, "rows", bytes, metadata from materializations where id in (select unnest(?))'


def graph_facts(project: Project, listings: Iterable[AssetListing], environment: str | None = None) -> dict[str, Facts]:
    """Names and texts by key; of a partitioned asset the value is that of the partition that was made last."""
    current = project.snapshot(environment).current
    newest: dict[str, tuple[str | None, Current]] = {}
    shown = list(listings)
    for each in shown:
        records = current.get(each.asset, {})
        if records:
            newest[each.asset] = max(records.items(), key=lambda item: (item[1].order, item[1].materialized_at))
    ids = [record.materialization for _, record in newest.values()]
    made = {row["id"]: row for row in project.query(_MADE, [ids])} if ids else {}
    found: dict[str, Facts] = {}
    for each in shown:
        facts = _declared(each)
        if each.asset in newest:
            partition, record = newest[each.asset]
            facts += _value(partition, record, made.get(record.materialization, {}))
        found[each.asset] = facts
    return found


def _declared(each: AssetListing) -> Facts:
    partitions = "" if each.partitions is None else f"{each.partitions[1]:,} of {each.partitions[0]:,} materialized"
    facts = (
        ("declared", each.location or ""),
        ("partitions", partitions),
        ("tags", ", ".join(f"{name}={value}" if value else name for name, value in each.tags.items())),
        ("owners", ", ".join(each.owners)),
    )
    return [(name, text) for name, text in facts if text]


def _value(partition: str | None, record: Current, row: dict[str, object]) -> Facts:
    facts = [("partition", partition)] if partition is not None else []
    facts += [("materialized", record.materialized_at), ("run", record.run_id), ("data version", record.data_version)]
    for name in ("format", "rows", "bytes"):
        value = row.get(name)
        if value is not None:
            facts.append((name, f"{value:,}" if isinstance(value, int) else str(value)))
    attached = json.loads(str(row.get("metadata") or "{}"))
    return facts + [(name, fact_text(value)) for name, value in attached.items() if name != ACCEPTED]
