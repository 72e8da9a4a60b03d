"""Options of a declaration that say when an asset is made: its freshness policy and its automation condition."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from assetflow.define.declare import Declaration, Output
from assetflow.errors import UsageError
from assetflow.model.condition import AutomationCondition
from assetflow.model.freshness import FreshnessPolicy
from assetflow.model.policy import RetryPolicy


def policy_problems(declaration: Declaration) -> Iterator[tuple[str, str, str | None]]:
    """Slug, message and hint of each policy option that cannot be."""
    for output in declaration.outputs:
        try:
            _freshness(_given(declaration, output, "freshness"))
        except UsageError as error:
            yield "freshness", error.message, error.hint
        condition = _given(declaration, output, "automation")
        if condition is not None and not isinstance(condition, AutomationCondition):
            hint = "use a condition, for example automation=af.eager()"
            if callable(condition):
                hint = "call it, as in automation=af.eager(), or wrap a function of your own: af.condition(function)"
            yield "automation", f"automation= is {condition!r}", hint


def policy_fields(declaration: Declaration, output: Output) -> dict[str, Any]:
    """The policy fields of an asset's spec; one that cannot be is left out, since it is told as a problem."""
    given = _given(declaration, output, "freshness")
    policy = None
    with contextlib.suppress(UsageError):
        policy = _freshness(given)
    condition = _given(declaration, output, "automation")
    automation = condition if isinstance(condition, AutomationCondition) else None
    return {"freshness": policy, "inherits_freshness": given is None, "automation": automation}


def _given(declaration: Declaration, output: Output, name: str) -> Any:
    return output.options.get(name, getattr(declaration.options, name))


def _freshness(given: Any) -> FreshnessPolicy | None:
    """The policy that an option says: one, a length of time, or False for none at all."""
    if given is None or given is False:
        return None
    if isinstance(given, FreshnessPolicy):
        return given
    if isinstance(given, (str, timedelta)):
        return FreshnessPolicy(max_age=given)
    raise UsageError(f"freshness= is {given!r}", hint="use FreshnessPolicy(max_age=timedelta(...)), or text like `6h`")


def is_retry(retry: Any) -> bool:
    """Whether `retry=` can be that."""
    return isinstance(retry, RetryPolicy) or (type(retry) is int and retry >= 0)


def retry_option(retry: Any) -> RetryPolicy | None:
    """The retry policy that `retry=` means; a number is how often."""
    if isinstance(retry, int) and not isinstance(retry, bool):
        return RetryPolicy(max_retries=retry) if retry > 0 else None
    return retry if isinstance(retry, RetryPolicy) else None
