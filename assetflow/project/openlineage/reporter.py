"""The subscriber that tells a run to OpenLineage, as the settings of the project say."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assetflow import __version__
from assetflow.catalog.rows import AssetRow
from assetflow.define.settings import openlineage_transport
from assetflow.model.event import Event
from assetflow.project.openlineage.transport import HttpTransport, LineTransport, Transport, append_to
from assetflow.project.openlineage.wording import Wording
from assetflow.project.sql_columns import column_descriptions

if TYPE_CHECKING:
    from assetflow.project.project import Project

UNDELIVERED = "openlineage-undelivered.jsonl"


class Reporter:
    """Takes the events of one run, in order, and hands them on; `close` says what did not arrive."""

    def __init__(self, wording: Wording, transport: Transport, *, kept_in: Path | None) -> None:
        self._wording = wording
        self._transport = transport
        self._kept_in = kept_in

    def __call__(self, event: Event) -> None:
        for told in self._wording.events_of(event):
            self._transport.send(told)

    def close(self) -> str | None:
        """End the delivery; a notice for the user when events were lost."""
        lost = self._transport.close()
        if not lost:
            return None
        where = f"; they are kept in `{self._kept_in}`" if self._kept_in is not None else ""
        return f"{lost:,} OpenLineage {'event' if lost == 1 else 'events'} could not be delivered{where}"


def reporter_of(project: Project, rows: Callable[[], Sequence[AssetRow]]) -> Reporter | None:
    """The reporter of a run, or None where `[tool.assetflow.openlineage]` names no place to tell."""
    settings = project.settings.openlineage
    kind = openlineage_transport(settings)
    if kind is None:
        return None
    kept = project.settings.catalog_root / UNDELIVERED if kind == "http" else None
    return Reporter(
        Wording(
            namespace=settings.get("namespace") or project.settings.root.name,
            version=__version__,
            rows={row.asset: row for row in rows()},
            source=lambda asset: _source(project, asset),
            described=lambda asset: column_descriptions(project, asset),
        ),
        _transport(project, kind, settings),
        kept_in=kept,
    )


def _transport(project: Project, kind: str, settings: Mapping[str, str]) -> Transport:
    if kind == "http":
        return HttpTransport(
            settings["url"],
            api_key=settings.get("api_key"),
            timeout=float(settings.get("timeout", "5")),
            keep=append_to(project.settings.catalog_root / UNDELIVERED),
        )
    if kind == "file":
        return LineTransport(append_to(project.settings.root / settings["path"]))
    return LineTransport(sys.stderr.write)


def _source(project: Project, asset: str) -> tuple[str | None, str | None]:
    """The source of an asset's function, and the text of its query; a function whose source is not at hand has none."""
    graph = project.graph
    if asset not in graph or graph.specs[asset].is_source:
        return None, None
    computation = project.loaded.definitions.computations[graph.specs[asset].computation]
    if computation.query is not None:
        return None, computation.query.origin
    try:
        return inspect.getsource(inspect.unwrap(computation.fn)), None
    except (OSError, TypeError):
        return None, None
