"""The settings of a project as they may be shown: config values without their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from assetflow.define.settings import Settings
from assetflow.errors import AssetflowError

if TYPE_CHECKING:
    from assetflow.project.project import Project

HIDDEN = "********"


def shown_settings(project: Project) -> dict[str, Any]:
    """Every setting by name as plain values.

    Only the definitions know which config fields are secret: where they cannot be loaded, all values are hidden.
    """
    found: dict[str, Any] = {}
    for item in fields(Settings):
        if item.name in ("root", "origins"):
            continue
        value = getattr(project.settings, item.name)
        if item.name == "config":
            value = _shown_config(project)
        elif item.name == "openlineage":
            value = {name: HIDDEN if name == "api_key" else each for name, each in value.items()}
        elif isinstance(value, Mapping):
            value = dict(value)
        found[item.name] = list(value) if isinstance(value, tuple) else value
    return found


def _shown_config(project: Project) -> dict[str, dict[str, Any]]:
    given = project.settings.config
    if not given:
        return {}
    try:
        loaded = project.loaded
        configs = loaded.configs({})
    except AssetflowError:
        return {asset: dict.fromkeys(values, HIDDEN) for asset, values in given.items()}
    return {
        asset: {name: configs[loaded.graph.specs[asset].computation].shown.get(name, HIDDEN) for name in values}
        for asset, values in given.items()
    }
