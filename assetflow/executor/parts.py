"""A batch at its turn: which of its partitions can still go together."""

from __future__ import annotations

from collections.abc import Callable

from assetflow.errors import AssetflowError
from assetflow.executor.calls import State
from assetflow.executor.tasks import Place, Task, follows
from assetflow.model.record import Partition


def divided(task: Task, state: State, culprit_of: Callable[[Place], str | None]) -> list[list[Place]]:
    """The places of a batch in parts that share their fate, in order of their first places.

    The parts are: skipped for one culprit, without an input that exists, settled without a call, and run in one call.
    As when the batch was made, a call has no gap between time partitions and wants the same assets of each partition.
    """
    parts: dict[tuple[object, ...], list[Place]] = {}
    by_partition: dict[Partition, list[Place]] = {}
    for place in task.places:
        by_partition.setdefault(place[1], []).append(place)
    calls, wanted = 0, tuple[str, ...]()
    last: Partition = None
    for partition, places in by_partition.items():
        culprit = next((found for place in places if (found := culprit_of(place)) is not None), None)
        if culprit is not None:
            parts.setdefault(("skipped", culprit), []).extend(places)
            continue
        try:
            running = tuple(decision.asset for decision in state.decide(task, places) if decision.runs)
        except AssetflowError:
            parts.setdefault(("failed", partition), []).extend(places)  # fails at its turn, with the reason
            continue
        if not running:
            parts.setdefault(("settled",), []).extend(places)
            continue
        if running != wanted or not follows(state.universe, task.asset, last, partition):
            calls += 1
        last, wanted = partition, running
        parts.setdefault(("runs", calls), []).extend(places)
    return list(parts.values())
