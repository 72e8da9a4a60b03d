"""Accepting a change of code: recorded values count as made by the present code, with who said so and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assetflow import __version__
from assetflow.errors import UsageError
from assetflow.model.cause import CodeChanged
from assetflow.model.clock import to_text
from assetflow.model.event import Event, Json, RunFinished, RunStarted, StepFinished
from assetflow.model.keys import materialization_id
from assetflow.model.record import Current, Partition, RunStatus, StepStatus
from assetflow.project.planning import Planned
from assetflow.project.process import new_run_id, this_process, user_name
from assetflow.project.request import Ask
from assetflow.values import dataclass

if TYPE_CHECKING:
    from assetflow.project.project import Project

ACCEPTED = "accepted"
"""The name in a materialization's metadata: `{"reason", "by", "code_version", "components"}`, of the code before."""

_ACCEPTED = f"""
select asset, "partition", id, cast(metadata -> '$.{ACCEPTED}' as varchar) as note from materializations
where asset in (select unnest($assets)) and json_exists(metadata, '$.{ACCEPTED}') order by asset, "order" desc"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One asset whose partitions (None: it has none) count as made by the code `components` of which had changed."""

    asset: str
    partitions: tuple[Partition, ...]
    components: tuple[str, ...]

    def to_json(self) -> Json:
        keys = [key for key in self.partitions if key is not None]
        return {"asset": self.asset, "partitions": keys or None, "components": list(self.components)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What one `accept` covered, under which run id it is recorded; `left` are selected assets it did not concern."""

    run_id: str
    environment: str
    reason: str
    by: str
    accepted: tuple[Accepted, ...]
    left: tuple[str, ...]

    def to_json(self) -> Json:
        """The document that `accept --json` prints."""
        return {
            "run_id": self.run_id,
            "environment": self.environment,
            "reason": self.reason,
            "by": self.by,
            "accepted": [each.to_json() for each in self.accepted],
            "left": list(self.left),
        }


def accept(
    project: Project,
    selection: str | Sequence[str],
    *,
    reason: str,
    by: str | None = None,
    partitions: str | Sequence[str] | None = None,
    environment: str | None = None,
) -> Acceptance:
    """Record that changed code makes the same data as before, for what is selected and stale by its code.

    The value stays, as old as it is, and counts as made by the present code; other reasons to rebuild remain. `reason`
    and `by` (the user of the process by default) are kept with it. UsageError when nothing selected is stale by code.
    """
    if not reason.strip():
        raise UsageError("an accepted change needs a reason", hint='say why: --reason "renamed a variable"')
    named = (selection,) if isinstance(selection, str) else tuple(selection)
    keys = (partitions,) if isinstance(partitions, str) else tuple(partitions or ())
    project.recover()
    planned = project.planned(Ask(selection=named, partitions=keys, only=True, freshness=False), environment)
    found, left = _concerned(planned)
    if not found:
        raise UsageError(
            "nothing that is selected is stale by its code",
            hint="`assetflow plan --explain` says what is stale, and why",
        )
    now = project.clock.now()
    run_id = new_run_id(now)
    done = Acceptance(
        run_id=run_id, environment=planned.plan.environment, reason=reason.strip(),
        by=by or user_name(), accepted=found, left=left,
    )  # fmt: skip
    project.catalog.record(run_id, _events(project, planned, done, named, to_text(now)))
    project.sync_catalog()
    return done


def acceptances(project: Project, planned: Planned, assets: Iterable[str]) -> dict[str, list[Json]]:
    """Of assets of a plan, the notes by which what is published counts as made by the present code: each once."""
    if not project.settings.catalog_root.is_dir():
        return {}
    rows = project.query(_ACCEPTED, {"assets": sorted(assets)})
    found: dict[str, dict[str, Json]] = {}
    for row in rows:
        record = planned.basis.snapshot.current.get(row["asset"], {}).get(row["partition"])
        if record is not None and record.materialization == row["id"]:
            found.setdefault(row["asset"], {})[row["note"]] = json.loads(row["note"])
    return {asset: list(notes.values()) for asset, notes in found.items()}


def _concerned(planned: Planned) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """The partitions that are stale by code, and the selected assets that have none."""
    found: list[Accepted] = []
    left: list[str] = []
    for asset in sorted(planned.plan.targets & planned.plan.verdicts.keys()):
        partitions: list[Partition] = []
        components: dict[str, None] = {}
        for group in planned.plan.verdicts[asset].groups:
            changed = [cause for cause in group.causes if isinstance(cause, CodeChanged)]
            if changed:
                partitions += (None,) if group.partitions is None else group.partitions
                components.update(dict.fromkeys(name for cause in changed for name in cause.components))
        if partitions:
            found.append(Accepted(asset=asset, partitions=tuple(partitions), components=tuple(components)))
        else:
            left.append(asset)
    return tuple(found), tuple(left)


def _events(project: Project, planned: Planned, done: Acceptance, selection: tuple[str, ...], at: str) -> list[Event]:
    """A run whose steps publish what was published, as made by the present code."""
    from assetflow.executor.recording import Recorder  # here: plans are told what was accepted, and record nothing

    snapshot = planned.basis.snapshot
    recorder = Recorder(run_id=done.run_id, basis=planned.basis, config_shown={}, texts=project.loaded.code_texts)
    places = [(each, key) for each in done.accepted for key in each.partitions]
    records = [snapshot.current[each.asset][key] for each, key in places]
    facts = _Facts(project, planned, records)
    owner = this_process()
    events: list[Event] = [
        RunStarted(
            at=at, run_id=done.run_id, environment=done.environment, selection=list(selection),
            options={"accept": done.reason, "by": done.by}, host=owner.host, pid=owner.pid,
            process_started=owner.started, version=__version__, steps=len(places),
        )
    ]  # fmt: skip
    for number, ((each, partition), record) in enumerate(zip(places, records, strict=True)):
        events += recorder.code(each.asset, at)
        ident = materialization_id(done.run_id, number + 1)
        note = {"reason": done.reason, "by": done.by, "code_version": record.code_version,
                "components": list(each.components)}  # fmt: skip
        code = planned.basis.versions[each.asset].code
        events.append(
            StepFinished(
                at=at, run_id=done.run_id, environment=done.environment, step=number, asset=each.asset,
                partition=partition, status=str(StepStatus.UNCHANGED), attempts=0, seconds=0.0,
                causes=[CodeChanged(components=each.components).to_json()], published=ident,
                order=recorder.next_order(),
                materialization={
                    **facts.of(record, note), "id": ident, "code_version": code.version,
                    "packages": [list(pair) for pair in code.packages],
                },
            )
        )  # fmt: skip
    counts = {str(StepStatus.UNCHANGED): len(places)}
    events.append(RunFinished(at=at, run_id=done.run_id, status=str(RunStatus.SUCCEEDED), counts=counts))
    return events


class _Facts:
    """The full records of materializations, as they go into new ones."""

    def __init__(self, project: Project, planned: Planned, records: Iterable[Current]) -> None:
        ids = [record.materialization for record in records]
        snapshot = planned.basis.snapshot
        self._edges = snapshot.edges(ids)
        self._reads = snapshot.reads(ids)
        rows = project.query(
            "select id, cast(config as varchar) as config, cast(metadata as varchar) as metadata, "
            "cast(undeclared as varchar) as undeclared from materializations where id in (select unnest($ids))",
            {"ids": ids},
        )
        self._rows: Mapping[str, dict[str, Any]] = {row["id"]: row for row in rows}

    def of(self, record: Current, note: Json) -> Json:
        """A record of the same value, with a note of why it is there."""
        id, payload = record.materialization, json.loads(record.payload)
        row = self._rows[id]
        reads = {upstream: read.to_json() for upstream, read in self._reads.get(id, {}).items()}
        return {
            "data_version": record.data_version,
            "config": json.loads(row["config"] or "{}"),
            "config_version": record.config,
            "input_fingerprint": record.input_fingerprint,
            "dependencies": record.dependencies,
            "inputs": [list(edge) for edge in self._edges.get(id, ())],
            "uri": record.uri,
            **{name: payload.get(name) for name in ("format", "rows", "bytes", "schema", "column_versions")},
            "payload": payload,
            "metadata": {**json.loads(row["metadata"] or "{}"), ACCEPTED: note},
            "reads": reads or None,
            "undeclared": json.loads(row["undeclared"] or "null"),
            "made_at": record.materialized_at,
        }
