"""What verifying determinism found, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assetflow.model.keys import show


def determinism_words(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line per asset partition that was not made equal twice."""
    for finding in findings:
        if not finding["deterministic"]:
            yield f"`{show(finding['asset'], finding['partition'])}` {difference_words(finding)}"


def difference_words(finding: Mapping[str, Any]) -> str:
    """How the two values of one finding differ."""
    if finding.get("error"):
        return f"failed when it was called a second time: {finding['error']}"
    columns = ", ".join(f"`{name}`" for name in finding.get("columns") or ())
    if finding.get("rounding"):
        largest = finding["largest_relative_difference"]
        return f"is equal but for rounding in {columns}, by {largest:.1e} at most: float_tolerance= takes it for equal"
    differ = "differs" if len(finding.get("columns") or ()) == 1 else "differ"
    text = "is not deterministic" + (f": {columns} {differ}" if columns else "")
    rows = finding.get("rows") or ()
    if rows:
        name, (first, second) = next(iter(rows[0]["values"].items()))
        text += f", first in row {rows[0]['row']}: `{name}` is {first} and {second}"
    return text
