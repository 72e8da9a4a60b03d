"""What a stamp rests on, as far as it takes the loaded project to know: files, the catalog's state, and time."""

from __future__ import annotations

import glob
import os
import sysconfig
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from assetflow.model.partition_definition import PartitionsDefinition
from assetflow.model.plan import Plan
from assetflow.model.time_partitions import TimePartitions
from assetflow.planner.basis import Basis
from assetflow.planner.freshness import next_change
from assetflow.planner.universe import Universe
from assetflow.project.loaded import LoadedProject

_UNSURE = timedelta(minutes=1)
"""How long a verdict counts where the next change of a partitions definition cannot be told."""


def catalog_state(root: Path) -> list[str]:
    """The files and folders that change when anybody records anything."""
    log = root / "log"
    places = [root / "catalog.duckdb", log]
    if log.is_dir():
        places += sorted(log.glob("*.jsonl"))
    return [str(place) for place in places]


def definition_files(loaded: LoadedProject) -> list[Path]:
    """Everything the definitions were read from: settings, asset folders, files, what these imported, and packages.

    A folder's time changes when a file comes or goes; the folder of installed packages stands for their versions.
    """
    places: set[Path] = set()
    settings_file = loaded.settings.root / "pyproject.toml"
    if settings_file.exists():
        places.add(settings_file)
    for root in loaded.settings.asset_roots:
        for folder, inner, _files in os.walk(root):
            inner[:] = [name for name in inner if not name.startswith(".") and name != "__pycache__"]
            if any(name.endswith((".py", ".sql")) for name in _files) or Path(folder) == root:
                places.add(Path(folder))
    places.update(loaded.definitions.files)
    if loaded.space is not None:
        places.update(loaded.space.by_path)
    for fingerprint in loaded.fingerprints.values():
        for component in fingerprint.components:
            if component.name.startswith("file:"):
                places.add(loaded.settings.root / component.name.removeprefix("file:"))
    places.update(Path(sysconfig.get_paths()[name]) for name in ("purelib", "platlib"))
    return sorted(places)


def source_places(loaded: LoadedProject, observed: Iterable[str]) -> list[Path]:
    """The files that sources were read from, and the folders in which a glob could find more."""
    places = {Path(file) for file in observed}
    for declaration in loaded.definitions.sources.values():
        path = None if declaration.source is None else declaration.source.path
        if path is None:
            continue
        place = loaded.settings.root / path.replace("{partition}", "*")
        if place.is_dir():
            places.update(Path(folder) for folder, _inner, _files in os.walk(place))
        elif glob.has_magic(str(place)):
            fixed = next(parent for parent in place.parents if not glob.has_magic(str(parent)))
            places.update(Path(folder) for folder, _inner, _files in os.walk(fixed))
    return sorted(places)


def until_ns(universe: Universe, plan: Plan, basis: Basis) -> int | None:
    """The instant (ns) at which time alone changes a verdict: a partition comes to be there, a policy runs out."""
    instants = []
    for asset in {*plan.verdicts, *(key for keys in plan.upstreams.values() for key in keys)}:
        definition = universe.definition(asset)
        if definition is not None:
            change = _next_change(definition, universe)
            if change is not None:
                instants.append(change)
    change = next_change(universe, basis.snapshot.current, plan.verdicts)
    if change is not None:
        instants.append(change)
    return None if not instants else int(min(instants).timestamp() * 1e9)


def _next_change(definition: PartitionsDefinition, universe: Universe) -> datetime | None:
    now = universe.as_of
    changes = []
    for axis in definition.axes:
        if not isinstance(axis, TimePartitions):
            continue
        if axis.is_bounded and axis.count(now) == axis.count(None):
            continue
        key = axis.key_at(now)
        changes.append(now + _UNSURE if key is None else axis.window(key)[1])
    return min(changes, default=None)
