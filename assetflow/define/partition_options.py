"""The options that say how an asset deals with its partitions: batches, and dynamic partitions that it changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from assetflow.define.declare import Declaration, Options
from assetflow.errors import did_you_mean
from assetflow.model.listed_partitions import DynamicPartitions
from assetflow.model.partition_definition import PartitionsDefinition

Found = tuple[str, str, str]
"""A problem: its slug, what is wrong, and what to do."""


def batch_size(batch: Any) -> int:
    """How many partitions one call takes; 0 for all there are."""
    return 0 if batch is True else batch or 1


def added_names(given: Any) -> tuple[str, ...]:
    """Names of dynamic partitions, from texts and definitions; TypeError for anything else."""
    if given.__class__ is tuple and not given:
        return ()
    items = (given,) if isinstance(given, (str, DynamicPartitions)) else given
    names = [item.name if isinstance(item, DynamicPartitions) else item for item in items]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(given)
    return tuple(names)


def dynamic_names(declarations: Iterable[Declaration]) -> set[str]:
    """The names of all dynamic partitions that anything is partitioned by."""
    found: set[str] = set()
    for declaration in declarations:
        if isinstance(declaration.options.partitions, PartitionsDefinition):
            found.update(declaration.options.partitions.dynamic_names)
    return found


def option_problems(options: Options) -> Iterator[Found]:
    """What is wrong with the options by themselves."""
    batch, limit = options.batch, options.max_partitions
    if batch is not None and not isinstance(batch, bool) and (not isinstance(batch, int) or batch < 2):
        hint = "use True, or the most partitions one call takes, 2 at least; leave it out for one at a time"
        yield "batch", f"batch= is {batch!r}", hint
    elif batch and options.partitions is None:
        yield "batch", "batch= is for partitioned assets", "add partitions=, or leave batch= out"
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        yield "max_partitions", f"max_partitions= is {limit!r}", "use a whole number from 1"
    try:
        added_names(options.adds_partitions)
    except TypeError:
        hint = 'use a list of names of dynamic partitions, for example ["files"]'
        yield "adds_partitions", f"adds_partitions= is {options.adds_partitions!r}", hint


def added_problems(options: Options, known: Collection[str]) -> Iterator[Found]:
    """Dynamic partitions that nothing is partitioned by are most likely a slip of the pen."""
    try:
        names = added_names(options.adds_partitions)
    except TypeError:
        return  # found by `option_problems`
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f'give an asset partitions=DynamicPartitions("{name}")'
            text = f"adds_partitions= names `{name}`, and no asset has such dynamic partitions"
            yield "adds_partitions", text, hint


def own_history_problems(declaration: Declaration, upstreams: Collection[str]) -> Iterator[Found]:
    """A batch is one call, so no partition in it can wait for another."""
    read = sorted({str(output.key) for output in declaration.outputs}.intersection(upstreams))
    if read and declaration.options.batch:
        text = f"batch= does not go with reading earlier partitions of `{read[0]}`, which the same call makes"
        yield "batch", text, "leave batch= out, so that one partition comes after the other"
