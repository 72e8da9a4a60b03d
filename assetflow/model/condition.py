"""Automation conditions: when an asset is to be made, as an immutable algebra over its partitions.

A condition is data. At a tick `planner.automation` evaluates it, for one asset, to the set of that asset's partitions
for which it is true; an unpartitioned asset is one that is in the set or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from assetflow.errors import UsageError
from assetflow.model.length import length_words, positive_length
from assetflow.model.texts import named_texts, texts_of
from assetflow.model.ticks import check_cron
from assetflow.values import dataclass


class FactKind(StrEnum):
    """Operands whose truth is looked up; each is told in `docs/automation.md`."""

    MISSING = "missing"
    STALE = "stale"
    CODE_CHANGED = "code_changed"
    OVERDUE = "overdue"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    NEWLY_UPDATED = "newly_updated"
    NEWLY_REQUESTED = "newly_requested"
    WILL_BE_REQUESTED = "will_be_requested"
    INITIAL = "initial"


class AutomationCondition:
    """When an asset is to be made; conditions are combined with `&`, `|`, `~`, `since` and `newly_true`."""

    __slots__ = ()

    def __and__(self, other: AutomationCondition) -> AutomationCondition:
        return All(children=(*_parts(self, All), *_parts(_checked(other, "&"), All)))

    def __or__(self, other: AutomationCondition) -> AutomationCondition:
        return Any_(children=(*_parts(self, Any_), *_parts(_checked(other, "|"), Any_)))

    def __invert__(self) -> AutomationCondition:
        return Not(child=self)

    def __bool__(self) -> bool:
        raise UsageError("a condition is neither true nor false before a tick", hint="combine with `&`, `|` and `~`")

    def since(self, reset: AutomationCondition) -> AutomationCondition:
        """True where this was true at some tick and `reset` has not been true since; at the same tick `reset` wins."""
        return Since(trigger=self, reset=_checked(reset, "since"))

    def newly_true(self) -> AutomationCondition:
        """True where this is true and was not at the tick before; at the first tick, where it is true."""
        return NewlyTrue(child=self)

    def label(self, text: str) -> AutomationCondition:
        """The same condition under a name of its own in explanations."""
        return Labeled(child=self, text=named_texts((text,), "label")[0])

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        """The conditions that this one is made of."""
        return ()

    def describe(self) -> str:
        """The condition as it would be written."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.describe()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fact(AutomationCondition):
    """An operand without arguments."""

    kind: FactKind

    def describe(self) -> str:
        return f"{self.kind}()"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CronTick(AutomationCondition):
    """Whether a tick of a cron lies after the tick before and not after this one."""

    cron: str
    tz: str

    def describe(self) -> str:
        zone = "" if self.tz == "UTC" else f", {self.tz!r}"
        return f"cron_tick_passed({self.cron!r}{zone})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InLatestWindow(AutomationCondition):
    """The newest time window, or those that ended within `lookback`; everything of an asset that is not cut by time."""

    lookback: timedelta | None = None

    def describe(self) -> str:
        return f"in_latest_window({'' if self.lookback is None else repr(length_words(self.lookback))})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PartitionIn(AutomationCondition):
    """The partitions that texts name."""

    texts: tuple[str, ...]

    def describe(self) -> str:
        return f"partition_in({', '.join(map(repr, self.texts))})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class All(AutomationCondition):
    """Where every child is true."""

    children: tuple[AutomationCondition, ...]

    def describe(self) -> str:
        return " & ".join(_bracketed(child) for child in self.children)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Any_(AutomationCondition):  # noqa: N801
    """Where any child is true."""

    children: tuple[AutomationCondition, ...]

    def describe(self) -> str:
        return " | ".join(_bracketed(child) for child in self.children)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Not(AutomationCondition):
    """Where the child is not true."""

    child: AutomationCondition

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.child,)

    def describe(self) -> str:
        return f"~{_bracketed(self.child)}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Since(AutomationCondition):
    """Where the trigger was true and the reset was not since."""

    trigger: AutomationCondition
    reset: AutomationCondition

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.trigger, self.reset)

    def describe(self) -> str:
        return f"{_bracketed(self.trigger)}.since({self.reset.describe()})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewlyTrue(AutomationCondition):
    """Where the child is true and was not at the tick before."""

    child: AutomationCondition

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.child,)

    def describe(self) -> str:
        return f"{_bracketed(self.child)}.newly_true()"


class Quantity(StrEnum):
    """How many of the neighbors have to satisfy a condition."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Upstream(AutomationCondition):
    """Where any, or every, upstream partition that is read satisfies the child; `allow` and `ignore` name assets."""

    child: AutomationCondition
    quantity: Quantity
    allow: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.child,)

    def describe(self) -> str:
        extra = [f"{name}={list(keys)}" for name, keys in (("allow", self.allow), ("ignore", self.ignore)) if keys]
        return f"{self.quantity}_upstream({', '.join([self.child.describe(), *extra])})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Downstream(AutomationCondition):
    """Where any partition that reads it satisfies the child."""

    child: AutomationCondition

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.child,)

    def describe(self) -> str:
        return f"any_downstream({self.child.describe()})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Labeled(AutomationCondition):
    """A condition under a name of its own."""

    child: AutomationCondition
    text: str

    @property
    def children(self) -> tuple[AutomationCondition, ...]:
        return (self.child,)

    def describe(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Custom(AutomationCondition):
    """A condition of the user: a function of a view that returns True or False, or partition keys."""

    fn: Callable[[Any], bool | Iterable[str]]
    name: str

    def describe(self) -> str:
        return f"{self.name}()"


def _parts(condition: AutomationCondition, kind: type[All] | type[Any_]) -> tuple[AutomationCondition, ...]:
    return condition.children if isinstance(condition, kind) else (condition,)


def _checked(condition: object, where: str) -> AutomationCondition:
    if not isinstance(condition, AutomationCondition):
        raise UsageError(
            f"`{where}` got {condition!r}, which is no automation condition",
            hint="use conditions, like `missing() & ~in_progress()`; a function is wrapped by `condition(function)`",
        )
    return condition


def _upstream(
    quantity: Quantity, condition: AutomationCondition, allow: Iterable[str] | None, ignore: Iterable[str]
) -> AutomationCondition:
    allowed = () if allow is None else named_texts(allow, f"{quantity}_upstream: allow")
    ignored = texts_of(ignore, f"{quantity}_upstream: ignore")
    child = _checked(condition, f"{quantity}_upstream")
    return Upstream(child=child, quantity=quantity, allow=allowed, ignore=ignored)


def _bracketed(condition: AutomationCondition) -> str:
    text = condition.describe()
    return f"({text})" if isinstance(condition, (All, Any_)) and len(condition.children) > 1 else text


def missing() -> AutomationCondition:
    """True for partitions that have no value."""
    return Fact(kind=FactKind.MISSING)


def stale() -> AutomationCondition:
    """True for partitions that are certain to be stale; one whose upstream would be rebuilt first is not."""
    return Fact(kind=FactKind.STALE)


def code_changed() -> AutomationCondition:
    """True for partitions that were made, or failed when a condition asked for them, by another code version."""
    return Fact(kind=FactKind.CODE_CHANGED)


def overdue() -> AutomationCondition:
    """True for partitions that the asset's own freshness policy calls overdue."""
    return Fact(kind=FactKind.OVERDUE)


def in_progress() -> AutomationCondition:
    """True for partitions that a live run is making."""
    return Fact(kind=FactKind.IN_PROGRESS)


def failed() -> AutomationCondition:
    """True for partitions whose latest step failed."""
    return Fact(kind=FactKind.FAILED)


def newly_updated() -> AutomationCondition:
    """True for partitions that were published, or for a source seen in a new version, since the tick before."""
    return Fact(kind=FactKind.NEWLY_UPDATED)


def newly_requested() -> AutomationCondition:
    """True for partitions that conditions requested at the tick before."""
    return Fact(kind=FactKind.NEWLY_REQUESTED)


def will_be_requested() -> AutomationCondition:
    """True for partitions that were requested earlier in this tick, as upstreams are."""
    return Fact(kind=FactKind.WILL_BE_REQUESTED)


def initial() -> AutomationCondition:
    """True for partitions that this condition sees for the first time."""
    return Fact(kind=FactKind.INITIAL)


def cron_tick_passed(cron: str, tz: str = "UTC") -> AutomationCondition:
    """True at the first tick at or after each tick of the cron; several that passed meanwhile count once."""
    return CronTick(cron=check_cron(cron, tz), tz=tz)


def in_latest_window(lookback: timedelta | str | None = None) -> AutomationCondition:
    """True for the newest time window, or those that ended within `lookback`; for all that is not cut by time."""
    return InLatestWindow(
        lookback=None if lookback is None else positive_length(lookback, "in_latest_window: lookback")
    )


def partition_in(*texts: str) -> AutomationCondition:
    """True for the partitions that the texts name: keys, `first..last`, globs."""
    return PartitionIn(texts=named_texts(texts, "partition_in"))


def any_upstream(
    condition: AutomationCondition, *, allow: Iterable[str] | None = None, ignore: Iterable[str] = ()
) -> AutomationCondition:
    """True where at least one upstream partition that is read satisfies the condition."""
    return _upstream(Quantity.ANY, condition, allow, ignore)


def all_upstream(
    condition: AutomationCondition, *, allow: Iterable[str] | None = None, ignore: Iterable[str] = ()
) -> AutomationCondition:
    """True where every upstream partition that is read satisfies the condition, also where none is read."""
    return _upstream(Quantity.ALL, condition, allow, ignore)


def any_downstream(condition: AutomationCondition) -> AutomationCondition:
    """True where at least one partition that reads this one satisfies the condition."""
    return Downstream(child=_checked(condition, "any_downstream"))


def condition(fn: Callable[[Any], bool | Iterable[str]]) -> AutomationCondition:
    """A condition from a function `view -> bool` or `view -> partition keys`; also as a decorator."""
    if not callable(fn):
        raise UsageError(f"condition got {fn!r}", hint="give a function that takes a view and returns a bool or keys")
    return Custom(fn=fn, name=getattr(fn, "__name__", type(fn).__name__))


def _unblocked() -> AutomationCondition:
    """Nothing that it reads is missing or being made, and it is not being made itself."""
    return ~any_upstream(missing() & ~will_be_requested()) & ~any_upstream(in_progress()) & ~in_progress()


def _not_given_up() -> AutomationCondition:
    """It did not fail, or something it is made from changed since it was requested."""
    retry = any_upstream(newly_updated()) | code_changed().newly_true()
    return ~failed() | retry.since(newly_requested())


def eager(lookback: timedelta | str | None = None) -> AutomationCondition:
    """Made when it is missing, stale or an upstream is made; after a failure, when what it is made from changes."""
    wanted = missing() | stale() | any_upstream(will_be_requested())
    settled = ~any_upstream(failed() & ~will_be_requested())
    within = in_latest_window(lookback)
    label = str(within).replace("in_latest_window", "eager")
    return (within & wanted & settled & _unblocked() & _not_given_up()).label(label)


def on_cron(cron: str, tz: str = "UTC") -> AutomationCondition:
    """Brought up to date once after each tick of the cron, as soon as nothing it reads is missing."""
    due = cron_tick_passed(cron, tz).since(newly_requested())
    zone = "" if tz == "UTC" else f", {tz!r}"
    return (in_latest_window() & due & _unblocked()).label(f"on_cron({cron!r}{zone})")


def on_missing(lookback: timedelta | str | None = None) -> AutomationCondition:
    """Made when it is missing, as soon as nothing it reads is; a value that is there stays as it is."""
    within = in_latest_window(lookback)
    wanted = within & missing() & _unblocked() & _not_given_up()
    return wanted.label(str(within).replace("in_latest_window", "on_missing"))
