"""Projects of files for executor tests: worker processes load them as they load any project."""

from __future__ import annotations

import os
import select
import textwrap
from pathlib import Path
from typing import Any

import assetflow as af
from assetflow.project.past_runs import find_run, run_output

HEAD = "import asyncio, os, signal, sys, threading, time\nimport assetflow as af\n\n"


def file_project(root: Path, text: str, **overrides: Any) -> af.Project:
    """A project whose one asset file holds the text."""
    (root / "assets").mkdir(parents=True, exist_ok=True)
    (root / "assets" / "main.py").write_text(HEAD + textwrap.dedent(text))
    return af.Project.at(root, **overrides)


def await_writer(pipe: Path) -> None:
    """Wait until somebody has written to a named pipe: a step that got so far."""
    descriptor = os.open(pipe, os.O_RDWR)
    try:
        assert select.select([descriptor], [], [], 60)[0], "the step never came there"
    finally:
        os.close(descriptor)


def ends(run: af.RunResult) -> dict[str, str]:
    """How each step ended."""
    return {
        step.asset if step.partition is None else f"{step.asset}@{step.partition}": str(step.status)
        for step in run.steps
    }


def output(project: af.Project, run: af.RunResult) -> dict[str, list[str]]:
    """The captured lines of each asset, in order."""
    found: dict[str, list[str]] = {}
    for line in run_output(project, find_run(project, str(run.run_id)), None, None):
        if line["stream"] != "error":
            found.setdefault(line["asset"], []).append(line["text"])
    return found
