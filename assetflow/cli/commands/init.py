"""`assetflow init`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from assetflow.cli.columns import columns
from assetflow.cli.examples import example_files
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.project.scaffold import Change, scaffold


@click.command("init", cls=Command, short_help=COMMANDS["init"])
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("--example", default="minimal", metavar="NAME", help="minimal (the default) or partitions.")
@click.pass_obj
def command(session: Session, folder: str | None, example: str) -> None:
    """Make a project that runs at once, in DIR or where you are.

    Nothing that exists is overwritten: a pyproject.toml gets [tool.assetflow] added, any other file in the way is an
    error before anything is written.
    """
    root = Path(os.path.normpath(session.start / (folder or ".")))
    made = scaffold(root, example_files(example))
    screen = session.screen
    if session.json:
        files = [{"file": name, "change": str(change)} for name, change in made.files]
        screen.document({"root": str(root), "example": example, "files": files})
        return
    styles = {Change.CREATED: "green", Change.EXTENDED: "yellow", Change.KEPT: "dim"}
    screen.data(columns(screen, [[(str(change), styles[change]), name] for name, change in made.files]))
    there = os.path.relpath(root, session.cwd)
    screen.data(f"\nNext: {'' if there == '.' else f'cd {there} && '}assetflow materialize")
