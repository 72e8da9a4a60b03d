"""assetflow keeps tables, files and models up to date: assets as functions, exact planning, lineage in DuckDB.

Names are loaded when they are first used, so that importing the package is cheap and has no side effect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from assetflow.define.config import Config as Config
    from assetflow.define.config import Resource as Resource
    from assetflow.define.declare import Dep as Dep
    from assetflow.define.declare import asset as asset
    from assetflow.define.declare import asset_template as asset_template
    from assetflow.define.declare import multi_asset as multi_asset
    from assetflow.define.declare import source as source
    from assetflow.define.metadata import Image as Image
    from assetflow.define.metadata import Link as Link
    from assetflow.define.metadata import Markdown as Markdown
    from assetflow.define.schedule import AddPartitions as AddPartitions
    from assetflow.define.schedule import RunRequest as RunRequest
    from assetflow.define.schedule import SensorContext as SensorContext
    from assetflow.define.schedule import job as job
    from assetflow.define.schedule import notify as notify
    from assetflow.define.schedule import sensor as sensor
    from assetflow.define.sql.assets import sql_asset as sql_asset
    from assetflow.define.sql.macros import sql_macro as sql_macro
    from assetflow.define.values import Context as Context
    from assetflow.define.values import Result as Result
    from assetflow.define.values import Skip as Skip
    from assetflow.define.values import Unchanged as Unchanged
    from assetflow.errors import AssetflowError as AssetflowError
    from assetflow.errors import CatalogError as CatalogError
    from assetflow.errors import DefinitionError as DefinitionError
    from assetflow.errors import RunError as RunError
    from assetflow.errors import UsageError as UsageError
    from assetflow.executor.result import RunResult as RunResult
    from assetflow.executor.result import StepResult as StepResult
    from assetflow.model.condition import AutomationCondition as AutomationCondition
    from assetflow.model.condition import all_upstream as all_upstream
    from assetflow.model.condition import any_downstream as any_downstream
    from assetflow.model.condition import any_upstream as any_upstream
    from assetflow.model.condition import code_changed as code_changed
    from assetflow.model.condition import condition as condition
    from assetflow.model.condition import cron_tick_passed as cron_tick_passed
    from assetflow.model.condition import eager as eager
    from assetflow.model.condition import failed as failed
    from assetflow.model.condition import in_latest_window as in_latest_window
    from assetflow.model.condition import in_progress as in_progress
    from assetflow.model.condition import initial as initial
    from assetflow.model.condition import missing as missing
    from assetflow.model.condition import newly_requested as newly_requested
    from assetflow.model.condition import newly_updated as newly_updated
    from assetflow.model.condition import on_cron as on_cron
    from assetflow.model.condition import on_missing as on_missing
    from assetflow.model.condition import overdue as overdue
    from assetflow.model.condition import partition_in as partition_in
    from assetflow.model.condition import stale as stale
    from assetflow.model.condition import will_be_requested as will_be_requested
    from assetflow.model.mapping import AllPartitions as AllPartitions
    from assetflow.model.mapping import DimensionMapping as DimensionMapping
    from assetflow.model.mapping import IdentityMapping as IdentityMapping
    from assetflow.model.mapping import LastPartition as LastPartition
    from assetflow.model.mapping import PartitionMapping as PartitionMapping
    from assetflow.model.mapping import SpecificPartitions as SpecificPartitions
    from assetflow.model.mapping import StaticMapping as StaticMapping
    from assetflow.model.mapping import TimeWindowMapping as TimeWindowMapping
    from assetflow.model.mapping import default_mapping as default_mapping
    from assetflow.model.partitions import CronPartitions as CronPartitions
    from assetflow.model.partitions import DailyPartitions as DailyPartitions
    from assetflow.model.partitions import DynamicPartitions as DynamicPartitions
    from assetflow.model.partitions import HourlyPartitions as HourlyPartitions
    from assetflow.model.partitions import MonthlyPartitions as MonthlyPartitions
    from assetflow.model.partitions import MultiPartitions as MultiPartitions
    from assetflow.model.partitions import PartitionsDefinition as PartitionsDefinition
    from assetflow.model.partitions import StaticPartitions as StaticPartitions
    from assetflow.model.partitions import WeeklyPartitions as WeeklyPartitions
    from assetflow.model.plan import Plan as Plan
    from assetflow.model.policy import FreshnessPolicy as FreshnessPolicy
    from assetflow.model.policy import RetryPolicy as RetryPolicy
    from assetflow.planner.automation import ConditionView as ConditionView
    from assetflow.project.handle import RunHandle as RunHandle
    from assetflow.project.project import Project as Project
    from assetflow.project.tick import Tick as Tick
    from assetflow.testing.memory import materialize as materialize

_HOMES = {
    "define.config": ("Config", "Resource"),
    "define.declare": ("Dep", "asset", "asset_template", "multi_asset", "source"),
    "define.metadata": ("Image", "Link", "Markdown"),
    "define.sql.assets": ("sql_asset",),
    "define.sql.macros": ("sql_macro",),
    "define.schedule": ("AddPartitions", "RunRequest", "SensorContext", "job", "notify", "sensor"),
    "define.values": ("Context", "Result", "Skip", "Unchanged"),
    "errors": ("AssetflowError", "CatalogError", "DefinitionError", "RunError", "UsageError"),
    "executor.result": ("RunResult", "StepResult"),
    "model.condition": (
        "AutomationCondition", "all_upstream", "any_downstream", "any_upstream", "code_changed", "condition",
        "cron_tick_passed", "eager", "failed", "in_latest_window", "in_progress", "initial", "missing",
        "newly_requested", "newly_updated", "on_cron", "on_missing", "overdue", "partition_in", "stale",
        "will_be_requested",
    ),
    "model.mapping": (
        "AllPartitions", "DimensionMapping", "IdentityMapping", "LastPartition", "PartitionMapping",
        "SpecificPartitions", "StaticMapping", "TimeWindowMapping", "default_mapping",
    ),
    "model.partitions": (
        "CronPartitions", "DailyPartitions", "DynamicPartitions", "HourlyPartitions", "MonthlyPartitions",
        "MultiPartitions", "PartitionsDefinition", "StaticPartitions", "WeeklyPartitions",
    ),
    "model.plan": ("Plan",),
    "model.policy": ("FreshnessPolicy", "RetryPolicy"),
    "planner.automation": ("ConditionView",),
    "project.handle": ("RunHandle",),
    "project.project": ("Project",),
    "project.tick": ("Tick",),
    "testing.memory": ("materialize",),
}  # fmt: skip

_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted((*_HOME, "__version__"))  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
