"""The facts attached to a value (its metadata), read back as what they were."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from assetflow.define.metadata import Link, Markdown
from assetflow.model.clock import from_text
from assetflow.model.record import Partition
from assetflow.project.versions import LATEST, version_named
from assetflow.store import StoredObject

if TYPE_CHECKING:
    from assetflow.project.project import Project


def metadata(
    project: Project, asset: str, partition: Partition = None, *, at: str = LATEST, environment: str | None = None
) -> dict[str, Any]:
    """The facts attached to a value by name: tables as frames, images as bytes, links and markdown as they were given.

    `at` names the version, see `diff`.
    """
    (row, *_more) = version_named(project, asset, partition, at, environment=environment)
    return {name: _fact(project, value) for name, value in row.metadata.items()}


def _fact(project: Project, value: Any) -> Any:
    if not isinstance(value, dict) or "$type" not in value:
        return value
    kind = value["$type"]
    if "payload" in value:
        stored = StoredObject.from_json(value["payload"])
        found = project.store.load(stored, bytes if kind in ("image", "bytes") else None)
        return Markdown(found) if kind == "markdown" else found
    match kind:
        case "markdown":
            return Markdown(value["text"])
        case "link":
            return Link(value["url"], value.get("text"))
        case "timestamp":
            return from_text(value["at"])
        case "number":
            return float(value["value"])
        case "date":
            return date.fromisoformat(value["at"])
        case _:
            return value.get("value", value.get("text"))


def fact_text(value: Any) -> str:
    """A recorded fact in a few words, for the screen."""
    if not isinstance(value, dict) or "$type" not in value:
        return str(value)
    match value["$type"]:
        case "markdown" | "text" if "text" in value:
            return str(value["text"])
        case "link":
            return f"{value['text']}: {value['url']}" if "text" in value else str(value["url"])
        case "timestamp" | "date":
            return str(value["at"])
        case "json" | "number" if "value" in value:
            return str(value["value"])
        case kind:
            rows = f" of {value['rows']:,} rows" if "rows" in value else ""
            size = f", {value['bytes']:,} bytes" if "bytes" in value else ""
            return f"{kind}{rows}{size}"
