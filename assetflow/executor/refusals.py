"""What a step may not come to, though its function returned: seen by the run, which knows more than the worker."""

from __future__ import annotations

from assetflow.define.values import Unchanged
from assetflow.errors import AssetflowError, PartitionError
from assetflow.executor.call import Failure, Outcome
from assetflow.executor.calls import State
from assetflow.executor.failure import describe_failure
from assetflow.executor.ledger import Ledger
from assetflow.executor.tasks import Task
from assetflow.model.keys import show
from assetflow.model.listed_partitions import DynamicPartitions


def refused_partitions(task: Task, outcome: Outcome, ledger: Ledger, most: int | None) -> Failure | None:
    """Why the dynamic keys that a step wants cannot be: more than `most`, or no keys at all."""
    limit = most or ledger.setting.max_partitions
    for name, (_replaces, keys) in sorted(outcome.partitions.items()):
        new = len(set(keys) - set(ledger.dynamic.get(name, ())))
        before = ledger.added[(task.asset, name)]
        total = before + new
        if new and total > limit:
            earlier = f", after {before:,} in the same run" if before else ""
            error = PartitionError(
                f"`{show(*task.places[0])}` adds {new:,} partitions to `{name}`{earlier}, "
                f"and {limit:,} is the limit ({total:,} > {limit:,})",
                hint="raise max_partitions of the asset or of [tool.assetflow] if this is what you want",
            )
            return describe_failure(error)
        try:
            DynamicPartitions(name, keys)
        except AssetflowError as error:
            return describe_failure(error)
    return None


def nothing_published(outcome: Outcome, state: State) -> Failure | None:
    """Why a step cannot stay unchanged: nothing is published that could."""
    for place, made in outcome.made.items():
        if isinstance(made, Unchanged) and state.published(*place) is None:
            message = f"`{show(*place)}` returned Unchanged, but nothing is published for it yet"
            return Failure(type="FormatError", message=message, traceback="")
    return None
