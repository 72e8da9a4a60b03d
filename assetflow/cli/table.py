"""The commands, by name: a static table, so that help needs no command to be imported."""

from __future__ import annotations

from collections.abc import Mapping

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Build": {
        "init": "Make a project that runs at once.",
        "plan": "Say what would run, and why; write nothing.",
        "materialize": "Bring assets up to date.",
        "cancel": "End a run that goes on.",
        "accept": "Record that changed code makes the same data.",
        "watch": "Materialize, and again at every change.",
        "resume": "Repeat a run's request; what succeeded is fresh.",
    },
    "Look": {
        "list": "List assets with their verdicts.",
        "show": "Show one asset: declaration, value, history.",
        "status": "Count fresh, stale and missing; live runs, last failures.",
        "graph": "Draw the graph.",
        "query": "Ask the catalog and the data in SQL.",
    },
    "Trace": {
        "lineage": "Show what a value was made from, and what from it.",
        "history": "List the materializations of an asset.",
        "diff": "Show what differs between two versions of a value.",
        "rollback": "Publish an earlier version again.",
        "runs": "List runs.",
        "run": "Show one run.",
        "logs": "Show what the steps of a run wrote.",
    },
    "Schedule": {
        "up": "Keep assets up to date: conditions, policies, jobs, sensors.",
        "tick": "Say what the scheduler would request now, and why.",
        "jobs": "List jobs with their schedules.",
    },
    "Keep": {
        "validate": "Find everything wrong with the definitions.",
        "config": "Show the settings of the project.",
        "partitions": "List, add and remove keys of dynamic partitions.",
        "catalog": "Look after the catalog.",
    },
}
"""Command name to short help, by section; the module of a command is `assetflow.cli.commands.<name>`."""

COMMANDS: Mapping[str, str] = {name: text for section in SECTIONS.values() for name, text in section.items()}

ANSWERS = frozenset(
    {"graph", "history", "jobs", "list", "plan", "run", "runs", "show", "status", "tick", "validate"}
)  # fmt: skip
"""Commands that look, answer and end: they run nothing of the user's for long."""
