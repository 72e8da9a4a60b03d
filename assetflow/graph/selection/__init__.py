"""The selection language: texts such as `+marts/* and not tag:slow` that name assets of a graph."""

from assetflow.graph.selection.parser import parse
from assetflow.graph.selection.resolve import Facts, Resolved, needs_status, resolve
from assetflow.graph.selection.selection import Selection

__all__ = ["Facts", "Resolved", "Selection", "needs_status", "parse", "resolve"]
