"""The planner's memo between one command and the next: a file in the cache folder that may always be deleted."""

from __future__ import annotations

import os
from pathlib import Path

from xxhash import xxh3_128_hexdigest

import assetflow.model
import assetflow.planner
from assetflow import __version__
from assetflow.define.settings import Settings
from assetflow.model.plan import Plan
from assetflow.planner.basis import Basis, Request
from assetflow.planner.build import plan_from_memo
from assetflow.planner.memo import Memo
from assetflow.whole_file import keep


def plan_remembering(settings: Settings, basis: Basis, request: Request) -> Plan:
    """The plan of a request, from what earlier plans of the environment found; leaves what it found for the next."""
    path = memo_path(settings, basis.snapshot.environment)
    tag = planner_tag()
    before = _read(path) if basis.snapshot.position else ""
    plan, memo = plan_from_memo(basis, request, Memo.from_text(before, tag=tag))
    after = memo.to_text(tag=tag) if memo.known else ""
    if after and after != before and settings.catalog_root.is_dir():
        keep(path, after)
    return plan


def memo_path(settings: Settings, environment: str) -> Path:
    """Where the memo of an environment is kept."""
    return settings.cache_root / "verdicts" / f"{xxh3_128_hexdigest(environment.encode())}.json"


def planner_tag() -> str:
    """Changes with the version of assetflow and with the files that a verdict is computed by."""
    stats: list[tuple[str, int, int]] = []
    for package in (assetflow.model, assetflow.planner):
        for folder in package.__path__:
            try:
                with os.scandir(folder) as entries:
                    found = [(entry.path, entry.stat()) for entry in entries if entry.name.endswith(".py")]
            except OSError:  # a package that is no folder has its version alone
                continue
            stats += [(path, stat.st_size, stat.st_mtime_ns) for path, stat in found]
    return f"{__version__} {sorted(stats)}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
