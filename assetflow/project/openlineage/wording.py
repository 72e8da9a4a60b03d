"""From the events of a run to those of OpenLineage: one job for the run, and one for each asset below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from assetflow.catalog.rows import AssetRow
from assetflow.model.event import AttemptFinished, Event, Observed, RunFinished, RunStarted, StepFinished, StepStarted
from assetflow.model.record import Partition, RunStatus, StepStatus
from assetflow.project.openlineage.facets import (
    CORE,
    PRODUCER,
    Json,
    column_lineage,
    error,
    facet,
    job_facets,
    job_type,
    own_facet,
    recorded_edges,
    schema,
)  # fmt: skip
from assetflow.values import dataclass

RUN_JOB = "assetflow.materialize"

_ENDS = {
    StepStatus.MATERIALIZED: "COMPLETE", StepStatus.REUSED: "COMPLETE", StepStatus.UNCHANGED: "COMPLETE",
    StepStatus.FAILED: "FAIL", StepStatus.SKIPPED: "ABORT", StepStatus.CANCELED: "ABORT",
}  # fmt: skip
_RUN_ENDS = {RunStatus.SUCCEEDED: "COMPLETE", RunStatus.FAILED: "FAIL"}

Source = Callable[[str], tuple[str | None, str | None]]
"""Asset to the source code of its function, and to its query; None for what it has not."""


@dataclass(slots=True, kw_only=True)
class Wording:
    """Words one run for OpenLineage; remembers which steps began and what they made, to tell the size of inputs."""

    namespace: str
    version: str
    rows: Mapping[str, AssetRow]
    source: Source
    described: Callable[[str], Mapping[str, str]] = lambda _asset: {}
    """Asset to what is said of its columns."""
    _run_id: str = ""
    _began: set[int] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _made: dict[tuple[str, Partition], Json] = field(default_factory=dict)

    def events_of(self, event: Event) -> Iterator[Json]:
        """The events that tell one event of a run."""
        match event:
            case RunStarted():
                self._run_id = event.run_id
                yield self._of_run("START", event.at)
            case RunFinished():
                kind = _RUN_ENDS.get(RunStatus(event.status), "ABORT")
                failure = {"message": event.error} if event.error else None
                if failure is None and kind == "FAIL":
                    failure = {"message": f"{event.counts.get('failed', 0)} steps failed"}
                yield self._of_run(kind, event.at, failure)
            case Observed():
                yield self._observed(event)
            case StepStarted():
                yield from self._start(event.at, event.step, event.asset, event.partition, event.attempt)
            case AttemptFinished() if event.status == StepStatus.FAILED:
                run = self._step_run(event.step, event.partition, attempt=event.attempt, failure=event.error)
                yield self._event("RUNNING", event.at, run, self._job(event.asset), [], [self._dataset(event.asset)])
            case StepFinished():
                yield from self._finished(event)
            case _:
                return

    # --- runs and steps ------------------------------------------------------------------------------------------

    def _of_run(self, kind: str, at: str, failure: Json | None = None) -> Json:
        facets = {**self._run_facets(failure), "assetflow_run": own_facet("RunFacet", runId=self._run_id)}
        run = {"runId": str(uuid5(NAMESPACE_URL, f"assetflow:{self._run_id}")), "facets": facets}
        job = {"namespace": self.namespace, "name": RUN_JOB, "facets": {"jobType": job_type("RUN")}}
        return self._event(kind, at, run, job, [], [])

    def _start(self, at: str, step: int, asset: str, partition: Partition, attempt: int) -> Iterator[Json]:
        row = self.rows.get(asset, AssetRow(asset=asset))
        inputs = [self._dataset(upstream) for upstream in row.upstreams]
        outputs = [self._dataset(asset)]
        if asset not in self._seen:
            self._seen.add(asset)
            yield {
                "eventTime": at, "producer": PRODUCER, "schemaURL": f"{CORE}/JobEvent",
                "job": self._job(asset, static=True), "inputs": inputs, "outputs": outputs,
            }  # fmt: skip
        kind = "RUNNING" if step in self._began else "START"
        self._began.add(step)
        run = self._step_run(step, partition, attempt=attempt)
        yield self._event(kind, at, run, self._job(asset, static=True), inputs, outputs)

    def _finished(self, event: StepFinished) -> Iterator[Json]:
        status = StepStatus(event.status)
        if event.step not in self._began:
            yield from self._start(event.started_at or event.at, event.step, event.asset, event.partition, 1)
        failure = event.error if status is StepStatus.FAILED else None
        if failure is None and event.caused_by:
            failure = {"message": f"skipped because of {event.caused_by}"}
        run = self._step_run(
            event.step, event.partition, attempt=event.attempts, failure=failure, status=event.status,
            causes=event.causes,
        )  # fmt: skip
        made = event.materialization
        inputs = [] if made is None else list(self._inputs(made["inputs"]))
        output = self._dataset(event.asset)
        if made is not None:
            self._made[(event.asset, event.partition)] = made
            output = self._output(event.asset, made)
        yield self._event(_ENDS[status], event.at, run, self._job(event.asset), inputs, [output])

    def _event(
        self, kind: str, at: str, run: Json, job: Json, inputs: Sequence[Json], outputs: Sequence[Json]
    ) -> Json:  # fmt: skip
        return {
            "eventType": kind, "eventTime": at, "producer": PRODUCER, "schemaURL": f"{CORE}/RunEvent",
            "run": run, "job": job, "inputs": list(inputs), "outputs": list(outputs),
        }  # fmt: skip

    def _run_facets(self, failure: Json | None) -> Json:
        engine = facet(
            "ProcessingEngineRunFacet", version=self.version, name="assetflow", openlineageAdapterVersion=self.version
        )
        return {"processing_engine": engine, **({} if failure is None else {"errorMessage": error(failure)})}

    def _step_run(
        self, step: int, partition: Partition, *, attempt: int, failure: Json | None = None, **more: Any
    ) -> Json:
        parent = {
            "run": {"runId": str(uuid5(NAMESPACE_URL, f"assetflow:{self._run_id}"))},
            "job": {"namespace": self.namespace, "name": RUN_JOB},
        }
        facets = self._run_facets(failure)
        facets["parent"] = facet("ParentRunFacet", **parent, root=parent)
        facets["assetflow_step"] = own_facet(
            "RunFacet", runId=self._run_id, step=step, partition=partition, attempt=attempt, **more
        )
        return {"runId": str(uuid5(NAMESPACE_URL, f"assetflow:{self._run_id}/{step}")), "facets": facets}

    def _job(self, asset: str, *, static: bool = False) -> Json:
        facets = {"jobType": job_type("STEP")}
        if static:
            source, sql = self.source(asset)
            facets = job_facets(self.rows.get(asset, AssetRow(asset=asset)), source=source, sql=sql)
        return {"namespace": self.namespace, "name": asset, "facets": facets}

    # --- datasets ------------------------------------------------------------------------------------------------

    def _observed(self, event: Observed) -> Json:
        dataset = self._dataset(event.asset, version=event.data_version)
        row = self.rows.get(event.asset)
        if row is not None and row.description:
            dataset["facets"]["documentation"] = facet("DocumentationDatasetFacet", description=row.description)
        return {
            "eventTime": event.at, "producer": PRODUCER, "schemaURL": f"{CORE}/DatasetEvent", "dataset": dataset,
        }  # fmt: skip

    def _dataset(self, asset: str, *, version: str | None = None) -> Json:
        facets = {} if version is None else {"version": facet("DatasetVersionDatasetFacet", datasetVersion=version)}
        return {"namespace": self.namespace, "name": asset, "facets": facets}

    def _inputs(self, edges: Iterable[Sequence[Any]]) -> Iterator[Json]:
        """One dataset per upstream asset; with the version where one partition was read, and its size where known."""
        read: dict[str, list[Sequence[Any]]] = {}
        for edge in edges:
            read.setdefault(edge[0], []).append(edge)
        for asset, parts in read.items():
            dataset = self._dataset(asset, version=parts[0][3] if len(parts) == 1 else None)
            known = [self._made.get((asset, part[1])) for part in parts]
            made = [each for each in known if each is not None]
            if len(made) == len(parts):
                if made[0].get("schema"):
                    dataset["facets"]["schema"] = schema(made[0]["schema"])
                dataset["inputFacets"] = {
                    "dataQualityMetrics": facet(
                        "DataQualityMetricsInputDatasetFacet", columnMetrics={}, rowCount=_total(made, "rows"),
                        bytes=_total(made, "bytes"),
                    )
                }  # fmt: skip
            yield dataset

    def _output(self, asset: str, made: Json) -> Json:
        dataset = self._dataset(asset, version=made["data_version"])
        if made.get("schema"):
            dataset["facets"]["schema"] = schema(made["schema"], self.described(asset))
        row = self.rows.get(asset)
        edges = recorded_edges(made) or (row.columns if row is not None else ())
        lineage = column_lineage(edges, namespace=self.namespace)
        if lineage is not None:
            dataset["facets"]["columnLineage"] = lineage
        statistics = facet("OutputStatisticsOutputDatasetFacet", rowCount=made.get("rows"), size=made.get("bytes"))
        return {**dataset, "outputFacets": {"outputStatistics": statistics}}


def _total(made: Sequence[Json], name: str) -> int | None:
    counts = [each.get(name) for each in made]
    return None if None in counts else sum(count for count in counts if count is not None)
