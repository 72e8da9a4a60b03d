"""`assetflow config`."""

from __future__ import annotations

import json

import click

from assetflow.cli.columns import Cell, columns
from assetflow.cli.options import Command
from assetflow.cli.session import Session
from assetflow.cli.table import COMMANDS
from assetflow.define.settings import DESCRIPTIONS
from assetflow.project.shown_config import shown_settings


@click.command("config", cls=Command, short_help=COMMANDS["config"])
@click.option("--show-origin", is_flag=True, help="Say where each value comes from.")
@click.pass_obj
def command(session: Session, show_origin: bool) -> None:
    """Show the settings of the project: [tool.assetflow], over it ASSETFLOW_… variables. Secrets stay hidden."""
    with session.project() as project:
        shown = shown_settings(project)
        origins = project.settings.origins
        root = project.settings.root
    screen = session.screen
    if session.json:
        settings = {name: {"value": value, "origin": origins[name]} for name, value in shown.items()}
        screen.document({"root": str(root), "settings": settings})
        return
    header = ("setting", "value", *(("origin",) if show_origin else ()), "meaning")
    rows: list[list[Cell]] = []
    for name, value in shown.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        origin: list[Cell] = [(origins[name], "dim" if origins[name] == "default" else "cyan")] if show_origin else []
        rows.append([name, text, *origin, (DESCRIPTIONS[name], "dim")])
    screen.data(f"{screen.style('project', 'dim')}  {root}\n")
    screen.data(columns(screen, rows, header=header))
