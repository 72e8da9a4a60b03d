"""OpenLineage: what happens in a run, told to other tools in their common language."""

from assetflow.project.openlineage.reporter import Reporter, reporter_of

__all__ = ["Reporter", "reporter_of"]
