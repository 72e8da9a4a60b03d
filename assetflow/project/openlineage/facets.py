"""The facets of OpenLineage that are told, each under the version of its schema that it is valid against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from assetflow import __version__
from assetflow.catalog.rows import AssetRow, ColumnEdge

PRODUCER = f"urn:assetflow:{__version__}"
SPEC = "https://openlineage.io/spec"
CORE = f"{SPEC}/2-0-2/OpenLineage.json#/$defs"

Json: TypeAlias = dict[str, Any]

_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityMetricsInputDatasetFacet": "1-0-3",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "DocumentationJobFacet": "1-1-0",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "OwnershipJobFacet": "1-0-1",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SQLJobFacet": "1-1-0",
    "SchemaDatasetFacet": "1-2-0",
    "SourceCodeJobFacet": "1-0-1",
}

_INDIRECT = {"filter": "FILTER", "join key": "JOIN", "group key": "GROUP_BY", "order": "SORT"}
"""Kinds of column edges that decide which rows there are; every other kind goes into values."""


def facet(name: str, /, **fields: Any) -> Json:
    """A facet by the name of its schema; fields that are None are left out."""
    url = f"{SPEC}/facets/{_VERSIONS[name]}/{name}.json#/$defs/{name}"
    known = {key: value for key, value in fields.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": url, **known}


def own_facet(base: str, **fields: Any) -> Json:
    """A facet of our own; `base` is the kind of facet that it is, for example `RunFacet`."""
    return {"_producer": PRODUCER, "_schemaURL": f"{CORE}/{base}", **fields}


def schema(columns: Iterable[Sequence[str]], descriptions: Mapping[str, str] | None = None) -> Json:
    """The columns of a table, given as pairs of name and type, with what is said of them by name."""
    fields = [{"name": name, "type": kind} for name, kind in columns]
    for each in fields:
        if text := (descriptions or {}).get(each["name"]):
            each["description"] = text
    return facet("SchemaDatasetFacet", fields=fields)


def error(failure: Mapping[str, Any]) -> Json:
    """What a step or a run failed with."""
    kind, message = failure.get("type") or "", failure.get("message") or "failed"
    return facet(
        "ErrorMessageRunFacet",
        message=f"{kind}: {message}" if kind else message,
        programmingLanguage="PYTHON",
        stackTrace=failure.get("traceback") or None,
    )


def recorded_edges(made: Json) -> list[ColumnEdge]:
    """The column lineage that was seen while a value was made (`model.event.MATERIALIZATION`)."""
    return [
        ColumnEdge(column, *origin)
        for group in (made.get("column_lineage") or {}).get("groups", ())
        for column in group["columns"]
        for origin in group["origins"]
    ]


def column_lineage(edges: Iterable[ColumnEdge], *, namespace: str) -> Json | None:
    """From which columns each column was made; None where nothing is known of any."""
    fields: dict[str, list[Json]] = {}
    for edge in edges:
        subtype = _INDIRECT.get(edge.kind)
        how = {"type": "DIRECT" if subtype is None else "INDIRECT", "subtype": subtype, "description": edge.kind}
        fields.setdefault(edge.column, []).append(
            {
                "namespace": namespace,
                "name": edge.input_asset,
                "field": edge.input_column,
                "transformations": [{key: value for key, value in how.items() if value is not None}],
            }
        )
    if not fields:
        return None
    return facet("ColumnLineageDatasetFacet", fields={name: {"inputFields": inputs} for name, inputs in fields.items()})


def job_facets(row: AssetRow, *, source: str | None, sql: str | None) -> Json:
    """What is known of the job that makes an asset, whichever run it is part of."""
    found: Json = {"jobType": job_type("STEP")}
    if row.description:
        found["documentation"] = facet("DocumentationJobFacet", description=row.description)
    if row.owners:
        found["ownership"] = facet("OwnershipJobFacet", owners=[{"name": owner} for owner in row.owners])
    if sql is not None:
        found["sql"] = facet("SQLJobFacet", query=sql, dialect="duckdb")
    elif source is not None:
        found["sourceCode"] = facet("SourceCodeJobFacet", language="python", sourceCode=source)
    return found


def job_type(kind: str) -> Json:
    """The kind of a job: `RUN` or `STEP`."""
    return facet("JobTypeJobFacet", processingType="BATCH", integration="ASSETFLOW", jobType=kind)
