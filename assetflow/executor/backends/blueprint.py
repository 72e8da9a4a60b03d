"""What a worker process needs to make a project's definitions again, exactly as the plan was made from them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assetflow.define.declare import Declaration
from assetflow.define.definitions import Computation, Definitions
from assetflow.define.load import load_definitions
from assetflow.define.modules import ModuleSpace
from assetflow.define.settings import Settings
from assetflow.errors import AssetflowError, DefinitionError, Problem
from assetflow.model.asset import Compute
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A project for a worker process: files with their content at the time of planning, or pickled objects.

    `path` is the import path of the process that made it.
    """

    settings: Settings
    store: Path
    path: tuple[str, ...]
    prefix: str = ""
    sources: Mapping[Path, bytes] | None = None
    files: frozenset[Path] = frozenset()
    objects: bytes | None = None

    def definitions(self) -> Definitions:
        """The definitions, for calls only: those of objects hold no specs."""
        if self.objects is not None:
            computations, sources, resources = pickle.loads(self.objects)
            return Definitions(computations=computations, sources=sources, resources=resources)
        settings = self.settings
        space = ModuleSpace(
            settings.root, (*settings.asset_roots, settings.root), prefix=self.prefix, sources=self.sources or {},
            code_cache=settings.cache_root / "code" if settings.catalog_root.is_dir() else None,
        )  # fmt: skip
        definitions, problems = load_definitions(settings, space, only=self.files)
        if problems:
            raise DefinitionError(problems)
        return definitions


def pickled_objects(definitions: Definitions, *, everywhere: bool) -> bytes:
    """The computations that run in processes (or all, `everywhere` they may), with sources and resources, by value.

    DefinitionError naming each asset that cannot be sent to another process.
    """
    chosen = {
        name: computation
        for name, computation in definitions.computations.items()
        if computation.compute is Compute.PROCESS or (everywhere and computation.compute is None)
    }
    import cloudpickle  # only assets that are no files need it

    sources = {key: value for key, value in definitions.sources.items() if value.source and value.source.load}
    try:
        data: bytes = cloudpickle.dumps((chosen, sources, definitions.resources))
    except Exception as error:  # whatever the objects of a user raise when they are pickled
        raise _culprits(chosen, sources, definitions.resources, cloudpickle.dumps, error) from error
    return data


def _culprits(
    chosen: Mapping[str, Computation],
    sources: Mapping[str, Declaration],
    resources: Sequence[Any],
    dumps: Any,
    error: Exception,
) -> AssetflowError:
    """The error that names what cannot be pickled."""
    problems: list[Problem] = []
    for kind, values in (
        ("asset", chosen),
        ("source", sources),
        ("resource", {type(value).__name__: value for value in resources}),
    ):
        for name, value in values.items():
            try:
                dumps(value)
            except Exception as found:  # as above
                problems.append(
                    Problem(
                        slug="compute",
                        message=f"{kind} `{name}` cannot be sent to a worker process: {type(found).__name__}: {found}",
                        hint="keep it in a file of a project, make what it refers to inside the function, or use "
                        "compute='thread' (without timeout= and memory=)",
                    )
                )
    return DefinitionError(problems or f"the assets cannot be sent to a worker process: {error}")
