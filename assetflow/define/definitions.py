"""Resolved definitions: the specs a graph is built from, and the calls that make their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any

from assetflow.define.declare import Declaration
from assetflow.define.limits import NO_LIMITS, Limits
from assetflow.define.schedule import Job, Sensor, Sink
from assetflow.define.sql.parse import QueryCache
from assetflow.define.sql.query import Query
from assetflow.model.asset import AssetSpec, Compute
from assetflow.model.policy import RetryPolicy
from assetflow.values import dataclass


class Role(StrEnum):
    """What a parameter of an asset function receives."""

    INPUT = "input"
    CONTEXT = "context"
    CONFIG = "config"
    RESOURCE = "resource"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a computation: its role, its annotation, and what it is fed from.

    `upstream` is the asset key of an input; `default` the value of a VALUE parameter, and the class of a CONFIG one is
    its annotation.
    """

    name: str
    role: Role
    annotation: Any = None
    upstream: str | None = None
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """One call that makes one asset or several: the function and how each of its parameters is fed.

    `compute` is where it has to run, None where the run decides.
    With a `query` a worker runs that in DuckDB instead of calling the function.
    """

    name: str
    assets: tuple[str, ...]
    declaration: Declaration
    fn: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    is_async: bool = False
    return_annotation: Any = None
    compute: Compute | None = None
    limits: Limits = NO_LIMITS
    retry: RetryPolicy | None = None
    query: Query | None = None

    @property
    def config_parameter(self) -> Parameter | None:
        """The parameter that receives a Config, if the function has one."""
        return next((p for p in self.parameters if p.role is Role.CONFIG), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Everything a project declares: specs, computations by name, source declarations by key, resources by class.

    `files` are the files that were loaded, in order; `queries` what is known of SQL texts.
    """

    specs: tuple[AssetSpec, ...] = ()
    computations: Mapping[str, Computation] = field(default_factory=dict)
    sources: Mapping[str, Declaration] = field(default_factory=dict)
    resources: tuple[Any, ...] = ()
    files: tuple[Path, ...] = ()
    jobs: tuple[Job, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    sinks: tuple[Sink, ...] = ()
    queries: QueryCache | None = None
