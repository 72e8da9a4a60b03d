"""The asset graph: order, closures, validation, selections and drawings, all as pure functions of specs."""
