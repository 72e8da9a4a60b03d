"""The code versions of all that a project computes: believed where nothing they rest on moved, else computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assetflow.define.definitions import Computation, Definitions
from assetflow.define.fingerprint import CodeFingerprint, Fingerprinter, ParseCache, VersionMemo, joined
from assetflow.define.modules import ModuleSpace
from assetflow.define.settings import Settings
from assetflow.errors import DefinitionError, Problem
from assetflow.graph.graph import AssetGraph


def code_fingerprints(
    settings: Settings,
    definitions: Definitions,
    graph: AssetGraph,
    environ: Mapping[str, str],
    space: ModuleSpace | None,
) -> dict[str, CodeFingerprint]:
    """The code fingerprint of every computation; DefinitionError when a file was changed since it was loaded."""
    cache = ParseCache.load(settings.cache_root / "parsed")
    fingerprinter = Fingerprinter(
        root=settings.root,
        import_roots=settings.asset_roots,
        packages=settings.packages,  # type: ignore[arg-type]
        environ=environ,
        cache=cache,
    )
    more = {name: _more(each, definitions, graph) for name, each in definitions.computations.items()}
    alone = {
        name: each.declaration.fn
        for name, each in definitions.computations.items()
        if each.declaration.fn is not None and each.query is None and not more[name]
    }
    tag = f"{settings.root} {settings.asset_roots} {settings.packages}"
    memo = VersionMemo() if space is None else VersionMemo.load(settings.cache_root / "versions", tag)
    plain = fingerprinter.plain(memo, {} if space is None else space.by_path, {} if space is None else space.sources)
    known = plain.known(alone)
    found = {
        name: known.get(name) or _fingerprint(fingerprinter, each, more[name])
        for name, each in definitions.computations.items()
    }
    keeps = settings.cache_root.parent.is_dir()
    if keeps:
        cache.save()
    if space is not None and (changed := space.outdated()):
        # a version of the new text would be recorded for what the old one makes
        raise DefinitionError(_outdated(path, settings) for path in changed)
    if keeps and space is not None and not plain.is_settled(alone, found, len(known)):
        plain.remember(alone, found).save(settings.cache_root / "versions", tag)
    return found


def _fingerprint(fingerprinter: Fingerprinter, computation: Computation, more: list[Any]) -> CodeFingerprint:
    if computation.query is not None:
        query = computation.query.fingerprint(computation.query.file or f"query:{computation.name}")
        return joined(query, [fingerprinter.fingerprint(loader) for loader in more])
    assert computation.declaration.fn is not None
    return fingerprinter.fingerprint(computation.declaration.fn, version_of=more)


def _more(computation: Computation, definitions: Definitions, graph: AssetGraph) -> list[Any]:
    """What a version takes in beside the function or query: what was declared so, and loaders of sources."""
    declaration = computation.declaration
    loaders = _loaders(computation, definitions, graph) if definitions.sources else []
    if computation.query is not None:
        return loaders
    bound = [value for value in declaration.bound.values() if callable(value)]
    return [*declaration.options.version_of, *bound, *loaders]


def _loaders(computation: Computation, definitions: Definitions, graph: AssetGraph) -> list[Callable[..., Any]]:
    """The functions that make the values of sources which a computation is given."""
    specs = (graph.specs[asset] for asset in computation.assets)
    given = {edge.upstream for spec in specs for edge in spec.inputs if edge.param is not None}
    sources = definitions.sources
    found = (sources[key].source for key in sorted(given & sources.keys()))
    return [source.load for source in found if source is not None and source.load is not None]


def _outdated(path: Path, settings: Settings) -> Problem:
    shown = path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else str(path)
    return Problem(
        slug=OUTDATED, message="the file changed while the project was being loaded", file=shown,
        hint="run the command again",
    )  # fmt: skip


OUTDATED = "changed_meanwhile"
"""The slug of the problem that goes away when the project is loaded once more."""
