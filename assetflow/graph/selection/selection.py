"""A parsed selection."""

from __future__ import annotations

from assetflow.graph.selection.printer import to_text
from assetflow.graph.selection.tree import Node
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection as a value: equal when the trees are equal, whatever the spelling was."""

    tree: Node

    def to_text(self) -> str:
        """The selection in its plainest spelling, which parses to the same tree."""
        return to_text(self.tree)

    def __str__(self) -> str:
        return self.to_text()
